//! Extensions that others built, unmodified: one on AWS's own Rust client, and AWS's Lambda Web Adapter.
//!
//! ```text
//!  the client or the adapter as its registry ships it ─► layer ─► runtimes/extensions.py
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use firelight_e2e::TestEnvironment;
use firelight_e2e::clients::{Finished, venv};
use firelight_e2e::lacking::lacking;
use firelight_e2e::package::{python_runtime, repository, target_dir};
use tempfile::TempDir;

const ADAPTER: &str = "lambda_web_adapter@1.0.0-rc1";

/// What the adapter's own layer starts the web server with.
const WRAPPER: &str = "#!/bin/bash\n\nexec -- \"${LAMBDA_TASK_ROOT}/${_HANDLER}\"\n";

/// One build at a time.
static WORKSHOP: Mutex<()> = Mutex::new(());

fn run(lay_out: fn(&Path) -> Option<()>, scenario: &str) {
    let layer = TempDir::new().unwrap();
    fs::create_dir(layer.path().join("extensions")).unwrap();
    if lay_out(layer.path()).is_none() || python_runtime().is_none() {
        return;
    }
    let (Some(environment), Some(venv)) = (TestEnvironment::start(), venv()) else {
        return;
    };
    let mut command = environment.access().command(&venv.join("bin/python"));
    command
        .args(["-B", "-X", "utf8"])
        .arg(runtimes().join("extensions.py"))
        .arg(scenario)
        .env("PYTHONPATH", repository().join("tests/e2e/clients"))
        .env("FIRELIGHT_EXTENSIONS", layer.path());

    Finished::of(command).succeeded();

    let left = environment.stop();
    assert!(left.is_none(), "the daemon left {left:#?}");
}

#[test]
fn an_extension_on_the_official_client_gets_telemetry() {
    run(
        lay_out_extension,
        "an_extension_on_the_official_client_gets_telemetry",
    );
}

#[test]
fn a_web_server_behind_the_adapter_answers_visitors() {
    run(
        lay_out_adapter,
        "a_web_server_behind_the_adapter_answers_visitors",
    );
}

#[test]
fn a_flask_application_behind_the_adapter_answers_visitors() {
    run(
        lay_out_adapter,
        "a_flask_application_behind_the_adapter_answers_visitors",
    );
}

fn runtimes() -> PathBuf {
    repository().join("tests/e2e/runtimes")
}

fn lay_out_extension(layer: &Path) -> Option<()> {
    let built = built(|cargo| {
        cargo
            .args(["build", "--locked", "--quiet", "--manifest-path"])
            .arg(runtimes().join("rust-extension/Cargo.toml"));
    });
    let Some(directory) = built else {
        return lacking("the crate lambda-extension, which cargo could not build here");
    };
    fs::copy(
        directory.join("debug/rust-extension"),
        layer.join("extensions/agent"),
    )
    .unwrap();
    Some(())
}

fn lay_out_adapter(layer: &Path) -> Option<()> {
    let built = built(|cargo| {
        cargo
            .args(["install", "--locked", "--debug", "--quiet", "--root"])
            .arg(target_dir().join("test-runtimes/installed"))
            .arg(ADAPTER);
    });
    let Some(directory) = built else {
        let what = format!("{ADAPTER}, which cargo could not fetch or build here");
        return lacking(&what);
    };
    fs::copy(
        directory.join("installed/bin/lambda-adapter"),
        layer.join("extensions/lambda-adapter"),
    )
    .unwrap();
    fs::write(layer.join("bootstrap"), WRAPPER).unwrap();
    Some(())
}

/// Has cargo build something that is no part of this workspace, and returns where.
fn built(order: impl FnOnce(&mut Command)) -> Option<PathBuf> {
    let _turn = WORKSHOP.lock().unwrap_or_else(|broken| broken.into_inner());
    let directory = target_dir().join("test-runtimes");
    fs::create_dir_all(&directory).unwrap();
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    order(&mut cargo);
    cargo.env("CARGO_TARGET_DIR", &directory);
    let finished = Finished::of(cargo);
    eprintln!("{finished}");
    (finished.code() == Some(0)).then_some(directory)
}
