//! The directory where one daemon keeps everything, and the lock that keeps it to one daemon.
//!
//! ```text
//!  DATA/lock              held as long as the daemon lives; names its process
//!  DATA/records.sqlite3   records and their feed
//!  DATA/queue.sqlite3     asynchronous events
//!  DATA/logs.sqlite3      log events
//!  DATA/usage.sqlite3     what functions used
//!  DATA/blobs/            content by SHA-256
//!  DATA/cache/            can be made again; may be deleted while no daemon runs
//! ```

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A data directory that this process owns until the value is dropped.
#[derive(Debug)]
pub struct DataDir {
    root: PathBuf,
    _lock: File,
}

/// Why a data directory could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum OpenDataDirError {
    /// It could not be created.
    #[error("could not create the data directory {}", root.display())]
    Create {
        /// The directory.
        root: PathBuf,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
    /// Another daemon uses it.
    #[error("the data directory {} is in use by {}", root.display(), describe(holder))]
    InUse {
        /// The directory.
        root: PathBuf,
        /// The process id of the other daemon, as far as it can be read.
        holder: Option<u32>,
    },
    /// Its lock file could not be opened or written.
    #[error("could not lock the data directory {}", root.display())]
    Lock {
        /// The directory.
        root: PathBuf,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
}

fn describe(holder: &Option<u32>) -> String {
    match holder {
        Some(pid) => format!("process {pid}"),
        None => "another process".to_owned(),
    }
}

impl DataDir {
    /// Creates the directory if need be and takes it for this process.
    ///
    /// # Errors
    /// If another daemon has it, or the file system refuses.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, OpenDataDirError> {
        let root = root.into();
        create(&root).map_err(|source| OpenDataDirError::Create {
            root: root.clone(),
            source,
        })?;
        let lock = lock(&root)?;
        Ok(Self { root, _lock: lock })
    }

    /// The directory itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The database of records.
    #[must_use]
    pub fn records_file(&self) -> PathBuf {
        self.root.join("records.sqlite3")
    }

    /// The database of the queue.
    #[must_use]
    pub fn queue_file(&self) -> PathBuf {
        self.root.join("queue.sqlite3")
    }

    /// The database of log events.
    #[must_use]
    pub fn logs_file(&self) -> PathBuf {
        self.root.join("logs.sqlite3")
    }

    /// The database of usage.
    #[must_use]
    pub fn usage_file(&self) -> PathBuf {
        self.root.join("usage.sqlite3")
    }

    /// The directory of blobs.
    #[must_use]
    pub fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    /// The directory of what can be made again.
    #[must_use]
    pub fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }
}

/// Only the owner may look inside: code, logs and keys of every account lie here.
fn create(root: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(root)
}

fn lock(root: &Path) -> Result<File, OpenDataDirError> {
    let failed = |source| OpenDataDirError::Lock {
        root: root.to_owned(),
        source,
    };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(root.join("lock"))
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let holder = read_pid(&mut file);
            let root = root.to_owned();
            return Err(OpenDataDirError::InUse { root, holder });
        }
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    write_pid(&mut file).map_err(failed)?;
    Ok(file)
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_daemon_is_told_which_process_has_the_directory() {
        let temporary = tempfile::tempdir().unwrap();
        let root = temporary.path().join("data");
        let _first = DataDir::open(&root).unwrap();

        let refused = DataDir::open(&root).unwrap_err();

        let expected = format!(
            "the data directory {} is in use by process {}",
            root.display(),
            std::process::id()
        );
        assert_eq!(refused.to_string(), expected);
    }

    #[test]
    fn a_directory_that_was_given_up_can_be_taken_again() {
        let temporary = tempfile::tempdir().unwrap();
        drop(DataDir::open(temporary.path()).unwrap());

        DataDir::open(temporary.path()).unwrap();
    }
}
