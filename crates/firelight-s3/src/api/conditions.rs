//! Conditions of requests: what must hold of an object for it to be read, copied or written.

use s3s::dto::{ETagCondition, Timestamp};

use super::timestamp;
use crate::depot::{Condition, Conditions};
use crate::record::{ObjectRecord, VersionRecord};
use crate::refusal::Refusal;

/// Under which conditions an object is read.
#[derive(Default)]
pub(super) struct ReadConditions {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
    pub(super) if_modified_since: Option<Timestamp>,
    pub(super) if_unmodified_since: Option<Timestamp>,
}

/// A condition that does not hold.
pub(super) enum Unmet {
    /// The reader has it already.
    NotModified,
    /// Something the reader relied on is not so.
    Failed { header: &'static str },
}

impl ReadConditions {
    /// Checks the conditions; an ETag is preferred to a time.
    pub(super) fn check(
        &self,
        version: &VersionRecord,
        object: &ObjectRecord,
    ) -> Result<(), Unmet> {
        // Times of HTTP have no fraction.
        let modified = timestamp(version.modified_ms / 1000 * 1000);
        let failed = |header| Err(Unmet::Failed { header });
        match (&self.if_match, &self.if_unmodified_since) {
            (Some(condition), _) if !matches(condition, object) => return failed("If-Match"),
            (None, Some(time)) if modified > *time => return failed("If-Unmodified-Since"),
            _ => {}
        }
        match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) if matches(condition, object) => Err(Unmet::NotModified),
            (None, Some(time)) if modified <= *time => Err(Unmet::NotModified),
            _ => Ok(()),
        }
    }

    /// Checks the conditions of the source of a copy, all of which fail alike.
    pub(super) fn check_source(
        &self,
        version: &VersionRecord,
        object: &ObjectRecord,
    ) -> Result<(), Refusal> {
        let by_etag = self.if_none_match.is_some();
        self.check(version, object).map_err(|unmet| {
            let header = match unmet {
                Unmet::Failed { header } => header,
                Unmet::NotModified if by_etag => "If-None-Match",
                Unmet::NotModified => "If-Modified-Since",
            };
            Refusal::precondition_failed(&format!("x-amz-copy-source-{header}"))
        })
    }
}

fn matches(condition: &ETagCondition, object: &ObjectRecord) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(etag) => etag.value() == object.etag,
    }
}

/// Reads the conditions under which an object is written.
pub(super) fn of_write(
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> Result<Conditions, Refusal> {
    let if_none_match = match if_none_match {
        None => false,
        Some(ETagCondition::Any) => true,
        Some(ETagCondition::ETag(_)) => return Err(Refusal::not_implemented("If-None-Match")),
    };
    let if_match = if_match.map(|condition| match condition {
        ETagCondition::Any => Condition::Any,
        ETagCondition::ETag(etag) => Condition::Etag(etag.value().to_owned()),
    });
    Ok(Conditions {
        if_match,
        if_none_match,
    })
}
