//! The root key: the credentials `firelight serve` makes on its first start.
//!
//! It lies in the data directory as `root-key.json`, readable by its owner alone. It is written under another name
//! and linked into place, so that a crash leaves either none or a whole one, and two daemons agree on one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use firelight_model::AccountId;
use serde::{Deserialize, Serialize};

/// The name of the file in the data directory.
pub const FILE: &str = "root-key.json";
/// AWS's own alphabet of access key ids.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The credentials of the account's root.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootKey {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub account: String,
}

/// Never shows the secret: configurations end up in logs.
impl std::fmt::Debug for RootKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RootKey")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// The root key could not be read or made.
#[derive(Debug, thiserror::Error)]
pub enum RootKeyError {
    #[error("could not {step} {path}")]
    Io {
        step: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{path} is not a root key")]
    Malformed {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
}

impl RootKey {
    /// Reads the key of a data directory; `None` before the first start of `firelight serve`.
    pub fn load(data_dir: &Path) -> Result<Option<Self>, RootKeyError> {
        let path = data_dir.join(FILE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(RootKeyError::Io {
                    step: "read",
                    path,
                    source,
                });
            }
        };
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|source| RootKeyError::Malformed { path, source })
    }

    /// Reads the key of a data directory, making it first if there is none.
    pub fn load_or_create(data_dir: &Path, account: AccountId) -> Result<Self, RootKeyError> {
        if let Some(key) = Self::load(data_dir)? {
            return Ok(key);
        }
        let key = Self::generate(account).map_err(|source| RootKeyError::Io {
            step: "read random bytes from",
            path: PathBuf::from("/dev/urandom"),
            source,
        })?;
        match key.publish(data_dir) {
            // Another daemon was quicker: its key is the one.
            Err(RootKeyError::Io { source, .. })
                if source.kind() == io::ErrorKind::AlreadyExists =>
            {
                Self::load_or_create(data_dir, account)
            }
            published => published.map(|()| key),
        }
    }

    fn generate(account: AccountId) -> io::Result<Self> {
        let mut random = [0; 46];
        File::open("/dev/urandom")?.read_exact(&mut random)?;
        let (id, secret) = random.split_at(16);
        let id = id
            .iter()
            .map(|byte| char::from(BASE32[usize::from(byte % 32)]));
        Ok(Self {
            access_key_id: "AKIA".chars().chain(id).collect(),
            secret_access_key: base64::Engine::encode(
                &base64::engine::general_purpose::STANDARD,
                secret,
            ),
            account: account.to_string(),
        })
    }

    fn publish(&self, data_dir: &Path) -> Result<(), RootKeyError> {
        let path = data_dir.join(FILE);
        let temporary = data_dir.join(format!("{FILE}.{}", self.access_key_id));
        let text = serde_json::to_vec_pretty(self).expect("three strings are always JSON");
        let published = write_private(&temporary, &text)
            .and_then(|()| fs::hard_link(&temporary, &path))
            .and_then(|()| File::open(data_dir)?.sync_all());
        let removed = fs::remove_file(&temporary);
        published.and(removed).map_err(|source| RootKeyError::Io {
            step: "write",
            path,
            source,
        })
    }
}

fn write_private(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_first_start_makes_a_key_that_later_starts_find() {
        let directory = tempfile::tempdir().unwrap();

        let before = RootKey::load(directory.path()).unwrap();
        let first = RootKey::load_or_create(directory.path(), AccountId::DEFAULT).unwrap();
        let second = RootKey::load_or_create(directory.path(), AccountId::DEFAULT).unwrap();

        assert_eq!(before, None);
        assert_eq!(first, second);
        assert_eq!(
            (first.access_key_id.len(), first.secret_access_key.len()),
            (20, 40)
        );
    }

    #[test]
    fn only_the_owner_reads_the_key_and_nothing_else_is_left() {
        let directory = tempfile::tempdir().unwrap();

        RootKey::load_or_create(directory.path(), AccountId::DEFAULT).unwrap();

        let mode = fs::metadata(directory.path().join(FILE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_malformed_key_is_an_error_and_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE), "{}").unwrap();

        let error = RootKey::load_or_create(directory.path(), AccountId::DEFAULT).unwrap_err();

        assert!(matches!(error, RootKeyError::Malformed { .. }), "{error}");
    }

    #[test]
    fn the_secret_is_never_shown() {
        let key = RootKey::generate(AccountId::DEFAULT).unwrap();

        assert!(!format!("{key:?}").contains(&key.secret_access_key));
    }
}
