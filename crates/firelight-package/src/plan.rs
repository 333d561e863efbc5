//! A package as a whole: every entry checked by itself and against all others, before any is made.

use std::io::{Read, Seek};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::entry::Entry;
use crate::path::{EntryPath, NameProblem};
use crate::tree::{Misfit, NodeKind, Tree};

/// The longest target of a symbolic link that the kernel takes.
const MAX_TARGET_BYTES: u64 = 4_095;

/// How much a package may hold when it is unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all files together.
    pub unzipped_bytes: u64,
    /// Files, links and directories together, those counted that are only implied by a path.
    pub names: usize,
}

impl Limits {
    /// Lambda's limit of 250 MiB; and of names, of which Lambda tells no limit, more than any
    /// real package has and few enough not to fill a disk with empty directories.
    pub const LAMBDA: Self = Self {
        unzipped_bytes: 262_144_000,
        names: 200_000,
    };
}

/// What a package was found to hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PackageInfo {
    /// Entries of the archive.
    pub entries: u64,
    /// Bytes of all files together, counted and not declared.
    pub unzipped_bytes: u64,
}

/// Why an archive is refused.
///
/// Lambda knows three answers: [`InvalidPackage::TooLarge`] and [`InvalidPackage::Empty`] have
/// texts of their own, all else "could not be unzipped".
#[derive(Debug, thiserror::Error)]
pub enum InvalidPackage {
    /// Not a zip archive, cut off, damaged, or packed in a way that is not supported.
    #[error("the archive cannot be read")]
    Unreadable(#[source] ZipError),
    /// There is nothing in it.
    #[error("the archive is empty")]
    Empty,
    /// Unpacked it would be larger than allowed.
    #[error("the archive unpacks to more than {limit_bytes} bytes")]
    TooLarge {
        /// What is allowed.
        limit_bytes: u64,
    },
    /// It holds more files and directories than allowed.
    #[error("the archive holds more than {limit} files and directories")]
    TooManyNames {
        /// What is allowed.
        limit: usize,
    },
    /// An entry is encrypted.
    #[error("entry {name:?} is encrypted")]
    Encrypted {
        /// The entry.
        name: String,
    },
    /// An entry's name leads outside or cannot be a file name.
    #[error("the name of entry {name:?} {problem}")]
    UnsafeName {
        /// The entry.
        name: String,
        /// What is wrong with it.
        problem: NameProblem,
    },
    /// An entry is a directory for one and something else for another.
    #[error("entry {name:?} is both a directory and something else")]
    Conflict {
        /// The entry.
        name: String,
    },
    /// An entry is a device, a pipe or a socket.
    #[error("entry {name:?} is neither a file, nor a directory, nor a symbolic link")]
    SpecialFile {
        /// The entry.
        name: String,
    },
    /// A symbolic link leads outside of the package, or nowhere that can be told.
    #[error("the symbolic link {name:?} leads outside of the package")]
    UnsafeLink {
        /// The link.
        name: String,
    },
}

impl From<ZipError> for InvalidPackage {
    fn from(error: ZipError) -> Self {
        Self::Unreadable(error)
    }
}

impl InvalidPackage {
    /// What reading an entry's content reports: the archive lied or is damaged.
    pub(crate) fn content(error: std::io::Error) -> Self {
        Self::Unreadable(ZipError::Io(error))
    }
}

/// A checked package: what to make, in this order.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) directories: Vec<Planned>,
    pub(crate) files: Vec<Planned>,
    pub(crate) links: Vec<PlannedLink>,
}

/// A directory or file to make.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) index: usize,
    pub(crate) path: EntryPath,
    pub(crate) permissions: Option<u32>,
    pub(crate) modified_unix_s: i64,
}

/// A symbolic link to make, after everything else so that nothing is made through it.
#[derive(Debug)]
pub(crate) struct PlannedLink {
    pub(crate) path: EntryPath,
    pub(crate) target: String,
}

impl Plan {
    /// Reads the directory of an archive and checks it.
    pub(crate) fn read<R: Read + Seek>(
        archive: &mut ZipArchive<R>,
        limits: &Limits,
    ) -> Result<Self, InvalidPackage> {
        if archive.is_empty() {
            return Err(InvalidPackage::Empty);
        }
        let mut plan = Self::default();
        let mut tree = Tree::new(limits.names);
        // From the last to the first: what tools unpack in order ends as the last of equal names. The
        // zip crate has done the same for those that are equal to the byte.
        for entry in entries(archive, limits)?.into_iter().rev() {
            plan.add(archive, &mut tree, entry)?;
        }
        plan.restore_order();
        // Only now are all links known, and with them where a link leads that goes through others.
        plan.check_links(&tree)?;
        Ok(plan)
    }

    fn add<R: Read + Seek>(
        &mut self,
        archive: &mut ZipArchive<R>,
        tree: &mut Tree,
        entry: Entry,
    ) -> Result<(), InvalidPackage> {
        let Some(path) = entry.path else {
            return Ok(());
        };
        match tree.add(&path, entry.kind) {
            Ok(()) => {}
            Err(Misfit::Duplicate) => return Ok(()),
            Err(Misfit::Conflict) => {
                let name = path.to_string();
                return Err(InvalidPackage::Conflict { name });
            }
            Err(Misfit::Full) => {
                let limit = tree.limit();
                return Err(InvalidPackage::TooManyNames { limit });
            }
        }
        let planned = Planned {
            index: entry.index,
            path,
            permissions: entry.permissions,
            modified_unix_s: entry.modified_unix_s,
        };
        match entry.kind {
            NodeKind::Directory => self.directories.push(planned),
            NodeKind::File => self.files.push(planned),
            NodeKind::Link => self.links.push(PlannedLink {
                target: read_target(archive, &planned)?,
                path: planned.path,
            }),
        }
        Ok(())
    }

    /// Brings everything into the order of the archive again.
    fn restore_order(&mut self) {
        self.directories.reverse();
        self.files.reverse();
        self.links.reverse();
    }

    fn check_links(&self, tree: &Tree) -> Result<(), InvalidPackage> {
        let escaping = |link: &&PlannedLink| !tree.stays_inside(&link.path, &link.target);
        match self.links.iter().find(escaping) {
            Some(link) => Err(unsafe_link(&link.path)),
            None => Ok(()),
        }
    }
}

/// Reads what the archive declares, within the limit on bytes.
fn entries<R: Read + Seek>(
    archive: &ZipArchive<R>,
    limits: &Limits,
) -> Result<Vec<Entry>, InvalidPackage> {
    let mut declared_bytes = 0_u64;
    let mut entries = Vec::with_capacity(archive.len());
    for index in 0..archive.len() {
        let entry = Entry::read(archive, index)?;
        declared_bytes = declared_bytes.saturating_add(entry.declared_bytes);
        if declared_bytes > limits.unzipped_bytes {
            let limit_bytes = limits.unzipped_bytes;
            return Err(InvalidPackage::TooLarge { limit_bytes });
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn unsafe_link(path: &EntryPath) -> InvalidPackage {
    InvalidPackage::UnsafeLink {
        name: path.to_string(),
    }
}

fn read_target<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    link: &Planned,
) -> Result<String, InvalidPackage> {
    let mut target = String::new();
    archive
        .by_index(link.index)?
        .take(MAX_TARGET_BYTES + 1)
        .read_to_string(&mut target)
        .map_err(InvalidPackage::content)?;
    if target.is_empty() || target.len() as u64 > MAX_TARGET_BYTES {
        return Err(unsafe_link(&link.path));
    }
    Ok(target)
}
