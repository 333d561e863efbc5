//! The environment variables of a function and AWS's rules for them.

use std::collections::BTreeMap;

/// The largest set of variables, measured as the compact JSON of the whole map.
const LIMIT_BYTES: usize = 4096;

/// Names that the platform sets itself.
const RESERVED: [&str; 21] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
    "AWS_LAMBDA_MAX_CONCURRENCY",
    "AWS_LAMBDA_METADATA_API",
];

/// Checked environment variables, ordered by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvironmentVariables(BTreeMap<String, String>);

/// The variables cannot be given to a function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VariablesError {
    /// Carries the text that AWS measures and shows.
    #[error("the environment variables exceed 4 KB")]
    TooLarge { measured: String },
    #[error("the platform sets {} itself", names.join(", "))]
    Reserved { names: Vec<String> },
}

impl EnvironmentVariables {
    /// Checks the variables. The order of `given` is the caller's and is shown in the error as it came.
    pub fn new(given: Vec<(String, String)>) -> Result<Self, VariablesError> {
        let measured = measure(&given);
        if measured.len() > LIMIT_BYTES {
            return Err(VariablesError::TooLarge { measured });
        }
        let reserved = given
            .iter()
            .map(|(name, _)| name)
            .filter(|name| is_reserved(name));
        let names: Vec<String> = reserved.cloned().collect();
        if names.is_empty() {
            Ok(Self(given.into_iter().collect()))
        } else {
            Err(VariablesError::Reserved { names })
        }
    }

    /// Takes variables that were checked when they were given, possibly under older rules.
    pub fn restore(checked: BTreeMap<String, String>) -> Self {
        Self(checked)
    }

    pub fn as_map(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// Renders the map as JSON without spaces, which is what AWS measures.
fn measure(variables: &[(String, String)]) -> String {
    let pairs = variables
        .iter()
        .map(|(name, value)| format!("{}:{}", quote(name), quote(value)));
    format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
}

fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if u32::from(c) < 0x20 => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, value: &str) -> Vec<(String, String)> {
        vec![(name.to_owned(), value.to_owned())]
    }

    #[test]
    fn the_limit_counts_the_json_of_the_map() {
        let overhead = r#"{"K":""}"#.len();
        assert!(EnvironmentVariables::new(one("K", &"x".repeat(4096 - overhead))).is_ok());
        let error = EnvironmentVariables::new(one("K", &"x".repeat(4097 - overhead))).unwrap_err();
        let VariablesError::TooLarge { measured } = error else {
            panic!("{error}")
        };
        assert_eq!(measured.len(), 4097);
        assert!(measured.starts_with(r#"{"K":"xxx"#));
    }

    #[test]
    fn escapes_count_as_they_are_written() {
        assert_eq!(measure(&one("K", "a\"\n\u{1}")), r#"{"K":"a\"\n\u0001"}"#);
    }

    #[test]
    fn all_reserved_names_are_reported_together() {
        let mut given = one("AWS_REGION", "x");
        given.extend(one("OK", "y"));
        given.extend(one("_HANDLER", "z"));

        let error = EnvironmentVariables::new(given).unwrap_err();

        let names = vec!["AWS_REGION".to_owned(), "_HANDLER".to_owned()];
        assert_eq!(error, VariablesError::Reserved { names });
    }
}
