//! A Firelight of the benchmark's own: a daemon with an empty data directory, and functions deployed to it.

use std::io::{BufRead, BufReader, Cursor, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;

use super::client::LoadClient;

/// What a function needs to be deployed.
pub struct Deployment<'a> {
    pub name: &'a str,
    pub runtime: &'a str,
    pub handler: &'a str,
    /// Name and content of each file; all are executable.
    pub files: &'a [(&'a str, &'a [u8])],
    pub memory_mb: u32,
}

impl<'a> Deployment<'a> {
    /// A custom runtime, with the memory that means one vCPU.
    pub fn custom(name: &'a str, files: &'a [(&'a str, &'a [u8])]) -> Self {
        Self::of_language(name, "provided.al2023", files)
    }

    /// A managed runtime, with the memory that means one vCPU.
    pub fn of_language(name: &'a str, runtime: &'a str, files: &'a [(&'a str, &'a [u8])]) -> Self {
        Self {
            name,
            runtime,
            handler: "index.handler",
            files,
            memory_mb: 1769,
        }
    }

    /// The body that creates it.
    fn creation(&self) -> anyhow::Result<String> {
        let body = json!({
            "FunctionName": self.name,
            "Runtime": self.runtime,
            "Handler": self.handler,
            "Role": "arn:aws:iam::000000000000:role/bench",
            "MemorySize": self.memory_mb,
            "Timeout": 30,
            "Code": {"ZipFile": BASE64_STANDARD.encode(archive(self.files)?)},
        });
        Ok(body.to_string())
    }
}

/// The body that creates a function which nobody will run.
pub fn creation(name: &str) -> anyhow::Result<String> {
    Deployment::custom(name, &[("bootstrap", b"#!/bin/false\n")]).creation()
}

/// A daemon of the benchmark's own.
pub struct Instance {
    daemon: Child,
    pub address: String,
    // Held open, so that the daemon can go on writing.
    _output: BufReader<ChildStdout>,
    _data: TemporaryDirectory,
}

impl Instance {
    /// Starts a daemon that throttles nobody, because what is measured is the machine, not a limit.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_with(&[("FIRELIGHT_LIMITS_REQUESTS_PER_ENVIRONMENT", "0")])
    }

    /// Starts `firelight dev` with some settings on a free port, and waits until it answers.
    pub fn start_with(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let data = TemporaryDirectory::new("data")?;
        let mut daemon = Command::new(std::env::current_exe()?)
            .args(["dev", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(&data.0)
            .args(["--log-level", "warn"])
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .context("could not start the daemon")?;
        let stdout = daemon.stdout.take().context("the daemon has no output")?;
        let mut output = BufReader::new(stdout);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let Some(address) = line.trim().strip_prefix("listening on http://") else {
            // It may have ended already.
            let _ = daemon.kill();
            bail!("the daemon did not come up: {line:?}");
        };
        let address = address.to_owned();
        Ok(Self {
            daemon,
            address,
            _output: output,
            _data: data,
        })
    }

    /// The daemon's process, to read its memory.
    pub fn pid(&self) -> u32 {
        self.daemon.id()
    }

    /// Creates a function and waits until it is active.
    pub async fn deploy(&self, deployment: &Deployment<'_>) -> anyhow::Result<()> {
        let body = deployment.creation()?;
        let mut client = LoadClient::connect(&self.address).await?;
        let answer = client.send("POST", "/2015-03-31/functions", body).await?;
        ensure!(
            answer.status.is_success(),
            "CreateFunction: {:?}",
            answer.body
        );
        self.wait_until_active(&mut client, deployment.name).await
    }

    /// Changes the configuration, so that the next invocation cannot find a started environment.
    pub async fn renew(
        &self,
        client: &mut LoadClient,
        name: &str,
        round: usize,
    ) -> anyhow::Result<()> {
        let path = format!("/2015-03-31/functions/{name}/configuration");
        let body = json!({"Environment": {"Variables": {"ROUND": round.to_string()}}});
        let answer = client.send("PUT", &path, body.to_string()).await?;
        ensure!(
            answer.status.is_success(),
            "UpdateFunctionConfiguration: {:?}",
            answer.body
        );
        self.wait_until_active(client, name).await
    }

    async fn wait_until_active(&self, client: &mut LoadClient, name: &str) -> anyhow::Result<()> {
        let path = format!("/2015-03-31/functions/{name}/configuration");
        for _ in 0..2000 {
            let answer = client.send("GET", &path, "").await?;
            let state: Value = serde_json::from_slice(&answer.body)?;
            if state["State"] == "Active" && state["LastUpdateStatus"] != "InProgress" {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bail!("function {name} did not become active")
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // A benchmark's data is worth nothing: no need to ask.
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// The path that invokes a function.
pub fn invoke_path(name: &str) -> String {
    format!("/2015-03-31/functions/{name}/invocations")
}

fn archive(files: &[(&str, &[u8])]) -> anyhow::Result<Vec<u8>> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().unix_permissions(0o755);
    for (name, content) in files {
        writer.start_file(*name, options)?;
        writer.write_all(content)?;
    }
    Ok(writer.finish()?.into_inner())
}

/// Writes a program that can be executed at once.
pub fn write_program(path: &Path, content: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    std::fs::write(path, content)?;
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755))
}

/// A directory that goes with the value.
pub struct TemporaryDirectory(std::path::PathBuf);

impl TemporaryDirectory {
    pub fn new(purpose: &str) -> std::io::Result<Self> {
        let name = format!(
            "firelight-bench-{purpose}-{}-{:08x}",
            std::process::id(),
            rand::random::<u32>()
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl AsRef<Path> for TemporaryDirectory {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        // Left-overs in the temporary directory harm nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
