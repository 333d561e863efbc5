//! The firelight command line: what it prints, and how it exits.

use std::fs;
use std::path::Path;

use firelight_e2e::TestEnvironment;

fn write(directory: &Path, name: &str, text: &str) {
    fs::create_dir_all(directory).unwrap();
    fs::write(directory.join(name), text).unwrap();
}

#[test]
fn deploy_creates_then_leaves_alone_then_updates() {
    let Some(environment) = TestEnvironment::start() else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("greeter");
    write(
        &directory,
        "app.py",
        "def handler(event, context):\n    return 'one'\n",
    );
    let deploy = |flags: &[&str]| {
        let arguments = [&["deploy", directory.to_str().unwrap(), "--json"], flags].concat();
        environment.firelight(&arguments).succeeded().json()
    };
    let answer = || {
        environment
            .firelight(&["invoke", "greeter"])
            .succeeded()
            .stdout()
    };

    assert_eq!(deploy(&[])["action"], "created");
    assert_eq!(answer(), "\"one\"\n");
    assert_eq!(deploy(&[])["action"], "unchanged");
    write(
        &directory,
        "app.py",
        "def handler(event, context):\n    return 'two'\n",
    );
    let updated = deploy(&["--memory", "256", "--env", "STAGE=b"]);

    assert_eq!(updated["action"], "updated");
    assert_eq!(updated["configuration"]["MemorySize"], 256);
    assert_eq!(
        updated["configuration"]["Environment"]["Variables"]["STAGE"],
        "b"
    );
    assert_eq!(answer(), "\"two\"\n");
    assert!(environment.stop().is_none());
}

#[test]
fn exit_codes_tell_what_happened() {
    let Some(environment) = TestEnvironment::start() else {
        return;
    };
    let name = environment.deploy_python("fails", "raise ValueError('no')");

    environment.firelight(&["invoke", &name]).failed_with(4);
    environment
        .firelight(&["invoke", "not-there"])
        .failed_with(3);
    environment.firelight(&["rm", "not-there"]).failed_with(3);
    environment
        .firelight(&["deploy", "/not/there"])
        .failed_with(3);
    environment
        .firelight(&["invoke", &name, "--no-such-flag"])
        .failed_with(2);
    environment
        .firelight(&["usage", "--month", "never"])
        .failed_with(2);
    environment
        .firelight(&["ls", "--endpoint", "http://127.0.0.1:1"])
        .failed_with(5);

    assert!(environment.stop().is_none());
}

#[test]
fn a_failure_is_json_when_json_was_asked_for() {
    let Some(environment) = TestEnvironment::start() else {
        return;
    };

    let failed = environment
        .firelight(&["invoke", "not-there", "--json"])
        .failed_with(3);

    let document: serde_json::Value = serde_json::from_str(&failed.stderr()).unwrap();
    assert_eq!(document["error"]["exit_code"], 3);
    assert_eq!(document["error"]["what"], "could not invoke \"not-there\"");
    assert!(environment.stop().is_none());
}

#[test]
fn functions_are_listed_and_removed() {
    let Some(environment) = TestEnvironment::start() else {
        return;
    };
    let name = environment.deploy_python("listed", "return 1");

    let listed = environment.firelight(&["ls", "--json"]).succeeded().json();
    environment.firelight(&["rm", &name]).succeeded();

    assert_eq!(listed["functions"][0]["FunctionName"], name);
    let left = environment.firelight(&["ls", "--json"]).succeeded().json();
    assert_eq!(left["functions"], serde_json::json!([]));
    assert!(environment.stop().is_none());
}

#[test]
fn an_invoke_shows_the_tail_and_the_report_beside_the_answer() {
    let Some(environment) = TestEnvironment::start() else {
        return;
    };
    let name = environment.deploy_python("tail", "print('seen')\n    return event");

    let person = environment
        .firelight(&["invoke", &name, "--payload", "[1]", "--tail"])
        .succeeded();
    let script = environment
        .firelight(&["invoke", &name, "--payload", "[2]", "--json"])
        .succeeded();

    assert_eq!(person.stdout(), "[1]\n");
    assert!(person.stderr().contains("\nseen\n"), "{person}");
    assert!(person.stderr().contains("cold start, init "), "{person}");
    let document = script.json();
    assert_eq!(document["payload"], serde_json::json!([2]));
    assert_eq!(document["report"]["memory_mb"], 128);
    assert_eq!(document["report"]["init_ms"], serde_json::Value::Null);
    assert!(environment.stop().is_none());
}

#[test]
fn logs_are_printed() {
    let Some(environment) = TestEnvironment::start() else {
        return;
    };
    let name = environment.deploy_python("logging", "print('line', event)");
    for n in ["1", "2"] {
        environment
            .firelight(&["invoke", &name, "--payload", n])
            .succeeded();
    }

    let all = environment.until(|| {
        let logs = environment.firelight(&["logs", &name]).succeeded().stdout();
        (logs.matches("REPORT ").count() == 2).then_some(logs)
    });
    let filtered = environment
        .firelight(&["logs", &name, "--filter", "line"])
        .succeeded()
        .stdout();

    assert!(
        all.contains("Z line 1\n") && all.contains("Z line 2\n"),
        "{all}"
    );
    assert_eq!(filtered.lines().count(), 2, "{filtered}");
    assert!(environment.stop().is_none());
}

#[test]
fn usage_counts_each_invocation() {
    let Some(environment) = TestEnvironment::start() else {
        return;
    };
    let name = environment.deploy_python("metered", "return 1");
    for _ in 0..3 {
        environment.firelight(&["invoke", &name]).succeeded();
    }

    let usage = environment.until(|| {
        let usage = environment
            .firelight(&["usage", "--json"])
            .succeeded()
            .json();
        (usage["total"]["requests"] == 3).then_some(usage)
    });

    let function = &usage["functions"][0];
    assert_eq!(
        (&function["function"], &function["cold_starts"]),
        (&name.into(), &1.into())
    );
    assert!(function["billed_ms"].as_u64().unwrap() >= 3, "{usage}");
    assert!(usage["total"]["aws_usd"].as_f64().unwrap() > 0.0, "{usage}");
    assert_eq!(usage["total"]["aws_usd_after_free_tier"], 0.0);
    assert!(environment.stop().is_none());
}

#[test]
fn the_queue_shows_events_that_wait_and_how_old_they_are() {
    let Some(environment) = TestEnvironment::start() else {
        return;
    };
    let empty = environment.firelight(&["queue"]).succeeded().stdout();
    let name = environment.deploy_python("slow", "import time; time.sleep(2)");

    let accepted = environment.firelight(&["invoke", &name, "--event"]);
    accepted.succeeded();

    let queue = environment.until(|| {
        let queue = environment
            .firelight(&["queue", "--json"])
            .succeeded()
            .json();
        (queue["functions"][0]["events"] == 1).then_some(queue)
    });
    assert_eq!(empty, "no events wait or run\n");
    assert_eq!(queue["functions"][0]["function"], name);
    assert!(queue["functions"][0]["oldest_seconds"].is_u64(), "{queue}");
    environment.until(|| {
        let queue = environment.firelight(&["queue"]).succeeded().stdout();
        (queue == empty).then_some(())
    });
    assert!(environment.stop().is_none());
}

#[test]
fn the_doctor_reports_on_this_host() {
    let Some(environment) = TestEnvironment::start() else {
        return;
    };

    let report = environment.firelight(&["doctor", "--json"]);

    let document = report.json();
    assert!(
        document["findings"]
            .as_array()
            .is_some_and(|findings| !findings.is_empty()),
        "{report}"
    );
    // The doctor tries what a daemon does, so nothing may be missing for want of a configuration.
    assert!(!report.stdout().contains("configured"), "{report}");
    assert!(environment.stop().is_none());
}
