//! The `firelight` binary: command line and configuration on one side, the crates of Firelight on the other.
//!
//! ```text
//!  args (raw) ─► config (layers, resolved) ─┬─► daemon                    firelight dev | serve
//!                                           └─► client ─► commands        everything else
//! ```
//!
//! Deliberately absent: logic. A command talks to the API that every other client uses, and prints what it says.

#![expect(unreachable_pub, reason = "nothing is reachable from outside a binary")]

mod announce;
mod args;
mod bench;
mod billing;
mod client;
mod commands;
mod config;
mod daemon;
mod deploy;
mod descriptors;
mod failure;
mod hostview;
mod report;
mod root_key;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::terminal::Terminal;

fn main() -> ExitCode {
    // A launcher may have no other thread, so this comes before everything.
    firelight_sandbox_linux::run_role_if_asked();
    bench::run_role_if_asked();
    let cli = Cli::parse();
    let terminal = Terminal::new(cli.global.json);
    let exit = commands::run(&cli, &terminal).unwrap_or_else(|failure| {
        terminal.report(&failure);
        failure.exit
    });
    exit.into()
}
