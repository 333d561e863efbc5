//! The daemon behind `firelight dev` and `firelight serve`: wires the crates together and runs until told to stop.

use crate::config::ServerConfig;
use crate::failure::Failure;

/// Runs the daemon until a signal ends it.
pub fn run(config: ServerConfig) -> Result<(), Failure> {
    let why = format!("{config:?} has nothing to run it");
    Err(Failure::new(crate::failure::Exit::Failure, "could not start the daemon").with_why(why))
}
