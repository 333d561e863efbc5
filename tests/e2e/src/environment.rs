//! A test's own world: a daemon with a data directory, and the clients that talk to it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::clients::{self, Access, Finished};
use crate::daemon::{self, Daemon, Flavor};
use crate::lacking::lacking;
use crate::leftovers::{Leftovers, Traces, cgroup_parents};
use crate::package::python_source;

/// A daemon and its clients. End it with [`TestEnvironment::stop`], which also looks for what is left.
#[must_use = "a daemon that is not used tests nothing"]
pub struct TestEnvironment {
    flavor: Flavor,
    /// `None` only between two lives.
    daemon: Option<Daemon>,
    data: PathBuf,
    temporary: PathBuf,
    venv: PathBuf,
    _root: TempDir,
}

impl TestEnvironment {
    /// Starts `firelight dev`. `None` if this machine cannot run the test, which is then noted.
    pub fn start() -> Option<Self> {
        Self::start_as(Flavor::dev())
    }

    /// Starts a daemon of any flavor.
    pub fn start_as(flavor: Flavor) -> Option<Self> {
        if !daemon::binary().exists() {
            return lacking("the firelight binary; `make test` builds it");
        }
        let Some(venv) = clients::venv() else {
            return lacking("boto3 and the AWS CLI; `make test` installs them");
        };
        let root = tempfile::Builder::new()
            .prefix("firelight-e2e-")
            .tempdir()
            .expect("a directory");
        // A daemon that becomes another user has to get to its data directory, which is closed to all others.
        let passable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(root.path(), passable).expect("the directory is ours");
        let (data, temporary) = (root.path().join("data"), root.path().join("tmp"));
        fs::create_dir(&temporary).expect("a directory");
        let daemon = Some(Daemon::start(&flavor, &data, &temporary));
        Some(Self {
            flavor,
            daemon,
            data,
            temporary,
            venv,
            _root: root,
        })
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.daemon().address)
    }

    pub fn daemon_pid(&self) -> u32 {
        self.daemon().pid()
    }

    pub fn data_dir(&self) -> &Path {
        &self.data
    }

    /// Returns what clients need to know; the keys are the root key's where there is one.
    pub fn access(&self) -> Access {
        let key = fs::read(self.data.join("root-key.json")).unwrap_or_default();
        let key: Value = serde_json::from_slice(&key).unwrap_or_default();
        let text = |name: &str| key[name].as_str().unwrap_or("test").to_owned();
        Access {
            endpoint: self.endpoint(),
            region: "us-east-1".to_owned(),
            access_key_id: text("access_key_id"),
            secret_access_key: text("secret_access_key"),
        }
    }

    /// Runs the AWS CLI against the daemon.
    pub fn aws(&self, arguments: &[&str]) -> Finished {
        self.access().aws(&self.venv, arguments)
    }

    /// Runs a boto3 scenario against the daemon.
    pub fn scenario(&self, script: &str, scenario: &str) -> Finished {
        self.access().scenario(&self.venv, script, scenario)
    }

    /// Runs another Python script of `clients/` against the daemon.
    pub fn script(&self, script: &str, arguments: &[&str]) -> Finished {
        self.access().script(&self.venv, script, arguments)
    }

    /// Runs the firelight CLI against the daemon.
    pub fn firelight(&self, arguments: &[&str]) -> Finished {
        let mut command: Command = self.access().command(&daemon::binary());
        command.args(arguments).arg("--data-dir").arg(&self.data);
        Finished::of(command)
    }

    /// Deploys a Python function whose handler has this body, and returns its name.
    pub fn deploy_python(&self, name: &str, body: &str) -> String {
        self.deploy(name, body, &[])
    }

    /// The same, to run as a role that exists.
    pub fn deploy_python_as(&self, name: &str, body: &str, role: &str) -> String {
        let role = format!("arn:aws:iam::000000000000:role/{role}");
        self.deploy(name, body, &["--role", &role])
    }

    fn deploy(&self, name: &str, body: &str, flags: &[&str]) -> String {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("app.py"), python_source(body)).expect("a file");
        let path = directory.path().to_str().expect("a path of plain letters");
        let arguments = [&["deploy", path, "--name", name], flags].concat();
        self.firelight(&arguments).succeeded();
        name.to_owned()
    }

    /// Looks again until there is something to see. What is written behind an answer, such as logs and usage,
    /// appears with no event to wait for.
    pub fn until<T>(&self, look: impl Fn() -> Option<T>) -> T {
        const LOOKS: u32 = 200;
        for _ in 0..LOOKS {
            if let Some(seen) = look() {
                return seen;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!(
            "not seen in {LOOKS} looks; the daemon wrote:\n{}",
            self.daemon_output()
        )
    }

    /// Ends the daemon as a power cut would, checks that nothing of it stays alive, and starts it again.
    pub fn kill_and_restart(&mut self) {
        let daemon = self
            .daemon
            .take()
            .expect("the daemon runs between two calls");
        let traces = self.traces(&daemon);
        daemon.kill();
        // Directories and files may stay until the next start; what runs or is mounted may not.
        let left = traces.settle_running();
        assert!(
            left.is_none(),
            "still there after the daemon was killed: {left:#?}"
        );
        self.daemon = Some(Daemon::start(&self.flavor, &self.data, &self.temporary));
    }

    /// Ends the daemon in order, and returns what it leaves. A daemon that does not end well fails the test.
    pub fn stop(mut self) -> Leftovers {
        let daemon = self
            .daemon
            .take()
            .expect("the daemon runs between two calls");
        let traces = self.traces(&daemon);
        let (status, output) = daemon.stop();
        assert!(
            status.success(),
            "the daemon ended with {status}:\n{output}"
        );
        traces.settle()
    }

    /// Returns what the daemon wrote so far.
    pub fn daemon_output(&self) -> String {
        self.daemon().output()
    }

    fn daemon(&self) -> &Daemon {
        self.daemon
            .as_ref()
            .expect("the daemon runs between two calls")
    }

    fn traces(&self, daemon: &Daemon) -> Traces<'_> {
        Traces {
            daemon: daemon.pid(),
            data: &self.data,
            temporary: &self.temporary,
            cgroup_parents: cgroup_parents(&self.data),
        }
    }
}
