//! What runs inside one environment: the programs to start and how its init is reported.

use firelight_sandbox::ProcessSpec;

use crate::platform_event::RuntimeVersion;

#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) runtime: ProcessSpec,
    /// External extensions by the name of their file, in the order they are started.
    pub(crate) extensions: Vec<(String, ProcessSpec)>,
    pub(crate) initialization_type: &'static str,
    /// Absent for custom runtimes.
    pub(crate) runtime_version: Option<RuntimeVersion>,
}
