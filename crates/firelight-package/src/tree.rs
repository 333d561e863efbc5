//! The names of a package as a tree, to find what contradicts itself before anything is made.

use std::collections::HashMap;

use crate::path::EntryPath;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeKind {
    Directory,
    File,
    Link,
}

/// Why a name does not fit into the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// The name is there already.
    Duplicate,
    /// A part of the path is there and is no directory, or the other way round.
    Conflict,
    /// The tree has as many names as it may.
    Full,
}

/// Names that were added so far. Directories that are only implied are counted too: each of them
/// costs the disk as much as a declared one.
#[derive(Debug)]
pub(crate) struct Tree {
    nodes: Vec<NodeKind>,
    children: HashMap<(usize, Box<str>), usize>,
    limit: usize,
}

const ROOT: usize = 0;

impl Tree {
    /// An empty tree that takes at most `limit` names.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            nodes: vec![NodeKind::Directory],
            children: HashMap::new(),
            limit,
        }
    }

    /// How many names it takes.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Adds a name and the directories it implies.
    pub(crate) fn add(&mut self, path: &EntryPath, kind: NodeKind) -> Result<(), Misfit> {
        let mut parts = path.parts().peekable();
        let mut at = ROOT;
        while let Some(part) = parts.next() {
            if self.nodes[at] != NodeKind::Directory {
                return Err(Misfit::Conflict);
            }
            let last = parts.peek().is_none();
            at = match self.children.get(&(at, part.into())) {
                Some(&child) if last => return self.meet(child, kind),
                Some(&child) => child,
                None if last => self.insert(at, part, kind)?,
                None => self.insert(at, part, NodeKind::Directory)?,
            };
        }
        Ok(())
    }

    /// A directory may be named as often as one likes; nothing else may.
    fn meet(&self, there: usize, kind: NodeKind) -> Result<(), Misfit> {
        match (self.nodes[there], kind) {
            (NodeKind::Directory, NodeKind::Directory) => Ok(()),
            (NodeKind::Directory, _) | (_, NodeKind::Directory) => Err(Misfit::Conflict),
            _ => Err(Misfit::Duplicate),
        }
    }

    fn insert(&mut self, parent: usize, name: &str, kind: NodeKind) -> Result<usize, Misfit> {
        // The root is not counted.
        if self.nodes.len() > self.limit {
            return Err(Misfit::Full);
        }
        let node = self.nodes.len();
        self.nodes.push(kind);
        self.children.insert((parent, name.into()), node);
        Ok(node)
    }

    /// Whether a link at `path` with this target can only lead to places inside.
    ///
    /// The directories above a link are real ones, so leading `..` are exact. Once the way went
    /// through another link, `..` would mean that link's target, so it is not followed further.
    pub(crate) fn stays_inside(&self, path: &EntryPath, target: &str) -> bool {
        if target.starts_with('/') || target.contains('\0') {
            return false;
        }
        let (directory, _) = path.split();
        let mut way: Vec<&str> = directory
            .map(|d| d.split('/').collect())
            .unwrap_or_default();
        let mut through_link = false;
        for part in target.split('/') {
            match part {
                "" | "." => {}
                ".." if through_link || way.pop().is_none() => return false,
                ".." => {}
                name => {
                    way.push(name);
                    through_link |= self.kind(&way) == Some(NodeKind::Link);
                }
            }
        }
        true
    }

    fn kind(&self, way: &[&str]) -> Option<NodeKind> {
        let mut at = ROOT;
        for part in way {
            at = *self.children.get(&(at, (*part).into()))?;
        }
        Some(self.nodes[at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> EntryPath {
        EntryPath::parse(name).unwrap().unwrap()
    }

    fn tree(names: &[(&str, NodeKind)]) -> Tree {
        let mut tree = Tree::new(100);
        for (name, kind) in names {
            tree.add(&path(name), *kind).unwrap();
        }
        tree
    }

    #[test]
    fn a_directory_may_be_implied_and_declared_in_any_order() {
        tree(&[
            ("a/b", NodeKind::File),
            ("a", NodeKind::Directory),
            ("a", NodeKind::Directory),
            ("c", NodeKind::Directory),
            ("c/d", NodeKind::Link),
        ]);
    }

    #[test]
    fn a_file_named_twice_is_a_duplicate() {
        let mut tree = tree(&[("a/b", NodeKind::File)]);

        assert_eq!(
            tree.add(&path("a/b"), NodeKind::File),
            Err(Misfit::Duplicate)
        );
        assert_eq!(
            tree.add(&path("a/b"), NodeKind::Link),
            Err(Misfit::Duplicate)
        );
    }

    #[test]
    fn a_name_cannot_be_a_directory_and_something_else() {
        let mut tree = tree(&[
            ("file", NodeKind::File),
            ("link", NodeKind::Link),
            ("d/x", NodeKind::File),
        ]);

        for (name, kind) in [
            ("file/below", NodeKind::File),
            ("link/below", NodeKind::File),
            ("file", NodeKind::Directory),
            ("d", NodeKind::File),
            ("d", NodeKind::Link),
        ] {
            assert_eq!(tree.add(&path(name), kind), Err(Misfit::Conflict), "{name}");
        }
    }

    #[test]
    fn implied_directories_count_towards_the_limit() {
        let mut tree = Tree::new(3);

        assert_eq!(tree.add(&path("a/b/c"), NodeKind::File), Ok(()));
        assert_eq!(tree.add(&path("d"), NodeKind::File), Err(Misfit::Full));
    }

    #[test]
    fn links_inside_are_told_from_links_that_lead_out() {
        let tree = tree(&[
            ("a/b/up", NodeKind::Link),
            ("a/b/self", NodeKind::Link),
            ("lib/x.so.1", NodeKind::File),
        ]);
        let inside = |at: &str, target: &str| tree.stays_inside(&path(at), target);

        assert!(inside("lib/x.so", "x.so.1"));
        assert!(inside("bin/tool", "../lib/./x.so.1"));
        assert!(inside("a/b/up", "../.."));
        assert!(inside("x", "a/b/up/lib"));
        assert!(inside("x", "lib/../lib/x.so.1"));
        assert!(!inside("x", ".."));
        assert!(!inside("a/x", "../.."));
        assert!(!inside("x", "/etc/passwd"));
        assert!(!inside("x", "lib/../../etc"));
        // `a/b/up` leads to the root, so the parent of what lies below it is not what it seems.
        assert!(!inside("x", "a/b/up/.."));
        assert!(!inside("x", "a/b/up/self/.."));
    }
}
