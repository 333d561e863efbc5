//! Which files of a directory belong into its package.
//!
//! All of them, hidden ones too, except what the defaults below and `.firelightignore` (in the syntax of
//! `.gitignore`, in any directory) leave out. The order is that of the paths, so that equal content gives an equal
//! package.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ignore::overrides::{Override, OverrideBuilder};
use ignore::{DirEntry, WalkBuilder};

const IGNORE_FILE: &str = ".firelightignore";

/// Never part of a function, in the syntax of overrides, where `!` leaves out.
const LEFT_OUT: &[&str] = &[
    "!.git/",
    "!.hg/",
    "!.svn/",
    "!.venv/",
    "!__pycache__/",
    "!*.pyc",
    "!.mypy_cache/",
    "!.pytest_cache/",
    "!node_modules/.cache/",
    "!.DS_Store",
    // Locks of Emacs, links that point nowhere.
    "!.#*",
    "!.firelightignore",
];

/// One file, directory or link of a package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Relative to the root, with forward slashes.
    pub name: String,
    pub kind: EntryKind,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    File {
        executable: bool,
    },
    /// A link that stays inside the directory.
    Link {
        target: String,
    },
}

/// The files of a package, in the order of their names.
#[derive(Clone, Debug)]
pub struct PackageFiles {
    pub root: PathBuf,
    pub entries: Vec<Entry>,
}

/// The files of a directory could not be listed.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    #[error("{0} is not a directory")]
    NotADirectory(PathBuf),
    #[error("{0} holds nothing to deploy")]
    Empty(PathBuf),
    #[error("could not list {0}")]
    Walk(PathBuf, #[source] ignore::Error),
    #[error("could not look at {0}")]
    Look(PathBuf, #[source] io::Error),
    #[error("{} points to {}, which is not there", .link.display(), .target.display())]
    Dangling { link: PathBuf, target: PathBuf },
    #[error("{0} is not text, and names in a package must be")]
    Name(PathBuf),
}

impl FilesError {
    /// Says what a person can do about it, where that is not the message itself.
    pub fn remedy(&self) -> Option<String> {
        let rid_of = |path: &Path, what| {
            let path = path.display();
            Some(format!("{what} {path}, or name it in {IGNORE_FILE}"))
        };
        match self {
            Self::Dangling { link, .. } => rid_of(link, "remove"),
            Self::Look(path, _) => rid_of(path, "let this user read"),
            Self::Name(path) => rid_of(path, "rename"),
            Self::NotADirectory(_) | Self::Empty(_) | Self::Walk(..) => None,
        }
    }
}

impl PackageFiles {
    /// Lists what belongs into the package of a directory.
    pub fn of_directory(root: &Path) -> Result<Self, FilesError> {
        if !root.is_dir() {
            return Err(FilesError::NotADirectory(root.to_owned()));
        }
        let mut entries = Vec::new();
        for entry in walk(root)? {
            let entry = entry.map_err(|error| FilesError::Walk(root.to_owned(), error))?;
            entries.extend(to_entry(root, &entry)?);
        }
        if entries.is_empty() {
            return Err(FilesError::Empty(root.to_owned()));
        }
        entries.sort();
        Ok(Self {
            root: root.to_owned(),
            entries,
        })
    }

    /// Tells whether there is a file of this name at the top.
    pub fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.name == name)
    }

    /// Reads a file of the package as text; what is not text has none.
    pub fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.root.join(name)).unwrap_or_default()
    }

    /// Returns what changes whenever a file is added, removed or written.
    pub fn fingerprint(&self) -> Vec<(Entry, u64, Option<SystemTime>)> {
        let stamp = |entry: &Entry| {
            let metadata = std::fs::symlink_metadata(self.root.join(&entry.name)).ok();
            let size = metadata.as_ref().map_or(0, std::fs::Metadata::len);
            (
                entry.clone(),
                size,
                metadata.and_then(|metadata| metadata.modified().ok()),
            )
        };
        self.entries.iter().map(stamp).collect()
    }
}

fn walk(root: &Path) -> Result<ignore::Walk, FilesError> {
    let overrides = left_out(root).map_err(|error| FilesError::Walk(root.to_owned(), error))?;
    let mut builder = WalkBuilder::new(root);
    builder
        .standard_filters(false)
        .add_custom_ignore_filename(IGNORE_FILE)
        .overrides(overrides);
    Ok(builder.build())
}

fn left_out(root: &Path) -> Result<Override, ignore::Error> {
    let mut builder = OverrideBuilder::new(root);
    for glob in LEFT_OUT {
        builder.add(glob)?;
    }
    builder.build()
}

fn to_entry(root: &Path, entry: &DirEntry) -> Result<Option<Entry>, FilesError> {
    let path = entry.path();
    let look = |error| FilesError::Look(path.to_owned(), error);
    let kind = match entry.file_type() {
        Some(kind) if kind.is_symlink() => {
            let target = std::fs::read_link(path).map_err(look)?;
            if !path.exists() {
                let link = path.to_owned();
                return Err(FilesError::Dangling { link, target });
            }
            match link(root, path, &target).map_err(look)? {
                Some(kind) => kind,
                None => return Ok(None),
            }
        }
        Some(kind) if kind.is_file() => file(path).map_err(look)?,
        _ => return Ok(None),
    };
    let relative = path
        .strip_prefix(root)
        .expect("the walk stays below its root");
    let name = relative
        .to_str()
        .ok_or_else(|| FilesError::Name(path.to_owned()))?;
    Ok(Some(Entry {
        name: name.to_owned(),
        kind,
    }))
}

fn file(path: &Path) -> io::Result<EntryKind> {
    let mode = std::fs::metadata(path)?.permissions().mode();
    Ok(EntryKind::File {
        executable: mode & 0o111 != 0,
    })
}

/// A link to the inside stays a link. One to a file outside becomes that file, and one to a directory outside is
/// left out: what it points to does not belong to this function.
fn link(root: &Path, path: &Path, target: &Path) -> io::Result<Option<EntryKind>> {
    let (root, resolved) = (root.canonicalize()?, path.canonicalize()?);
    if target.is_relative() && resolved.starts_with(&root) {
        return Ok(target.to_str().map(|target| EntryKind::Link {
            target: target.to_owned(),
        }));
    }
    if resolved.is_file() {
        file(path).map(Some)
    } else {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        directory
    }

    fn names(directory: &tempfile::TempDir) -> Vec<String> {
        let files = PackageFiles::of_directory(directory.path()).unwrap();
        files.entries.into_iter().map(|entry| entry.name).collect()
    }

    #[test]
    fn caches_and_version_control_are_left_out_and_hidden_files_are_not() {
        let directory = directory(&[
            ("app.py", ""),
            (".env", ""),
            (".git/config", ""),
            ("__pycache__/app.pyc", ""),
            ("node_modules/.cache/x", ""),
            ("node_modules/lib/index.js", ""),
        ]);

        assert_eq!(
            names(&directory),
            [".env", "app.py", "node_modules/lib/index.js"]
        );
    }

    #[test]
    fn the_ignore_file_leaves_out_and_takes_back_in() {
        let directory = directory(&[
            (".firelightignore", "*.md\n!KEEP.md\ntests/\n"),
            ("app.py", ""),
            ("README.md", ""),
            ("KEEP.md", ""),
            ("tests/test_app.py", ""),
        ]);

        assert_eq!(names(&directory), ["KEEP.md", "app.py"]);
    }

    #[test]
    fn gitignore_has_no_say() {
        let directory = directory(&[(".gitignore", "build/\n"), ("build/app.js", "")]);

        assert_eq!(names(&directory), [".gitignore", "build/app.js"]);
    }

    #[test]
    fn links_stay_links_inside_and_become_files_when_they_point_out() {
        let outside = directory(&[("shared.txt", "text"), ("more/x", "")]);
        let directory = directory(&[("real.txt", "")]);
        symlink("real.txt", directory.path().join("inside")).unwrap();
        symlink(
            outside.path().join("shared.txt"),
            directory.path().join("out"),
        )
        .unwrap();
        symlink(
            outside.path().join("more"),
            directory.path().join("out-dir"),
        )
        .unwrap();

        let files = PackageFiles::of_directory(directory.path()).unwrap();

        let link = EntryKind::Link {
            target: "real.txt".to_owned(),
        };
        let file = EntryKind::File { executable: false };
        let found: Vec<_> = files.entries.iter().map(|e| (&*e.name, &e.kind)).collect();
        assert_eq!(
            found,
            [("inside", &link), ("out", &file), ("real.txt", &file)]
        );
    }

    #[test]
    fn link_that_points_nowhere_is_refused_with_what_to_do_and_locks_of_editors_are_left_out() {
        let directory = directory(&[("app.py", "")]);
        symlink("user@host.1:2", directory.path().join(".#app.py")).unwrap();
        assert_eq!(names(&directory), ["app.py"]);

        symlink("gone.txt", directory.path().join("link")).unwrap();
        let refused = PackageFiles::of_directory(directory.path()).unwrap_err();

        let link = directory.path().join("link").display().to_string();
        assert_eq!(
            refused.to_string(),
            format!("{link} points to gone.txt, which is not there")
        );
        let remedy = format!("remove {link}, or name it in .firelightignore");
        assert_eq!(refused.remedy(), Some(remedy));
    }

    #[test]
    fn an_empty_directory_is_refused() {
        let directory = directory(&[(".git/config", "")]);

        let error = PackageFiles::of_directory(directory.path()).unwrap_err();

        assert!(matches!(error, FilesError::Empty(_)), "{error}");
    }
}
