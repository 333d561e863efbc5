//! All of IAM in memory, filled by the store's feed only.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use firelight_model::AccountId;
use firelight_store::{Feed, FeedError, Key, Kind, ReadError, Record, Rev, Versioned};
use tokio::sync::watch;

use super::applicable::CallerPolicies;
use super::commit::decode_shared;
use super::record::{
    ACCESS_KEY, AccessKeyRecord, EntityKind, EntityRecord, GROUP, POLICY, PolicyRecord, ROLE, USER,
};
use crate::erased::Records;
use crate::listing::list_kinds;
use crate::sts::{Caller, Holder, Identity, UserKeys};
use crate::view::ViewStopped;

const COMMITS: u32 = 256;
const PAUSE: Duration = Duration::from_millis(200);

/// The view. Cheap to clone; all clones show the same.
#[derive(Clone)]
pub struct IamView(Arc<Shared>);

struct Shared {
    tables: RwLock<Tables>,
    /// What was gathered for callers since the tables changed last.
    gathered: RwLock<Gathered>,
    applied: watch::Sender<Rev>,
}

/// The parsed policies of users and roles, by their ids.
#[derive(Default)]
struct Gathered {
    /// Counts the changes of the tables.
    generation: u64,
    by_id: HashMap<String, Arc<CallerPolicies>>,
}

#[derive(Default)]
struct Tables {
    entities: BTreeMap<Key, Arc<EntityRecord>>,
    policies: BTreeMap<Key, Arc<PolicyRecord>>,
    /// By access key id, which is unique among all accounts.
    access_keys: HashMap<String, (AccountId, Arc<AccessKeyRecord>)>,
}

impl IamView {
    pub(super) async fn load(store: Arc<dyn Records>) -> Result<(Self, FollowIam), ReadError> {
        let tables = RwLock::new(Tables::default());
        let view = Self(Arc::new(Shared {
            tables,
            gathered: RwLock::default(),
            applied: watch::Sender::new(Rev::ZERO),
        }));
        let mut follower = FollowIam {
            store,
            view: view.clone(),
            at: Rev::ZERO,
        };
        follower.list().await?;
        Ok((view, follower))
    }

    /// Returns a role, user or group by its name.
    pub fn entity(
        &self,
        account: AccountId,
        kind: EntityKind,
        name: &str,
    ) -> Option<Arc<EntityRecord>> {
        self.read()
            .entities
            .get(&super::record::entity_key(account, kind, name))
            .cloned()
    }

    /// Returns all roles, users or groups of an account, by name.
    pub fn entities(&self, account: AccountId, kind: EntityKind) -> Vec<Arc<EntityRecord>> {
        let account = account.to_string();
        let tables = self.read();
        let of_kind = tables
            .entities
            .iter()
            .filter(|(key, _)| key.account() == account && key.kind() == kind.record_kind());
        of_kind.map(|(_, entity)| Arc::clone(entity)).collect()
    }

    /// Returns the account's own policy of an ARN.
    pub fn policy(&self, account: AccountId, arn: &str) -> Option<Arc<PolicyRecord>> {
        let name = arn.rsplit('/').next()?;
        let tables = self.read();
        let policy = tables
            .policies
            .get(&super::record::policy_key(account, name))?;
        (policy.arn(account) == arn).then(|| Arc::clone(policy))
    }

    /// Returns all policies of an account, by name.
    pub fn policies(&self, account: AccountId) -> Vec<Arc<PolicyRecord>> {
        let account = account.to_string();
        let tables = self.read();
        let of_account = tables
            .policies
            .iter()
            .filter(|(key, _)| key.account() == account);
        of_account.map(|(_, policy)| Arc::clone(policy)).collect()
    }

    fn entities_of_all_kinds(&self, account: AccountId) -> Vec<Arc<EntityRecord>> {
        let kinds = EntityKind::ALL.into_iter();
        kinds
            .flat_map(|kind| self.entities(account, kind))
            .collect()
    }

    /// Returns the users in a group, by name.
    pub fn members_of(&self, account: AccountId, group_id: &str) -> Vec<Arc<EntityRecord>> {
        let mut users = self.entities(account, EntityKind::User);
        users.retain(|user| user.groups.iter().any(|id| id == group_id));
        users
    }

    /// Returns the groups of a user, by name.
    pub fn groups_of(&self, account: AccountId, user: &EntityRecord) -> Vec<Arc<EntityRecord>> {
        if user.groups.is_empty() {
            return Vec::new();
        }
        let mut groups = self.entities(account, EntityKind::Group);
        groups.retain(|group| user.groups.contains(&group.id));
        groups
    }

    /// Returns the roles, users and groups that a policy is attached to.
    pub fn entities_with_policy(&self, account: AccountId, arn: &str) -> Vec<Arc<EntityRecord>> {
        let mut entities = self.entities_of_all_kinds(account);
        entities.retain(|entity| {
            entity
                .attached_policies
                .iter()
                .any(|attached| attached == arn)
        });
        entities
    }

    /// Returns the roles and users that a policy is the boundary of.
    pub fn entities_with_boundary(&self, account: AccountId, arn: &str) -> Vec<Arc<EntityRecord>> {
        let mut entities = self.entities_of_all_kinds(account);
        entities.retain(|entity| entity.boundary.as_deref() == Some(arn));
        entities
    }

    /// Returns the keys of a user, oldest first.
    pub fn access_keys_of(&self, account: AccountId, user: &str) -> Vec<Arc<AccessKeyRecord>> {
        let tables = self.read();
        let of_user = tables
            .access_keys
            .values()
            .filter(|(owner, key)| *owner == account && key.user_name.eq_ignore_ascii_case(user));
        let mut keys: Vec<_> = of_user.map(|(_, key)| Arc::clone(key)).collect();
        keys.sort_by(|a, b| {
            (a.created_epoch_ms, &a.access_key_id).cmp(&(b.created_epoch_ms, &b.access_key_id))
        });
        keys
    }

    /// Returns a key with the account it belongs to.
    pub fn access_key(&self, access_key_id: &str) -> Option<(AccountId, Arc<AccessKeyRecord>)> {
        self.read().access_keys.get(access_key_id).cloned()
    }

    /// Waits until everything up to `rev` is visible. Cancel-safe.
    pub(super) async fn reach(&self, rev: Rev) -> Result<(), ViewStopped> {
        let mut applied = self.0.applied.subscribe();
        let reached = applied
            .wait_for(|applied| *applied >= rev)
            .await
            .map_err(|_| ViewStopped)?;
        if *reached == STOPPED {
            Err(ViewStopped)
        } else {
            Ok(())
        }
    }

    /// Returns the policies gathered for an id, or gathers them. What is gathered while the tables change is handed out,
    /// but not kept.
    pub(super) fn gathered(
        &self,
        id: &str,
        gather: impl FnOnce() -> CallerPolicies,
    ) -> Arc<CallerPolicies> {
        let cache = &self.0.gathered;
        let generation = {
            let gathered = cache.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(policies) = gathered.by_id.get(id) {
                return Arc::clone(policies);
            }
            gathered.generation
        };
        let policies = Arc::new(gather());
        let mut gathered = cache.write().unwrap_or_else(PoisonError::into_inner);
        if gathered.generation == generation {
            gathered.by_id.insert(id.to_owned(), Arc::clone(&policies));
        }
        policies
    }

    /// Forgets what was gathered from tables that are no more. It comes after their change and before anybody is told of it.
    fn forget_gathered(&self) {
        let gathered = &self.0.gathered;
        let mut gathered = gathered.write().unwrap_or_else(PoisonError::into_inner);
        gathered.generation += 1;
        gathered.by_id.clear();
    }

    /// Takes the read lock, which is never held across an await.
    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.0.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, change: impl FnOnce(&mut Tables), upto: Rev) {
        change(
            &mut self
                .0
                .tables
                .write()
                .unwrap_or_else(PoisonError::into_inner),
        );
        self.forget_gathered();
        self.0.applied.send_replace(upto);
    }

    /// Passes over commits that changed nothing of IAM.
    fn pass(&self, upto: Rev) {
        self.0.applied.send_replace(upto);
    }
}

/// Stands in `applied` when the follower is gone. No store ever makes that many commits.
const STOPPED: Rev = Rev::new(u64::MAX);

impl UserKeys for IamView {
    fn holder(&self, access_key_id: &str) -> Option<Holder> {
        let (account, key) = self.access_key(access_key_id)?;
        let user = self.entity(account, EntityKind::User, &key.user_name)?;
        key.active.then(|| Holder {
            caller: Caller {
                account,
                identity: Identity::User {
                    name: user.name.clone(),
                    path: user.path.clone(),
                    id: user.id.clone(),
                },
                access_key_id: access_key_id.to_owned(),
                source_function: None,
                session_policies: Vec::new(),
            },
            secret_access_key: key.secret_access_key.clone(),
        })
    }
}

impl Tables {
    fn apply(&mut self, key: &Key, value: Option<&Versioned>) {
        match key.kind() {
            ROLE | USER | GROUP => put(&mut self.entities, key, value),
            POLICY => put(&mut self.policies, key, value),
            ACCESS_KEY => self.apply_access_key(key, value),
            _ => {}
        }
    }

    fn apply_access_key(&mut self, key: &Key, value: Option<&Versioned>) {
        let record = value.and_then(|value| decode_shared(&value.body));
        match (record, key.account().parse()) {
            (Some(record), Ok(account)) => {
                self.access_keys
                    .insert(key.id().to_owned(), (account, record));
            }
            _ => {
                self.access_keys.remove(key.id());
            }
        }
    }
}

fn put<T: serde::de::DeserializeOwned>(
    table: &mut BTreeMap<Key, Arc<T>>,
    key: &Key,
    value: Option<&Versioned>,
) {
    match value.and_then(|value| decode_shared(&value.body)) {
        Some(record) => table.insert(key.clone(), record),
        None => table.remove(key),
    };
}

/// Brings the view up to date for as long as it runs.
pub(super) struct FollowIam {
    store: Arc<dyn Records>,
    view: IamView,
    at: Rev,
}

impl FollowIam {
    pub(super) async fn run(mut self) {
        let _stopped = StopOnDrop(self.view.clone());
        let mut hints = self.store.hints();
        loop {
            match self.round().await {
                Ok(Progress::Behind) => {}
                Ok(Progress::AtHead) => {
                    // A lost hint only delays: the next round reads whatever is there.
                    let _ = tokio::time::timeout(Duration::from_secs(1), hints.changed()).await;
                }
                Err(error) => {
                    warn_cannot_follow(&error);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn round(&mut self) -> Result<Progress, ReadError> {
        let feed = match self.store.feed(self.at, COMMITS).await {
            Ok(feed) => feed,
            Err(FeedError::Read(error)) => return Err(error),
            Err(FeedError::Gone { .. }) => {
                self.list().await?;
                return Ok(Progress::Behind);
            }
        };
        if feed.upto == self.at {
            return Ok(Progress::AtHead);
        }
        let progress = Progress::of(&feed);
        let mut keys: Vec<Key> = feed.changes.into_iter().map(|change| change.key).collect();
        keys.retain(|key| is_iam(key.kind()));
        keys.sort_unstable();
        keys.dedup();
        self.at = feed.upto;
        if keys.is_empty() {
            self.view.pass(feed.upto);
            return Ok(progress);
        }
        let values = self.store.read_many(&keys).await?;
        let apply = |tables: &mut Tables| {
            for (key, value) in keys.iter().zip(&values) {
                tables.apply(key, value.as_ref());
            }
        };
        self.view.write(apply, feed.upto);
        Ok(progress)
    }

    async fn list(&mut self) -> Result<(), ReadError> {
        let head = self.store.head().await?;
        let mut fresh = Tables::default();
        let take = |records: &[Record]| {
            for record in records {
                fresh.apply(&record.key, Some(&record.value));
            }
        };
        list_kinds(&*self.store, is_iam, take).await?;
        self.at = head;
        self.view.write(|tables| *tables = fresh, head);
        Ok(())
    }
}

fn warn_cannot_follow(error: &ReadError) {
    let error: &dyn std::error::Error = error;
    tracing::warn!(error, "the view of IAM cannot follow the store");
}

fn is_iam(kind: Kind<'_>) -> bool {
    matches!(kind, ROLE | USER | GROUP | POLICY | ACCESS_KEY)
}

enum Progress {
    Behind,
    AtHead,
}

impl Progress {
    fn of(feed: &Feed) -> Self {
        if feed.upto < feed.head {
            Self::Behind
        } else {
            Self::AtHead
        }
    }
}

/// Tells waiters that nothing will come any more, even when the task is aborted or panics.
struct StopOnDrop(IamView);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.0.applied.send_replace(STOPPED);
    }
}
