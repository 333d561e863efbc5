//! Lifecycle configurations: checked as strictly as S3 does, kept and given back.
//!
//! Deliberately absent: their effect. Nothing expires and nothing moves.

use firelight_store::{Blobs, Store};
use s3s::dto::{
    BucketLifecycleConfiguration, DeleteBucketLifecycleInput, DeleteBucketLifecycleOutput,
    ExpirationStatus, GetBucketLifecycleConfigurationInput, GetBucketLifecycleConfigurationOutput,
    LifecycleExpiration, LifecycleRule, LifecycleRuleFilter, PutBucketLifecycleConfigurationInput,
    PutBucketLifecycleConfigurationOutput, Timestamp, TimestampFormat, Transition,
    TransitionDefaultMinimumObjectSize,
};

use super::{Answer, Call, answer};
use crate::depot::Setting;
use crate::document;
use crate::refusal::Refusal;

const MAX_RULES: usize = 1000;
const MAX_ID_CHARS: usize = 255;
/// Classes for which objects must have lain for a month.
const INFREQUENT: [&str; 2] = ["STANDARD_IA", "ONEZONE_IA"];
const SMALLEST: &str = "x-amz-transition-default-minimum-object-size";

pub(super) async fn get_bucket_lifecycle_configuration<S: Store, B: Blobs>(
    call: Call<'_, S, B, GetBucketLifecycleConfigurationInput>,
) -> Answer<GetBucketLifecycleConfigurationOutput> {
    let bucket = call.depot.bucket(&call.caller, &call.input.bucket).await?;
    let put: BucketLifecycleConfiguration = document::read(Setting::LIFECYCLE.required(&bucket)?)?;
    answer(GetBucketLifecycleConfigurationOutput {
        rules: Some(put.rules),
        transition_default_minimum_object_size: Some(smallest(
            Setting::SMALLEST_TRANSITION.of(&bucket),
        )),
    })
}

pub(super) async fn put_bucket_lifecycle_configuration<S: Store, B: Blobs>(
    mut call: Call<'_, S, B, PutBucketLifecycleConfigurationInput>,
) -> Answer<PutBucketLifecycleConfigurationOutput> {
    let configuration = call.input.lifecycle_configuration.take();
    let mut configuration = configuration.ok_or_else(Refusal::malformed_xml)?;
    check(&configuration.rules)?;
    for rule in &mut configuration.rules {
        let id = || format!("{:016x}", call.depot.number());
        rule.id.get_or_insert_with(id);
    }
    let text = document::write(&configuration)?;
    let smallest = smallest(call.header(SMALLEST));
    let change = |record: &mut crate::record::BucketRecord| {
        let put = [
            (Setting::LIFECYCLE, text.as_str()),
            (Setting::SMALLEST_TRANSITION, smallest.as_str()),
        ];
        let named = put.map(|(setting, text)| (setting.name.to_owned(), text.to_owned()));
        record.settings.extend(named);
    };
    call.depot
        .update_bucket(&call.caller, &call.input.bucket, change)
        .await?;
    answer(PutBucketLifecycleConfigurationOutput {
        transition_default_minimum_object_size: Some(smallest),
    })
}

pub(super) async fn delete_bucket_lifecycle<S: Store, B: Blobs>(
    call: Call<'_, S, B, DeleteBucketLifecycleInput>,
) -> Answer<DeleteBucketLifecycleOutput> {
    call.forget(&call.input.bucket, Setting::LIFECYCLE).await?;
    answer(DeleteBucketLifecycleOutput {})
}

/// Returns how small an object may be and still move; what is unknown counts as not said.
fn smallest(given: Option<&str>) -> TransitionDefaultMinimumObjectSize {
    type Size = TransitionDefaultMinimumObjectSize;
    Size::from_static(match given {
        Some(Size::VARIES_BY_STORAGE_CLASS) => Size::VARIES_BY_STORAGE_CLASS,
        _ => Size::ALL_STORAGE_CLASSES_128K,
    })
}

fn check(rules: &[LifecycleRule]) -> Result<(), Refusal> {
    if rules.is_empty() {
        return Err(Refusal::malformed_xml());
    }
    if rules.len() > MAX_RULES {
        let text = "The number of lifecycle rules must not exceed the allowed limit of 1000 rules";
        return Err(Refusal::invalid_request(text));
    }
    let mut ids: Vec<&str> = rules.iter().filter_map(|rule| rule.id.as_deref()).collect();
    if let Some(long) = ids.iter().find(|id| id.chars().count() > MAX_ID_CHARS) {
        let text = "ID length should not exceed allowed limit of 255";
        return Err(Refusal::invalid_argument("ID", long, text));
    }
    ids.sort_unstable();
    if let Some(twice) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
        let text = "Rule ID must be unique. Found same ID for one or more rules";
        return Err(Refusal::invalid_argument("ID", twice[0], text));
    }
    rules.iter().try_for_each(check_rule)
}

fn check_rule(rule: &LifecycleRule) -> Result<(), Refusal> {
    let statuses = [ExpirationStatus::ENABLED, ExpirationStatus::DISABLED];
    if !statuses.contains(&rule.status.as_str()) || rule.filter.is_some() == rule.prefix.is_some() {
        return Err(Refusal::malformed_xml());
    }
    let has_action = rule.expiration.is_some()
        || rule.transitions.as_ref().is_some_and(|it| !it.is_empty())
        || rule.noncurrent_version_expiration.is_some()
        || rule.noncurrent_version_transitions.is_some()
        || rule.abort_incomplete_multipart_upload.is_some();
    if !has_action {
        let text = "At least one action needs to be specified in a rule.";
        return Err(Refusal::invalid_request(text));
    }
    rule.filter.as_ref().map_or(Ok(()), check_filter)?;
    rule.expiration.as_ref().map_or(Ok(()), check_expiration)?;
    rule.transitions
        .iter()
        .flatten()
        .try_for_each(check_transition)?;
    let noncurrent = rule.noncurrent_version_expiration.as_ref();
    let noncurrent = noncurrent.and_then(|it| it.noncurrent_days);
    check_days(noncurrent, "NoncurrentDays", "NoncurrentVersionExpiration")?;
    check_abortion(rule)
}

/// A filter is one thing; several are put together with `And`.
fn check_filter(filter: &LifecycleRuleFilter) -> Result<(), Refusal> {
    let given = [
        filter.and.is_some(),
        filter.prefix.is_some(),
        filter.tag.is_some(),
        filter.object_size_greater_than.is_some(),
        filter.object_size_less_than.is_some(),
    ];
    match given.iter().filter(|is_given| **is_given).count() {
        0 | 1 => Ok(()),
        _ => Err(Refusal::malformed_xml()),
    }
}

fn check_expiration(expiration: &LifecycleExpiration) -> Result<(), Refusal> {
    let given = [
        expiration.date.is_some(),
        expiration.days.is_some(),
        expiration.expired_object_delete_marker.is_some(),
    ];
    if given.iter().filter(|is_given| **is_given).count() != 1 {
        return Err(Refusal::malformed_xml());
    }
    check_days(expiration.days, "Days", "Expiration")?;
    check_date(expiration.date.as_ref())
}

fn check_transition(transition: &Transition) -> Result<(), Refusal> {
    let class = transition.storage_class.as_ref();
    let class = class.ok_or_else(Refusal::malformed_xml)?.as_str();
    if transition.days.is_some() == transition.date.is_some() {
        return Err(Refusal::malformed_xml());
    }
    check_date(transition.date.as_ref())?;
    let days = transition.days.unwrap_or(i32::MAX);
    if days < 0 {
        let text = "'Days' in Transition action must be nonnegative";
        return Err(Refusal::invalid_argument("Days", &days.to_string(), text));
    }
    if INFREQUENT.contains(&class) && days < 30 {
        let text = format!(
            "'Days' in Transition action must be greater than or equal to 30 for storageClass \
             '{class}'"
        );
        return Err(Refusal::invalid_argument("Days", &days.to_string(), text));
    }
    Ok(())
}

fn check_abortion(rule: &LifecycleRule) -> Result<(), Refusal> {
    let Some(abort) = &rule.abort_incomplete_multipart_upload else {
        return Ok(());
    };
    let filter = rule.filter.as_ref();
    let has_tags = filter.is_some_and(|filter| {
        let and = filter.and.as_ref();
        filter.tag.is_some() || and.is_some_and(|and| and.tags.is_some())
    });
    if has_tags {
        let text = "AbortIncompleteMultipartUpload cannot be specified with Tags.";
        return Err(Refusal::invalid_request(text));
    }
    let days = abort.days_after_initiation;
    check_days(
        days,
        "DaysAfterInitiation",
        "AbortIncompleteMultipartUpload",
    )
}

fn check_days(days: Option<i32>, name: &str, action: &str) -> Result<(), Refusal> {
    match days {
        Some(days) if days < 1 => {
            let text = format!("'{name}' for {action} action must be a positive integer");
            Err(Refusal::invalid_argument(name, &days.to_string(), text))
        }
        _ => Ok(()),
    }
}

fn check_date(date: Option<&Timestamp>) -> Result<(), Refusal> {
    let Some(date) = date else {
        return Ok(());
    };
    let mut text = Vec::new();
    date.format(TimestampFormat::DateTime, &mut text)
        .map_err(Refusal::internal)?;
    let text = String::from_utf8_lossy(&text);
    match text.contains("T00:00:00Z") || text.contains("T00:00:00.000Z") {
        true => Ok(()),
        false => Err(Refusal::invalid_argument(
            "Date",
            &text,
            "'Date' must be at midnight GMT",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(rules: &str) -> (String, String) {
        let text = format!("<LifecycleConfiguration>{rules}</LifecycleConfiguration>");
        let configuration: BucketLifecycleConfiguration = document::read(&text).unwrap();
        match check(&configuration.rules) {
            Ok(()) => (String::new(), String::new()),
            Err(refusal) => (refusal.code.into_owned(), refusal.message),
        }
    }

    fn rule(id: &str, rest: &str) -> String {
        format!("<Rule><ID>{id}</ID><Status>Enabled</Status>{rest}</Rule>")
    }

    const ALL: &str = "<Filter><Prefix></Prefix></Filter>";

    #[test]
    fn rules_as_people_write_them_are_taken() {
        for rest in [
            "<Prefix>a</Prefix><Expiration><Days>1</Days></Expiration>",
            "<Filter></Filter><Expiration><Date>2030-01-01T00:00:00Z</Date></Expiration>",
            "<Filter><And><Prefix>a</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter>\
             <Transition><Days>30</Days><StorageClass>STANDARD_IA</StorageClass></Transition>",
            "<Filter><Prefix>a</Prefix></Filter><AbortIncompleteMultipartUpload>\
             <DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload>",
        ] {
            assert_eq!(refusal(&rule("a", rest)), Default::default(), "{rest}");
        }
    }

    #[test]
    fn rules_that_mean_nothing_are_refused() {
        let expires = |what: &str| rule("a", &format!("{ALL}<Expiration>{what}</Expiration>"));
        let days = expires("<Days>1</Days>");
        for (rules, code, words) in [
            (rule("a", ALL), "InvalidRequest", "At least one action"),
            (
                format!("{days}{days}"),
                "InvalidArgument",
                "Rule ID must be unique",
            ),
            (
                expires("<Days>0</Days>"),
                "InvalidArgument",
                "must be a positive integer",
            ),
            (
                expires("<Date>2030-01-01T05:00:00Z</Date>"),
                "InvalidArgument",
                "'Date' must be at midnight GMT",
            ),
            (
                expires("<Days>1</Days><Date>2030-01-01T00:00:00Z</Date>"),
                "MalformedXML",
                "",
            ),
            (days.replace("Enabled", "On"), "MalformedXML", ""),
            (days.replace(ALL, ""), "MalformedXML", ""),
            (
                days.replace("<ID>a", &format!("<ID>{:a>256}", "")),
                "InvalidArgument",
                "255",
            ),
            (
                rule(
                    "a",
                    &format!(
                        "{ALL}<Transition><Days>5</Days><StorageClass>ONEZONE_IA</StorageClass>\
                         </Transition>"
                    ),
                ),
                "InvalidArgument",
                "greater than or equal to 30 for storageClass 'ONEZONE_IA'",
            ),
        ] {
            let (found, message) = refusal(&rules);
            assert_eq!(found, code, "{rules}");
            assert!(message.contains(words), "{message}");
        }
    }
}
