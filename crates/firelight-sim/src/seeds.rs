//! Runs seeds, each in a runtime of its own whose clock jumps, and says how to replay one that fails.

use std::future::Future;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::history::Violation;

/// Replays one seed.
const ONE: &str = "FIRELIGHT_SIM_SEED";
/// Runs so many seeds instead of the usual number.
const MANY: &str = "FIRELIGHT_SIM_SEEDS";

/// Runs a simulation for `usual` seeds, or as the environment says.
///
/// # Panics
/// If a seed violates a promise; the text says which and how to replay it.
pub fn run_seeds<F, R>(simulation: &str, usual: u64, simulate: F)
where
    F: Fn(u64) -> R + Sync,
    R: Future<Output = Result<Vec<String>, Violation>>,
{
    if let Some(seed) = number(ONE) {
        return fail_on(simulation, seed, run(seed, &simulate));
    }
    let seeds = number(MANY).unwrap_or(usual);
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        return;
                    }
                    fail_on(simulation, seed, run(seed, &simulate));
                }
            });
        }
    });
}

/// Runs one seed and returns what happened.
pub fn run<F, R>(seed: u64, simulate: &F) -> Result<Vec<String>, Violation>
where
    F: Fn(u64) -> R,
    R: Future<Output = Result<Vec<String>, Violation>>,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime can be built");
    runtime.block_on(simulate(seed))
}

fn fail_on(simulation: &str, seed: u64, done: Result<Vec<String>, Violation>) {
    if let Err(violation) = done {
        panic!(
            "seed {seed} of {simulation}: {violation}\nreplay it with: {ONE}={seed} cargo test -p firelight-sim {simulation}"
        );
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is not a number: {text:?}")),
    )
}
