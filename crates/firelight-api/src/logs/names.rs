//! Names of groups and streams as they come in.

use super::error::{constraint, missing};
use crate::error::ApiError;

const GROUP_PATTERN: &str = r"[\.\-_/#A-Za-z0-9]+";
const PLAIN_PATTERN: &str = "[^:*]*";
const MAX_PATTERN: usize = 1_024;

/// Checks the name of a group.
pub(super) fn group_name(name: Option<String>) -> Result<String, ApiError> {
    let name = name.ok_or_else(|| missing("logGroupName"))?;
    check_length(&name, "logGroupName")?;
    let fits = |c: char| c.is_ascii_alphanumeric() || ".-_/#".contains(c);
    if !name.chars().all(fits) {
        let text = format!("Member must satisfy regular expression pattern: {GROUP_PATTERN}");
        return Err(constraint(&name, "logGroupName", &text));
    }
    Ok(name)
}

/// Takes a group by its name, or by its name or ARN as an identifier.
pub(super) fn group_of(
    name: Option<String>,
    identifier: Option<String>,
) -> Result<String, ApiError> {
    match (name, identifier) {
        (None, Some(identifier)) => group_name(Some(name_in(&identifier).to_owned())),
        (name, _) => group_name(name),
    }
}

/// Returns the group that an ARN names; a plain name names itself.
pub(super) fn name_in(arn_or_name: &str) -> &str {
    let name = match arn_or_name.split_once(":log-group:") {
        Some((_, name)) => name,
        None => arn_or_name,
    };
    name.strip_suffix(":*").unwrap_or(name)
}

/// Checks the name of a stream.
pub(super) fn stream_name(name: Option<String>) -> Result<String, ApiError> {
    plain_name(name, "logStreamName")
}

/// Checks the name of a filter of a group.
pub(super) fn filter_name(name: Option<String>) -> Result<String, ApiError> {
    plain_name(name, "filterName")
}

fn plain_name(name: Option<String>, member: &str) -> Result<String, ApiError> {
    let name = name.ok_or_else(|| missing(member))?;
    check_length(&name, member)?;
    if name.contains([':', '*']) {
        let text = format!("Member must satisfy regular expression pattern: {PLAIN_PATTERN}");
        return Err(constraint(&name, member, &text));
    }
    Ok(name)
}

/// Checks how long a filter pattern is; whether it is one, is seen when it is read.
pub(super) fn filter_pattern(pattern: Option<String>) -> Result<String, ApiError> {
    let pattern = pattern.ok_or_else(|| missing("filterPattern"))?;
    if pattern.chars().count() > MAX_PATTERN {
        let text = format!("Member must have length less than or equal to {MAX_PATTERN}");
        return Err(constraint(&pattern, "filterPattern", &text));
    }
    Ok(pattern)
}

fn check_length(name: &str, member: &str) -> Result<(), ApiError> {
    let text = match name.chars().count() {
        0 => "Member must have length greater than or equal to 1",
        1..=512 => return Ok(()),
        _ => "Member must have length less than or equal to 512",
    };
    Err(constraint(name, member, text))
}

/// Checks a page size.
pub(super) fn limit(limit: Option<u32>, default: u32, max: u32) -> Result<u32, ApiError> {
    let limit = limit.unwrap_or(default);
    if limit == 0 {
        let text = "Member must have value greater than or equal to 1";
        return Err(constraint("0", "limit", text));
    }
    if limit > max {
        let text = format!("Member must have value less than or equal to {max}");
        return Err(constraint(&limit.to_string(), "limit", &text));
    }
    Ok(limit)
}
