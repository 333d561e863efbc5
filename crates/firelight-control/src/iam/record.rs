//! What IAM stores. The format rules are those of [`crate::records`].

use std::collections::BTreeMap;

use firelight_model::AccountId;
use firelight_store::{Key, Kind};
use serde::{Deserialize, Serialize};

pub(super) const ROLE: Kind<'static> = Kind::new("iam-role");
pub(super) const USER: Kind<'static> = Kind::new("iam-user");
pub(super) const GROUP: Kind<'static> = Kind::new("iam-group");
pub(super) const POLICY: Kind<'static> = Kind::new("iam-policy");
pub(super) const ACCESS_KEY: Kind<'static> = Kind::new("iam-access-key");

/// A role, a user or a group of users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntityKind {
    Role,
    User,
    Group,
}

impl EntityKind {
    pub(super) const ALL: [Self; 3] = [Self::Role, Self::User, Self::Group];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::User => "user",
            Self::Group => "group",
        }
    }

    pub(super) fn record_kind(self) -> Kind<'static> {
        match self {
            Self::Role => ROLE,
            Self::User => USER,
            Self::Group => GROUP,
        }
    }

    /// Returns the name at the head of a sentence, or within the name of a quota.
    pub(super) fn capitalized(self) -> &'static str {
        match self {
            Self::Role => "Role",
            Self::User => "User",
            Self::Group => "Group",
        }
    }

    /// Returns how ids of this kind begin.
    pub(super) fn id_prefix(self) -> &'static str {
        match self {
            Self::Role => "AROA",
            Self::User => "AIDA",
            Self::Group => "AGPA",
        }
    }
}

/// A role, user or group with everything attached to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityRecord {
    pub name: String,
    pub path: String,
    /// `AROA…`, `AIDA…` or `AGPA…`; another one if the name is used again.
    pub id: String,
    pub created_epoch_ms: u64,
    #[serde(default)]
    pub tags: Vec<Tag>,
    #[serde(default)]
    pub inline_policies: BTreeMap<String, String>,
    /// ARNs, in the order in which they were attached.
    #[serde(default)]
    pub attached_policies: Vec<String>,
    #[serde(default)]
    pub boundary: Option<String>,
    /// What only a role has.
    #[serde(default)]
    pub role: Option<RoleDetails>,
    #[serde(default)]
    pub is_group: bool,
    /// The ids of the groups a user is in, which stay when a group is renamed.
    #[serde(default)]
    pub groups: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleDetails {
    pub trust_policy: String,
    #[serde(default)]
    pub description: Option<String>,
    pub max_session_seconds: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    pub key: String,
    pub value: String,
}

/// A customer managed policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRecord {
    pub name: String,
    pub path: String,
    pub id: String,
    pub created_epoch_ms: u64,
    pub updated_epoch_ms: u64,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub tags: Vec<Tag>,
    /// Oldest first.
    pub versions: Vec<PolicyVersionRecord>,
    pub default_version: u32,
    /// The highest number ever given; numbers are not used again.
    pub last_version: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyVersionRecord {
    pub number: u32,
    pub document: String,
    pub created_epoch_ms: u64,
}

/// A long-lived access key of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKeyRecord {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub user_name: String,
    pub active: bool,
    pub created_epoch_ms: u64,
}

impl EntityRecord {
    pub fn kind(&self) -> EntityKind {
        if self.role.is_some() {
            EntityKind::Role
        } else if self.is_group {
            EntityKind::Group
        } else {
            EntityKind::User
        }
    }

    pub fn arn(&self, account: AccountId) -> String {
        format!(
            "arn:aws:iam::{account}:{}{}{}",
            self.kind().as_str(),
            self.path,
            self.name
        )
    }
}

impl PolicyRecord {
    pub fn arn(&self, account: AccountId) -> String {
        format!("arn:aws:iam::{account}:policy{}{}", self.path, self.name)
    }

    pub fn version(&self, number: u32) -> Option<&PolicyVersionRecord> {
        self.versions
            .iter()
            .find(|version| version.number == number)
    }
}

/// Names do not heed case when they are compared, so the key does not either.
pub(super) fn entity_key(account: AccountId, kind: EntityKind, name: &str) -> Key {
    Key::new(account, kind.record_kind(), name.to_ascii_lowercase())
}

pub(super) fn policy_key(account: AccountId, name: &str) -> Key {
    Key::new(account, POLICY, name.to_ascii_lowercase())
}

pub(super) fn access_key_key(account: AccountId, access_key_id: &str) -> Key {
    Key::new(account, ACCESS_KEY, access_key_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The format of the first release must stay readable.
    #[test]
    fn records_of_the_first_release_can_be_read() {
        let role = r#"{"name":"r","path":"/","id":"AROAX","created_epoch_ms":1,
            "role":{"trust_policy":"{}","max_session_seconds":3600},"of_a_later_release":1}"#;
        let policy = r#"{"name":"p","path":"/x/","id":"ANPAX","created_epoch_ms":1,
            "updated_epoch_ms":2,"versions":[{"number":1,"document":"{}","created_epoch_ms":1}],
            "default_version":1,"last_version":1}"#;
        let key = r#"{"access_key_id":"AKIAX","secret_access_key":"s","user_name":"u",
            "active":true,"created_epoch_ms":1}"#;
        let account = "123456789012".parse().unwrap();

        let role: EntityRecord = serde_json::from_str(role).unwrap();
        let policy: PolicyRecord = serde_json::from_str(policy).unwrap();
        let key: AccessKeyRecord = serde_json::from_str(key).unwrap();

        assert_eq!(role.arn(account), "arn:aws:iam::123456789012:role/r");
        assert_eq!(policy.arn(account), "arn:aws:iam::123456789012:policy/x/p");
        assert!(key.active);
    }
}
