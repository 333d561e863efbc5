//! Runtimes that wait, started, for the functions they are to run.

use std::sync::Arc;

use firelight_invoke::{Budget, Settings};
use firelight_sandbox::Exit;
use firelight_sandbox::fake::FakeEvent;

use crate::plane::{AHEAD, Plane, echo, error, success, version};
use crate::runtime::Act;

/// How the processes came to be, in order.
fn starts(plane: &Plane) -> Vec<&'static str> {
    let journal = plane.driver.journal();
    let starts = journal.iter().filter_map(|event| match event {
        FakeEvent::Spawned(..) => Some("spawned"),
        FakeEvent::Claimed(..) => Some("claimed"),
        _ => None,
    });
    starts.collect()
}

fn waiting(plane: &Plane) -> u32 {
    plane.driver.waiting().iter().map(|(_, count)| count).sum()
}

#[tokio::test]
async fn the_first_cold_start_is_a_spawn_and_makes_the_next_a_claim() {
    let plane = Plane::new(echo);
    let (first, second) = (plane.add(AHEAD, 1), plane.add(AHEAD, 2));
    assert_eq!(waiting(&plane), 0);

    assert_eq!(success(plane.invoke(&first, "1").await), "1");
    assert_eq!(waiting(&plane), 2);
    assert_eq!(success(plane.invoke(&second, "2").await), "2");

    assert_eq!(starts(&plane), ["spawned", "claimed"]);
    let meters = plane.meters.lock().unwrap();
    assert!(
        meters[1].init.is_some(),
        "a claim is an init like any other"
    );
}

#[tokio::test]
async fn a_function_that_must_be_started_for_itself_is_and_has_nobody_wait() {
    let plane = Plane::new(echo);
    let (first, second) = (plane.add("f", 1), plane.add("f", 2));

    assert_eq!(success(plane.invoke(&first, "1").await), "1");
    assert_eq!(success(plane.invoke(&second, "2").await), "2");

    assert_eq!(starts(&plane), ["spawned", "spawned"]);
    assert_eq!(waiting(&plane), 0);
}

#[tokio::test]
async fn a_version_that_was_just_made_finds_its_runtime_waiting() {
    let plane = Plane::new(echo);
    let key = plane.add(AHEAD, 1);

    plane.plane.expect(&Arc::new(version(AHEAD, 1))).await;

    assert_eq!(success(plane.invoke(&key, "1").await), "1");
    assert_eq!(starts(&plane), ["claimed"]);
}

#[tokio::test]
async fn after_a_crash_the_runtime_is_spawned_in_the_same_sandbox() {
    let plane = Plane::new(|event| match event.as_str() {
        "1" => Act::Exit(Exit::Code(3)),
        _ => Act::Answer(event),
    });
    let key = plane.add(AHEAD, 1);
    plane.plane.expect(&Arc::new(version(AHEAD, 1))).await;

    assert!(error(plane.invoke(&key, "1").await).contains("exit status 3"));
    assert_eq!(success(plane.invoke(&key, "2").await), "2");

    assert_eq!(starts(&plane), ["claimed", "spawned"]);
}

#[tokio::test]
async fn what_waits_makes_room_for_an_environment_that_needs_it() {
    // Room for one environment and the two that wait, and then for two environments and nothing else.
    let plane = Plane::with(echo, |settings: &mut Settings| {
        settings.budget = Budget {
            memory_mb: 256,
            environments: 10,
        };
    });
    let (first, second) = (plane.add(AHEAD, 1), plane.add("f", 1));
    assert_eq!(success(plane.invoke(&first, "1").await), "1");
    assert_eq!(waiting(&plane), 2);

    assert_eq!(success(plane.invoke(&second, "2").await), "2");

    assert_eq!(waiting(&plane), 0);
}
