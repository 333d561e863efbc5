//! Which environment serves what.

use std::sync::Arc;

use firelight_invoke::{Call, Invoker};
use firelight_sandbox::fake::FakeEvent;
use tokio::sync::Notify;

use crate::plane::{Plane, call, echo, error, success};
use crate::runtime::Act;

fn launches(plane: &Plane) -> usize {
    plane
        .driver
        .journal()
        .iter()
        .filter(|asked| matches!(asked, FakeEvent::Launched(_)))
        .count()
}

#[tokio::test]
async fn second_invocation_finds_the_environment_of_the_first() {
    let plane = Plane::new(echo);
    let key = plane.add("f", 1);

    assert_eq!(success(plane.invoke(&key, "1").await), "1");
    assert_eq!(success(plane.invoke(&key, "2").await), "2");

    assert_eq!(launches(&plane), 1);
    let meters = plane.meters.lock().unwrap();
    assert!(meters[0].init.is_some(), "the first is a cold start");
    assert!(
        meters.get(1).is_none_or(|meter| meter.init.is_none()),
        "the second is warm"
    );
}

#[tokio::test]
async fn no_environment_serves_two_tenants() {
    let plane = Plane::new(echo);
    let key = plane.add("f", 1);
    let of_tenant = |tenant: &str| Call {
        tenant_id: Some(tenant.into()),
        ..call(&key, "1")
    };

    for tenant in ["blue", "green", "blue", "green"] {
        success(plane.plane.invoke(of_tenant(tenant)).await);
    }

    assert_eq!(launches(&plane), 2);
}

#[tokio::test]
async fn a_hundred_invocations_one_after_the_other_start_one_environment() {
    let plane = Plane::new(echo);
    let key = plane.add("f", 1);

    for n in 0..100 {
        assert_eq!(
            success(plane.invoke(&key, &n.to_string()).await),
            n.to_string()
        );
    }

    assert_eq!(launches(&plane), 1);
}

#[tokio::test]
async fn invocations_at_once_get_environments_of_their_own() {
    let plane = Plane::new(echo);
    let key = plane.add("f", 1);

    let (a, b, c) = tokio::join!(
        plane.invoke(&key, "1"),
        plane.invoke(&key, "2"),
        plane.invoke(&key, "3")
    );

    assert_eq!([success(a), success(b), success(c)], ["1", "2", "3"]);
}

#[tokio::test]
async fn changed_code_is_never_served_by_an_old_environment() {
    let plane = Plane::new(echo);
    let old = plane.add("f", 1);
    success(plane.invoke(&old, "1").await);
    plane.versions.remove(&old);
    let new = plane.add("f", 2);

    success(plane.invoke(&new, "2").await);

    assert_eq!(launches(&plane), 2);
}

#[tokio::test]
async fn runtime_that_works_on_after_its_answer_gets_nothing_until_it_is_done() {
    let done = Arc::new(Notify::new());
    let told = Arc::clone(&done);
    let plane = Plane::new(move |event| match event.as_str() {
        "\"work on\"" => Act::AnswerAndWorkOn(event, Arc::clone(&told)),
        _ => Act::Answer(event),
    });
    let key = plane.add("f", 1);
    success(plane.invoke(&key, "\"work on\"").await);

    success(plane.invoke(&key, "2").await);

    assert_eq!(launches(&plane), 2, "it goes to another environment");
    done.notify_one();
}

#[tokio::test]
async fn environment_that_failed_is_reset_and_used_again() {
    let plane = Plane::new(|event| match event.as_str() {
        "\"exit\"" => Act::Exit(firelight_sandbox::Exit::Code(1)),
        _ => Act::Answer(event),
    });
    let key = plane.add("f", 1);

    error(plane.invoke(&key, "\"exit\"").await);
    assert_eq!(success(plane.invoke(&key, "1").await), "1");

    let asked = plane.driver.journal();
    assert_eq!(launches(&plane), 1);
    assert!(
        asked
            .iter()
            .any(|asked| matches!(asked, FakeEvent::KilledProcesses(_)))
    );
}

#[tokio::test]
async fn drain_leaves_no_environment_behind() {
    let plane = Plane::new(echo);
    let key = plane.add("f", 1);
    success(plane.invoke(&key, "1").await);

    plane.plane.drain(std::time::Duration::from_secs(10)).await;

    assert_eq!(plane.driver.alive().len(), 0);
}
