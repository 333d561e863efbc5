//! Processes that begin with their sandbox: what they are, when they cannot be, and that they are taken once.

use firelight_sandbox::{Exit, ProcessSpec, Sandbox, SandboxDriver, SandboxProcess, SpawnError};
use firelight_sandbox_linux::LinuxSandbox;

use crate::rig::{self, Rig, finish, probe, program, run_probe};

async fn launched_with(rig: &Rig, process: ProcessSpec) -> LinuxSandbox {
    let launched = rig.driver.launch_with(rig::spec(), process, None).await;
    launched.expect("a sandbox")
}

#[tokio::test]
async fn a_process_that_begins_with_its_sandbox_is_like_one_that_is_spawned() {
    let rig = Rig::with(|config| config.blank_sandboxes = 1);
    for _ in 0..3 {
        let process = ProcessSpec {
            variables: vec![("A".into(), "1".into())],
            directory: "/var/task".into(),
            ..probe("environment")
        };
        let sandbox = launched_with(&rig, process).await;

        let mut begun = sandbox.take_begun().await.unwrap().expect("it began");
        let outcome = finish(&mut begun.process).await;

        assert!(!begun.waited);
        assert_eq!(outcome.exit, Exit::Code(0), "{outcome:?}");
        assert_eq!(
            outcome.output,
            "A=1\ndirectory /var/task\nargument environment\n"
        );
        assert!(sandbox.take_begun().await.unwrap().is_none());
        assert_eq!(run_probe(&sandbox, "environment").await.exit, Exit::Code(0));
        sandbox.destroy().await.unwrap();
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_process_that_cannot_begin_is_an_exec_error_and_the_sandbox_is_none_the_worse() {
    let rig = Rig::new();
    let sandbox = launched_with(&rig, program("/var/task/bootstrap", &["x"])).await;

    match sandbox.take_begun().await {
        Err(SpawnError::Exec { program, source }) => {
            assert_eq!(program, "/var/task/bootstrap");
            assert_eq!(source.raw_os_error(), Some(libc::ENOENT));
        }
        other => panic!("{other:?}"),
    }

    assert_eq!(run_probe(&sandbox, "environment").await.exit, Exit::Code(0));
    rig.end(sandbox).await;
}

#[tokio::test]
async fn a_process_that_was_killed_before_it_was_taken_is_not_given_out() {
    let rig = Rig::new();
    let sandbox = launched_with(&rig, probe("sleep")).await;

    sandbox.kill_processes().await.unwrap();

    assert!(sandbox.take_begun().await.unwrap().is_none());
    rig.end(sandbox).await;
}

#[tokio::test]
async fn a_process_that_ended_before_it_was_taken_still_tells_its_exit() {
    let rig = Rig::new();
    let sandbox = launched_with(&rig, probe("environment")).await;
    // Carried out after the first process was begun, because init does one thing after the other.
    run_probe(&sandbox, "environment").await;

    let mut begun = sandbox.take_begun().await.unwrap().expect("it began");

    assert_eq!(begun.process.wait().await, Exit::Code(0));
    rig.end(sandbox).await;
}
