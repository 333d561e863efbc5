//! Another AWS: a process that records and dead letters are sent to, and that outlives the daemon's lives.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tempfile::TempDir;

use crate::clients;
use crate::lacking::lacking;
use crate::package::repository;

/// The key that signs there.
pub const ACCESS_KEY_ID: &str = "AKIAOPERATOR";
const SECRET: &str = "the-operators-secret";

/// `clients/service.py`, running. Dropping it ends it.
pub struct Service {
    child: Child,
    port: u16,
    lines: Arc<Mutex<Vec<Value>>>,
    root: TempDir,
}

impl Service {
    /// Starts it closed: whatever is sent is answered with 503 until [`Service::open`].
    pub fn start() -> Option<Self> {
        let Some(venv) = clients::venv() else {
            return lacking("boto3; `make test` installs it");
        };
        let root = tempfile::tempdir().expect("a directory");
        let mut child = Command::new(venv.join("bin/python"))
            .arg("-B")
            .arg(repository().join("tests/e2e/clients/service.py"))
            .arg(SECRET)
            .arg(root.path().join("open"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped")).lines();
        let port = stdout.next().and_then(Result::ok);
        let port = port.and_then(|port| port.parse().ok()).expect("its port");
        let lines: Arc<Mutex<Vec<Value>>> = Arc::default();
        let heard = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in stdout.map_while(Result::ok) {
                let line = serde_json::from_str(&line).expect("a line is JSON");
                heard.lock().expect("no reader panics").push(line);
            }
        });
        Some(Self {
            child,
            port,
            lines,
            root,
        })
    }

    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From now on what is sent is taken.
    pub fn open(&self) {
        fs::write(self.root.path().join("open"), "").expect("a file");
    }

    /// Writes a configuration in which every service is this one, and returns its path.
    pub fn configuration(&self, more: &str) -> PathBuf {
        let address = self.address();
        let path = self.root.path().join("firelight.toml");
        let text = format!(
            "{more}\n[endpoints]\nsqs = '{address}'\nsns = '{address}'\nevents = '{address}'\n\
             access_key_id = '{ACCESS_KEY_ID}'\nsecret_access_key = '{SECRET}'\n"
        );
        fs::write(&path, text).expect("a file");
        path
    }

    /// Every request so far, in the order it came.
    pub fn lines(&self) -> Vec<Value> {
        self.lines.lock().expect("no reader panics").clone()
    }

    /// The requests that were taken.
    pub fn taken(&self) -> Vec<Value> {
        let mut lines = self.lines();
        lines.retain(|line| line["status"] == 200);
        lines
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
