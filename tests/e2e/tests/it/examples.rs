//! The examples: each sample event gives the expected answer.

use std::fs;
use std::process::Command;

use firelight_e2e::TestEnvironment;
use firelight_e2e::lacking::lacking;
use firelight_e2e::package::repository;

fn check(example: &str) {
    let Some(environment) = TestEnvironment::start() else {
        return;
    };
    let directory = repository().join("examples").join(example);
    environment
        .firelight(&["deploy", directory.to_str().unwrap()])
        .succeeded();
    let expected = fs::read_dir(directory.join("expected")).unwrap();

    for expected in expected.map(|entry| entry.unwrap().path()) {
        let event = directory.join("events").join(expected.file_name().unwrap());
        let event = event.to_str().unwrap();
        let found = environment
            .firelight(&["invoke", example, "-f", event])
            .succeeded()
            .json();

        let expected: serde_json::Value =
            serde_json::from_slice(&fs::read(&expected).unwrap()).unwrap();
        assert_eq!(found, expected, "{event}");
    }
    assert!(environment.stop().is_none());
}

#[test]
fn csv_stats_answers_as_documented() {
    check("csv-stats");
}

#[test]
fn html_page_answers_as_documented() {
    if Command::new("node").arg("--version").output().is_err() {
        return lacking("Node.js").unwrap_or_default();
    }
    check("html-page");
}

#[test]
fn checksum_answers_as_documented() {
    let built = Command::new(repository().join("examples/checksum/build"))
        .status()
        .unwrap();
    assert!(built.success());

    check("checksum");
}
