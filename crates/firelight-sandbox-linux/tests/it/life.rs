//! From launch to destruction.

use firelight_sandbox::{Exit, Sandbox};

use crate::rig::{Rig, run_probe};

#[tokio::test]
async fn a_program_runs_inside_and_its_exit_is_reported() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;

    let outcome = run_probe(&sandbox, "environment").await;

    assert_eq!(
        (outcome.exit, outcome.stdout.as_str()),
        (Exit::Code(0), ""),
        "{outcome:?}"
    );
    sandbox.destroy().await.unwrap();
    rig.driver.stop().await;
}
