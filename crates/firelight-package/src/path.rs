//! The name of an entry, checked: relative, inside, and possible as a file name.

use std::fmt;

/// The longest name of a file or directory that Linux file systems take.
const MAX_COMPONENT_BYTES: usize = 255;
/// The longest path; leaves room for where it is mounted below the kernel's 4,096.
const MAX_PATH_BYTES: usize = 3_900;

/// A path inside a package: one or more plain names, never `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryPath {
    text: String,
}

/// What is wrong with the name of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NameProblem {
    /// It begins at the root of a file system.
    #[error("is absolute")]
    Absolute,
    /// It begins with a drive letter.
    #[error("begins with a drive letter")]
    Drive,
    /// It has `..` as a part.
    #[error("leaves its directory")]
    Traversal,
    /// It, or a part of it, is too long for a file system.
    #[error("is too long")]
    TooLong,
    /// It contains a zero byte.
    #[error("contains a zero byte")]
    ZeroByte,
}

impl EntryPath {
    /// Reads the name of an entry; `None` names the root of the package itself.
    ///
    /// Backslashes separate, as tools on Windows write them and as Lambda reads them. Empty parts
    /// and `.` mean nothing.
    pub(crate) fn parse(name: &str) -> Result<Option<Self>, NameProblem> {
        let name = name.replace('\\', "/");
        if name.contains('\0') {
            return Err(NameProblem::ZeroByte);
        }
        if name.starts_with('/') {
            return Err(NameProblem::Absolute);
        }
        if has_drive(&name) {
            return Err(NameProblem::Drive);
        }
        let mut parts = Vec::new();
        for part in name.split('/') {
            match part {
                "" | "." => {}
                ".." => return Err(NameProblem::Traversal),
                long if long.len() > MAX_COMPONENT_BYTES => return Err(NameProblem::TooLong),
                plain => parts.push(plain),
            }
        }
        let text = parts.join("/");
        if text.len() > MAX_PATH_BYTES {
            return Err(NameProblem::TooLong);
        }
        Ok((!text.is_empty()).then_some(Self { text }))
    }

    /// The path with slashes, without one at either end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names the path is made of.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &str> {
        self.text.split('/')
    }

    /// The directory it lies in, and its name there.
    pub(crate) fn split(&self) -> (Option<&str>, &str) {
        match self.text.rsplit_once('/') {
            Some((directory, name)) => (Some(directory), name),
            None => (None, &self.text),
        }
    }
}

impl fmt::Display for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn has_drive(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic())
        && bytes.next() == Some(b':')
        && bytes.next().is_none_or(|b| b == b'/')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(name: &str) -> Result<Option<String>, NameProblem> {
        EntryPath::parse(name).map(|path| path.map(|path| path.text))
    }

    #[test]
    fn ordinary_names_are_kept() {
        for name in ["index.py", "a/b/c.txt", "..a/b..", "...", "x:y", "日本/é"] {
            assert_eq!(parsed(name), Ok(Some(name.to_owned())));
        }
    }

    #[test]
    fn what_means_nothing_is_dropped() {
        assert_eq!(parsed("./a//b/./c/"), Ok(Some("a/b/c".to_owned())));
        assert_eq!(parsed("a\\b\\c.txt"), Ok(Some("a/b/c.txt".to_owned())));
        for root in ["", ".", "./", "././"] {
            assert_eq!(parsed(root), Ok(None), "{root:?}");
        }
    }

    #[test]
    fn names_that_lead_out_are_refused() {
        for (name, problem) in [
            ("/etc/passwd", NameProblem::Absolute),
            ("\\etc\\passwd", NameProblem::Absolute),
            ("//server/share", NameProblem::Absolute),
            ("C:", NameProblem::Drive),
            ("c:/windows", NameProblem::Drive),
            ("C:\\windows", NameProblem::Drive),
            ("..", NameProblem::Traversal),
            ("../a", NameProblem::Traversal),
            ("a/../../b", NameProblem::Traversal),
            ("a\\..\\..\\b", NameProblem::Traversal),
            ("a/..", NameProblem::Traversal),
            ("a\0b", NameProblem::ZeroByte),
        ] {
            assert_eq!(parsed(name), Err(problem), "{name:?}");
        }
    }

    #[test]
    fn overlong_names_are_refused() {
        assert!(parsed(&"x".repeat(255)).is_ok());
        assert_eq!(parsed(&"x".repeat(256)), Err(NameProblem::TooLong));
        assert_eq!(parsed(&"ab/".repeat(2_000)), Err(NameProblem::TooLong));
    }

    proptest! {
        #[test]
        fn an_accepted_name_stays_inside(name in "[a./\\\\:C\0]{0,20}") {
            if let Ok(Some(path)) = EntryPath::parse(&name) {
                for part in path.parts() {
                    prop_assert!(!["", ".", ".."].contains(&part), "{name:?}");
                    prop_assert!(!part.contains(['\\', '\0']), "{name:?}");
                }
            }
        }
    }
}
