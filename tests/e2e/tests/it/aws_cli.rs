//! The AWS CLI, as people type it.

use std::fs;

use firelight_e2e::TestEnvironment;
use firelight_e2e::package::python_function;

const ROLE: &str = "arn:aws:iam::000000000000:role/cli";

#[test]
fn the_whole_life_of_a_function_with_the_aws_cli() {
    let Some(environment) = TestEnvironment::start() else {
        return;
    };
    let Some(runtime) = firelight_e2e::package::python_runtime() else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = scratch.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let first = format!(
        "fileb://{}",
        file("1.zip", &python_function("return ['first', event]"))
    );
    let second = format!(
        "fileb://{}",
        file("2.zip", &python_function("return ['second', event]"))
    );
    let out = file("out.json", b"");
    let lambda = |arguments: &[&str]| environment.aws(&[&["lambda"], arguments].concat());
    let invoke = || {
        let event = ["--payload", r#"{"n":1}"#];
        lambda(&[&["invoke", "--function-name", "f"], &event[..], &[&out]].concat()).succeeded();
        fs::read_to_string(&out).unwrap()
    };

    let create = [
        "create-function",
        "--function-name",
        "f",
        "--runtime",
        &runtime,
        "--role",
        ROLE,
    ];
    let created = lambda(
        &[
            &create[..],
            &["--handler", "app.handler", "--zip-file", &first],
        ]
        .concat(),
    );
    assert_eq!(created.succeeded().json()["FunctionName"], "f");
    for waiter in ["function-exists", "function-active", "function-active-v2"] {
        lambda(&["wait", waiter, "--function-name", "f"]).succeeded();
    }
    assert_eq!(invoke(), r#"["first", {"n": 1}]"#);
    lambda(&[
        "update-function-code",
        "--function-name",
        "f",
        "--zip-file",
        &second,
    ])
    .succeeded();
    for waiter in ["function-updated", "function-updated-v2"] {
        lambda(&["wait", waiter, "--function-name", "f"]).succeeded();
    }
    lambda(&["publish-version", "--function-name", "f"]).succeeded();
    lambda(&["wait", "published-version-active", "--function-name", "f:1"]).succeeded();
    assert_eq!(invoke(), r#"["second", {"n": 1}]"#);
    let listed = lambda(&["list-functions"]).succeeded().json();
    assert_eq!(listed["Functions"][0]["FunctionName"], "f");
    let got = lambda(&["get-function", "--function-name", "f"])
        .succeeded()
        .json();
    assert_eq!(got["Configuration"]["State"], "Active");
    lambda(&["delete-function", "--function-name", "f"]).succeeded();
    let gone = lambda(&["get-function", "--function-name", "f"]).failed_with(255);
    assert!(
        gone.stderr().contains("(ResourceNotFoundException)"),
        "{gone}"
    );

    assert!(environment.stop().is_none());
}

#[test]
fn the_log_of_a_function_with_the_aws_cli() {
    let Some(environment) = TestEnvironment::start() else {
        return;
    };
    let name = environment.deploy_python("noisy", "print('a line to find')");

    environment.firelight(&["invoke", &name]).succeeded();

    let group = format!("/aws/lambda/{name}");
    let filter = [
        "logs",
        "filter-log-events",
        "--log-group-name",
        &group,
        "--filter-pattern",
        "find",
    ];
    let found = environment.until(|| {
        let answer = environment.aws(&filter);
        (answer.code() == Some(0) && answer.json()["events"][0]["message"].is_string())
            .then(|| answer.json())
    });
    assert_eq!(
        found["events"][0]["message"].as_str().unwrap().trim_end(),
        "a line to find"
    );
    assert!(environment.stop().is_none());
}
