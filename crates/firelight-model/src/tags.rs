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
    #[error(transparent)]
    Reserved(#[from] ReservedTagKey),
}

/// The tag is one that only AWS's own services put on and take away. The sentence is AWS's, the same for every service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("aws: prefixed tag key names are not allowed for external use.")]
pub struct ReservedTagKey;

/// Checks keys of tags that somebody puts on or takes away.
pub fn check_tag_keys<K: AsRef<str>>(
    keys: impl IntoIterator<Item = K>,
) -> Result<(), ReservedTagKey> {
    if keys.into_iter().any(|key| is_reserved(key.as_ref())) {
        return Err(ReservedTagKey);
    }
    Ok(())
}

fn is_reserved(key: &str) -> bool {
    let prefix = key.as_bytes().first_chunk::<4>();
    prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"aws:"))
}

impl Tags {
    /// Takes the tags that a resource bears already.
    pub fn stored(tags: BTreeMap<String, String>) -> Self {
        Self(tags)
    }

    /// Checks the tags given at creation, where none is fine.
    pub fn new(given: BTreeMap<String, String>) -> Result<Self, TagError> {
        check_tag_keys(given.keys())?;
        Self(given).within_limit()
    }

    /// Adds tags; one that is there already gets the new value.
    pub fn with(&self, added: BTreeMap<String, String>) -> Result<Self, TagError> {
        if added.is_empty() {
            return Err(TagError::Nothing);
        }
        check_tag_keys(added.keys())?;
        let mut all = self.0.clone();
        all.extend(added);
        Self(all).within_limit()
    }

    fn within_limit(self) -> Result<Self, TagError> {
        if self.0.len() > TAG_LIMIT {
            return Err(TagError::TooMany);
        }
        Ok(self)
    }

    /// Removes tags by key; a key that is not there is no error.
    pub fn without(&self, keys: &[String]) -> Result<Self, TagError> {
        check_tag_keys(keys)?;
        let kept = self.0.iter().filter(|(key, _)| !keys.contains(key));
        let kept = kept.map(|(key, value)| (key.clone(), value.clone()));
        Ok(Self(kept.collect()))
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
        let left = two.without(&["k0".to_owned(), "other".to_owned()]).unwrap();
        assert_eq!(left.as_map(), &tags(1..2));
    }

    #[test]
    fn keys_of_aws_are_neither_put_on_nor_taken_away_but_stay() {
        let reserved =
            || BTreeMap::from([("AWS:cloudformation:stack-id".to_owned(), "s".to_owned())]);
        let borne = Tags::stored(reserved());
        let refused = TagError::Reserved(ReservedTagKey);

        assert_eq!(Tags::new(reserved()), Err(refused));
        assert_eq!(borne.with(reserved()), Err(refused));
        assert_eq!(borne.without(&["aws:x".to_owned()]), Err(refused));
        assert_eq!(borne.with(tags(0..1)).unwrap().as_map().len(), 2);
        assert!(Tags::new(BTreeMap::from([("aws".to_owned(), String::new())])).is_ok());
    }
}
