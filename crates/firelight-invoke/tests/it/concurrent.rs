//! Environments that run several invocations at once.

use std::sync::Arc;
use std::time::Duration;

use firelight_invoke::{Call, Invoker, Outcome};
use firelight_model::{EnvironmentConcurrency, FunctionVersion, RequestId, VersionKey};
use firelight_sandbox::Exit;
use tokio::sync::Barrier;
use tokio::time::sleep;

use crate::plane::{Plane, call, echo, error, success, version};
use crate::runtime::{Act, Init};

/// Adds a function of which an environment runs two invocations at once.
fn add_shared(plane: &Plane) -> VersionKey {
    plane.versions.add(FunctionVersion {
        concurrency: EnvironmentConcurrency::new(2).unwrap(),
        ..version("f", 1)
    })
}

/// Invokes under an id of its own, as no environment has two invocations with one.
async fn invoke(plane: &Plane, key: &VersionKey, number: u8, payload: &str) -> Outcome {
    let call = Call {
        request_id: RequestId::from_random([number; 16]),
        ..call(key, payload)
    };
    plane.plane.invoke(call).await
}

#[tokio::test]
async fn invocations_that_wait_for_each_other_meet_in_one_environment() {
    let barrier = Arc::new(Barrier::new(2));
    let plane = Plane::new(move |event| Act::Meet(Arc::clone(&barrier), event));
    let key = add_shared(&plane);

    let (one, two) = tokio::join!(
        invoke(&plane, &key, 1, "\"one\""),
        invoke(&plane, &key, 2, "\"two\"")
    );

    assert_eq!(
        (success(one), success(two)),
        ("\"one\"".into(), "\"two\"".into())
    );
    assert_eq!(plane.driver.alive().len(), 1);
}

#[tokio::test]
async fn another_environment_is_started_once_all_seats_are_taken() {
    let barrier = Arc::new(Barrier::new(3));
    let plane = Plane::new(move |event| Act::Meet(Arc::clone(&barrier), event));
    let key = add_shared(&plane);

    let (one, two, three) = tokio::join!(
        invoke(&plane, &key, 1, "1"),
        invoke(&plane, &key, 2, "2"),
        invoke(&plane, &key, 3, "3")
    );

    assert_eq!([one, two, three].map(success), ["1", "2", "3"]);
    assert_eq!(plane.driver.alive().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn invocation_that_is_cut_off_does_not_take_the_others_with_it() {
    let met = Arc::new(Barrier::new(2));
    let barrier = Arc::clone(&met);
    let plane = Plane::new(move |event| match event.as_str() {
        "0" => Act::Hang,
        "1" => Act::Meet(Arc::clone(&barrier), event),
        _ => Act::Answer(event),
    });
    let key = plane.versions.add(FunctionVersion {
        concurrency: EnvironmentConcurrency::new(3).unwrap(),
        ..version("f", 1)
    });
    let cut_off = async {
        let answer = error(invoke(&plane, &key, 1, "0").await);
        assert!(
            answer.contains("Task timed out after 3.00 seconds"),
            "{answer}"
        );
    };
    let beside = async {
        // Begins late enough to outlive the other.
        sleep(Duration::from_secs(2)).await;
        success(invoke(&plane, &key, 2, "1").await)
    };

    let then_meet = async {
        cut_off.await;
        met.wait().await;
    };
    let ((), answer) = tokio::join!(then_meet, beside);

    assert_eq!(answer, "1");
    assert_eq!(success(invoke(&plane, &key, 3, "2").await), "2");
    assert_eq!(plane.driver.alive().len(), 1, "its sandbox was kept");
}

#[tokio::test]
async fn crash_ends_all_invocations_and_the_next_begins_anew() {
    let both = Arc::new(Barrier::new(2));
    let plane = Plane::new(move |event| match event.as_str() {
        "0" => Act::Hang,
        "1" => Act::Exit(Exit::Code(3)),
        _ => Act::Meet(Arc::clone(&both), event),
    });
    let key = add_shared(&plane);

    let (one, two) = tokio::join!(invoke(&plane, &key, 1, "0"), invoke(&plane, &key, 2, "1"));

    for answer in [error(one), error(two)] {
        assert!(
            answer.contains("Runtime exited with error: exit status 3"),
            "{answer}"
        );
    }
    let (one, two) = tokio::join!(invoke(&plane, &key, 3, "2"), invoke(&plane, &key, 4, "3"));
    assert_eq!([one, two].map(success), ["2", "3"]);
    assert_eq!(plane.driver.alive().len(), 1, "its sandbox was kept");
}

#[tokio::test]
async fn failed_init_is_told_to_each_invocation() {
    let plane = Plane::new(echo);
    let key = add_shared(&plane);
    plane.set_init(Init::Exit(Exit::Code(1)));

    let (one, two) = tokio::join!(invoke(&plane, &key, 1, "1"), invoke(&plane, &key, 2, "2"));

    for answer in [error(one), error(two)] {
        assert!(
            answer.contains("Runtime exited with error: exit status 1"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn lines_of_invocations_beside_others_name_them() {
    let plane = Plane::new(echo);
    let key = add_shared(&plane);

    success(invoke(&plane, &key, 1, "1").await);
    plane.plane.drain(Duration::from_secs(5)).await;

    let lines = plane.lines.lock().unwrap();
    let id = RequestId::from_random([1; 16]);
    assert!(
        lines.contains(&format!("START RequestId: {id}\tVersion: $LATEST")),
        "{lines:?}"
    );
    assert!(lines.contains(&format!("END RequestId: {id}")), "{lines:?}");
    assert_eq!(plane.meters.lock().unwrap().len(), 1);
}
