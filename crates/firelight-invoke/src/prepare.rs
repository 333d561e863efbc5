//! Preparing an environment: its packages on disk, its programs and its sandbox specification.
use crate::clock::Clock;
use crate::journal::Journal;
use crate::ports::Ports;
use crate::program::Program;
use crate::settings::Settings;
use firelight_model::FunctionVersion;
use firelight_sandbox::{LaunchError, SandboxSpec};
use std::sync::Arc;

pub(crate) struct Blueprint {
    pub(crate) version: Arc<FunctionVersion>,
    pub(crate) program: Program,
    pub(crate) journal: Journal,
    pub(crate) spec: SandboxSpec,
    pub(crate) clock: Clock,
    pub(crate) settings: Settings,
}

pub struct Preparer {}

#[derive(Debug, thiserror::Error)]
pub(crate) enum MakeError {
    #[error(transparent)]
    Launch(#[from] LaunchError),
}

impl Preparer {
    pub(crate) async fn prepare<D>(
        &self,
        version: &Arc<FunctionVersion>,
        ports: &Ports<D>,
        settings: &Settings,
    ) -> Result<Blueprint, MakeError> {
        let _ = (version, ports, settings);
        Err(MakeError::Launch(LaunchError::LauncherGone))
    }
}
