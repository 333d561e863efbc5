//! IAM: roles, users, their access keys, groups, policies, and what is attached to whom.
//!
//! ```text
//!  operation ──► read record ──► decide ──► commit if unchanged ──(changed meanwhile)──► again
//!                                               │
//!                              feed ──► IamView ◄┘ waited for, so callers read their own writes
//! ```
//!
//! Roles, users and groups are one kind of thing here, an entity: all have inline and attached
//! policies, roles and users tags and a boundary, too. A user knows its groups by their ids. Questions on the path of a request are answered by the view, without the
//! store.
//!
//! Deliberately absent: instance profiles, and any decision whether something is allowed.

mod access_keys;
mod applicable;
mod attach;
mod commit;
mod entities;
mod error;
mod groups;
mod inline;
mod managed;
mod names;
mod policies;
mod record;
mod tags;
mod view;

use std::sync::Arc;

use firelight_model::WallTime;
use firelight_store::{ReadError, Store};

use crate::erased::Records;

pub use access_keys::NewAccessKey;
pub use applicable::CallerPolicies;
pub use entities::{CreateRole, CreateUser};
pub use error::{DeleteConflict, IamError};
pub use managed::{AwsManaged, aws_managed_policies};
pub use policies::{CreatePolicy, ManagedPolicy, SetAsDefault, version_number};
pub use record::{
    AccessKeyRecord, EntityKind, EntityRecord, PolicyRecord, PolicyVersionRecord, RoleDetails, Tag,
};
pub use view::IamView;

/// The IAM operations. Cheap to clone.
#[derive(Clone)]
pub struct Iam {
    store: Arc<dyn Records>,
    outside: Arc<Sources>,
    view: IamView,
    _follower: Arc<FollowerTask>,
}

impl Iam {
    /// Loads what is stored and follows it from then on.
    pub async fn start(store: impl Store, outside: Arc<Sources>) -> Result<Self, ReadError> {
        let store: Arc<dyn Records> = Arc::new(store);
        let (view, follower) = IamView::load(Arc::clone(&store)).await?;
        let task = tokio::spawn(follower.run());
        Ok(Self {
            store,
            outside,
            view,
            _follower: Arc::new(FollowerTask(task)),
        })
    }

    /// Returns everything of IAM in memory.
    pub fn view(&self) -> &IamView {
        &self.view
    }

    fn now_ms(&self) -> u64 {
        (self.outside.now)().epoch_ms()
    }

    fn random(&self) -> [u8; 16] {
        (self.outside.random)()
    }

    /// Makes the id of an access key, which is never given twice.
    fn access_key_id(&self) -> String {
        letters("AKIA", self.random())
    }

    /// Makes an id such as `AROA…`, which is never given twice.
    fn entity_id(&self, prefix: &str) -> String {
        entity_id(prefix, self.random())
    }
}

/// Returns the id of a role, a user or a policy: it is a letter longer than that of an access key.
pub(crate) fn entity_id(prefix: &str, seed: [u8; 16]) -> String {
    let last = char::from(b'A' + seed[15] % 26);
    format!("{}{last}", letters(prefix, seed))
}

fn letters(prefix: &str, seed: [u8; 16]) -> String {
    let mut bytes = [0; 10];
    bytes.copy_from_slice(&seed[..10]);
    format!("{prefix}{}", crate::sts::base32(bytes))
}

/// Where time and chance come from.
pub struct Sources {
    pub now: Box<dyn Fn() -> WallTime + Send + Sync>,
    pub random: Box<dyn Fn() -> [u8; 16] + Send + Sync>,
}

/// Ends the follower with the last clone.
struct FollowerTask(tokio::task::JoinHandle<()>);

impl Drop for FollowerTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}
