//! What an invocation may count on, as functions set concurrency aside and give it back.

use firelight_control::{Concurrency, Origin};
use firelight_model::{Version, VersionKey};

use crate::support::{TestControl, active, arn, origin, publication, settled, target};

fn key(control: &TestControl, name: &str, version: Version) -> VersionKey {
    let entry = control.view().function(&arn(name)).unwrap();
    VersionKey {
        version,
        ..entry.latest.key()
    }
}

fn around(control: &TestControl, name: &str) -> Concurrency {
    control
        .view()
        .concurrency(&key(control, name, Version::Latest))
}

async fn reserve(control: &TestControl, name: &str, reserved: Option<u32>) {
    let origin: Origin = origin();
    control
        .put_function_concurrency(&origin, &arn(name), reserved)
        .await
        .unwrap();
}

#[tokio::test]
async fn what_one_function_reserves_is_missing_for_all_others() {
    let control = TestControl::new().await;
    active(&control, "f").await;
    active(&control, "g").await;

    reserve(&control, "f", Some(300)).await;
    assert_eq!(around(&control, "f").reserved, Some(300));
    assert_eq!(around(&control, "g").unreserved, 700);
    reserve(&control, "f", Some(100)).await;
    assert_eq!(around(&control, "g").unreserved, 900);

    let again = control.again().await;
    let listed = again
        .view()
        .concurrency(&key(&control, "g", Version::Latest));
    assert_eq!(listed.unreserved, 900, "a restart counts the same");

    let whole = crate::support::whole("f");
    control.delete_function(&origin(), whole).await.unwrap();
    assert_eq!(around(&control, "g").unreserved, 1000);
}

#[tokio::test]
async fn provisioned_concurrency_is_taken_from_its_function_or_from_the_rest() {
    let control = TestControl::new().await;
    active(&control, "f").await;
    let _completion = control.complete();
    control
        .publish_version(&origin(), publication("f"))
        .await
        .unwrap();
    settled(&control, "f").await;

    control
        .put_provisioned_concurrency(&origin(), &target("f", "1"), 5)
        .await
        .unwrap();
    assert_eq!(around(&control, "f").unreserved, 995);
    reserve(&control, "f", Some(20)).await;

    assert_eq!(around(&control, "f").reserved, Some(15));
    assert_eq!(around(&control, "f").unreserved, 980);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_set_aside_at_once_never_leaves_less_than_the_minimum() {
    let control = TestControl::new().await;
    let _completion = control.complete();
    let names: Vec<_> = (0..6).map(|number| format!("f{number}")).collect();
    for name in &names {
        active(&control, name).await;
        control
            .publish_version(&origin(), publication(name))
            .await
            .unwrap();
        settled(&control, name).await;
    }

    // Six want 200 each, half of them reserved and half provisioned, and 900 can be had.
    let wishes = names.iter().enumerate().map(|(number, name)| {
        let (control, name) = (control.control.clone(), name.clone());
        tokio::spawn(async move {
            let (origin, arn) = (origin(), arn(&name));
            if number % 2 == 0 {
                let reserved = control.put_function_concurrency(&origin, &arn, Some(200));
                reserved.await.is_ok()
            } else {
                let target = target(&name, "1");
                let provisioned = control.put_provisioned_concurrency(&origin, &target, 200);
                provisioned.await.is_ok()
            }
        })
    });
    let mut granted = 0;
    for wish in wishes.collect::<Vec<_>>() {
        granted += u32::from(wish.await.unwrap());
    }

    assert_eq!(granted, 4);
    active(&control, "other").await;
    assert_eq!(around(&control, "other").unreserved, 200);
}
