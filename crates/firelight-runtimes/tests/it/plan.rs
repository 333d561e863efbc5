//! Plans, from facts to what is started.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use firelight_runtimes::catalogue::find;
use firelight_runtimes::{
    Bootstrap, Credentials, Family, FunctionFacts, Ground, InitializationType, Layout,
    LogDestination, LogFormat, RUNTIME_API_ADDRESS, find_bootstrap, plan, plan_extension,
};
use firelight_sandbox::ProcessSpec;

use crate::function::interpreters;

pub(crate) type Own = BTreeMap<String, String>;

pub(crate) fn facts(variables: &Own) -> FunctionFacts<'_> {
    FunctionFacts {
        function_name: "f",
        function_version: "7",
        handler: "h.f",
        memory_mb: 256,
        region: "eu-west-1",
        variables,
        logs: Some(LogDestination {
            group: "/aws/lambda/f",
            stream: "s",
        }),
        log_format: LogFormat::Text,
        initialization_type: InitializationType::OnDemand,
        credentials: Credentials::Keys {
            access_key_id: "A",
            secret_access_key: "S",
            session_token: "T",
        },
        runtime_api: RUNTIME_API_ADDRESS,
        max_concurrency: 1,
    }
}

pub(crate) fn own(pairs: &[(&str, &str)]) -> Own {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn value<'a>(process: &'a ProcessSpec, name: &str) -> Option<&'a str> {
    let found = process.variables.iter().find(|(known, _)| known == name)?;
    found.1.to_str()
}

fn custom(variables: &Own) -> ProcessSpec {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::install(folder.path()).unwrap();
    let bootstrap = Bootstrap::Brought(Path::new("/opt/bootstrap"));
    let runtime = find("provided.al2023").unwrap();
    plan(
        runtime,
        bootstrap,
        &Ground::default(),
        &layout,
        &facts(variables),
    )
    .process
}

#[test]
fn function_overrides_defaults_but_not_what_only_the_platform_may_say() {
    let variables = own(&[
        ("TZ", "Europe/Berlin"),
        ("AWS_REGION", "mars-1"),
        ("_HANDLER", "x"),
        ("_SECRET", "x"),
        ("MINE", "1"),
    ]);

    let process = custom(&variables);

    assert_eq!(value(&process, "TZ"), Some("Europe/Berlin"));
    assert_eq!(value(&process, "AWS_REGION"), Some("eu-west-1"));
    assert_eq!(value(&process, "_HANDLER"), Some("h.f"));
    assert_eq!(value(&process, "_SECRET"), None);
    assert_eq!(value(&process, "MINE"), Some("1"));
}

#[test]
fn custom_runtime_gets_the_variables_of_aws_and_no_others() {
    let process = custom(&Own::new());

    let names: Vec<_> = process
        .variables
        .iter()
        .map(|(name, _)| name.to_str().unwrap())
        .collect();
    let expected = "AWS_ACCESS_KEY_ID AWS_DEFAULT_REGION AWS_LAMBDA_FUNCTION_MEMORY_SIZE \
        AWS_LAMBDA_FUNCTION_NAME AWS_LAMBDA_FUNCTION_VERSION AWS_LAMBDA_INITIALIZATION_TYPE \
        AWS_LAMBDA_LOG_GROUP_NAME AWS_LAMBDA_LOG_STREAM_NAME AWS_LAMBDA_RUNTIME_API AWS_REGION \
        AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_XRAY_CONTEXT_MISSING AWS_XRAY_DAEMON_ADDRESS \
        LAMBDA_RUNTIME_DIR LAMBDA_TASK_ROOT LANG LD_LIBRARY_PATH PATH TZ _AWS_XRAY_DAEMON_ADDRESS \
        _AWS_XRAY_DAEMON_PORT _HANDLER";
    assert_eq!(names.join(" "), expected);
    assert_eq!(process.program, Path::new("/opt/bootstrap"));
    assert_eq!(process.directory, Path::new("/var/task"));
}

#[test]
fn extension_sees_neither_underscored_nor_runtime_variables() {
    let variables = own(&[("MINE", "1")]);

    let process = plan_extension(find("python3.12").unwrap(), "agent", &facts(&variables));

    assert_eq!(process.program, Path::new("/opt/extensions/agent"));
    assert_eq!(value(&process, "MINE"), Some("1"));
    assert_eq!(
        value(&process, "AWS_LAMBDA_RUNTIME_API"),
        Some(RUNTIME_API_ADDRESS)
    );
    for hidden in [
        "_HANDLER",
        "LAMBDA_TASK_ROOT",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_EXECUTION_ENV",
    ] {
        assert_eq!(value(&process, hidden), None, "{hidden}");
    }
}

#[test]
fn bootstrap_in_the_code_comes_before_one_in_a_layer() {
    let code = tempfile::tempdir().unwrap();
    let layer = tempfile::tempdir().unwrap();
    let layers = [PathBuf::from(layer.path())];

    assert_eq!(find_bootstrap(code.path(), &layers), None);
    std::fs::write(layer.path().join("bootstrap"), "").unwrap();
    assert_eq!(
        find_bootstrap(code.path(), &layers),
        Some(Path::new("/opt/bootstrap"))
    );
    std::fs::write(code.path().join("bootstrap"), "").unwrap();
    assert_eq!(
        find_bootstrap(code.path(), &layers),
        Some(Path::new("/var/task/bootstrap"))
    );
}

#[test]
fn interpreter_runs_our_bootstrap_behind_the_customers_wrapper() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::install(folder.path()).unwrap();
    let variables = own(&[("AWS_LAMBDA_EXEC_WRAPPER", "/opt/wrap")]);
    for python in interpreters(Family::Python).into_iter().take(1) {
        let bootstrap = Bootstrap::Ours(python);
        let runtime = find("python3.12").unwrap();

        let plan = plan(
            runtime,
            bootstrap,
            &Ground::default(),
            &layout,
            &facts(&variables),
        );

        assert_eq!(plan.process.program, Path::new("/bin/sh"));
        assert_eq!(
            plan.process.arguments[2],
            "exec \"$AWS_LAMBDA_EXEC_WRAPPER\" \"$@\""
        );
        assert_eq!(
            plan.process.arguments.last().unwrap(),
            "/var/runtime/bootstrap.py"
        );
        assert_eq!(
            value(&plan.process, "AWS_EXECUTION_ENV"),
            Some("AWS_Lambda_python3.12")
        );
        assert!(
            plan.mounts
                .iter()
                .any(|mount| mount.target == Path::new("/var/runtime"))
        );
    }
}

#[test]
fn ground_shows_libraries_but_no_secrets_of_the_host() {
    let ground = Ground::of_this_host();

    let targets: Vec<_> = ground
        .mounts()
        .iter()
        .map(|mount| mount.target.as_path())
        .collect();
    assert!(targets.contains(&Path::new("/usr/lib")));
    for hidden in ["/", "/etc", "/etc/ssl", "/usr", "/home", "/root", "/var"] {
        assert!(!targets.contains(&Path::new(hidden)), "{hidden}");
    }
}
