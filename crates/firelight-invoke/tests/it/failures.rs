//! How an invocation can fail, and what its caller gets.

use std::time::Duration;

use firelight_invoke::NotStarted;
use firelight_sandbox::{Exit, LaunchError, SpawnError};

use crate::plane::{Plane, REQUEST_ID, echo, error, not_started, success};
use crate::runtime::{Act, Init};

#[tokio::test]
async fn what_the_runtime_reports_is_passed_through_untouched() {
    let payload = r#"{"errorMessage":"no","errorType":"Exception","stackTrace":[]}"#;
    let plane = Plane::new(move |_| Act::Fail {
        error_type: "Exception".into(),
        payload: payload.into(),
    });
    let key = plane.add("f", 1);

    assert_eq!(error(plane.invoke(&key, "{}").await), payload);
}

#[tokio::test]
async fn exit_in_the_middle_reads_as_recorded() {
    let plane = Plane::new(|_| Act::Exit(Exit::Code(3)));
    let key = plane.add("f", 1);

    let answer = error(plane.invoke(&key, "{}").await);

    assert_eq!(
        answer,
        format!(
            r#"{{"errorType":"Runtime.ExitError","errorMessage":"RequestId: {REQUEST_ID} Error: Runtime exited with error: exit status 3"}}"#
        )
    );
}

#[tokio::test]
async fn answer_that_is_followed_by_an_exit_counts() {
    let plane = Plane::new(|event| Act::AnswerAndExit(event, 0));
    let key = plane.add("f", 1);

    assert_eq!(success(plane.invoke(&key, "1").await), "1");
    assert_eq!(success(plane.invoke(&key, "2").await), "2");
}

#[tokio::test]
async fn out_of_memory_has_its_own_type() {
    let plane = Plane::new(|_| Act::Exit(Exit::OutOfMemory));
    let key = plane.add("f", 1);

    assert!(error(plane.invoke(&key, "{}").await).contains(r#""errorType":"Runtime.OutOfMemory""#));
}

#[tokio::test(start_paused = true)]
async fn function_is_cut_off_at_its_timeout() {
    let plane = Plane::new(|_| Act::Hang);
    let key = plane.add("f", 1);

    let answer = error(plane.invoke(&key, "{}").await);

    assert_eq!(
        answer,
        format!(
            r#"{{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: {REQUEST_ID} Error: Task timed out after 3.00 seconds"}}"#
        )
    );
}

#[tokio::test]
async fn init_error_is_answered_from_the_init_inside_the_invocation() {
    let plane = Plane::new(echo);
    let key = plane.add("f", 1);
    let payload =
        r#"{"errorMessage":"Unable to import module 'x'","errorType":"Runtime.ImportModuleError"}"#;
    plane.set_init(Init::Fail {
        error_type: "Runtime.ImportModuleError".into(),
        payload: payload.into(),
    });

    assert_eq!(error(plane.invoke(&key, "{}").await), payload);

    plane.set_init(Init::Fine);
    assert_eq!(success(plane.invoke(&key, "1").await), "1");
}

#[tokio::test]
async fn exit_during_init_is_an_exit_error() {
    let plane = Plane::new(echo);
    let key = plane.add("f", 1);
    plane.set_init(Init::Exit(Exit::Code(0)));

    let answer = error(plane.invoke(&key, "{}").await);

    assert!(
        answer.contains("Runtime exited without providing a reason"),
        "{answer}"
    );
}

#[tokio::test]
async fn bootstrap_that_cannot_be_executed_is_an_invalid_entrypoint() {
    for (errno, cause) in [(2, "no such file or directory"), (8, "exec format error")] {
        let plane = Plane::new(echo);
        let key = plane.add("f", 1);
        for _ in 0..2 {
            plane.driver.faults().fail_next_spawn(SpawnError::Exec {
                program: "/var/task/bootstrap".into(),
                source: std::io::Error::from_raw_os_error(errno),
            });
        }

        let answer = error(plane.invoke(&key, "{}").await);

        assert!(
            answer.contains(r#""errorType":"Runtime.InvalidEntrypoint""#),
            "{answer}"
        );
        let text = format!("fork/exec /var/task/bootstrap: {cause}");
        assert!(answer.contains(&text), "{answer}");
    }
}

#[tokio::test]
async fn sandbox_that_cannot_be_made_leaves_the_call_not_started() {
    let plane = Plane::new(echo);
    let key = plane.add("f", 1);
    plane
        .driver
        .faults()
        .fail_next_launch(LaunchError::LauncherGone);

    let reason = not_started(plane.invoke(&key, "{}").await);

    assert!(
        matches!(reason, NotStarted::LaunchFailed { .. }),
        "{reason:?}"
    );
    assert_eq!(success(plane.invoke(&key, "1").await), "1");
}

#[tokio::test]
async fn too_large_response_is_a_function_error() {
    let plane = Plane::new(|_| Act::Answer(format!("\"{}\"", "x".repeat(6_291_556))));
    let key = plane.add("f", 1);

    assert!(error(plane.invoke(&key, "{}").await).contains("Function.ResponseSizeTooLarge"));
}

#[tokio::test]
async fn unknown_version_is_not_started() {
    let plane = Plane::new(echo);
    let key = plane.add("f", 1);
    plane.versions.remove(&key);

    let reason = not_started(plane.invoke(&key, "{}").await);

    assert!(matches!(reason, NotStarted::NoSuchVersion(_)));
}

#[tokio::test]
async fn draining_plane_takes_nothing() {
    let plane = Plane::new(echo);
    let key = plane.add("f", 1);
    plane.plane.drain(Duration::ZERO).await;

    assert_eq!(
        not_started(plane.invoke(&key, "{}").await),
        NotStarted::Draining
    );
}
