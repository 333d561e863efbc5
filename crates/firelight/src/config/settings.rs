//! The table of settings: every key, its default, and the sentence that explains it.

/// One key of the configuration.
#[derive(Debug)]
pub struct Setting {
    pub key: &'static str,
    /// `None` where the default depends on the host or on the command.
    pub default: Option<&'static str>,
    pub help: &'static str,
}

/// Keys under `[runtimes]` are runtime identifiers, so they are not in the table.
pub const RUNTIMES_PREFIX: &str = "runtimes.";
/// Keys under `[egress.tags]` are tags of functions, each with `allow` and `deny`.
pub const EGRESS_TAGS_PREFIX: &str = "egress.tags.";

/// Settings whose value is a list, written with commas outside the file.
const LISTS: &[&str] = &[
    "egress.allow",
    "egress.deny",
    "egress.networks",
    "sandbox.accept_missing",
];
/// Settings whose value is nobody's business.
const SECRETS: &[&str] = &[
    "endpoints.secret_access_key",
    "endpoints.session_token",
    "traces.headers",
];

/// Every setting, in the order `firelight config` shows them.
pub const SETTINGS: &[Setting] = &[
    setting("listen", Some("127.0.0.1:4566"), "address of the API"),
    setting("endpoint", None, "where the client commands find the API"),
    setting("data_dir", None, "where functions, logs and keys are kept"),
    setting(
        "user",
        None,
        "who the daemon becomes once it has started as root",
    ),
    setting(
        "account",
        Some("000000000000"),
        "account of callers whose key names none",
    ),
    setting(
        "region",
        Some("us-east-1"),
        "region in names, and in the functions' variables",
    ),
    setting("authentication", None, "any (dev) or signature (serve)"),
    setting("log.level", Some("info"), "filter of the daemon's own log"),
    setting("log.format", Some("text"), "text or json"),
    setting(
        "sandbox.network",
        Some("internet"),
        "what functions reach: none, internet or host",
    ),
    setting(
        "sandbox.idle_s",
        Some("600"),
        "seconds after which an idle environment is retired",
    ),
    setting(
        "sandbox.max_environments",
        Some("1000"),
        "environments alive at once",
    ),
    setting(
        "admin.listen",
        None,
        "address of metrics and health; none unless it is set",
    ),
    setting(
        "limits.concurrency",
        Some("1000"),
        "invocations of one account at once, in a region",
    ),
    setting(
        "limits.code_storage_gb",
        Some("75"),
        "what all packages of one account may have together, in a region",
    ),
    setting(
        "limits.inactive_after_s",
        Some("0"),
        "seconds without an invocation after which a function is Inactive; 0 is never",
    ),
    setting(
        "limits.control_requests",
        Some("0"),
        "calls a second of one account to the control plane (AWS: 15); 0 is no limit",
    ),
    setting(
        "limits.connections_per_address",
        Some("15000"),
        "connections of one address, of 20,000 in all; 0 is no limit, for a proxy in front",
    ),
    setting(
        "limits.requests_per_environment",
        Some("10"),
        "requests a second for each unit of concurrency; 0 is no limit",
    ),
    setting(
        "sandbox.started_interpreters",
        Some("8"),
        "Python and Node.js processes kept started ahead of cold starts, at most",
    ),
    setting(
        "sandbox.accept_missing",
        None,
        "walls that serve goes on without, by name",
    ),
    setting(
        "egress.networks",
        Some("198.18.0.0/15, 100.64.0.0/10"),
        "where sandboxes' own addresses are taken from",
    ),
    setting(
        "egress.allow",
        None,
        "networks that functions reach though they are not the internet",
    ),
    setting("egress.deny", None, "networks that functions do not reach"),
    setting(
        "egress.api",
        Some("true"),
        "whether functions on the internet also reach this API",
    ),
    setting(
        "endpoints.sqs",
        None,
        "where records and dead letters for SQS go; self is this daemon",
    ),
    setting("endpoints.sns", None, "where those for SNS go"),
    setting("endpoints.events", None, "where those for EventBridge go"),
    setting("endpoints.s3", Some("self"), "where those for S3 go"),
    setting(
        "endpoints.access_key_id",
        None,
        "the key that signs at endpoints of others",
    ),
    setting("endpoints.secret_access_key", None, "its secret"),
    setting(
        "endpoints.session_token",
        None,
        "its session, if it has one",
    ),
    setting(
        "traces.endpoint",
        None,
        "base address of an OTLP collector of spans, like http://127.0.0.1:4318 (builds with otel)",
    ),
    setting(
        "traces.headers",
        None,
        "headers for the collector, like name=value,other=value",
    ),
    setting(
        "traces.service",
        Some("firelight"),
        "service.name of the spans",
    ),
];

const fn setting(key: &'static str, default: Option<&'static str>, help: &'static str) -> Setting {
    Setting { key, default, help }
}

/// Returns the `FIRELIGHT_*` variable that sets a key.
pub fn variable_of(key: &str) -> String {
    format!("FIRELIGHT_{}", key.to_uppercase().replace('.', "_"))
}

/// Returns the key that a `FIRELIGHT_*` variable sets.
pub fn key_of_variable(variable: &str) -> Option<&'static str> {
    SETTINGS
        .iter()
        .map(|setting| setting.key)
        .find(|key| variable_of(key) == variable)
}

/// Tells whether a key can be set.
pub fn is_known(key: &str) -> bool {
    let runtime = key
        .strip_prefix(RUNTIMES_PREFIX)
        .is_some_and(|name| !name.is_empty());
    runtime || egress_tag(key).is_some() || SETTINGS.iter().any(|setting| setting.key == key)
}

/// Tells whether a value may be a list in the file.
pub fn is_list(key: &str) -> bool {
    LISTS.contains(&key) || egress_tag(key).is_some()
}

/// Tells whether a value must not be shown.
pub fn is_secret(key: &str) -> bool {
    SECRETS.contains(&key)
}

/// Splits `egress.tags.TAG.allow` into the tag and the list.
pub fn egress_tag(key: &str) -> Option<(&str, &str)> {
    let (tag, list) = key.strip_prefix(EGRESS_TAGS_PREFIX)?.rsplit_once('.')?;
    (!tag.is_empty() && matches!(list, "allow" | "deny")).then_some((tag, list))
}

/// Returns the candidate nearest to a mistyped name, if one is near enough to be meant.
pub fn nearest(typed: &str, candidates: impl Iterator<Item = String>) -> Option<String> {
    let reach = (typed.len() / 3).max(2);
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(typed, &candidate), candidate))
        .filter(|(distance, _)| *distance <= reach)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Returns the known key nearest to a mistyped one.
pub fn nearest_key(typed: &str) -> Option<String> {
    nearest(typed, SETTINGS.iter().map(|setting| setting.key.to_owned()))
}

/// Returns the known variable nearest to a mistyped one.
pub fn nearest_variable(typed: &str) -> Option<String> {
    nearest(
        typed,
        SETTINGS.iter().map(|setting| variable_of(setting.key)),
    )
}
