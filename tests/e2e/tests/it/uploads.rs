//! Uploads in parts whose daemon is killed under them: parts that were acknowledged are there, none is half there, and
//! what was being completed is either an object or still an upload.

use firelight_e2e::TestEnvironment;

const ROUNDS: u32 = 3;

#[test]
fn acknowledged_parts_outlive_power_cuts_and_nothing_is_half_completed() {
    for round in 0..ROUNDS {
        let Some(mut environment) = TestEnvironment::start() else {
            return;
        };
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("state.json");
        let state = state.to_str().unwrap();
        let seed = format!("{}-{round}", std::process::id());
        eprintln!("the seed is {seed}");

        for step in ["upload", "complete"] {
            let pid = environment.daemon_pid().to_string();
            environment
                .script("uploads", &[step, &pid, &seed, state])
                .succeeded();
            environment.kill_and_restart();
        }
        environment
            .script("uploads", &["check", "0", &seed, state])
            .succeeded();

        let left = environment.stop();
        assert!(left.is_none(), "the daemon left {left:#?}");
    }
}
