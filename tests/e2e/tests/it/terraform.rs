//! Terraform and the AWS provider against `serve`: every resource type of Lambda, and what stands beside functions.
//!
//! ```text
//!  apply ─► no difference ─► change ─► no difference ─► forget and import ─► no difference ─► destroy ─► nothing left
//! ```
//!
//! The configuration is in `tests/e2e/terraform`. The provider comes from a mirror on this machine; nothing is
//! downloaded here. Where there is no Terraform, the calls of a recorded run are made again instead.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use firelight_e2e::clients::{Access, Finished};
use firelight_e2e::lacking::lacking;
use firelight_e2e::package::{python_function, python_runtime, repository};
use firelight_e2e::{Flavor, TestEnvironment};
use serde_json::Value;
use tempfile::TempDir;

const PROVIDER: &str = "registry.terraform.io/hashicorp/aws/5.100.0";

/// What no API tells: it is in the configuration and comes into the state when the import is applied.
const ONLY_IN_THE_CONFIGURATION: [&str; 11] = [
    "content",
    "filename",
    "force_destroy",
    "publish",
    "s3_bucket",
    "s3_key",
    "s3_object_version",
    "skip_destroy",
    "source",
    "source_code_hash",
    "source_hash",
];

#[test]
fn terraform_applies_changes_imports_and_destroys_every_resource() {
    let Some(runtime) = python_runtime() else {
        return;
    };
    let Some((terraform, plugins)) = prerequisites() else {
        replay(&runtime);
        return;
    };
    let Some(environment) = TestEnvironment::start_as(Flavor::serve()) else {
        return;
    };
    let recorder = Recorder::start(&environment, &runtime);
    let access = recorder
        .as_ref()
        .map_or_else(|| environment.access(), |one| one.access.clone());
    let configuration = Configuration::new(&access, terraform, runtime);
    configuration.init(&plugins);

    configuration.apply(1);
    assert_eq!(configuration.outputs(), [2, 11]);
    configuration.assert_no_difference(1);

    configuration.apply(2);
    assert_eq!(configuration.outputs(), [4, 22]);
    configuration.assert_no_difference(2);

    configuration.forget_and_import(2);
    configuration.assert_no_difference(2);

    configuration.run(2, &["destroy", "-auto-approve"]);
    recorder.into_iter().for_each(Recorder::finish);
    assert_nothing_is_left(&environment);
    assert!(environment.stop().is_none());
}

/// Makes the calls of a recorded run of the test above again, and compares the answers.
fn replay(runtime: &str) {
    let Some(environment) = TestEnvironment::start_as(Flavor::serve()) else {
        return;
    };
    let calls = repository().join(CALLS);
    environment
        .script("replay", &[calls.to_str().unwrap(), runtime])
        .succeeded();
    assert_nothing_is_left(&environment);
    assert!(environment.stop().is_none());
}

/// What a run of Terraform asked, and what it was told. `FIRELIGHT_TEST_RECORD=FILE` records it anew.
const CALLS: &str = "tests/e2e/terraform/calls.jsonl";

/// A recorder between Terraform and the daemon.
struct Recorder {
    process: Child,
    access: Access,
}

impl Recorder {
    fn start(environment: &TestEnvironment, runtime: &str) -> Option<Self> {
        let file = std::env::var_os("FIRELIGHT_TEST_RECORD")?;
        let mut access = environment.access();
        let mut process = Command::new("python3")
            .arg(repository().join("tests/e2e/clients/recorder.py"))
            .arg(&access.endpoint)
            .arg(file)
            .arg(runtime)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = process.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        access.endpoint = line.trim().to_owned();
        Some(Self { process, access })
    }

    fn finish(mut self) {
        drop(self.process.stdin.take());
        assert!(self.process.wait().unwrap().success());
    }
}

/// Finds the program and the directory of providers.
fn prerequisites() -> Option<(PathBuf, PathBuf)> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let terraform = std::env::split_paths(&path)
        .map(|directory| directory.join("terraform"))
        .find(|program| program.exists());
    let Some(terraform) = terraform else {
        return lacking("terraform");
    };
    let plugins = mirrors().find(|mirror| mirror.join(PROVIDER).exists());
    let Some(plugins) = plugins else {
        return lacking("Terraform's AWS provider 5.100.0 in a local mirror");
    };
    Some((terraform, plugins))
}

/// Returns where a mirror of providers may lie: where Terraform looks by itself, and below /opt.
fn mirrors() -> impl Iterator<Item = PathBuf> {
    let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    let named = std::env::var_os("FIRELIGHT_TEST_TERRAFORM_PLUGINS").map(PathBuf::from);
    let usual = [
        home.join(".terraform.d/plugins"),
        home.join(".local/share/terraform/plugins"),
        PathBuf::from("/usr/local/share/terraform/plugins"),
        PathBuf::from("/usr/share/terraform/plugins"),
    ];
    let optional = fs::read_dir("/opt").into_iter().flatten().flatten();
    let optional = optional.map(|entry| entry.path());
    named.into_iter().chain(usual).chain(optional)
}

/// A copy of the configuration with a state of its own.
struct Configuration<'a> {
    access: &'a Access,
    terraform: PathBuf,
    runtime: String,
    directory: TempDir,
}

impl<'a> Configuration<'a> {
    fn new(access: &'a Access, terraform: PathBuf, runtime: String) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let source = repository().join("tests/e2e/terraform");
        for file in fs::read_dir(source).unwrap().map(|entry| entry.unwrap()) {
            fs::copy(file.path(), directory.path().join(file.file_name())).unwrap();
        }
        let packages = [
            ("first", "return event['n'] + 1"),
            ("later", "return event['n'] + 2"),
            ("layer", "return None"),
        ];
        for (name, body) in packages {
            let package = directory.path().join(name).with_extension("zip");
            fs::write(package, python_function(body)).unwrap();
        }
        Self {
            access,
            terraform,
            runtime,
            directory,
        }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.directory.path().join(file)
    }

    /// Runs Terraform, whose exit code may be any.
    fn finish(&self, round: u32, arguments: &[&str]) -> Finished {
        let mut command = self.access.command(&self.terraform);
        command
            .current_dir(self.directory.path())
            .args(arguments)
            .env("TF_CLI_CONFIG_FILE", "/dev/null")
            .env("TF_IN_AUTOMATION", "1")
            .env("TF_INPUT", "0")
            .env("TF_CLI_ARGS", "-no-color")
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_VAR_round", round.to_string())
            .env("TF_VAR_runtime", &self.runtime)
            .env("TF_VAR_code", self.directory.path());
        Finished::of(command)
    }

    #[track_caller]
    fn run(&self, round: u32, arguments: &[&str]) -> Finished {
        self.finish(round, arguments).succeeded()
    }

    fn init(&self, plugins: &Path) {
        let plugins = format!("-plugin-dir={}", plugins.display());
        self.run(1, &["init", &plugins]);
    }

    #[track_caller]
    fn apply(&self, round: u32) {
        self.run(round, &["apply", "-auto-approve"]);
    }

    /// Returns what the functions answered.
    fn outputs(&self) -> [u64; 2] {
        let outputs = self.run(1, &["output", "-json"]).json();
        [&outputs["main"], &outputs["from_bucket"]].map(|output| output["value"].as_u64().unwrap())
    }

    #[track_caller]
    fn assert_no_difference(&self, round: u32) {
        // 0 says that there is none, 2 that there are some.
        self.finish(round, &["plan", "-detailed-exitcode"])
            .failed_with(0);
    }

    /// Loses the state and makes it anew of what the API tells.
    fn forget_and_import(&self, round: u32) {
        let state = self.run(round, &["show", "-json"]).json();
        let resources = state["values"]["root_module"]["resources"]
            .as_array()
            .unwrap();
        let imports: String = resources.iter().filter_map(import_of).collect();
        fs::write(self.path("imports.tf"), imports).unwrap();
        fs::remove_file(self.path("terraform.tfstate")).unwrap();

        self.run(round, &["plan", "-out=imports.plan"]);
        let plan = self.run(round, &["show", "-json", "imports.plan"]).json();
        for change in plan["resource_changes"].as_array().unwrap() {
            assert_imported_as_configured(change);
        }
        self.run(round, &["apply", "imports.plan"]);
        fs::remove_file(self.path("imports.tf")).unwrap();
    }
}

/// Returns the block that imports a resource. An invocation of the past cannot be imported.
fn import_of(resource: &Value) -> Option<String> {
    let kind = resource["type"].as_str()?;
    if resource["mode"] != "managed" || kind == "aws_lambda_invocation" {
        return None;
    }
    let value = |name: &str| resource["values"][name].as_str().unwrap_or_default();
    let id = match kind {
        "aws_cloudwatch_log_subscription_filter" => {
            format!("{}|{}", value("log_group_name"), value("name"))
        }
        "aws_cloudwatch_log_metric_filter" | "aws_cloudwatch_log_stream" => {
            format!("{}:{}", value("log_group_name"), value("name"))
        }
        "aws_iam_role_policy_attachment" => format!("{}/{}", value("role"), value("policy_arn")),
        "aws_iam_user_policy_attachment" => format!("{}/{}", value("user"), value("policy_arn")),
        "aws_lambda_alias" => format!("{}/{}", value("function_name"), value("name")),
        "aws_lambda_function_recursion_config" => value("function_name").to_owned(),
        "aws_lambda_runtime_management_config" => {
            format!("{},{}", value("function_name"), value("qualifier"))
        }
        "aws_lambda_permission" if value("qualifier").is_empty() => {
            format!("{}/{}", value("function_name"), value("statement_id"))
        }
        "aws_lambda_permission" => {
            let function = format!("{}:{}", value("function_name"), value("qualifier"));
            format!("{function}/{}", value("statement_id"))
        }
        "aws_s3_object" => format!("{}/{}", value("bucket"), value("key")),
        _ => value("id").to_owned(),
    };
    let address = resource["address"].as_str()?;
    Some(format!(
        "import {{\n  to = {address}\n  id = \"{id}\"\n}}\n"
    ))
}

/// What the API tells is what the configuration says, but for what no API tells.
#[track_caller]
fn assert_imported_as_configured(resource: &Value) {
    let change = &resource["change"];
    if change.get("importing").is_none() {
        return;
    }
    let (before, unknown) = (&change["before"], &change["after_unknown"]);
    for (attribute, after) in change["after"].as_object().unwrap() {
        let settled = !has_true(&unknown[attribute]);
        let told = !ONLY_IN_THE_CONFIGURATION.contains(&attribute.as_str());
        if settled && told {
            let address = &resource["address"];
            assert_eq!(&before[attribute], after, "{attribute} of {address}");
        }
    }
}

/// Terraform marks what it does not know yet with `true`, at any depth.
fn has_true(marks: &Value) -> bool {
    match marks {
        Value::Bool(mark) => *mark,
        Value::Array(parts) => parts.iter().any(has_true),
        Value::Object(parts) => parts.values().any(has_true),
        _ => false,
    }
}

#[track_caller]
fn assert_nothing_is_left(environment: &TestEnvironment) {
    let lists = [
        ("lambda list-functions", "Functions"),
        ("lambda list-layers", "Layers"),
        ("lambda list-event-source-mappings", "EventSourceMappings"),
        ("lambda list-code-signing-configs", "CodeSigningConfigs"),
        ("iam list-roles", "Roles"),
        ("iam list-users", "Users"),
        ("iam list-policies --scope Local", "Policies"),
        ("logs describe-metric-filters", "metricFilters"),
        ("logs describe-resource-policies", "resourcePolicies"),
        ("ssm describe-parameters", "Parameters"),
        ("s3api list-buckets", "Buckets"),
    ];
    for (command, list) in lists {
        let arguments = command.split(' ').collect::<Vec<_>>();
        let answer = environment.aws(&arguments).succeeded().json();
        assert_eq!(answer[list], serde_json::json!([]), "{command}");
    }
}
