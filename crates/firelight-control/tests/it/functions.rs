//! Functions through their lives: created, changed, published, deleted.

use firelight_control::{
    CreateFunctionError, DeleteFunctionError, Settings, UpdateFunctionCode,
    UpdateFunctionConfiguration, UpdateFunctionError,
};
use firelight_model::{Busy, Draw, LastUpdate, LifeCycle, State, Version, VersionNumber};

use crate::support::{
    Counting, TestControl, active, arn, creation, described_when, origin, publication, settled,
    target, update, whole,
};

fn described_as(text: &str) -> UpdateFunctionConfiguration {
    UpdateFunctionConfiguration {
        arn: arn("f"),
        settings: Settings {
            description: Some(text.to_owned()),
            ..Settings::default()
        },
        expected_revision: None,
    }
}

fn number(number: u64) -> Version {
    Version::Number(VersionNumber::new(number).unwrap())
}

#[tokio::test]
async fn a_created_function_is_pending_and_becomes_active() {
    let control = TestControl::new().await;

    let created = control
        .create_function(&origin(), creation("f"))
        .await
        .unwrap();
    assert_eq!(created.life_cycle, LifeCycle::created());
    let again = control.create_function(&origin(), creation("f")).await;
    assert!(matches!(again, Err(CreateFunctionError::Exists { .. })));

    let _completion = control.complete();
    let active = settled(&control, "f").await;
    assert_eq!(active.life_cycle, LifeCycle::published());
    assert_ne!(active.revision, created.revision);
}

#[tokio::test]
async fn a_creation_survives_the_end_of_the_process_and_is_completed_by_the_next() {
    let first = TestControl::new().await;
    first
        .create_function(&origin(), creation("f"))
        .await
        .unwrap();

    let second = first.again().await;
    let token = tokio_util::sync::CancellationToken::new();
    let _completion = second.start_completion(&token, crate::support::Ready);

    assert_eq!(
        settled(&second, "f").await.life_cycle,
        LifeCycle::published()
    );
    // The first one sees it too: both follow the same store.
    assert_eq!(
        settled(&first, "f").await.life_cycle,
        LifeCycle::published()
    );
}

#[tokio::test]
async fn a_function_whose_code_cannot_be_made_ready_fails() {
    let control = TestControl::new().await;
    let _completion = control.complete();
    control
        .create_function(&origin(), creation("broken"))
        .await
        .unwrap();

    let failed = settled(&control, "broken").await;

    assert!(matches!(failed.life_cycle.state, State::Failed(_)));
}

#[tokio::test]
async fn old_code_runs_until_an_update_is_complete() {
    let control = TestControl::new().await;
    active(&control, "f").await;
    let draw = Draw::from_random(0);
    let before = control
        .view()
        .resolve(&arn("f"), None, draw)
        .unwrap()
        .version;

    let updated = control
        .update_function_code(&origin(), update("f", "two"))
        .await
        .unwrap();
    assert!(matches!(
        updated.life_cycle.last_update,
        Some(LastUpdate::InProgress(_))
    ));
    let during = control
        .view()
        .resolve(&arn("f"), None, draw)
        .unwrap()
        .version;
    assert_eq!(during.revision, before.revision);

    let _completion = control.complete();
    settled(&control, "f").await;
    let after = control
        .view()
        .resolve(&arn("f"), None, draw)
        .unwrap()
        .version;
    assert_ne!(after.revision, before.revision);
    assert_ne!(
        after.zip().unwrap().code.sha256,
        before.zip().unwrap().code.sha256
    );
}

#[tokio::test]
async fn a_second_update_has_to_wait_for_the_first() {
    let control = TestControl::new().await;
    active(&control, "f").await;
    control
        .update_function_configuration(&origin(), described_as("one"))
        .await
        .unwrap();

    let second = control
        .update_function_configuration(&origin(), described_as("two"))
        .await;

    let Err(UpdateFunctionError::Busy { source, .. }) = second else {
        panic!("{second:?}")
    };
    assert_eq!(source, Busy::UpdateInProgress);
}

#[tokio::test]
async fn of_concurrent_updates_with_the_same_revision_one_wins() {
    let control = TestControl::new().await;
    let revision = active(&control, "f").await.revision.to_string();

    let update = |text: &str| {
        let mut request = described_as(text);
        request.expected_revision = Some(revision.clone());
        let control = control.control.clone();
        async move {
            control
                .update_function_configuration(&origin(), request)
                .await
        }
    };
    let (one, two, three) = tokio::join!(update("one"), update("two"), update("three"));

    let won = [one, two, three].into_iter().filter(Result::is_ok).count();
    assert_eq!(won, 1);
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let control = TestControl::new().await;
    let before = active(&control, "f").await;

    let request = UpdateFunctionCode {
        dry_run: true,
        ..update("f", "two")
    };
    let dry = control
        .update_function_code(&origin(), request)
        .await
        .unwrap();

    assert_ne!(
        dry.configuration.code_sha256(),
        before.configuration.code_sha256()
    );
    assert_eq!(control.describe(&whole("f")).unwrap(), before);
}

#[tokio::test]
async fn publishing_again_without_a_change_returns_the_same_version() {
    let control = TestControl::new().await;
    active(&control, "f").await;

    let first = control
        .publish_version(&origin(), publication("f"))
        .await
        .unwrap();
    let second = control
        .publish_version(&origin(), publication("f"))
        .await
        .unwrap();

    assert_eq!(first.version, number(1));
    assert_eq!(second, first);
    assert_eq!(first.life_cycle, LifeCycle::published());
}

#[tokio::test]
async fn version_numbers_are_never_used_twice() {
    let control = TestControl::new().await;
    active(&control, "f").await;
    control
        .publish_version(&origin(), publication("f"))
        .await
        .unwrap();
    control
        .delete_function(&origin(), target("f", "1"))
        .await
        .unwrap();

    let next = control
        .publish_version(&origin(), publication("f"))
        .await
        .unwrap();

    assert_eq!(next.version, number(2));
    assert!(control.describe(&target("f", "1")).is_err());
}

#[tokio::test]
async fn code_that_is_published_with_its_update_is_pending_first() {
    let control = TestControl::new().await;
    active(&control, "f").await;

    let request = UpdateFunctionCode {
        publish: true,
        ..update("f", "two")
    };
    let published = control
        .update_function_code(&origin(), request)
        .await
        .unwrap();
    assert_eq!(published.version, number(1));
    assert_eq!(published.life_cycle, LifeCycle::created());

    let _completion = control.complete();
    let ready = described_when(&control, &target("f", "1"), |cycle| !cycle.is_moving()).await;
    assert_eq!(ready.life_cycle, LifeCycle::published());
    assert_eq!(ready.revision, published.revision);
}

#[tokio::test]
async fn a_deleted_function_is_gone_with_its_versions_and_starts_from_one_again() {
    let control = TestControl::new().await;
    active(&control, "f").await;
    control
        .publish_version(&origin(), publication("f"))
        .await
        .unwrap();

    control
        .delete_function(&origin(), whole("f"))
        .await
        .unwrap();
    assert!(control.describe(&whole("f")).is_err());
    let again = control.delete_function(&origin(), whole("f")).await;
    assert!(matches!(again, Err(DeleteFunctionError::Find(_))));

    active(&control, "f").await;
    let first = control
        .publish_version(&origin(), publication("f"))
        .await
        .unwrap();
    assert_eq!(first.version, number(1));
}

#[tokio::test]
async fn listings_continue_where_they_stopped() {
    let control = TestControl::new().await;
    for name in ["a", "b", "c"] {
        active(&control, name).await;
    }
    let scope = firelight_control::Scope::of(&arn("a"));
    let names = |page: &firelight_control::Page<firelight_control::FunctionDescription>| {
        page.items
            .iter()
            .map(|item| item.arn.name.to_string())
            .collect::<Vec<_>>()
    };

    let first = control.list_functions(&scope, None, 2);
    let next = first.next.clone().unwrap().parse().unwrap();
    let rest = control.list_functions(&scope, Some(&next), 2);

    assert_eq!(names(&first), ["a", "b"]);
    assert_eq!(names(&rest), ["c"]);
    assert_eq!(rest.next, None);
}

#[tokio::test]
async fn runtimes_and_roles_are_checked_by_the_world_outside() {
    let control = TestControl::new().await;
    let _ = Counting::default();
    let mut deprecated = creation("f");
    deprecated.settings.runtime = Some("python3.7".parse().unwrap());
    let mut stranger = creation("f");
    stranger.role = "arn:aws:iam::123456789012:role/stranger".parse().unwrap();

    assert!(
        control
            .create_function(&origin(), deprecated)
            .await
            .is_err()
    );
    assert!(control.create_function(&origin(), stranger).await.is_err());
    assert!(control.describe(&whole("f")).is_err());
}
