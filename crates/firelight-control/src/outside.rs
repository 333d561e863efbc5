//! What control asks of the world around it: time, chance, and the parts of Firelight it does not know.

use std::sync::Arc;

use firelight_model::{
    Architecture, ConfigIdentity, FunctionArn, RevisionId, RoleArn, RuntimeIdentifier, WallTime,
};

/// What AWS gives an account in a region: 75 GB.
pub const AWS_CODE_STORAGE_BYTES: u64 = 80_530_636_800;

/// What AWS lets an account run at once unless it asks for more.
pub const DEFAULT_ACCOUNT_CONCURRENCY: u32 = 1_000;

/// The world around control. Tests give a still clock and counted ids.
pub trait Outside: Send + Sync + 'static {
    fn now(&self) -> WallTime;

    fn random(&self) -> [u8; 16];

    /// Tells whether functions of this runtime can be created here.
    fn check_runtime(&self, runtime: &RuntimeIdentifier) -> Result<(), RuntimeRefusal>;

    /// Hears what machine a function is for, when it is created and when new code comes for another one.
    fn note_architecture(&self, _function: &FunctionArn, _architecture: Architecture) {}

    /// Returns what the packages of one account may have together in a region.
    fn code_storage_limit_bytes(&self) -> u64 {
        AWS_CODE_STORAGE_BYTES
    }

    /// Returns what all functions of an account may run at once in a region.
    fn account_concurrency(&self) -> u32 {
        DEFAULT_ACCOUNT_CONCURRENCY
    }

    /// Tells whether Lambda may assume the role for a function.
    fn can_assume(&self, role: &RoleArn, function: &FunctionArn) -> bool;
}

/// Why no function of a runtime can be created.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeRefusal {
    #[error("there is no such runtime")]
    Unknown,
    #[error("the runtime is no longer supported")]
    Deprecated,
    /// AWS has it, this host does not. The text says what is there and what to do.
    #[error("{text}")]
    NotHere { text: String },
}

/// What every part of control holds of the world around it.
#[derive(Clone)]
pub(crate) struct World(Arc<dyn Outside>);

impl World {
    pub(crate) fn new(outside: impl Outside) -> Self {
        Self(Arc::new(outside))
    }

    pub(crate) fn revision(&self) -> RevisionId {
        RevisionId::from_random(self.0.random())
    }

    pub(crate) fn identity(&self) -> ConfigIdentity {
        ConfigIdentity::from_random(self.0.random())
    }
}

impl std::ops::Deref for World {
    type Target = dyn Outside;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}
