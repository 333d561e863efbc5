//! The book of access keys: which secret belongs to a key id, and who holds it.

use std::sync::Arc;

use firelight_model::AccountId;

use super::{Caller, OpenSessionError, SessionKey};

/// The key of an account itself, from the configuration.
#[derive(Clone)]
pub struct RootKey {
    pub account: AccountId,
    pub access_key_id: String,
    pub secret_access_key: String,
}

/// Who holds a key, and the secret they must have signed with.
#[derive(Clone)]
pub struct Holder {
    pub caller: Caller,
    pub secret_access_key: String,
}

/// The key is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookUpError {
    #[error("no such access key")]
    Unknown,
    #[error(transparent)]
    Session(#[from] OpenSessionError),
}

/// Finds the holder of a long-lived key that is kept as a record.
pub trait UserKeys: Send + Sync + 'static {
    fn holder(&self, access_key_id: &str) -> Option<Holder>;
}

/// All access keys that are good now. Cheap to clone.
#[derive(Clone)]
pub struct CredentialBook {
    roots: Arc<[RootKey]>,
    sessions: SessionKey,
    users: Arc<dyn UserKeys>,
}

impl CredentialBook {
    pub fn new(roots: Vec<RootKey>, sessions: SessionKey, users: Arc<dyn UserKeys>) -> Self {
        Self {
            roots: roots.into(),
            sessions,
            users,
        }
    }

    /// Returns the key that seals sessions.
    pub fn sessions(&self) -> &SessionKey {
        &self.sessions
    }

    /// Finds who holds a key; a key of a session is known by its token alone.
    pub fn look_up(
        &self,
        access_key_id: &str,
        session_token: Option<&str>,
        now_epoch_seconds: i64,
    ) -> Result<Holder, LookUpError> {
        if let Some(token) = session_token {
            let (caller, secret_access_key) =
                self.sessions
                    .open(access_key_id, token, now_epoch_seconds)?;
            return Ok(Holder {
                caller,
                secret_access_key,
            });
        }
        let root = self
            .roots
            .iter()
            .find(|root| root.access_key_id == access_key_id);
        let holder = root
            .map(Holder::root)
            .or_else(|| self.users.holder(access_key_id));
        holder.ok_or(LookUpError::Unknown)
    }
}

impl Holder {
    fn root(key: &RootKey) -> Self {
        Self {
            caller: Caller::root(key.account, key.access_key_id.clone()),
            secret_access_key: key.secret_access_key.clone(),
        }
    }
}
