//! Interpreters that wait, started, for their functions: what the functions see must not tell.
//!
//! The same function runs in two daemons. One keeps no interpreters, so that each start is a start for the function; the
//! other is waited for until one waits. What the functions see is compared whole, except for what every environment has
//! of its own: credentials, the log stream and the trace.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use firelight_e2e::TestEnvironment;
use firelight_e2e::daemon::Flavor;
use firelight_e2e::lacking::lacking;
use firelight_e2e::package::python_runtime;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

const PYTHON: &str = include_str!("../../functions/looks.py");
const NODE: &str = include_str!("../../functions/looks.js");

/// What each environment has of its own.
const OWN: [&str; 5] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "_X_AMZN_TRACE_ID",
];

/// A function to look around with.
struct Looking {
    file: &'static str,
    source: &'static str,
    runtime: String,
}

fn python() -> Option<Looking> {
    Some(Looking {
        file: "looks.py",
        source: PYTHON,
        runtime: python_runtime()?,
    })
}

fn node() -> Option<Looking> {
    let answer = std::process::Command::new("node").arg("--version").output();
    let Ok(answer) = answer else {
        return lacking("node");
    };
    let version = String::from_utf8_lossy(&answer.stdout).into_owned();
    let major = version.trim_start_matches('v').split('.').next()?;
    Some(Looking {
        file: "looks.js",
        source: NODE,
        runtime: format!("nodejs{major}.x"),
    })
}

/// A daemon that keeps at most so many interpreters, and tells of each sandbox what waited in it.
fn daemon(interpreters: u32) -> Option<(TestEnvironment, TempDir)> {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("firelight.toml");
    let text = format!("[sandbox]\nnetwork = 'none'\nstarted_interpreters = {interpreters}\n");
    fs::write(&file, text).unwrap();
    let path = file.to_str().unwrap();
    let flags = [
        "--config",
        path,
        "--log-format",
        "json",
        "--log-level",
        "firelight_sandbox_linux=debug",
    ];
    let environment = TestEnvironment::start_as(Flavor::dev().with(&flags))?;
    Some((environment, directory))
}

fn deploy(environment: &TestEnvironment, looking: &Looking, name: &str, variables: &[&str]) {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join(looking.file), looking.source).unwrap();
    let path = directory.path().to_str().unwrap();
    let mut arguments = vec![
        "deploy",
        path,
        "--name",
        name,
        "--runtime",
        &looking.runtime,
    ];
    arguments.extend(["--handler", "looks.handler", "--env", "TABLE=a b=c\u{e9}"]);
    arguments.extend(variables.iter().flat_map(|variable| ["--env", variable]));
    environment.firelight(&arguments).succeeded();
}

fn looks(environment: &TestEnvironment, name: &str) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let event = json!({ "now": now.as_secs_f64() }).to_string();
    let answer = environment.firelight(&["invoke", name, "--payload", &event]);
    serde_json::from_str(&answer.succeeded().stdout()).unwrap()
}

/// What the daemon's log says of events of one kind.
fn told(environment: &TestEnvironment, message: &str) -> Vec<Value> {
    let output = environment.daemon_output();
    let records = output
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let fields = records.map(|mut record| record["fields"].take());
    fields
        .filter(|fields| fields["message"] == message)
        .collect()
}

/// How many sandboxes were launched with a program that waited in them, and how many without.
fn launched(environment: &TestEnvironment) -> (usize, usize) {
    let launches = told(environment, "sandbox launched");
    let with = launches
        .iter()
        .filter(|launch| launch["waited"] == true)
        .count();
    (with, launches.len() - with)
}

fn until_one_waits(environment: &TestEnvironment) {
    environment.until(|| {
        let counts = told(environment, "programs wait");
        let count = counts.last()?["count"].as_u64()?;
        (count > 0).then_some(())
    });
}

/// Replaces what each environment has of its own wherever it shows.
fn anonymous(looks: &Value) -> Value {
    let mut text = looks["seen"].to_string();
    for pair in looks["seen"]["variables"].as_array().unwrap() {
        let (name, value) = (pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
        if OWN.contains(&name) {
            let quoted = Value::from(value).to_string();
            text = text.replace(quoted.trim_matches('"'), name);
        }
    }
    serde_json::from_str(&text).unwrap()
}

fn compare(looking: Option<Looking>) {
    let (Some(looking), Some((without, _config)), Some((with, _other_config))) =
        (looking, daemon(0), daemon(4))
    else {
        return;
    };
    deploy(&without, &looking, "looks", &[]);
    let fresh = looks(&without, "looks");
    assert_eq!(launched(&without), (0, 1));

    deploy(&with, &looking, "looks", &[]);
    until_one_waits(&with);
    let waited = looks(&with, "looks");
    assert_eq!(launched(&with), (1, 0));

    let (seen, expected) = (anonymous(&waited), anonymous(&fresh));
    for (what, expected) in expected.as_object().unwrap() {
        assert_eq!(&seen[what], expected, "{what}");
    }
    for (what, own) in waited["own"].as_object().unwrap() {
        match what.as_str() {
            "clock" => assert!(own.as_f64().unwrap() < 30.0, "the clock is off by {own} s"),
            "reckoned" => assert!(own.as_f64().unwrap() < 1000.0, "off by {own} ms"),
            "module" => assert_eq!(own, &fresh["own"][what]),
            _ => assert_ne!(own, &fresh["own"][what], "{what}"),
        }
    }
    check_each_is_its_own(&with, &looking, &waited);
    for environment in [without, with] {
        let left = environment.stop();
        assert!(left.is_none(), "the daemon left {left:#?}");
    }
}

/// Two that waited share nothing that is random, and a function that says how its interpreter starts gets its way.
fn check_each_is_its_own(environment: &TestEnvironment, looking: &Looking, first: &Value) {
    deploy(environment, looking, "another", &[]);
    until_one_waits(environment);
    let second = looks(environment, "another");
    assert_eq!(launched(environment), (2, 0));
    assert_ne!(second["own"]["random"], first["own"]["random"]);

    deploy(environment, looking, "elsewhere", &["TZ=Europe/Berlin"]);
    let third = looks(environment, "elsewhere");
    assert_eq!(launched(environment), (2, 1));
    assert_ne!(third["seen"]["time zone"], first["seen"]["time zone"]);
}

#[test]
fn a_python_function_cannot_tell_that_its_interpreter_waited() {
    compare(python());
}

#[test]
fn a_node_function_cannot_tell_that_its_interpreter_waited() {
    compare(node());
}

#[test]
fn an_interpreter_that_is_killed_while_it_waits_costs_nobody_an_error() {
    let (Some(looking), Some((environment, _config))) = (python(), daemon(1)) else {
        return;
    };
    deploy(&environment, &looking, "looks", &[]);
    until_one_waits(&environment);

    for killed in 1..4 {
        kill_interpreters(environment.data_dir());
        let name = format!("looks-{killed}");
        deploy(&environment, &looking, &name, &[]);
        let seen = looks(&environment, &name);
        assert_eq!(seen["seen"]["directory"], "/var/task");
    }
    let left = environment.stop();
    assert!(left.is_none(), "the daemon left {left:#?}");
}

/// Kills every process of this daemon that runs our bootstrap: its mounts come from the daemon's directory.
fn kill_interpreters(data: &Path) {
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let shown = |file: &str| fs::read(process.path().join(file)).unwrap_or_default();
        let mentions =
            |file: &str, what: &str| String::from_utf8_lossy(&shown(file)).contains(what);
        let is_ours = mentions("mountinfo", data.to_str().unwrap());
        if is_ours && mentions("cmdline", "bootstrap.py") {
            let pid = process
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok());
            let pid = pid.and_then(Pid::from_raw).unwrap();
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}
