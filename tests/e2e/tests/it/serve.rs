//! `firelight serve`: nobody gets in without a valid signature.

use std::fs;
use std::os::unix::fs::MetadataExt;

use firelight_e2e::lacking::lacking;
use firelight_e2e::{Flavor, TestEnvironment};

const NOBODY: u32 = 65534;

#[test]
fn the_root_key_is_made_once_and_opens_the_door() {
    let Some(mut environment) = TestEnvironment::start_as(Flavor::serve()) else {
        return;
    };
    let key = environment.access().access_key_id;
    environment.aws(&["lambda", "list-functions"]).succeeded();

    environment.kill_and_restart();

    assert_eq!(environment.access().access_key_id, key);
    environment.aws(&["lambda", "list-functions"]).succeeded();
    assert!(environment.stop().is_none());
}

#[test]
fn wrong_keys_are_refused() {
    let Some(environment) = TestEnvironment::start_as(Flavor::serve()) else {
        return;
    };
    let venv = firelight_e2e::clients::venv().expect("the environment has found it");
    let mut unknown = environment.access();
    unknown.access_key_id = "AKIAUNKNOWNUNKNOWN12".to_owned();
    let mut forged = environment.access();
    forged.secret_access_key.replace_range(..1, "!");

    let unknown = unknown
        .aws(&venv, &["lambda", "list-functions"])
        .failed_with(255);
    let forged = forged
        .aws(&venv, &["lambda", "list-functions"])
        .failed_with(255);

    assert!(
        unknown.stderr().contains("(UnrecognizedClientException)"),
        "{unknown}"
    );
    assert!(
        forged.stderr().contains("(InvalidSignatureException)"),
        "{forged}"
    );
    assert!(environment.stop().is_none());
}

#[test]
fn unsigned_requests_are_refused() {
    let Some(environment) = TestEnvironment::start_as(Flavor::serve()) else {
        return;
    };

    let unsigned = environment
        .aws(&["lambda", "list-functions", "--no-sign-request"])
        .failed_with(255);

    assert!(
        unsigned
            .stderr()
            .contains("(MissingAuthenticationTokenException)"),
        "{unsigned}"
    );
    assert!(environment.stop().is_none());
}

#[test]
fn a_code_location_needs_no_keys_but_an_unforged_signature() {
    let Some(environment) = TestEnvironment::start_as(Flavor::serve()) else {
        return;
    };

    environment
        .scenario("lifecycle", "the_code_location_downloads")
        .succeeded();

    assert!(environment.stop().is_none());
}

#[test]
fn told_to_be_another_user_it_is_nobody_else_and_runs_functions_all_the_same() {
    if fs::metadata("/proc/self").map(|own| own.uid()).ok() != Some(0) {
        return lacking("root, to become somebody else").unwrap_or_default();
    }
    let flavor = Flavor::serve().with(&["--user", "65534:65534"]);
    let Some(mut environment) = TestEnvironment::start_as(flavor) else {
        return;
    };
    // One in root's home is out of the daemon's reach.
    let Some(runtime) = runtime_of("/usr/bin/python3") else {
        return lacking("/usr/bin/python3").unwrap_or_default();
    };
    let code = tempfile::tempdir().unwrap();
    let source = firelight_e2e::package::python_source("return 'ran'");
    fs::write(code.path().join("app.py"), source).unwrap();
    let (path, name) = (code.path().to_str().unwrap(), "unprivileged");
    let deploy = ["deploy", path, "--name", name, "--runtime", &runtime];
    environment.firelight(&deploy).succeeded();

    let answer = environment.firelight(&["invoke", name]).succeeded();
    assert!(answer.stdout().contains("ran"), "{answer}");
    for line in identities_of_all_threads(environment.daemon_pid()) {
        let expected = [
            "Uid:\t65534\t65534\t65534\t65534",
            "Groups:",
            "CapPrm:\t0000000000000000",
        ];
        assert!(expected.contains(&line.trim_end()), "{line}");
    }
    let data = fs::metadata(environment.data_dir()).unwrap();
    assert_eq!((data.uid(), data.mode() & 0o777), (NOBODY, 0o700));

    environment.kill_and_restart();

    environment.firelight(&["invoke", name]).succeeded();
    assert!(environment.stop().is_none());
}

/// The runtime identifier of a Python interpreter.
fn runtime_of(program: &str) -> Option<String> {
    let script = "import sys; print('python%d.%d' % sys.version_info[:2])";
    let output = std::process::Command::new(program)
        .args(["-c", script])
        .output()
        .ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

fn identities_of_all_threads(pid: u32) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("the daemon runs");
    let statuses = threads
        .flatten()
        .map(|thread| fs::read_to_string(thread.path().join("status")).unwrap_or_default());
    let wanted = |line: &&str| {
        ["Uid:", "Groups:", "CapPrm:"]
            .iter()
            .any(|name| line.starts_with(name))
    };
    let lines: Vec<String> = statuses
        .flat_map(|status| {
            status
                .lines()
                .filter(wanted)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(lines.len() > 6, "{lines:?}");
    lines
}
