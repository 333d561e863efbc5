//! What is asked: who wants to do what to which resource, under which circumstances.

use std::collections::BTreeMap;

use crate::principal::Principal;

/// One request to decide on.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    pub principal: &'a Principal,
    /// Such as `lambda:InvokeFunction`.
    pub action: &'a str,
    /// An ARN, or `*` for actions without a resource.
    pub resource: &'a str,
    pub context: &'a Context,
}

/// The values of condition keys. Key names do not heed case.
#[derive(Clone, Debug, Default)]
pub struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key with one value.
    #[must_use]
    pub fn with(self, key: &str, value: impl Into<String>) -> Self {
        self.with_all(key, [value.into()])
    }

    /// Adds a key with any number of values.
    #[must_use]
    pub fn with_all(mut self, key: &str, values: impl IntoIterator<Item = String>) -> Self {
        self.0
            .insert(key.to_ascii_lowercase(), values.into_iter().collect());
        self
    }

    /// Returns the values of a key; a key without a value counts as absent.
    pub(crate) fn values(&self, key: &str) -> Option<&[String]> {
        let values = self.0.get(&key.to_ascii_lowercase())?;
        (!values.is_empty()).then_some(values)
    }

    /// Returns the value of a key that has exactly one, as a policy variable needs it.
    pub(crate) fn single(&self, key: &str) -> Option<&str> {
        match self.values(key)? {
            [value] => Some(value),
            _ => None,
        }
    }
}
