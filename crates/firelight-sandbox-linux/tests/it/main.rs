//! The driver on this host's own kernel: the test binary is the daemon, the launcher, and the program inside.
//!
//! Run as root, everything is tested; as an ordinary user, what a rootless host can do, and the output says what was
//! left out.

#![expect(clippy::print_stdout, reason = "probes talk to the tests through it")]
#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test is a failed test"
)]

mod begun;
mod dial;
mod egress;
mod facts;
mod faults;
mod hostile;
mod leaks;
mod life;
mod probe;
mod rig;
mod rootless;
mod soak;
mod waiting;
