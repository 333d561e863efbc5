//! When an event is run again, and when it is given up.

use std::time::Duration;

use firelight_events::{Dropped, Limits, Resolution, Settings};
use firelight_invoke::{NotStarted, ThrottleReason};

use crate::world::{Step, World, event, settled};

const THROTTLED: NotStarted =
    NotStarted::Throttled(ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded);

#[tokio::test(start_paused = true)]
async fn a_failing_event_runs_at_once_after_one_minute_and_after_two_more() {
    let world = World::new();
    world.script([Step::Fail, Step::Fail, Step::Fail]);
    let events = world.events(Settings::default());
    let _dispatcher = events.dispatch(world.token());

    events.accept(event(1)).await.unwrap();
    settled(&events).await;

    assert_eq!(world.run_times(), [0, 60, 180]);
    let ids: Vec<_> = world
        .runs
        .borrow()
        .iter()
        .map(|run| run.call.request_id)
        .collect();
    assert_eq!(ids, [event(1).request_id; 3]);
    let dropped = Dropped {
        retries_exhausted: 1,
        ..Dropped::default()
    };
    assert_eq!(events.totals().dropped, dropped);
}

#[tokio::test(start_paused = true)]
async fn a_success_is_never_run_again() {
    let world = World::new();
    world.script([Step::Fail]);
    let events = world.events(Settings::default());
    let _dispatcher = events.dispatch(world.token());

    events.accept(event(1)).await.unwrap();
    settled(&events).await;
    tokio::time::sleep(Duration::from_secs(30_000)).await;

    assert_eq!(world.run_times(), [0, 60]);
    assert_eq!(events.totals().succeeded, 1);
}

#[tokio::test(start_paused = true)]
async fn throttles_back_off_without_using_up_the_retries() {
    let world = World::new();
    world.resolve_to(|ready| ready.limits.retries = 0);
    world.script(std::iter::repeat_n(Step::Refuse(THROTTLED), 5));
    let events = world.events(Settings::default());
    let _dispatcher = events.dispatch(world.token());

    events.accept(event(1)).await.unwrap();
    settled(&events).await;

    assert_eq!(world.run_times(), [0, 1, 3, 7, 15, 31]);
    let totals = events.totals();
    assert_eq!((totals.not_run, totals.succeeded), (5, 1));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_throttled_for_ever_is_dropped_when_it_is_too_old() {
    let world = World::new();
    world.resolve_to(|ready| ready.limits.age = Duration::from_secs(60));
    world.script(std::iter::repeat_n(Step::Refuse(THROTTLED), 100));
    let events = world.events(Settings::default());
    let _dispatcher = events.dispatch(world.token());

    events.accept(event(1)).await.unwrap();
    settled(&events).await;

    assert_eq!(world.run_times(), [0, 1, 3, 7, 15, 31]);
    assert_eq!(events.totals().dropped.age_exceeded, 1);
}

#[tokio::test(start_paused = true)]
async fn a_run_with_an_unknown_end_is_repeated() {
    let world = World::new();
    world.script([Step::Vanish]);
    let events = world.events(Settings::default());
    let _dispatcher = events.dispatch(world.token());

    events.accept(event(1)).await.unwrap();
    settled(&events).await;

    assert_eq!(world.run_times(), [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn the_configuration_of_the_moment_decides_about_each_attempt() {
    let world = World::new();
    world.script([Step::Fail, Step::Fail]);
    let events = world.events(Settings::default());
    let _dispatcher = events.dispatch(world.token());

    events.accept(event(1)).await.unwrap();
    world.ran(1).await;
    world.resolve_to(|ready| {
        ready.version.revision = firelight_model::ConfigIdentity::from_random([2; 16]);
        ready.limits = Limits {
            retries: 1,
            ..Limits::default()
        };
    });
    settled(&events).await;

    assert_eq!(world.run_times(), [0, 60]);
    let runs = world.runs.borrow();
    assert_ne!(runs[0].call.version.revision, runs[1].call.version.revision);
}

#[tokio::test(start_paused = true)]
async fn events_of_a_function_that_is_not_ready_wait_and_those_of_one_that_is_gone_are_dropped() {
    let world = World::new();
    *world.resolution.lock().unwrap() = Resolution::NotNow {
        reason: "pending".to_owned(),
    };
    let events = world.events(Settings::default());
    let _dispatcher = events.dispatch(world.token());

    events.accept(event(1)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.resolve_to(|_| {});
    world.ran(1).await;
    *world.resolution.lock().unwrap() = Resolution::Gone;
    events.accept(event(2)).await.unwrap();
    settled(&events).await;

    assert_eq!(world.run_times(), [3]);
    assert_eq!(events.totals().dropped.gone, 1);
}
