//! `firelight completions`: a completion script made from the command line's own description.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Cli;
use crate::failure::{Exit, Outcome};
use crate::terminal::Terminal;

pub fn run(shell: Shell, terminal: &Terminal) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "firelight", &mut script);
    terminal.lines(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Success)
}
