//! The policy of a form: until when it may be sent, and with what in its fields. Pure.

use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use firelight_s3::Refusal;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::field;

/// Fields that no condition need name.
const EXEMPT: [&str; 5] = [
    "policy",
    "signature",
    "awsaccesskeyid",
    "x-amz-signature",
    "file",
];

#[derive(Debug, Deserialize)]
struct Document {
    expiration: Option<String>,
    conditions: Option<Vec<Value>>,
}

/// What a form must be like.
#[derive(Debug)]
pub(super) struct FormPolicy {
    expires_at: Timestamp,
    conditions: Vec<Condition>,
    /// How long the file may be.
    pub(super) length: Option<RangeInclusive<u64>>,
}

#[derive(Debug)]
struct Condition {
    test: Test,
    /// In lower case.
    field: String,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    Equals,
    StartsWith,
}

impl FormPolicy {
    /// Reads a policy as it stands in its field.
    pub(super) fn parse(encoded: &str) -> Result<Self, Refusal> {
        let text = STANDARD.decode(encoded.trim());
        let text = text.map_err(|_| invalid("Invalid Base64 encoding."))?;
        let document: Document =
            serde_json::from_slice(&text).map_err(|_| invalid("Invalid JSON."))?;
        let expiration = document.expiration;
        let expiration = expiration.ok_or_else(|| invalid("Policy missing expiration."))?;
        let expires_at = expiration.parse();
        let expires_at = expires_at
            .map_err(|_| invalid(&format!("Invalid 'expiration' value: '{expiration}'")))?;
        let conditions = document.conditions;
        let mut policy = Self {
            expires_at,
            conditions: Vec::new(),
            length: None,
        };
        for condition in conditions.ok_or_else(|| invalid("Policy missing conditions."))? {
            policy.add(&condition)?;
        }
        Ok(policy)
    }

    fn add(&mut self, condition: &Value) -> Result<(), Refusal> {
        let unreadable = || invalid(&format!("Invalid Condition: {condition}"));
        if let Value::Object(pairs) = condition {
            for (field, value) in pairs {
                let value = value.as_str().ok_or_else(unreadable)?;
                self.push(Test::Equals, field, value);
            }
            return Ok(());
        }
        let [operator, second, third] = condition.as_array().map_or(&[][..], Vec::as_slice) else {
            return Err(unreadable());
        };
        let operator = operator.as_str().unwrap_or_default().to_ascii_lowercase();
        if operator == "content-length-range" {
            let (least, most) = (number(second), number(third));
            let (least, most) = least.zip(most).ok_or_else(unreadable)?;
            self.length = Some(least..=most);
            return Ok(());
        }
        let field = second.as_str().and_then(|field| field.strip_prefix('$'));
        let (field, value) = field.zip(third.as_str()).ok_or_else(unreadable)?;
        let test = match operator.as_str() {
            "eq" => Test::Equals,
            "starts-with" => Test::StartsWith,
            _ => return Err(unreadable()),
        };
        self.push(test, field, value);
        Ok(())
    }

    fn push(&mut self, test: Test, field: &str, value: &str) {
        self.conditions.push(Condition {
            test,
            field: field.to_ascii_lowercase(),
            value: value.to_owned(),
        });
    }

    /// Checks the fields of a form for a bucket, with names in lower case and the key as it will be.
    pub(super) fn check(
        &self,
        bucket: &str,
        fields: &[(String, String)],
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if self.expires_at < now {
            return Err(against("Policy expired."));
        }
        // A field of that name says nothing of where the form is sent.
        let value_of = |name: &str| match name {
            "bucket" => bucket,
            name => field(fields, name).unwrap_or_default(),
        };
        let mut conditions = self.conditions.iter();
        if let Some(failed) = conditions.find(|it| !it.holds(value_of(&it.field))) {
            return Err(against(&format!("Policy Condition failed: {failed}")));
        }
        let is_named = |name: &str| self.conditions.iter().any(|it| it.field == name);
        let extra: Vec<&str> = fields
            .iter()
            .map(|(name, _)| name.as_str())
            .filter(|name| {
                !is_named(name) && !EXEMPT.contains(name) && !name.starts_with("x-ignore-")
            })
            .collect();
        match extra.is_empty() {
            true => Ok(()),
            false => Err(against(&format!(
                "Extra input fields: {}",
                extra.join(", ")
            ))),
        }
    }
}

impl Condition {
    fn holds(&self, value: &str) -> bool {
        match self.test {
            Test::Equals => value == self.value,
            Test::StartsWith => value.starts_with(&self.value),
        }
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let operator = match self.test {
            Test::Equals => "eq",
            Test::StartsWith => "starts-with",
        };
        write!(
            f,
            "[\"{operator}\", \"${}\", \"{}\"]",
            self.field, self.value
        )
    }
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn invalid(text: &str) -> Refusal {
    Refusal::invalid_form_policy(text)
}

fn against(text: &str) -> Refusal {
    Refusal::denied(format!("Invalid according to Policy: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-01-01T00:00:00Z";

    fn check(conditions: &str, fields: &[(&str, &str)]) -> Result<(), String> {
        let text =
            format!(r#"{{"expiration":"2026-01-01T00:00:01.000Z","conditions":{conditions}}}"#);
        let policy = FormPolicy::parse(&STANDARD.encode(text)).map_err(|it| it.message)?;
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        policy
            .check("b", &fields, NOW.parse().unwrap())
            .map_err(|refusal| refusal.message)
    }

    #[test]
    fn every_field_is_held_to_its_conditions() {
        let conditions =
            r#"[{"bucket":"b"},["starts-with","$Key","user/"],["eq","$Content-Type","image/png"]]"#;
        let form = [
            ("key", "user/a"),
            ("content-type", "image/png"),
            ("x-ignore-a", "1"),
        ];

        assert_eq!(check(conditions, &form), Ok(()));
        for (conditions, fields, words) in [
            (
                conditions,
                &form[..1],
                "[\"eq\", \"$content-type\", \"image/png\"]",
            ),
            (
                r#"[{"bucket":"other"}]"#,
                &[][..],
                "[\"eq\", \"$bucket\", \"other\"]",
            ),
            (
                r#"[{"bucket":"x"}]"#,
                &[("bucket", "x")][..],
                "[\"eq\", \"$bucket\", \"x\"]",
            ),
            (r#"[]"#, &form[..1], "Extra input fields: key"),
        ] {
            let refusal = check(conditions, fields).unwrap_err();
            assert!(refusal.ends_with(words), "{refusal}");
        }
    }

    #[test]
    fn policy_that_expired_or_cannot_be_read_is_refused() {
        let read = |text: &str| {
            FormPolicy::parse(&STANDARD.encode(text))
                .unwrap_err()
                .message
        };
        let policy = r#"{"expiration":"2025-01-01T00:00:00Z","conditions":[]}"#;
        let policy = FormPolicy::parse(&STANDARD.encode(policy)).unwrap();

        let refusal = policy.check("b", &[], NOW.parse().unwrap()).unwrap_err();

        assert_eq!(
            refusal.message,
            "Invalid according to Policy: Policy expired."
        );
        assert_eq!(read("{"), "Invalid Policy: Invalid JSON.");
        assert_eq!(read("{}"), "Invalid Policy: Policy missing expiration.");
        assert_eq!(
            read(r#"{"expiration":"2025-01-01T00:00:00Z"}"#),
            "Invalid Policy: Policy missing conditions."
        );
        let unknown = r#"{"expiration":"2025-01-01T00:00:00Z","conditions":[["in","$a","b"]]}"#;
        assert!(read(unknown).starts_with("Invalid Policy: Invalid Condition: "));
    }

    #[test]
    fn length_of_the_file_has_bounds() {
        let text = r#"{"expiration":"2026-01-01T00:00:00Z",
            "conditions":[["content-length-range",1,"10"]]}"#;
        let policy = FormPolicy::parse(&STANDARD.encode(text)).unwrap();
        assert_eq!(policy.length, Some(1..=10));
    }
}
