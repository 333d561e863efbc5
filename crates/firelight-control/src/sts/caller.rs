//! The identity behind a request.

use firelight_iam::Principal;
use firelight_model::AccountId;

/// Who sent a request, as far as it was proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub account: AccountId,
    pub identity: Identity,
    /// The access key that was used; empty for an unsigned request.
    pub access_key_id: String,
    /// The function whose code asks, if the credentials were made for one.
    pub source_function: Option<String>,
    /// Documents that narrow what the session may do, given when it was made.
    pub session_policies: Vec<String>,
}

/// The kinds of identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// Nobody: the request was not signed and need not be.
    Anonymous,
    /// The account itself.
    Root,
    User {
        name: String,
        path: String,
        id: String,
    },
    /// A session of a role.
    AssumedRole {
        role_name: String,
        role_id: String,
        session_name: String,
    },
}

impl Caller {
    /// Makes the caller that is an account itself.
    pub fn root(account: AccountId, access_key_id: impl Into<String>) -> Self {
        Self {
            account,
            identity: Identity::Root,
            access_key_id: access_key_id.into(),
            source_function: None,
            session_policies: Vec::new(),
        }
    }

    /// Returns the ARN that policies and error texts name.
    pub fn arn(&self) -> String {
        let account = self.account;
        match &self.identity {
            Identity::Anonymous => "anonymous".to_owned(),
            Identity::Root => format!("arn:aws:iam::{account}:root"),
            Identity::User { name, path, .. } => format!("arn:aws:iam::{account}:user{path}{name}"),
            Identity::AssumedRole {
                role_name,
                session_name,
                ..
            } => {
                format!("arn:aws:sts::{account}:assumed-role/{role_name}/{session_name}")
            }
        }
    }

    /// Returns the `UserId` of GetCallerIdentity.
    pub fn user_id(&self) -> String {
        match &self.identity {
            Identity::Anonymous => "anonymous".to_owned(),
            Identity::Root => self.account.to_string(),
            Identity::User { id, .. } => id.clone(),
            Identity::AssumedRole {
                role_id,
                session_name,
                ..
            } => {
                format!("{role_id}:{session_name}")
            }
        }
    }

    /// Returns the caller as policies know it.
    pub fn principal(&self) -> Principal {
        let account = self.account.to_string();
        match &self.identity {
            Identity::Anonymous => Principal::Anonymous,
            Identity::Root => Principal::Root { account },
            Identity::User { .. } => Principal::User {
                account,
                arn: self.arn(),
            },
            Identity::AssumedRole { role_name, .. } => Principal::RoleSession {
                role_arn: format!("arn:aws:iam::{account}:role/{role_name}"),
                session_arn: self.arn(),
                account,
            },
        }
    }
}
