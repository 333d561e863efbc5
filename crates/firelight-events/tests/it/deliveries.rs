//! Who is told how an event ended, and how hard that is tried.

use std::time::Duration;

use firelight_events::{DeliverError, ServiceRequest, Settings, Targets};
use firelight_model::RecursiveLoop;

use crate::world::{Step, World, event, settled};

const QUEUE: &str = "arn:aws:sqs:eu-west-1:000000000000:q";

fn body(request: &ServiceRequest) -> &str {
    match request {
        ServiceRequest::SendMessage { body, .. } | ServiceRequest::PutObject { body, .. } => body,
        ServiceRequest::Publish { message, .. } => message,
        ServiceRequest::PutEvents { detail, .. } => detail,
    }
}

fn on_failure() -> Targets {
    Targets {
        on_failure: Some(QUEUE.to_owned()),
        ..Targets::default()
    }
}

#[tokio::test(start_paused = true)]
async fn an_exhausted_event_is_told_to_its_on_failure_destination() {
    let world = World::new();
    world.resolve_to(|ready| ready.targets = on_failure());
    world.script([Step::Fail, Step::Fail, Step::Fail]);
    let events = world.events(Settings::default());
    let _dispatcher = events.dispatch(world.token());

    events.accept(event(1)).await.unwrap();
    let told = world.delivered(1).await;

    assert_eq!(
        body(&told[0].request),
        concat!(
            r#"{"version":"1.0","timestamp":"2019-11-14T18:19:05.568Z","#,
            r#""requestContext":{"requestId":"01010101-0101-4101-8101-010101010101","#,
            r#""functionArn":"arn:aws:lambda:eu-west-1:000000000000:function:f:$LATEST","#,
            r#""condition":"RetriesExhausted","approximateInvokeCount":3},"#,
            r#""requestPayload":{"key":1},"#,
            r#""responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},"#,
            r#""responsePayload":{"errorMessage":"no","errorType":"E"}}"#,
        )
    );
}

#[tokio::test(start_paused = true)]
async fn zero_reserved_concurrency_sends_the_event_on_without_a_run() {
    let world = World::new();
    world.resolve_to(|ready| {
        ready.stopped = true;
        ready.targets = on_failure();
    });
    let events = world.events(Settings::default());
    let _dispatcher = events.dispatch(world.token());

    events.accept(event(1)).await.unwrap();
    let told = world.delivered(1).await;

    assert_eq!(world.run_times(), [0; 0]);
    let record = body(&told[0].request);
    assert!(
        record.contains(r#""condition":"ZeroReservedConcurrency","approximateInvokeCount":0}"#),
        "{record}"
    );
    assert!(!record.contains("response"), "{record}");
}

#[tokio::test(start_paused = true)]
async fn a_success_is_told_to_the_next_function_as_an_event_of_its_own() {
    let world = World::new();
    world.resolve_to(|ready| {
        ready.targets.on_success =
            Some("arn:aws:lambda:eu-west-1:000000000000:function:next".to_owned());
    });
    let events = world.events(Settings::default());
    let _dispatcher = events.dispatch(world.token());

    events.accept(event(1)).await.unwrap();
    world.ran(1).await;
    world.resolve_to(|_| {});
    world.ran(2).await;
    settled(&events).await;

    let runs = world.runs.borrow();
    assert_eq!(runs[1].call.version.function.as_str(), "next");
    assert_ne!(runs[1].call.request_id, runs[0].call.request_id);
    assert!(runs[1].call.payload.starts_with(br#"{"version":"1.0""#));
    let lineage = runs[1].call.trace.as_deref().unwrap();
    assert_eq!(lineage.matches(":1").count(), 2, "{lineage}");
}

#[tokio::test(start_paused = true)]
async fn a_delivery_is_repeated_while_its_target_is_away_and_the_function_is_not() {
    let world = World::new();
    world.resolve_to(|ready| ready.targets.on_success = Some(QUEUE.to_owned()));
    let away = DeliverError::Unavailable {
        reason: "503".to_owned(),
    };
    world.refusals.lock().unwrap().extend([away.clone(), away]);
    let events = world.events(Settings::default());
    let _dispatcher = events.dispatch(world.token());

    events.accept(event(1)).await.unwrap();
    world.delivered(3).await;
    tokio::time::sleep(Duration::from_secs(1)).await;

    let times: Vec<_> = world
        .deliveries
        .borrow()
        .iter()
        .map(|(at, _)| *at)
        .collect();
    assert_eq!(times, [0, 1, 3]);
    assert_eq!(world.run_times(), [0]);
    let totals = events.totals();
    assert_eq!((totals.delivered, totals.delivery_retries), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_is_refused_is_given_up_and_counted() {
    let world = World::new();
    world.resolve_to(|ready| ready.targets.on_success = Some(QUEUE.to_owned()));
    world
        .refusals
        .lock()
        .unwrap()
        .push_back(DeliverError::Refused {
            reason: "no such queue".to_owned(),
        });
    let events = world.events(Settings::default());
    let _dispatcher = events.dispatch(world.token());

    events.accept(event(1)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(600)).await;

    assert_eq!(world.deliveries.borrow().len(), 1);
    let totals = events.totals();
    assert_eq!((totals.lost_records, totals.lost_dead_letters), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_whose_target_stays_away_is_given_up_after_six_hours_and_counted() {
    let world = World::new();
    world.resolve_to(|ready| ready.targets.dead_letter = Some(QUEUE.to_owned()));
    world.script([Step::Fail, Step::Fail, Step::Fail]);
    let away = DeliverError::Unavailable {
        reason: "503".to_owned(),
    };
    let refusals = std::iter::repeat_n(away, 1_000);
    world.refusals.lock().unwrap().extend(refusals);
    let events = world.events(Settings::default());
    let _dispatcher = events.dispatch(world.token());

    events.accept(event(1)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(7 * 3_600)).await;

    let deliveries = world.deliveries.borrow();
    let first_s = deliveries.first().unwrap().0;
    let last_s = deliveries.last().unwrap().0;
    assert!((21_300..21_600).contains(&(last_s - first_s)), "{last_s}");
    let totals = events.totals();
    assert_eq!((totals.lost_records, totals.lost_dead_letters), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_function_that_invokes_itself_is_stopped_at_its_seventeenth_run() {
    let world = World::new();
    let own_arn = "arn:aws:lambda:eu-west-1:000000000000:function:f";
    world.resolve_to(|ready| ready.targets.on_success = Some(own_arn.to_owned()));
    let events = world.events(Settings::default());
    let _dispatcher = events.dispatch(world.token());

    events.accept(event(1)).await.unwrap();
    settled(&events).await;

    assert_eq!(world.run_times().len(), 16);
    assert_eq!(events.totals().dropped.recursive, 1);
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_is_allowed_goes_on() {
    let world = World::new();
    let own_arn = "arn:aws:lambda:eu-west-1:000000000000:function:f";
    world.resolve_to(|ready| {
        ready.targets.on_success = Some(own_arn.to_owned());
        ready.recursive_loop = RecursiveLoop::Allow;
    });
    let events = world.events(Settings::default());
    let dispatcher = events.dispatch(world.token());

    events.accept(event(1)).await.unwrap();
    world.ran(20).await;

    dispatcher.stop(Duration::ZERO).await;
}
