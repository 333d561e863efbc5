//! The secret that seals sessions: made once, kept with the data, so that credentials outlive a restart.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use firelight_control::sts::SessionKey;

const FILE: &str = "session-key";

/// Reads the secret, making it first if there is none. Only the holder of the data directory calls this.
pub fn session_key(data_dir: &Path) -> io::Result<SessionKey> {
    let path = data_dir.join(FILE);
    match fs::read(&path) {
        Ok(bytes) => {
            let secret = <[u8; 32]>::try_from(bytes.as_slice());
            secret
                .map(SessionKey::new)
                .map_err(|_| io::ErrorKind::InvalidData.into())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(data_dir),
        Err(error) => Err(error),
    }
}

fn create(data_dir: &Path) -> io::Result<SessionKey> {
    let secret: [u8; 32] = rand::random();
    let temporary = data_dir.join(format!("{FILE}.new"));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(&secret)?;
    file.sync_all()?;
    fs::rename(&temporary, data_dir.join(FILE))?;
    File::open(data_dir)?.sync_all()?;
    Ok(SessionKey::new(secret))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_secret_is_made_once_and_only_its_owner_reads_it() {
        let directory = tempfile::tempdir().unwrap();

        session_key(directory.path()).unwrap();
        let first = fs::read(directory.path().join(FILE)).unwrap();
        session_key(directory.path()).unwrap();

        assert_eq!(fs::read(directory.path().join(FILE)).unwrap(), first);
        let mode = fs::metadata(directory.path().join(FILE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_secret_is_an_error_and_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE), "short").unwrap();

        assert!(session_key(directory.path()).is_err());
    }
}
