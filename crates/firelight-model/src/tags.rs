//! Tags: pairs of text that people put on resources.

use std::collections::BTreeMap;

/// How many tags one resource can bear.
pub const TAG_LIMIT: usize = 50;

/// The tags of one resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(BTreeMap<String, String>);

/// The tags cannot be put on a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    #[error("a resource bears at most {TAG_LIMIT} tags")]
    TooMany,
    #[error("there is no tag to put on the resource")]
    Nothing,
}

impl Tags {
    /// Checks the tags given at creation, where none is fine.
    pub fn new(given: BTreeMap<String, String>) -> Result<Self, TagError> {
        if given.len() > TAG_LIMIT {
            Err(TagError::TooMany)
        } else {
            Ok(Self(given))
        }
    }

    /// Adds tags; one that is there already gets the new value.
    pub fn with(&self, added: BTreeMap<String, String>) -> Result<Self, TagError> {
        if added.is_empty() {
            return Err(TagError::Nothing);
        }
        let mut all = self.0.clone();
        all.extend(added);
        Self::new(all)
    }

    /// Removes tags by key; a key that is not there is no error.
    #[must_use]
    pub fn without(&self, keys: &[String]) -> Self {
        let kept = self.0.iter().filter(|(key, _)| !keys.contains(key));
        Self(
            kept.map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        )
    }

    pub fn as_map(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(range: std::ops::Range<usize>) -> BTreeMap<String, String> {
        range
            .map(|number| (format!("k{number}"), "v".to_owned()))
            .collect()
    }

    #[test]
    fn fifty_tags_fit_and_overwriting_adds_none() {
        let full = Tags::new(tags(0..50)).unwrap();
        assert!(full.with(tags(0..1)).is_ok());
        assert_eq!(full.with(tags(50..51)), Err(TagError::TooMany));
        assert_eq!(full.with(BTreeMap::new()), Err(TagError::Nothing));
    }

    #[test]
    fn removing_ignores_keys_that_are_not_there() {
        let two = Tags::new(tags(0..2)).unwrap();
        let left = two.without(&["k0".to_owned(), "other".to_owned()]);
        assert_eq!(left.as_map(), &tags(1..2));
    }
}
