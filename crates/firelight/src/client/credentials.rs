//! Whose credentials the commands sign with.

use std::path::Path;

use firelight_api::sigv4::SigningCredentials;

use crate::root_key::{RootKey, RootKeyError};

/// No credentials can be used.
#[derive(Debug, thiserror::Error)]
#[error("could not read the root key of the data directory")]
pub struct CredentialsError(#[from] pub RootKeyError);

/// Returns the credentials of the environment, else the root key, else a pair that `firelight dev` accepts.
pub fn credentials(data_dir: &Path) -> Result<SigningCredentials, CredentialsError> {
    if let Some(credentials) = of_environment(|name| std::env::var(name).ok()) {
        return Ok(credentials);
    }
    Ok(RootKey::load(data_dir)?.map_or_else(of_developer, of_root))
}

fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Option<SigningCredentials> {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    Some(SigningCredentials {
        access_key_id: set("AWS_ACCESS_KEY_ID")?,
        secret_access_key: set("AWS_SECRET_ACCESS_KEY")?,
        session_token: set("AWS_SESSION_TOKEN"),
    })
}

fn of_root(key: RootKey) -> SigningCredentials {
    SigningCredentials {
        access_key_id: key.access_key_id,
        secret_access_key: key.secret_access_key,
        session_token: None,
    }
}

fn of_developer() -> SigningCredentials {
    SigningCredentials {
        access_key_id: "test".to_owned(),
        secret_access_key: "test".to_owned(),
        session_token: None,
    }
}

#[cfg(test)]
mod tests {
    use firelight_model::AccountId;

    use super::*;

    #[test]
    fn half_a_key_in_the_environment_is_none() {
        let half = |name: &str| (name == "AWS_ACCESS_KEY_ID").then(|| "AKIA".to_owned());

        assert!(of_environment(half).is_none());
    }

    #[test]
    fn the_root_key_is_used_where_there_is_one() {
        let directory = tempfile::tempdir().unwrap();
        let key = RootKey::load_or_create(directory.path(), AccountId::DEFAULT).unwrap();

        let of_root = of_root(RootKey::load(directory.path()).unwrap().unwrap());

        assert_eq!(of_root.access_key_id, key.access_key_id);
    }
}
