//! The dispatcher: bounds, holds, tokens and stopping.

use std::time::Duration;

use firelight_events::{EventRequest, Settings, Token};
use firelight_model::RequestId;

use crate::world::{Step, World, event, named, settled};

fn small() -> Settings {
    Settings {
        in_flight: 4,
        in_flight_per_function: 3,
        ..Settings::default()
    }
}

fn event_of(function: &str, number: u8) -> EventRequest {
    EventRequest {
        function: named(function),
        ..event(number)
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_events_are_in_flight_than_allowed() {
    let world = World::new();
    let second = Duration::from_secs(1);
    world.script(std::iter::repeat_n(Step::Take(second), 20));
    let events = world.events(small());
    for number in 0..10 {
        events.accept(event_of("a", number)).await.unwrap();
        events.accept(event_of("b", 100 + number)).await.unwrap();
    }
    let _dispatcher = events.dispatch(world.token());

    world.ran(4).await;
    tokio::time::sleep(second / 2).await;
    assert_eq!(*world.running.borrow(), 4);
    settled(&events).await;

    assert_eq!(world.run_times().len(), 20);
    assert_eq!(*world.run_times().last().unwrap(), 4, "5 rounds of 4");
}

#[tokio::test(start_paused = true)]
async fn a_slow_function_leaves_room_for_the_others() {
    let world = World::new();
    world.script(std::iter::repeat_n(Step::Take(Duration::from_secs(900)), 3));
    let events = world.events(small());
    let _dispatcher = events.dispatch(world.token());
    for number in 0..50 {
        events.accept(event_of("slow", number)).await.unwrap();
    }
    world.ran(3).await;

    for number in 100..110 {
        events.accept(event_of("quick", number)).await.unwrap();
    }
    world.ran(13).await;

    assert_eq!(*world.run_times().last().unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn functions_take_turns_however_long_the_line_of_one_is() {
    let world = World::new();
    let second = Duration::from_secs(1);
    world.script(std::iter::repeat_n(Step::Take(second), 46));
    let settings = Settings {
        in_flight: 1,
        ..Settings::default()
    };
    let events = world.events(settings);
    for number in 0..40 {
        events.accept(event_of("long", number)).await.unwrap();
    }
    for number in 0..3 {
        events.accept(event_of("a", 100 + number)).await.unwrap();
        events.accept(event_of("b", 200 + number)).await.unwrap();
    }
    let _dispatcher = events.dispatch(world.token());

    world.ran(9).await;

    let runs = world.runs.borrow();
    let runs_of = |name: &str| {
        let first = runs.iter().take(9);
        first
            .filter(|run| run.call.version.function.as_str() == name)
            .count()
    };
    assert_eq!((runs_of("long"), runs_of("a"), runs_of("b")), (3, 3, 3));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_runs_longer_than_the_hold_is_run_once() {
    let world = World::new();
    world.script([Step::Take(Duration::from_secs(900))]);
    let events = world.events(Settings::default());
    let _dispatcher = events.dispatch(world.token());

    events.accept(event(1)).await.unwrap();
    settled(&events).await;

    assert_eq!(world.run_times(), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_dispatcher_finishes_what_runs_and_leaves_the_rest_in_the_queue() {
    let world = World::new();
    world.script([Step::Take(Duration::from_secs(5))]);
    let settings = Settings {
        in_flight: 1,
        ..Settings::default()
    };
    let events = world.events(settings);
    let dispatcher = events.dispatch(world.token());
    events.accept(event(1)).await.unwrap();
    events.accept(event(2)).await.unwrap();
    world.ran(1).await;

    dispatcher.stop(Duration::from_secs(10)).await;

    assert_eq!(world.run_times(), [0]);
    assert_eq!(events.totals().succeeded, 1);
    assert_eq!(events.depths().await.unwrap()[0].events, 1);
}

#[tokio::test(start_paused = true)]
async fn an_event_of_a_dispatcher_that_died_is_run_by_the_next_epoch() {
    let world = World::new();
    world.script([Step::Take(Duration::from_secs(900))]);
    let events = world.events(Settings::default());
    let dispatcher = events.dispatch(world.token());
    events.accept(event(1)).await.unwrap();
    world.ran(1).await;

    drop(dispatcher);
    let epoch = world.queue.begin_epoch();
    let _next = events.dispatch(Token::alone(epoch));
    settled(&events).await;

    let attempts: Vec<_> = world
        .runs
        .borrow()
        .iter()
        .map(|run| run.call.attempt)
        .collect();
    assert_eq!(attempts, [1, 2]);
    assert_eq!(events.totals().succeeded, 1);
}

#[tokio::test(start_paused = true)]
async fn a_dispatcher_with_an_old_token_runs_nothing() {
    let world = World::new();
    let events = world.events(Settings::default());
    let old = world.token();
    world.queue.begin_epoch();

    let dispatcher = events.dispatch(old);
    events.accept(event(1)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(600)).await;

    assert_eq!(world.run_times(), [0; 0]);
    dispatcher.stop(Duration::ZERO).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_without_a_trace_header_gets_one() {
    let world = World::new();
    let events = world.events(Settings::default());
    let _dispatcher = events.dispatch(world.token());

    let untraced = EventRequest {
        trace: None,
        request_id: RequestId::from_random([3; 16]),
        ..event(3)
    };
    events.accept(untraced).await.unwrap();
    world.ran(1).await;

    let trace = world.runs.borrow()[0].call.trace.clone().unwrap();
    assert!(trace.starts_with("Root=1-5dcd99e5-"), "{trace}");
    assert!(trace.contains(";Sampled=0;Lineage="), "{trace}");
}

#[tokio::test(start_paused = true)]
async fn depths_tell_the_events_of_each_function_and_the_age_of_the_oldest() {
    let world = World::new();
    let events = world.events(Settings::default());

    events.accept(event_of("a", 1)).await.unwrap();
    tokio::time::advance(Duration::from_secs(7)).await;
    events.accept(event_of("a", 2)).await.unwrap();

    let depths = events.depths().await.unwrap();
    assert_eq!(depths.len(), 1);
    assert_eq!(depths[0].function, "000000000000/a");
    assert_eq!((depths[0].events, depths[0].oldest.as_secs()), (2, 7));
}
