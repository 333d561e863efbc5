//! What a body says about what it is for, read before the operation reads it.
//!
//! A body is read here as the operations read it: what is not of use does not spoil the rest, and of a member that is
//! given twice the last one counts. Else a request could be allowed as one thing and done as another.

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

/// The members of a body that were asked for.
#[derive(Debug, Default)]
pub(super) struct Members(Map<String, Value>);

impl Members {
    /// Reads some members; whatever else there is, however large, is skipped.
    pub(super) fn read(body: &[u8], wanted: &'static [&'static str]) -> Self {
        let mut deserializer = serde_json::Deserializer::from_slice(body);
        let read = deserializer.deserialize_map(Reader { wanted });
        // A body that cannot be read is about nothing, and is refused by the operation itself.
        Self(read.unwrap_or_default())
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// Returns the texts of a list.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        strings(self.0.get(name))
    }

    /// Returns the pairs of a map of texts.
    pub(super) fn pairs(&self, name: &str) -> Vec<(String, String)> {
        let map = self.0.get(name).and_then(Value::as_object);
        let pairs = map.into_iter().flatten();
        pairs
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect()
    }

    /// Returns the texts of a list in an object.
    pub(super) fn texts_in(&self, object: &str, name: &str) -> Vec<String> {
        strings(self.0.get(object).and_then(|object| object.get(name)))
    }
}

fn strings(list: Option<&Value>) -> Vec<String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

struct Reader {
    wanted: &'static [&'static str],
}

impl<'de> Visitor<'de> for Reader {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if self.wanted.contains(&name.as_str()) {
                members.insert(name, map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_no_use_does_not_hide_what_is() {
        let body = br#"{"Role":"a","Code":{"ZipFile":1},"Layers":[1,"l"],"Role":"b","Tags":{"k":"v","n":1}}"#;

        let members = Members::read(body, &["Role", "Layers", "Tags"]);

        assert_eq!(members.text("Role"), Some("b"));
        assert_eq!(members.texts("Layers"), ["l"]);
        assert_eq!(members.pairs("Tags"), [("k".to_owned(), "v".to_owned())]);
        assert_eq!(members.text("Code"), None);
    }

    #[test]
    fn a_body_that_is_no_object_is_about_nothing() {
        for body in [&b"[]"[..], b"", b"{", b"\"Role\""] {
            assert_eq!(Members::read(body, &["Role"]).text("Role"), None);
        }
    }
}
