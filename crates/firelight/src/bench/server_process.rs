//! The benchmark's own servers, each a process of its own: this binary again, under a hidden word.

use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running server; dropped, it ends.
pub struct ServerProcess {
    child: Child,
    /// What it said once it was ready: its addresses.
    pub addresses: Vec<String>,
}

impl ServerProcess {
    /// Starts a server by its word and waits until it is ready.
    pub fn start(role: &str, directory: Option<&Path>) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(role)
            .args(directory)
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let addresses = line.split_whitespace().map(str::to_owned).collect();
        Ok(Self { child, addresses })
    }

    pub fn address(&self) -> io::Result<&str> {
        let first = self.addresses.first().map(String::as_str);
        first.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tells whoever started this server that it is ready.
#[expect(
    clippy::print_stdout,
    reason = "the parent reads the addresses from the pipe"
)]
pub fn ready(addresses: &[std::net::SocketAddr]) {
    let addresses = addresses.iter().map(ToString::to_string);
    println!("{}", addresses.collect::<Vec<_>>().join(" "));
}
