//! Unpacks a planned package below a directory.
//!
//! Every path is opened by the kernel with the order not to leave the directory and not to follow
//! a link, so that even a mistake in the plan, or somebody who changes the directory meanwhile,
//! leads nowhere. Links are made last.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{
    CWD, Mode, OFlags, ResolveFlags, Timespec, Timestamps, fchmod, futimens, mkdirat, openat,
    openat2, symlinkat,
};
use rustix::io::Errno;
use zip::ZipArchive;
use zip::extra_fields::ExtraField;
use zip::read::ZipFile;

use crate::budget::Budget;
use crate::path::EntryPath;
use crate::plan::{InvalidPackage, Limits, PackageInfo, Plan, Planned, PlannedLink};

const CHUNK_BYTES: usize = 64 * 1024;
/// Permissions of a file whose archive tells none.
const FILE_PERMISSIONS: u32 = 0o644;
/// Permissions of a directory whose archive tells none, or that is only implied.
const DIRECTORY_PERMISSIONS: u32 = 0o755;

/// What becomes of the permissions in an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileModes {
    /// Kept as they are, as Lambda does: the function cannot read a file that only its owner may.
    AsPacked,
    /// What the owner may read or execute, everybody may.
    Readable,
}

impl FileModes {
    fn apply(self, permissions: u32) -> Mode {
        let of_owner = permissions & 0o500;
        Mode::from_raw_mode(match self {
            Self::AsPacked => permissions,
            Self::Readable => permissions | of_owner >> 3 | of_owner >> 6,
        })
    }
}

/// Why a package was not extracted. What was made of it is left to the caller to remove.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// The package is refused.
    #[error(transparent)]
    Invalid(#[from] InvalidPackage),
    /// The file system failed us.
    #[error("could not make {} of a package", path.display())]
    Write {
        /// What was being made, relative to the package.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

impl ExtractError {
    pub(crate) fn write(path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        Self::Write { path, source }
    }
}

/// Unpacks a package below an empty directory.
///
/// Everything is checked again as it is unpacked. Blocks; call it where blocking is allowed.
///
/// # Errors
/// If the package is refused or the file system fails.
pub fn extract<R: Read + Seek>(
    zip: R,
    into: &Path,
    limits: &Limits,
    modes: FileModes,
) -> Result<PackageInfo, ExtractError> {
    let mut archive = ZipArchive::new(zip).map_err(InvalidPackage::from)?;
    let plan = Plan::read(&mut archive, limits)?;
    let target = Target::open(into, modes)?;
    let mut budget = Budget::new(limits);
    for directory in &plan.directories {
        target.directory(Some(directory.path.as_str()))?;
    }
    for file in &plan.files {
        target.file(&mut archive, file, &mut budget)?;
    }
    for link in &plan.links {
        target.link(link)?;
    }
    // Only now: making something in a directory changes its time and needs its permissions.
    for directory in &plan.directories {
        target.finish_directory(directory)?;
    }
    Ok(PackageInfo {
        entries: archive.len() as u64,
        unzipped_bytes: budget.used_bytes(),
    })
}

/// The directory that is unpacked into.
struct Target {
    root: OwnedFd,
    modes: FileModes,
}

impl Target {
    fn open(root: &Path, modes: FileModes) -> Result<Self, ExtractError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(CWD, root, flags, Mode::empty()).map_err(failed(root))?;
        Ok(Self { root, modes })
    }

    /// Opens a directory of the package, making it and those above it if need be.
    fn directory(&self, path: Option<&str>) -> Result<OwnedFd, ExtractError> {
        let path = path.unwrap_or(".");
        match open_directory(&self.root, path) {
            Err(Errno::NOENT) => self.make_directories(path),
            opened => opened.map_err(failed(path)),
        }
    }

    fn make_directories(&self, path: &str) -> Result<OwnedFd, ExtractError> {
        let mut at = open_directory(&self.root, ".").map_err(failed(path))?;
        for name in path.split('/') {
            at = make_directory(&at, name).map_err(failed(path))?;
        }
        Ok(at)
    }

    fn file<R: Read + Seek>(
        &self,
        archive: &mut ZipArchive<R>,
        planned: &Planned,
        budget: &mut Budget,
    ) -> Result<(), ExtractError> {
        let mut content = archive
            .by_index(planned.index)
            .map_err(InvalidPackage::from)?;
        let mut file = self.create(&planned.path)?;
        let path = planned.path.as_str();
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let read = budget.read(&mut content, &mut chunk)?;
            if read.is_empty() {
                break;
            }
            file.write_all(read)
                .map_err(|source| ExtractError::write(path, source))?;
        }
        let permissions = planned.permissions.unwrap_or(FILE_PERMISSIONS);
        fchmod(&file, self.modes.apply(permissions)).map_err(failed(path))?;
        let modified = exact_time(&content).unwrap_or(planned.modified_unix_s);
        futimens(&file, &at_time(modified)).map_err(failed(path))
    }

    /// Makes a file that must not exist; only we may look at it until its permissions are set.
    fn create(&self, path: &EntryPath) -> Result<File, ExtractError> {
        let (directory, name) = path.split();
        let directory = self.directory(directory)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        openat2(directory, name, flags, mode, inside())
            .map(File::from)
            .map_err(failed(path.as_str()))
    }

    fn link(&self, link: &PlannedLink) -> Result<(), ExtractError> {
        let (directory, name) = link.path.split();
        let directory = self.directory(directory)?;
        symlinkat(&link.target, directory, name).map_err(failed(link.path.as_str()))
    }

    fn finish_directory(&self, planned: &Planned) -> Result<(), ExtractError> {
        let path = planned.path.as_str();
        let directory = self.directory(Some(path))?;
        futimens(&directory, &at_time(planned.modified_unix_s)).map_err(failed(path))?;
        let permissions = planned.permissions.unwrap_or(DIRECTORY_PERMISSIONS);
        fchmod(&directory, self.modes.apply(permissions)).map_err(failed(path))
    }
}

/// Never out of the directory, never through a link.
fn inside() -> ResolveFlags {
    ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS
}

fn open_directory(at: impl AsFd, path: &str) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat2(at, path, flags, Mode::empty(), inside())
}

/// Makes and opens a directory, or opens the one that is there.
fn make_directory(at: &OwnedFd, name: &str) -> rustix::io::Result<OwnedFd> {
    match mkdirat(at, name, Mode::RWXU) {
        Ok(()) => {
            let directory = open_directory(at, name)?;
            // The mask of the process must not decide what functions may read.
            fchmod(&directory, Mode::from_raw_mode(DIRECTORY_PERMISSIONS))?;
            Ok(directory)
        }
        Err(Errno::EXIST) => open_directory(at, name),
        Err(error) => Err(error),
    }
}

/// The time to the second and in UTC, which many tools add beside the format's own.
///
/// Python compares it with the time in a compiled file and compiles anew when they differ.
fn exact_time<R: Read>(content: &ZipFile<'_, R>) -> Option<i64> {
    content.extra_data_fields().find_map(|field| match field {
        ExtraField::ExtendedTimestamp(times) => times.mod_time().map(i64::from),
        _ => None,
    })
}

fn at_time(unix_s: i64) -> Timestamps {
    let time = Timespec {
        tv_sec: unix_s,
        tv_nsec: 0,
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

fn failed(path: impl Into<PathBuf>) -> impl FnOnce(Errno) -> ExtractError {
    move |errno| ExtractError::write(path, errno.into())
}
