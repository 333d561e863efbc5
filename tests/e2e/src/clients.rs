//! The clients: programs that know only an endpoint, a region and keys.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::package::{repository, target_dir};

/// What a client needs to know.
#[derive(Clone, Debug)]
pub struct Access {
    pub endpoint: String,
    pub region: String,
    pub access_key_id: String,
    pub secret_access_key: String,
}

/// Returns the virtual environment with boto3 and the AWS CLI, if it was prepared.
pub fn venv() -> Option<PathBuf> {
    let named = std::env::var_os("FIRELIGHT_TEST_VENV").map(PathBuf::from);
    let venv = named.unwrap_or_else(|| target_dir().join("test-venv"));
    venv.join("bin/python").exists().then_some(venv)
}

impl Access {
    /// Returns a command that sees this endpoint and nothing of the machine's own AWS settings.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("AWS_") {
                command.env_remove(name);
            }
        }
        command
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_REGION", &self.region)
            .env("AWS_DEFAULT_REGION", &self.region)
            .env("AWS_ACCESS_KEY_ID", &self.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &self.secret_access_key)
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_PAGER", "");
        command
    }

    /// Runs the AWS CLI.
    pub fn aws(&self, venv: &Path, arguments: &[&str]) -> Finished {
        let mut command = self.command(&venv.join("bin/aws"));
        command.args(["--output", "json"]).args(arguments);
        Finished::of(command)
    }

    /// Runs one scenario of a script in `clients/`.
    pub fn scenario(&self, venv: &Path, script: &str, scenario: &str) -> Finished {
        self.script(venv, script, &[scenario])
    }

    /// Runs a script in `clients/`.
    pub fn script(&self, venv: &Path, script: &str, arguments: &[&str]) -> Finished {
        let clients = repository().join("tests/e2e/clients");
        let mut command = self.command(&venv.join("bin/python"));
        command
            .args(["-B", "-X", "utf8"])
            .arg(clients.join(script).with_extension("py"))
            .args(arguments)
            .env("PYTHONPATH", clients);
        Finished::of(command)
    }
}

/// A client that has ended.
#[derive(Debug)]
pub struct Finished {
    what: String,
    output: Output,
}

impl Finished {
    /// Runs a command to its end.
    pub fn of(mut command: Command) -> Self {
        let what = [command.get_program()]
            .into_iter()
            .chain(command.get_args());
        let what = what
            .map(|part| part.to_string_lossy())
            .collect::<Vec<_>>()
            .join(" ");
        let output = command
            .output()
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        Self { what, output }
    }

    pub fn code(&self) -> Option<i32> {
        self.output.status.code()
    }

    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// Fails the test unless the client succeeded.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert!(self.output.status.success(), "{self}");
        self
    }

    /// Fails the test unless the client failed with this exit code.
    #[track_caller]
    pub fn failed_with(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "{self}");
        self
    }

    /// Reads standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (status, stdout, stderr) = (self.output.status, self.stdout(), self.stderr());
        write!(
            f,
            "{}\n{status}\n--- stdout\n{stdout}\n--- stderr\n{stderr}",
            self.what
        )
    }
}
