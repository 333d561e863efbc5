//! Seeds in bulk. `FIRELIGHT_SIM_SEED=n` replays one, `FIRELIGHT_SIM_SEEDS=n` runs so many.

use firelight_sim::{run, run_seeds, simulate_asynchronous, simulate_host};

#[test]
fn asynchronous_invocation_keeps_its_promises() {
    run_seeds(
        "asynchronous_invocation_keeps_its_promises",
        2_000,
        simulate_asynchronous,
    );
}

#[test]
fn a_host_keeps_its_promises() {
    run_seeds("a_host_keeps_its_promises", 1_000, simulate_host);
}

#[test]
fn a_seed_tells_the_same_story_twice() {
    let mut lines = 0;
    for seed in 0..20 {
        let first = run(seed, &simulate_asynchronous).unwrap();
        let second = run(seed, &simulate_asynchronous).unwrap();

        assert_eq!(first, second, "seed {seed}");
        lines += first.len();
    }
    assert!(lines > 1_000, "only {lines} things happened");
}
