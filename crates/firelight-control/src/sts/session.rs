//! Temporary credentials that prove themselves.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use firelight_model::AccountId;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::{Caller, Identity};

const TAG_BYTES: usize = 32;
/// Temporary access keys begin so; long-lived ones begin `AKIA`.
const KEY_ID_PREFIX: &str = "ASIA";

/// The secret of the installation that seals sessions.
#[derive(Clone)]
pub struct SessionKey([u8; 32]);

/// A session: who it acts as, until when, and within which further limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    #[serde(rename = "a")]
    account: String,
    #[serde(rename = "i")]
    identity: SealedIdentity,
    #[serde(rename = "e")]
    pub expires_epoch_seconds: i64,
    #[serde(rename = "p", default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    source_function: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum SealedIdentity {
    #[serde(rename = "o")]
    Root,
    #[serde(rename = "u")]
    User {
        name: String,
        path: String,
        id: String,
    },
    #[serde(rename = "r")]
    Role {
        name: String,
        id: String,
        session: String,
    },
}

/// An access key of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemporaryCredentials {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: String,
    pub expires_epoch_seconds: i64,
}

/// The token is no session of ours, or was one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenSessionError {
    #[error("the session token is not genuine")]
    Invalid,
    #[error("the session has expired")]
    Expired,
}

impl Session {
    /// Makes a session of an identity; nobody has none.
    pub fn new(caller: &Caller, expires_epoch_seconds: i64) -> Option<Self> {
        let identity = match caller.identity.clone() {
            Identity::Anonymous => return None,
            Identity::Root => SealedIdentity::Root,
            Identity::User { name, path, id } => SealedIdentity::User { name, path, id },
            Identity::AssumedRole {
                role_name,
                role_id,
                session_name,
            } => SealedIdentity::Role {
                name: role_name,
                id: role_id,
                session: session_name,
            },
        };
        let account = caller.account.to_string();
        let policies = caller.session_policies.clone();
        let source_function = caller.source_function.clone();
        Some(Self {
            account,
            identity,
            expires_epoch_seconds,
            policies,
            source_function,
        })
    }

    /// Makes a session that has expired already.
    pub(super) fn nobody(account: AccountId) -> Self {
        let account = account.to_string();
        let identity = SealedIdentity::Root;
        Self {
            account,
            identity,
            expires_epoch_seconds: 0,
            policies: Vec::new(),
            source_function: None,
        }
    }

    fn into_caller(self, access_key_id: &str) -> Option<Caller> {
        let account: AccountId = self.account.parse().ok()?;
        let identity = match self.identity {
            SealedIdentity::Root => Identity::Root,
            SealedIdentity::User { name, path, id } => Identity::User { name, path, id },
            SealedIdentity::Role { name, id, session } => Identity::AssumedRole {
                role_name: name,
                role_id: id,
                session_name: session,
            },
        };
        let access_key_id = access_key_id.to_owned();
        Some(Caller {
            account,
            identity,
            access_key_id,
            source_function: self.source_function,
            session_policies: self.policies,
        })
    }
}

impl SessionKey {
    /// Takes the 32 random bytes of the installation.
    pub fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// Makes credentials that act as `session`; `random` makes their key id unique.
    pub fn seal(&self, session: &Session, random: [u8; 10]) -> TemporaryCredentials {
        let access_key_id = format!("{KEY_ID_PREFIX}{}", base32(random));
        let body = serde_json::to_vec(session).expect("a session is plain data");
        let mut token = self.tag(&access_key_id, &body).to_vec();
        token.extend_from_slice(&body);
        TemporaryCredentials {
            secret_access_key: self.secret_of(&access_key_id),
            session_token: STANDARD.encode(token),
            access_key_id,
            expires_epoch_seconds: session.expires_epoch_seconds,
        }
    }

    /// Returns who holds a temporary key, and its secret, if the token is genuine.
    pub fn open(
        &self,
        access_key_id: &str,
        session_token: &str,
        now_epoch_seconds: i64,
    ) -> Result<(Caller, String), OpenSessionError> {
        let token = STANDARD
            .decode(session_token)
            .map_err(|_| OpenSessionError::Invalid)?;
        let (tag, body) = token
            .split_at_checked(TAG_BYTES)
            .ok_or(OpenSessionError::Invalid)?;
        let mut mac = self.mac(access_key_id, "token");
        mac.update(body);
        mac.verify_slice(tag)
            .map_err(|_| OpenSessionError::Invalid)?;
        let session: Session =
            serde_json::from_slice(body).map_err(|_| OpenSessionError::Invalid)?;
        if session.expires_epoch_seconds <= now_epoch_seconds {
            return Err(OpenSessionError::Expired);
        }
        let caller = session
            .into_caller(access_key_id)
            .ok_or(OpenSessionError::Invalid)?;
        Ok((caller, self.secret_of(access_key_id)))
    }

    /// Returns a secret for a purpose of the installation's own, such as signing download URLs.
    pub fn secret_of(&self, access_key_id: &str) -> String {
        let digest = self.mac(access_key_id, "secret").finalize().into_bytes();
        let mut text = STANDARD.encode(digest);
        text.truncate(40);
        text
    }

    fn tag(&self, access_key_id: &str, body: &[u8]) -> [u8; TAG_BYTES] {
        let mut mac = self.mac(access_key_id, "token");
        mac.update(body);
        mac.finalize().into_bytes().into()
    }

    /// The purpose is part of what is hashed, so a tag is never taken for a secret.
    fn mac(&self, access_key_id: &str, purpose: &str) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of every length");
        mac.update(purpose.as_bytes());
        mac.update(b"\0");
        mac.update(access_key_id.as_bytes());
        mac.update(b"\0");
        mac
    }
}

/// Writes 80 bits as the 16 letters and digits that AWS's ids are made of.
pub(crate) fn base32(bytes: [u8; 10]) -> String {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits = bytes
        .iter()
        .fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    (0..16)
        .rev()
        .map(|index| char::from(DIGITS[(bits >> (index * 5) & 31) as usize]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role_session() -> Session {
        let caller = Caller {
            account: "123456789012".parse().unwrap(),
            identity: Identity::AssumedRole {
                role_name: "app".into(),
                role_id: "AROAEXAMPLE".into(),
                session_name: "one".into(),
            },
            access_key_id: String::new(),
            source_function: Some("arn:f".into()),
            session_policies: vec!["{}".into()],
        };
        Session::new(&caller, 1_000).unwrap()
    }

    #[test]
    fn sealed_session_opens_to_the_same_identity_until_it_expires() {
        let key = SessionKey::new([7; 32]);
        let sealed = key.seal(&role_session(), [1; 10]);

        let open = |now| key.open(&sealed.access_key_id, &sealed.session_token, now);

        let (caller, secret) = open(999).unwrap();
        assert_eq!(
            caller.arn(),
            "arn:aws:sts::123456789012:assumed-role/app/one"
        );
        assert_eq!(caller.user_id(), "AROAEXAMPLE:one");
        assert_eq!(caller.session_policies, ["{}"]);
        assert_eq!(caller.source_function.as_deref(), Some("arn:f"));
        assert_eq!(secret, sealed.secret_access_key);
        assert_eq!(open(1_000), Err(OpenSessionError::Expired));
    }

    #[test]
    fn token_fits_only_its_own_key_id_and_installation() {
        let sealed = SessionKey::new([7; 32]).seal(&role_session(), [1; 10]);
        let open = |secret, id: &str, token: &str| SessionKey::new(secret).open(id, token, 0);

        let (id, token) = (&sealed.access_key_id, &sealed.session_token);
        assert_eq!(open([8; 32], id, token), Err(OpenSessionError::Invalid));
        assert_eq!(
            open([7; 32], "ASIAOTHER", token),
            Err(OpenSessionError::Invalid)
        );
        assert_eq!(
            open([7; 32], id, &token[4..]),
            Err(OpenSessionError::Invalid)
        );
        assert_eq!(open([7; 32], id, ""), Err(OpenSessionError::Invalid));
    }

    #[test]
    fn key_ids_are_sixteen_letters_and_digits_behind_their_prefix() {
        assert_eq!(base32([0; 10]), "AAAAAAAAAAAAAAAA");
        assert_eq!(base32([255; 10]), "7777777777777777");
    }
}
