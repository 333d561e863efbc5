//! AWS's own runtime clients, unmodified, each in a custom runtime (`provided.al2023`).
//!
//! ```text
//!  runtimes/CLIENT + the client as its registry ships it ─► deployment package ─► runtimes/official.py
//! ```
//!
//! The Rust client comes by cargo, in a workspace of its own; the Python client lies in the virtual environment of
//! the tests; the Node.js client is built by npm, where the tools that its native part needs are there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

use firelight_e2e::TestEnvironment;
use firelight_e2e::clients::{Finished, venv};
use firelight_e2e::lacking::lacking;
use firelight_e2e::package::{python_runtime, repository, target_dir};
use tempfile::TempDir;

const NODE_CLIENT: &str = "aws-lambda-ric@4.0.2";

/// What npm runs to build the native part of the Node.js client.
const NODE_BUILD_TOOLS: [&str; 7] = [
    "npm",
    "python3",
    "c++",
    "make",
    "cmake",
    "autoreconf",
    "libtoolize",
];

/// What the clients are built in; one build at a time.
static WORKSHOP: Mutex<()> = Mutex::new(());

/// Lays out a deployment package, or notes what is lacking.
type Packer = fn(&Path) -> Option<()>;

fn run(pack: Packer, scenario: &str) {
    let directory = TempDir::new().unwrap();
    if pack(directory.path()).is_none() {
        return;
    }
    let (Some(environment), Some(venv)) = (TestEnvironment::start(), venv()) else {
        return;
    };
    let clients = repository().join("tests/e2e/clients");
    let mut command = environment.access().command(&venv.join("bin/python"));
    command
        .args(["-B", "-X", "utf8"])
        .arg(sources().join("official.py"))
        .arg(scenario)
        .env("PYTHONPATH", clients)
        .env("FIRELIGHT_OFFICIAL_PACKAGE", directory.path());

    Finished::of(command).succeeded();

    let left = environment.stop();
    assert!(left.is_none(), "the daemon left {left:#?}");
}

macro_rules! clients {
    ($($client:ident by $pack:path { $($scenario:ident)+ })+) => {
        $(mod $client {
            $(#[test]
            fn $scenario() {
                super::run($pack, stringify!($scenario));
            })+
        })+
    };
}

clients! {
    rust by super::pack_rust {
        one_environment_serves_many_events
        events_come_back_as_they_are
        the_context_is_complete
        an_error_of_the_handler_is_told_and_the_environment_lives
        the_deadline_cuts_a_handler_off
        a_panic_is_told
        a_stream_reaches_a_client_of_the_api
        a_stream_reaches_a_visitor_of_its_url
    }
    python by super::pack_python {
        one_environment_serves_many_events
        events_come_back_as_they_are
        the_context_is_complete
        an_error_of_the_handler_is_told_and_the_environment_lives
        the_deadline_cuts_a_handler_off
        a_handler_that_cannot_be_found_is_told
    }
    node by super::pack_node {
        one_environment_serves_many_events
        events_come_back_as_they_are
        the_context_is_complete
        an_error_of_the_handler_is_told_and_the_environment_lives
        the_deadline_cuts_a_handler_off
        a_handler_that_cannot_be_found_is_told
        a_stream_reaches_a_client_of_the_api
        a_stream_that_breaks_says_so_at_its_end
        a_stream_reaches_a_visitor_of_its_url
    }
}

/// A scenario that no client runs would silently not be tested.
#[test]
fn every_scenario_is_run_by_a_client() {
    let scenarios = fs::read_to_string(sources().join("official.py")).unwrap();
    let own = fs::read_to_string(repository().join("tests/e2e/tests/it/official.rs")).unwrap();

    let names = scenarios.split("@scenario\ndef ").skip(1);
    let names = names.map(|rest| rest.split('(').next().unwrap());
    let forgotten = names.filter(|name| !own.contains(&format!("        {name}\n")));

    assert_eq!(forgotten.collect::<Vec<_>>(), Vec::<&str>::new());
}

fn sources() -> PathBuf {
    repository().join("tests/e2e/runtimes")
}

/// Returns where the clients are built, and the right to build there.
fn workshop() -> (PathBuf, std::sync::MutexGuard<'static, ()>) {
    // A build that failed has failed its test; the next test may try again.
    let turn = WORKSHOP.lock().unwrap_or_else(|broken| broken.into_inner());
    let directory = target_dir().join("test-runtimes");
    fs::create_dir_all(&directory).unwrap();
    (directory, turn)
}

fn pack_rust(package: &Path) -> Option<()> {
    let (directory, _turn) = workshop();
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--locked", "--quiet", "--manifest-path"])
        .arg(sources().join("rust-echo/Cargo.toml"))
        .env("CARGO_TARGET_DIR", &directory);
    Finished::of(cargo).succeeded();
    let built = directory.join("debug/rust-echo");
    fs::copy(built, package.join("bootstrap")).unwrap();
    Some(())
}

fn pack_python(package: &Path) -> Option<()> {
    let Some(venv) = venv() else {
        return lacking("awslambdaric; `make test` installs it");
    };
    // The native part fits one version, and the sandbox sees only the machine's own interpreter.
    let version = python_runtime()?;
    let installed = venv.join("lib").join(&version).join("site-packages");
    if !installed.join("awslambdaric").exists() {
        let what = format!("awslambdaric for /usr/bin/python3, which is {version}");
        return lacking(&what);
    }
    copy_tree(&sources().join("python"), package);
    for entry in fs::read_dir(installed).unwrap().map(|entry| entry.unwrap()) {
        let name = entry.file_name().to_str().unwrap().to_owned();
        let wanted = ["awslambdaric", "simplejson", "snapshot_restore_py.py"];
        if wanted.contains(&name.as_str()) || name.starts_with("runtime_client.") {
            copy_tree(&entry.path(), &package.join(name));
        }
    }
    Some(())
}

fn pack_node(package: &Path) -> Option<()> {
    let (directory, _turn) = workshop();
    let client = directory.join("node_modules/aws-lambda-ric");
    if !client.join("rapid-client.node").exists() {
        build_node_client(&directory)?;
    }
    copy_tree(&sources().join("node"), package);
    let own = package.join("node_modules/aws-lambda-ric");
    for part in ["package.json", "index.mjs", "rapid-client.node"] {
        copy_tree(&client.join(part), &own.join(part));
    }
    Some(())
}

fn build_node_client(directory: &Path) -> Option<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = |tool: &&str| std::env::split_paths(&path).any(|at| at.join(tool).exists());
    if let Some(tool) = NODE_BUILD_TOOLS.iter().find(|tool| !found(tool)) {
        return lacking(&format!("{tool}, to build {NODE_CLIENT}"));
    }
    let mut npm = Command::new("npm");
    npm.args([
        "install",
        "--no-save",
        "--no-audit",
        "--no-fund",
        "--fetch-retries=0",
        "--prefix",
    ])
    .arg(directory)
    .arg(NODE_CLIENT);
    // One try serves all tests: a machine that npm finds nothing for answers slowly each time.
    static BUILT: OnceLock<bool> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let built = Finished::of(npm);
        eprintln!("{built}");
        built.code() == Some(0)
    });
    if *built {
        return Some(());
    }
    lacking(&format!("{NODE_CLIENT}, which npm could not build here"))
}

/// Copies a file, or a directory with all that is in it but compiled Python.
fn copy_tree(from: &Path, to: &Path) {
    if from.is_dir() {
        for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
            if entry.file_name() != "__pycache__" {
                copy_tree(&entry.path(), &to.join(entry.file_name()));
            }
        }
        return;
    }
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
    let everyone_reads = fs::metadata(to).unwrap().permissions().mode() | 0o444;
    fs::set_permissions(to, fs::Permissions::from_mode(everyone_reads)).unwrap();
}
