//! Names of records: `account/kind/id`.
//!
//! The account comes first, so everything of one account lies together and no key can be written
//! without saying whose it is. Keys order by their bytes; every engine must sort them the same way.

use std::fmt;

/// The account part of records that belong to the installation and not to an account.
const SYSTEM: &str = "system";

/// A kind of record, such as `function`; its owner declares it as a constant and may match on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind<'a>(&'a str);

impl<'a> Kind<'a> {
    /// Declares a kind.
    ///
    /// # Panics
    /// If the name is empty or contains a slash, which would make keys ambiguous. As a constant
    /// this fails the build.
    #[must_use]
    pub const fn new(name: &'a str) -> Self {
        let bytes = name.as_bytes();
        assert!(!bytes.is_empty(), "a kind has a name");
        let mut at = 0;
        while at < bytes.len() {
            assert!(bytes[at] != b'/', "a kind contains no slash");
            at += 1;
        }
        Self(name)
    }

    /// The name of the kind.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

/// The name of one record.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    text: String,
}

impl Key {
    /// Names a record of an account. The id may contain slashes, to form a path.
    ///
    /// # Panics
    /// If the account is empty or contains a slash: account ids are checked before they get here.
    #[must_use]
    pub fn new(account: impl fmt::Display, kind: Kind<'_>, id: impl fmt::Display) -> Self {
        let account = account.to_string();
        assert!(
            !account.is_empty() && !account.contains('/'),
            "{account:?} is no account id"
        );
        Self {
            text: format!("{account}/{}/{id}", kind.0),
        }
    }

    /// Names a record of the installation itself.
    #[must_use]
    pub fn system(kind: Kind<'_>, id: impl fmt::Display) -> Self {
        Self::new(SYSTEM, kind, id)
    }

    /// Reads a key as [`Key::as_str`] wrote it; `None` if a part is missing.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '/');
        let (account, kind, _id) = (parts.next()?, parts.next()?, parts.next()?);
        let complete = !account.is_empty() && !kind.is_empty();
        complete.then(|| Self {
            text: text.to_owned(),
        })
    }

    /// The account the record belongs to.
    #[must_use]
    pub fn account(&self) -> &str {
        self.part(0)
    }

    /// The kind of the record.
    #[must_use]
    pub fn kind(&self) -> Kind<'_> {
        Kind(self.part(1))
    }

    /// The name of the record within its account and kind.
    #[must_use]
    pub fn id(&self) -> &str {
        self.part(2)
    }

    /// The whole key as one text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn part(&self, index: usize) -> &str {
        self.text.splitn(3, '/').nth(index).unwrap_or_default()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.text)
    }
}

/// A contiguous range of keys: those that begin alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix {
    text: String,
}

impl Prefix {
    /// Every record of the store.
    #[must_use]
    pub fn all() -> Self {
        Self {
            text: String::new(),
        }
    }

    /// Every record of an account.
    #[must_use]
    pub fn account(account: impl fmt::Display) -> Self {
        Self {
            text: format!("{account}/"),
        }
    }

    /// Every record of one kind in an account.
    #[must_use]
    pub fn kind(account: impl fmt::Display, kind: Kind<'_>) -> Self {
        Self::ids(account, kind, "")
    }

    /// The records of one kind in an account whose ids begin with `id`.
    #[must_use]
    pub fn ids(account: impl fmt::Display, kind: Kind<'_>, id: impl fmt::Display) -> Self {
        Self {
            text: format!("{account}/{}/{id}", kind.0),
        }
    }

    /// The installation's own records of one kind.
    #[must_use]
    pub fn system(kind: Kind<'_>) -> Self {
        Self::kind(SYSTEM, kind)
    }

    /// Whether a key lies in the range.
    #[must_use]
    pub fn contains(&self, key: &Key) -> bool {
        key.text.starts_with(&self.text)
    }

    /// The first text of the range.
    pub(crate) fn start(&self) -> &str {
        &self.text
    }

    /// The first text behind the range; `None` if the range has no end.
    pub(crate) fn end(&self) -> Option<String> {
        text_behind(&self.text)
    }
}

/// The first text, in byte order, behind all that begin with `prefix`; `None` if there is none.
pub(crate) fn text_behind(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        if let Some(next) = successor(last) {
            end.push(next);
            return Some(end);
        }
    }
    None
}

/// The next character in UTF-8 byte order, which is code point order.
fn successor(c: char) -> Option<char> {
    match c {
        char::MAX => None,
        '\u{d7ff}' => Some('\u{e000}'),
        _ => char::from_u32(u32::from(c) + 1),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FUNCTION: Kind<'_> = Kind::new("function");

    #[test]
    fn a_key_gives_its_parts_back() {
        let key = Key::new("000000000000", FUNCTION, "resize/versions/7");

        assert_eq!(key.account(), "000000000000");
        assert!(matches!(key.kind(), FUNCTION));
        assert_eq!(key.id(), "resize/versions/7");
        assert_eq!(Key::parse(key.as_str()), Some(key));
    }

    #[test]
    fn a_text_without_its_three_parts_is_no_key() {
        for text in ["", "a", "a/b", "/b/c", "a//c"] {
            assert_eq!(Key::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_range_of_a_kind_leaves_out_kinds_with_longer_names() {
        let functions = Prefix::kind("1", FUNCTION);

        assert!(functions.contains(&Key::new("1", FUNCTION, "a")));
        assert!(!functions.contains(&Key::new("1", Kind::new("function-url"), "a")));
        assert!(!functions.contains(&Key::new("2", FUNCTION, "a")));
    }

    proptest! {
        #[test]
        fn the_bounds_of_a_range_hold_exactly_what_begins_with_it(prefix in any::<String>(), text in any::<String>(), extend in any::<bool>()) {
            let text = if extend { format!("{prefix}{text}") } else { text };
            let range = Prefix { text: prefix };

            let between = text.as_str() >= range.start()
                && range.end().is_none_or(|end| text.as_str() < end.as_str());

            prop_assert_eq!(between, text.starts_with(range.start()));
        }
    }
}
