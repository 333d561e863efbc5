//! A simulator for what is hard to test by hand: load, faults and restarts, by seed and in virtual time.
//!
//! ```text
//!  seed ─► scenario ─► the real code over a faulty queue and fake sandboxes ─► promises checked at every step
//! ```
//!
//! For development only: nothing that is shipped uses it.
//!
//! Deliberately absent: real time, real disks, real sandboxes. What a seed found is found again by the same seed.

mod asynchronous;
mod clock;
mod faulty_queue;
mod history;
mod host;
mod ledger;
mod rng;
mod seeds;
mod targets;

pub use asynchronous::simulate as simulate_asynchronous;
pub use history::Violation;
pub use host::simulate as simulate_host;
pub use seeds::{run, run_seeds};
