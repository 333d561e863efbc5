//! Opens host directories and files that a sandbox may be shown: only below the places named at the start.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags};

/// Which places are followed where they are links.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Links {
    /// For a launcher with more rights than the daemon, which owns the directories where it keeps code: a link there
    /// could lead anywhere at the next start.
    OfRootOnly,
    Any,
}

/// The allowed places, held open so that renaming them later moves nothing else into reach.
pub(super) struct Sources {
    places: Vec<(PathBuf, OwnedFd)>,
}

impl Sources {
    /// Opens the places; one that does not exist allows nothing.
    pub(super) fn open(allowed: &[PathBuf], links: Links) -> Self {
        let open = |path: &PathBuf| {
            let fd = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
            if links == Links::OfRootOnly && is_link_of_another(path) {
                return None;
            }
            Some((path.clone(), fd))
        };
        Self {
            places: allowed.iter().filter_map(open).collect(),
        }
    }

    /// Opens `path` if it lies below an allowed place, and no symbolic link on the way leads out of it.
    pub(super) fn find(&self, path: &Path) -> io::Result<OwnedFd> {
        let mut outcome = io::Error::from(io::ErrorKind::PermissionDenied);
        for (place, fd) in &self.places {
            let Ok(rest) = path.strip_prefix(place) else {
                continue;
            };
            let found = match replacement(place, fd) {
                Ok(Some(anew)) => open_beneath(&anew, rest),
                Ok(None) => open_beneath(fd, rest),
                Err(error) => Err(error),
            };
            match found {
                Ok(found) => return Ok(found),
                Err(error) => outcome = error.into(),
            }
        }
        Err(outcome)
    }
}

fn is_link_of_another(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    path.symlink_metadata()
        .is_ok_and(|found| found.is_symlink() && found.uid() != 0)
}

/// Opens a place anew if what was there at the start is deleted: the host's own software does that (each `ldconfig`
/// puts a new `/etc/ld.so.cache` there), and a deleted file cannot be mounted.
fn replacement(place: &Path, fd: &OwnedFd) -> rustix::io::Result<Option<OwnedFd>> {
    if rustix::fs::fstat(fd)?.st_nlink > 0 {
        return Ok(None);
    }
    let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    rustix::fs::open(place, flags, Mode::empty()).map(Some)
}

fn open_beneath(place: &OwnedFd, rest: &Path) -> rustix::io::Result<OwnedFd> {
    if rest.as_os_str().is_empty() {
        return rustix::io::fcntl_dupfd_cloexec(place, 0);
    }
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    rustix::fs::openat2(place, rest, flags, Mode::empty(), resolve)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_the_host_replaced_is_found_as_it_is_now() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ld.so.cache");
        std::fs::write(&file, "old").unwrap();
        let sources = Sources::open(std::slice::from_ref(&file), Links::Any);
        std::fs::write(dir.path().join("new"), "newer").unwrap();

        std::fs::rename(dir.path().join("new"), &file).unwrap();

        let found = sources.find(&file).unwrap();
        assert_eq!(rustix::fs::fstat(&found).unwrap().st_size, 5);
        assert_eq!(rustix::fs::fstat(&found).unwrap().st_nlink, 1);
    }

    #[test]
    fn a_file_that_is_gone_is_not_found() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ld.so.cache");
        std::fs::write(&file, "old").unwrap();
        let sources = Sources::open(std::slice::from_ref(&file), Links::Any);

        std::fs::remove_file(&file).unwrap();

        assert!(sources.find(&file).is_err());
    }

    #[test]
    fn a_symbolic_link_out_of_the_allowed_place_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc", dir.path().join("out")).unwrap();
        std::fs::create_dir(dir.path().join("code")).unwrap();
        let sources = Sources::open(&[dir.path().to_owned()], Links::Any);

        assert!(sources.find(&dir.path().join("code")).is_ok());
        assert!(sources.find(&dir.path().join("out/passwd")).is_err());
        assert!(sources.find(&dir.path().join("code/../../etc")).is_err());
        assert!(sources.find(Path::new("/etc")).is_err());
    }

    #[test]
    fn a_place_that_another_user_made_a_link_is_refused_where_that_gains_him_something() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("cache");
        std::os::unix::fs::symlink("/etc", &place).unwrap();
        // Where this is not root, the link is somebody else's already.
        let _ = std::os::unix::fs::lchown(&place, Some(65534), Some(65534));
        let find = |links| Sources::open(std::slice::from_ref(&place), links).find(&place);

        assert!(find(Links::Any).is_ok());
        assert!(find(Links::OfRootOnly).is_err());
    }
}
