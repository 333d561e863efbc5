//! Notification configurations: checked, kept and given back.
//!
//! Deliberately absent: notifications. Nobody is told of what happens to objects.

use firelight_store::{Blobs, Store};
use s3s::dto::{
    Event, FilterRule, FilterRuleName, NotificationConfiguration, NotificationConfigurationFilter,
    PutBucketNotificationConfigurationInput, PutBucketNotificationConfigurationOutput,
};

use super::{Answer, Call, answer};
use crate::depot::Setting;
use crate::document;
use crate::refusal::Refusal;

/// Kinds of events with what may stand behind the colon; nothing where the kind is an event itself.
const EVENTS: [(&str, &[&str]); 11] = [
    (
        "ObjectCreated",
        &["*", "Put", "Post", "Copy", "CompleteMultipartUpload"],
    ),
    ("ObjectRemoved", &["*", "Delete", "DeleteMarkerCreated"]),
    ("ObjectRestore", &["*", "Post", "Completed", "Delete"]),
    ("ObjectTagging", &["*", "Put", "Delete"]),
    ("ObjectAcl", &["Put"]),
    ("ObjectAnnotation", &["*", "Put", "Delete"]),
    (
        "LifecycleExpiration",
        &["*", "Delete", "DeleteMarkerCreated"],
    ),
    ("LifecycleTransition", &[]),
    ("IntelligentTiering", &[]),
    (
        "Replication",
        &[
            "*",
            "OperationFailedReplication",
            "OperationNotTracked",
            "OperationMissedThreshold",
            "OperationReplicatedAfterThreshold",
        ],
    ),
    ("ReducedRedundancyLostObject", &[]),
];

/// One configuration, whatever it tells.
struct Entry<'a> {
    /// The element that names whom to tell, and the service that it is of.
    element: &'static str,
    service: &'static str,
    arn: &'a str,
    id: &'a mut Option<String>,
    events: &'a [Event],
    filter: Option<&'a mut NotificationConfigurationFilter>,
}

pub(super) async fn put_bucket_notification_configuration<S: Store, B: Blobs>(
    mut call: Call<'_, S, B, PutBucketNotificationConfigurationInput>,
) -> Answer<PutBucketNotificationConfigurationOutput> {
    let configuration = &mut call.input.notification_configuration;
    let mut entries = entries(configuration);
    for entry in &mut entries {
        check(entry)?;
        let id = || format!("id-{:016x}", call.depot.number());
        entry.id.get_or_insert_with(id);
    }
    check_overlap(&entries)?;
    let text = document::write(&call.input.notification_configuration)?;
    call.put(&call.input.bucket, Setting::NOTIFICATION, text)
        .await?;
    answer(PutBucketNotificationConfigurationOutput {})
}

/// The configurations of one list, which differ in whom they tell.
macro_rules! entries_of {
    ($list:expr, $arn:ident, $element:literal, $service:literal) => {
        $list.iter_mut().flatten().map(|it| Entry {
            element: $element,
            service: $service,
            arn: &it.$arn,
            id: &mut it.id,
            events: &it.events,
            filter: it.filter.as_mut(),
        })
    };
}

fn entries(configuration: &mut NotificationConfiguration) -> Vec<Entry<'_>> {
    let (queues, topics, functions) = (
        &mut configuration.queue_configurations,
        &mut configuration.topic_configurations,
        &mut configuration.lambda_function_configurations,
    );
    entries_of!(queues, queue_arn, "Queue", "sqs")
        .chain(entries_of!(topics, topic_arn, "Topic", "sns"))
        .chain(entries_of!(
            functions,
            lambda_function_arn,
            "CloudFunction",
            "lambda"
        ))
        .collect()
}

fn check(entry: &mut Entry<'_>) -> Result<(), Refusal> {
    let parts: Vec<&str> = entry.arn.splitn(6, ':').collect();
    let is_arn = matches!(&parts[..], ["arn", _, service, _, _, name]
        if *service == entry.service && !name.is_empty());
    if !is_arn {
        let text = "The ARN could not be parsed";
        return Err(Refusal::invalid_argument(entry.element, entry.arn, text));
    }
    let mut events = entry.events.iter().map(Event::as_ref);
    if let Some(unknown) = events.find(|event| !is_event(event)) {
        let text = "A specified event is not supported for notifications.";
        return Err(Refusal::invalid_argument("Event", unknown, text));
    }
    if entry.events.is_empty() {
        return Err(Refusal::malformed_xml());
    }
    let filter = entry.filter.as_mut().and_then(|it| it.key.as_mut());
    match filter.and_then(|key| key.filter_rules.as_mut()) {
        Some(rules) => check_rules(rules),
        None => Ok(()),
    }
}

fn is_event(text: &str) -> bool {
    let Some(event) = text.strip_prefix("s3:") else {
        return false;
    };
    let (kind, detail) = match event.split_once(':') {
        Some((kind, detail)) => (kind, Some(detail)),
        None => (event, None),
    };
    let details = EVENTS.iter().find(|(name, _)| *name == kind);
    details.is_some_and(|(_, details)| match detail {
        Some(detail) => details.contains(&detail),
        None => details.is_empty(),
    })
}

/// Checks the rules of a filter, which are told by their names as S3 writes them, whatever was sent.
fn check_rules(rules: &mut [FilterRule]) -> Result<(), Refusal> {
    let mut seen = Vec::new();
    for rule in rules {
        let given = rule.name.as_ref().map(|name| name.as_str().to_owned());
        let given = given.unwrap_or_default();
        let name = match given.to_ascii_lowercase().as_str() {
            "prefix" => "Prefix",
            "suffix" => "Suffix",
            _ => {
                let text = "filter rule name must be either prefix or suffix";
                return Err(Refusal::invalid_argument("FilterRule.Name", &given, text));
            }
        };
        if seen.contains(&name) {
            let kind = name.to_ascii_lowercase();
            let text = format!("Cannot specify more than one {kind} rule in a filter.");
            return Err(Refusal::invalid_argument("FilterRule.Name", &given, text));
        }
        seen.push(name);
        rule.name = Some(FilterRuleName::from_static(name));
    }
    Ok(())
}

/// No event may be told twice: of two configurations for the same kind, at least prefix or suffix tells them apart.
fn check_overlap(entries: &[Entry<'_>]) -> Result<(), Refusal> {
    for (at, entry) in entries.iter().enumerate() {
        for other in &entries[at + 1..] {
            if entry.id == other.id {
                let text = "Same ID used for multiple configurations. IDs must be unique";
                let id = entry.id.as_deref().unwrap_or_default();
                return Err(Refusal::invalid_argument("Id", id, text));
            }
            if shares_event(entry, other) && shares_keys(entry, other) {
                let text = "Configuration is ambiguously defined. Cannot have overlapping suffixes in \
                            two rules if the prefixes are overlapping for the same event type.";
                return Err(Refusal::invalid_argument(other.element, other.arn, text));
            }
        }
    }
    Ok(())
}

fn shares_event(one: &Entry<'_>, other: &Entry<'_>) -> bool {
    let covers = |one: &str, other: &str| match one.strip_suffix('*') {
        Some(kind) => other.starts_with(kind),
        None => one == other,
    };
    one.events.iter().any(|one| {
        let mut others = other.events.iter();
        others.any(|it| covers(one.as_ref(), it.as_ref()) || covers(it.as_ref(), one.as_ref()))
    })
}

fn shares_keys(one: &Entry<'_>, other: &Entry<'_>) -> bool {
    let prefixes = [rule(one, "Prefix"), rule(other, "Prefix")];
    let suffixes = [rule(one, "Suffix"), rule(other, "Suffix")];
    let begins_alike = prefixes[0].starts_with(prefixes[1]) || prefixes[1].starts_with(prefixes[0]);
    let ends_alike = suffixes[0].ends_with(suffixes[1]) || suffixes[1].ends_with(suffixes[0]);
    begins_alike && ends_alike
}

/// Returns what a key has to begin or end with.
fn rule<'a>(entry: &'a Entry<'_>, name: &str) -> &'a str {
    let rules = entry.filter.as_ref().and_then(|it| it.key.as_ref());
    let mut rules = rules
        .iter()
        .flat_map(|key| key.filter_rules.iter().flatten());
    let found = rules.find(|rule| rule.name.as_ref().is_some_and(|it| it.as_str() == name));
    found
        .and_then(|rule| rule.value.as_deref())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> Option<String> {
        let text = format!("<NotificationConfiguration>{text}</NotificationConfiguration>");
        let mut configuration: NotificationConfiguration = document::read(&text).unwrap();
        let mut entries = entries(&mut configuration);
        let checked = entries.iter_mut().enumerate().try_for_each(|(at, entry)| {
            check(entry)?;
            entry.id.get_or_insert_with(|| at.to_string());
            Ok(())
        });
        checked
            .and_then(|()| check_overlap(&entries))
            .err()
            .map(|refusal| refusal.message)
    }

    fn function(arn: &str, event: &str, rules: &[(&str, &str)]) -> String {
        let rules: String = rules
            .iter()
            .map(|(name, value)| {
                format!("<FilterRule><Name>{name}</Name><Value>{value}</Value></FilterRule>")
            })
            .collect();
        format!(
            "<CloudFunctionConfiguration><CloudFunction>{arn}</CloudFunction><Event>{event}</Event>\
             <Filter><S3Key>{rules}</S3Key></Filter></CloudFunctionConfiguration>"
        )
    }

    const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

    #[test]
    fn configuration_that_names_nothing_known_is_refused() {
        for (text, words) in [
            (
                function("nope", "s3:ObjectCreated:*", &[]),
                "The ARN could not be parsed",
            ),
            (
                function("arn:aws:sqs:r:a:q", "s3:ObjectCreated:*", &[]),
                "The ARN could not be parsed",
            ),
            (function(ARN, "s3:ObjectEaten", &[]), "A specified event"),
            (
                function(ARN, "s3:ObjectCreated:Delete", &[]),
                "A specified event",
            ),
            (
                function(ARN, "s3:ObjectCreated:Put", &[("infix", "a")]),
                "must be either prefix or suffix",
            ),
            (
                function(
                    ARN,
                    "s3:ObjectCreated:Put",
                    &[("prefix", "a"), ("Prefix", "b")],
                ),
                "more than one prefix rule",
            ),
        ] {
            let found = refusal(&text).unwrap_or_default();
            assert!(found.contains(words), "{text}: {found}");
        }
        assert_eq!(
            refusal(&function(ARN, "s3:ReducedRedundancyLostObject", &[])),
            None
        );
    }

    #[test]
    fn same_event_of_the_same_keys_is_told_once() {
        let pair = |one: &[(&str, &str)], other: &[(&str, &str)]| {
            let all = function(ARN, "s3:ObjectCreated:*", one);
            refusal(&format!(
                "{all}{}",
                function(ARN, "s3:ObjectCreated:Put", other)
            ))
            .is_some()
        };

        assert!(pair(&[], &[]));
        assert!(pair(
            &[("prefix", "a")],
            &[("prefix", "ab"), ("suffix", ".x")]
        ));
        assert!(!pair(&[("prefix", "a")], &[("prefix", "b")]));
        assert!(!pair(&[("suffix", ".jpg")], &[("suffix", ".png")]));
    }
}
