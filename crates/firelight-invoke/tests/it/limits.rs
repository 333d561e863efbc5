//! Concurrency, the line, and room on the host.

use std::cell::Cell;
use std::time::Duration;

use firelight_invoke::{
    Budget, Ceiling, NotStarted, Outcome, Pace, Paces, StartKind, ThrottleReason,
};
use firelight_sandbox::fake::FakeEvent;
use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::time::Instant;

use crate::plane::{Plane, echo, error, not_started, success};
use crate::runtime::Act;

#[tokio::test(start_paused = true)]
async fn invocation_over_the_reserved_concurrency_is_throttled() {
    let plane = Plane::new(|_| Act::Hang);
    let key = plane.add("f", 1);
    plane.versions.set_ceiling(Ceiling::Reserved(1));

    let (_, second) = tokio::join!(plane.invoke(&key, "1"), plane.invoke(&key, "2"));

    assert_eq!(
        not_started(second),
        NotStarted::Throttled(ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded)
    );
}

#[tokio::test]
async fn sequential_invocations_fit_into_a_concurrency_of_one() {
    let plane = Plane::new(echo);
    let key = plane.add("f", 1);
    plane.versions.set_ceiling(Ceiling::Reserved(1));

    for n in 0..50 {
        assert_eq!(
            success(plane.invoke(&key, &n.to_string()).await),
            n.to_string()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn eleventh_request_of_a_second_is_throttled_at_a_concurrency_of_one() {
    let plane = Plane::with(echo, |settings| settings.paces = Paces::AWS);
    let key = plane.add("f", 1);
    plane.versions.set_ceiling(Ceiling::Reserved(1));
    let began = Instant::now();
    let mut served: u32 = 0;

    let refused = loop {
        match plane.invoke(&key, "{}").await {
            Outcome::Completed(_) => served += 1,
            refused => break not_started(refused),
        }
    };

    let reason = ThrottleReason::ReservedFunctionInvocationRateLimitExceeded;
    assert_eq!(refused, NotStarted::Throttled(reason));
    let flowed = 10.0 * began.elapsed().as_secs_f64();
    assert!(
        (10.0..=10.0 + flowed + 1.0).contains(&f64::from(served)),
        "{served} after {flowed}"
    );
}

#[tokio::test]
async fn function_that_grows_too_fast_is_throttled_and_others_are_not() {
    let plane = Plane::with(
        |_| Act::Hang,
        |settings| {
            settings.paces.scaling = Pace {
                per_second: 1,
                burst: 1,
            };
        },
    );
    let (fast, other) = (plane.add("fast", 1), plane.add("other", 1));

    let (_, refused, other) = tokio::join!(
        plane.invoke(&fast, "1"),
        plane.invoke(&fast, "2"),
        plane.invoke(&other, "3"),
    );

    let reason = ThrottleReason::ConcurrentInvocationLimitExceeded;
    assert_eq!(not_started(refused), NotStarted::Throttled(reason));
    assert!(error(other).contains("timed out"));
}

#[tokio::test]
async fn full_host_retires_what_is_idle() {
    let plane = Plane::with(echo, |settings| {
        settings.budget = Budget {
            memory_mb: 128,
            environments: 10,
        };
    });
    let (first, second) = (plane.add("first", 1), plane.add("second", 1));
    success(plane.invoke(&first, "1").await);

    assert_eq!(success(plane.invoke(&second, "2").await), "2");

    assert_eq!(plane.driver.alive().len(), 1);
}

#[tokio::test]
async fn function_with_a_long_line_makes_way_for_one_that_has_nothing() {
    let plane = Plane::with(echo, |settings| {
        settings.longest_line = 500;
        settings.budget = Budget {
            memory_mb: 256,
            environments: 10,
        };
    });
    let (crowded, late) = (plane.add("crowded", 1), plane.add("late", 1));
    let answered = Cell::new(0);
    let crowd = join_all((0..500).map(async |_| {
        success(plane.invoke(&crowded, "1").await);
        answered.set(answered.get() + 1);
    }));

    let ((), before) = tokio::join!(crowd.map(drop), async {
        success(plane.invoke(&late, "2").await);
        answered.get()
    });

    assert!(before < 400, "{before} came first");
    assert_eq!(answered.get(), 500);
    assert!(plane.driver.alive().len() <= 2);
}

#[tokio::test(start_paused = true)]
async fn full_host_with_nothing_idle_refuses_after_a_bounded_wait() {
    let plane = Plane::with(
        |_| Act::Hang,
        |settings| {
            settings.budget = Budget {
                memory_mb: 128,
                environments: 10,
            };
            settings.capacity_wait = Duration::from_secs(1);
        },
    );
    let (first, second) = (plane.add("first", 1), plane.add("second", 1));

    let (_, refused) = tokio::join!(plane.invoke(&first, "1"), plane.invoke(&second, "2"));

    assert!(matches!(
        not_started(refused),
        NotStarted::NoCapacity { .. }
    ));
}

#[tokio::test]
async fn function_larger_than_the_host_is_refused_at_once() {
    let plane = Plane::with(echo, |settings| {
        settings.budget = Budget {
            memory_mb: 100,
            environments: 10,
        };
    });
    let key = plane.add("f", 1);

    assert!(matches!(
        not_started(plane.invoke(&key, "{}").await),
        NotStarted::NoCapacity { .. }
    ));
}

#[tokio::test]
async fn burst_that_one_environment_served_leaves_no_start_that_nobody_needs() {
    let plane = Plane::with(echo, |settings| {
        settings.budget = Budget {
            memory_mb: 128,
            environments: 1,
        };
    });
    let key = plane.add("f", 1);

    let burst = join_all((0..50).map(async |number: u32| {
        let event = number.to_string();
        assert_eq!(success(plane.invoke(&key, &event).await), event);
    }));
    burst.await;
    plane.plane.drain(Duration::from_secs(10)).await;

    let journal = plane.driver.journal();
    let launches = journal
        .iter()
        .filter(|event| matches!(event, FakeEvent::Launched(_)));
    assert_eq!(launches.count(), 1);
}

#[tokio::test]
async fn what_happens_is_counted_for_its_version() {
    let plane = Plane::new(|event| match event.as_str() {
        "fail" => Act::Fail {
            error_type: "Function.E".into(),
            payload: "{}".into(),
        },
        _ => Act::Answer(event),
    });
    let key = plane.add("f", 1);
    success(plane.invoke(&key, "1").await);
    error(plane.invoke(&key, "fail").await);
    plane.versions.set_ceiling(Ceiling::Reserved(0));
    not_started(plane.invoke(&key, "2").await);
    let idle = plane.plane.snapshot().versions[0].counts.idle;

    plane.plane.drain(Duration::from_secs(10)).await;

    let snapshot = plane.plane.snapshot();
    let [version] = snapshot.versions.as_slice() else {
        panic!("{snapshot:?}")
    };
    assert_eq!(version.function.name.as_str(), "f");
    assert_eq!(
        (version.durations.count(), version.errors, version.cold),
        (2, 1, 1)
    );
    let reason = ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded;
    assert!(
        version.throttles.contains(&(reason, 1)),
        "{:?}",
        version.throttles
    );
    assert!(
        version.starts.contains(&(StartKind::Exec, 1)),
        "{:?}",
        version.starts
    );
    assert_eq!((version.inits.count(), idle), (1, 1));
}
