//! Environments kept ready ahead of demand.

use std::time::Duration;

use firelight_invoke::ProvisionError;
use firelight_sandbox::Exit;
use firelight_sandbox::fake::FakeEvent;

use crate::plane::{Plane, echo, success};
use crate::runtime::Init;

fn launches(plane: &Plane) -> usize {
    let journal = plane.driver.journal();
    journal
        .iter()
        .filter(|event| matches!(event, FakeEvent::Launched(_)))
        .count()
}

#[tokio::test]
async fn provisioned_environments_are_up_before_anyone_asks_and_serve_first() {
    let plane = Plane::new(echo);
    let key = plane.add("f", 1);

    plane.plane.provision(&key, 2).await.unwrap();
    assert_eq!(launches(&plane), 2);

    assert_eq!(success(plane.invoke(&key, "1").await), "1");
    assert_eq!(launches(&plane), 2);
    plane.plane.drain(Duration::from_secs(10)).await;
    let meters = plane.meters.lock().unwrap();
    assert_eq!(meters.len(), 1);
    assert!(
        meters[0].init.is_none(),
        "the invocation did not wait for an init"
    );
}

#[tokio::test]
async fn more_requests_than_are_provisioned_spill_over_to_new_environments() {
    let plane = Plane::new(echo);
    let key = plane.add("f", 1);
    plane.plane.provision(&key, 1).await.unwrap();

    let (one, other) = tokio::join!(plane.invoke(&key, "1"), plane.invoke(&key, "2"));

    assert_eq!([success(one), success(other)], ["1", "2"]);
    // The provisioned one may have served both by the time the other is up.
    plane.plane.drain(Duration::from_secs(10)).await;
    assert_eq!(launches(&plane), 2);
}

#[tokio::test]
async fn version_whose_init_fails_cannot_be_provisioned() {
    let plane = Plane::new(echo);
    let key = plane.add("f", 1);
    plane.set_init(Init::Exit(Exit::Code(1)));

    assert_eq!(
        plane.plane.provision(&key, 2).await,
        Err(ProvisionError::InitFailed)
    );

    assert_eq!(plane.driver.alive().len(), 0);
}
