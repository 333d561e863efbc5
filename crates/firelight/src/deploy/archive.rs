//! The zip: equal files give equal bytes, on any machine and at any time.
//!
//! Entries come in the order of their names, all with one fixed time, and with one of two modes. The mode keeps
//! what matters, the executable bit, and not what a umask happened to be; files are readable by the function's
//! own user.

use std::io::{self, Cursor, Write};
use std::path::PathBuf;

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::files::{Entry, EntryKind, PackageFiles};

/// A package could not be zipped.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("could not read {0}")]
    Read(PathBuf, #[source] io::Error),
    #[error("could not zip {0}")]
    Zip(String, #[source] ZipError),
}

/// Zips the files of a package.
pub fn zip(files: &PackageFiles) -> Result<Vec<u8>, ArchiveError> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for entry in &files.entries {
        add(&mut writer, files, entry)?;
    }
    let zip = writer
        .finish()
        .map_err(|error| ArchiveError::Zip("the end".to_owned(), error))?;
    Ok(zip.into_inner())
}

fn add(
    writer: &mut ZipWriter<Cursor<Vec<u8>>>,
    files: &PackageFiles,
    entry: &Entry,
) -> Result<(), ArchiveError> {
    let failed = |error| ArchiveError::Zip(entry.name.clone(), error);
    match &entry.kind {
        EntryKind::Link { target } => writer
            .add_symlink(&*entry.name, &**target, options(0o777))
            .map_err(failed),
        EntryKind::File { executable } => {
            let path = files.root.join(&entry.name);
            let content = std::fs::read(&path).map_err(|error| ArchiveError::Read(path, error))?;
            let mode = if *executable { 0o755 } else { 0o644 };
            writer
                .start_file(&*entry.name, options(mode))
                .map_err(failed)?;
            writer
                .write_all(&content)
                .map_err(|error| failed(error.into()))
        }
    }
}

fn options(mode: u32) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(mode)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;

    fn zipped(root: &Path) -> Vec<u8> {
        super::zip(&PackageFiles::of_directory(root).unwrap()).unwrap()
    }

    #[test]
    fn equal_files_give_equal_bytes_whatever_their_times_and_umask() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (directory, names, mode) in [
            (&first, ["a.py", "b.py"], 0o600),
            (&second, ["b.py", "a.py"], 0o664),
        ] {
            for name in names {
                let path = directory.path().join(name);
                fs::write(&path, name).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            }
        }
        let earlier = fs::File::options()
            .write(true)
            .open(first.path().join("a.py"))
            .unwrap();
        earlier.set_modified(std::time::UNIX_EPOCH).unwrap();

        assert_eq!(zipped(first.path()), zipped(second.path()));
    }

    #[test]
    fn the_executable_bit_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bootstrap");
        fs::write(&path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();

        let mut archive = zip::ZipArchive::new(Cursor::new(zipped(directory.path()))).unwrap();

        assert_eq!(
            archive.by_name("bootstrap").unwrap().unix_mode(),
            Some(0o100_755)
        );
    }
}
