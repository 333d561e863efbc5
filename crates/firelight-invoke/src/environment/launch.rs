//! From an empty sandbox to a session that waits for the runtime.

use std::io;
use std::sync::Arc;

use firelight_model::{EnvironmentConcurrency, FunctionVersion};
use firelight_runtime_api::{Connect, Connecting, Limits, Session, SessionConfig, SessionEvents};
use firelight_sandbox::{Dialer, Egress, LaunchError, Sandbox, SandboxDriver, SandboxSpec};
use tokio::net::TcpStream;

use crate::prepare::Program;
use crate::started::StartedRuntime;

/// Makes the sandbox, with the runtime in it as early as can be.
pub(super) async fn launch_sandbox<D: SandboxDriver>(
    driver: &D,
    spec: SandboxSpec,
    program: &Program,
    started: Option<StartedRuntime>,
) -> Result<D::Sandbox, LaunchError> {
    let waits = started.map(|started| started.program);
    // Extensions are up before the runtime begins; and in the host's own network the runtime can be told where its API
    // is only when the sandbox has found a free port.
    if program.extensions.is_empty() && spec.egress != Egress::Host {
        let runtime = program.runtime.clone();
        return driver.launch_with(spec, runtime, waits.as_ref()).await;
    }
    match waits {
        Some(waits) => driver.launch_waiting(spec, &waits, &program.runtime).await,
        None => driver.launch(spec).await,
    }
}

pub(super) fn serve_session<S: Sandbox>(
    sandbox: &mut S,
    version: &FunctionVersion,
    program: &mut Program,
) -> Result<(Session, SessionEvents), LaunchError> {
    let listener = sandbox
        .take_listener()
        .ok_or_else(|| LaunchError::InvalidSpec {
            reason: "the sandbox came without a listener".into(),
        })?;
    let address = listener.local_addr().map_err(step)?;
    program.reach_runtime_api_at(address);
    let config = SessionConfig {
        function_name: version.arn.name.to_string(),
        function_version: version.version.to_string(),
        handler: version
            .zip()
            .map(|zip| zip.handler.to_string())
            .unwrap_or_default(),
        account_id: version.account().to_string(),
        initialization_type: firelight_runtime_api::InitializationType::OnDemand,
        external_extensions: program
            .extensions
            .iter()
            .map(|(name, _)| name.clone())
            .collect(),
        max_concurrency: version.concurrency.get().into(),
        limits: limits(version.concurrency),
    };
    Session::serve(listener, config, way_in(sandbox.dialer())).map_err(step)
}

/// A runtime that runs several invocations has a connection for each, and may open others for what it does besides.
fn limits(concurrency: EnvironmentConcurrency) -> Limits {
    let usual = Limits::default();
    Limits {
        connections: usual.connections + usize::from(concurrency.get()) - 1,
        ..usual
    }
}

fn step(source: io::Error) -> LaunchError {
    LaunchError::Step {
        step: "serve the Runtime API".into(),
        source,
    }
}

/// Telemetry goes to ports inside the sandbox.
fn way_in(dialer: Dialer) -> Arc<dyn Connect> {
    Arc::new(move |port| -> Connecting {
        let dialing = dialer(port);
        Box::pin(async move { TcpStream::from_std(dialing.await?) })
    })
}
