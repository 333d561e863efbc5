//! One life of the daemon: started, awaited until it listens, stopped or killed.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};

use crate::package::target_dir;

/// Which daemon, with which flags.
#[derive(Clone, Debug)]
pub struct Flavor {
    pub command: &'static str,
    pub flags: Vec<String>,
}

impl Flavor {
    pub fn dev() -> Self {
        Self {
            command: "dev",
            flags: Vec::new(),
        }
    }

    pub fn serve() -> Self {
        Self {
            command: "serve",
            flags: Vec::new(),
        }
    }

    /// Adds flags.
    #[must_use]
    pub fn with(mut self, flags: &[&str]) -> Self {
        self.flags
            .extend(flags.iter().map(|flag| (*flag).to_owned()));
        self
    }
}

/// A running daemon. Dropping it kills it.
pub struct Daemon {
    child: Child,
    /// `HOST:PORT`.
    pub address: String,
    output: Output,
}

/// What the daemon writes, collected while it runs.
struct Output {
    text: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

/// Returns the binary under test.
pub fn binary() -> PathBuf {
    let named = std::env::var_os("FIRELIGHT_TEST_BINARY").map(PathBuf::from);
    named.unwrap_or_else(|| target_dir().join("debug/firelight"))
}

impl Daemon {
    /// Starts a daemon on a free port and waits until it listens. What it writes to `temporary` is its temporary files.
    pub fn start(flavor: &Flavor, data: &Path, temporary: &Path) -> Self {
        let mut child = Command::new(binary())
            .arg(flavor.command)
            .args(["--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data)
            .args(&flavor.flags)
            .env("TMPDIR", temporary)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", binary().display()));
        let mut output = Output::of(child.stderr.take().expect("piped"));
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let Some(address) = listening_at(&mut stdout) else {
            let status = child.wait().expect("the daemon is our child");
            panic!(
                "the daemon ended before it listened: {status}\n{}",
                output.finish()
            );
        };
        output.collect(stdout);
        Self {
            child,
            address,
            output,
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks the daemon to end, and returns how it did and what it wrote.
    pub fn stop(mut self) -> (ExitStatus, String) {
        self.signal(Signal::TERM);
        let status = self.child.wait().expect("the daemon is our child");
        (status, self.output.finish())
    }

    /// Ends the daemon as a power cut would, without a chance to clean up.
    pub fn kill(mut self) {
        self.signal(Signal::KILL);
        self.child.wait().expect("the daemon is our child");
        self.output.finish();
    }

    /// Returns what the daemon wrote so far.
    pub fn output(&self) -> String {
        self.output
            .text
            .lock()
            .expect("the readers do not panic")
            .clone()
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.expect("a child has a process id");
        kill_process(pid, signal).expect("a child that was not waited for can be signalled");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Already waited for after `stop` and `kill`; then both calls find nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the daemon wrote:\n{}", self.output());
        }
    }
}

/// Reads up to the line that says where the daemon listens.
fn listening_at(stdout: &mut BufReader<ChildStdout>) -> Option<String> {
    for line in stdout.lines() {
        if let Some(address) = line.ok()?.strip_prefix("listening on http://") {
            return Some(address.to_owned());
        }
    }
    None
}

impl Output {
    fn of(stream: impl Read + Send + 'static) -> Self {
        let mut output = Self {
            text: Arc::default(),
            readers: Vec::new(),
        };
        output.collect(stream);
        output
    }

    fn collect(&mut self, stream: impl Read + Send + 'static) {
        let text = Arc::clone(&self.text);
        let collect = move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let mut text = text.lock().expect("the other reader does not panic");
                text.push_str(&line);
                text.push('\n');
            }
        };
        self.readers.push(std::thread::spawn(collect));
    }

    fn finish(&mut self) -> String {
        for reader in self.readers.drain(..) {
            reader.join().expect("reading lines does not panic");
        }
        self.text.lock().expect("the readers do not panic").clone()
    }
}
