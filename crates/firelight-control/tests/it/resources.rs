//! What hangs on functions: nothing is lost, whoever changes it and when.

use firelight_control::{
    AddPermission, Conditions, Control, CreateAlias, EventInvokeChange, EventInvokeSettings,
    LayerFilter, Scope, Tagged, UrlSettings,
};
use firelight_model::{UrlAuthType, Version};
use firelight_store::{DirectoryBlobs, SqliteStore, StoreClock};

use crate::support::{
    Counting, Ready, TestControl, active, arn, creation, layer, layer_publication, origin, settled,
    target, whole,
};

fn permission(sid: String) -> AddPermission {
    AddPermission {
        target: whole("f"),
        sid,
        principal: "s3.amazonaws.com".parse().unwrap(),
        action: "lambda:InvokeFunction".to_owned(),
        conditions: Conditions::default(),
        expected_revision: None,
    }
}

/// Makes one of everything that hangs on a function, and a shared layer version; tells what was refused.
async fn add_one_of_each(control: Control, number: u32) -> Vec<&'static str> {
    let alias = format!("a{number}");
    let tags = [(format!("k{number}"), "v".to_owned())].into();
    let on_alias = target("f", &alias);
    let creation = CreateAlias {
        arn: arn("f"),
        name: alias.parse().unwrap(),
        version: Version::Latest,
        description: String::new(),
        routing: None,
    };
    let url = UrlSettings {
        auth_type: Some(UrlAuthType::None),
        ..UrlSettings::default()
    };
    let retries = EventInvokeSettings {
        maximum_retry_attempts: Some(1),
        ..EventInvokeSettings::default()
    };
    let of_alias = AddPermission {
        target: on_alias.clone(),
        ..permission("s".to_owned())
    };
    let replace = EventInvokeChange::Replace;
    let origins: [_; 7] = std::array::from_fn(|_| origin());
    let mut results = vec![
        (
            "permission",
            control
                .add_permission(&origins[0], permission(format!("s{number}")))
                .await
                .is_ok(),
        ),
        (
            "tag",
            control
                .tag(&origins[1], &Tagged::Function(arn("f")), &tags)
                .await
                .is_ok(),
        ),
        (
            "alias",
            control.create_alias(&origins[2], creation).await.is_ok(),
        ),
        (
            "its permission",
            control.add_permission(&origins[3], of_alias).await.is_ok(),
        ),
        (
            "its URL",
            control
                .create_url(&origins[4], &on_alias, url)
                .await
                .is_ok(),
        ),
        (
            "its event invoke config",
            control
                .change_event_invoke_config(&origins[5], &on_alias, replace, &retries)
                .await
                .is_ok(),
        ),
    ];
    let layer = layer_publication("l", "layer");
    results.push((
        "layer",
        control
            .publish_layer_version(&origins[6], layer)
            .await
            .is_ok(),
    ));
    let refused = results.into_iter().filter(|(_, is_done)| !is_done);
    refused.map(|(what, _)| what).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_concurrent_changes_none_is_lost() {
    let control = TestControl::new().await;
    active(&control, "f").await;

    let changes =
        (0..12).map(|number| tokio::spawn(add_one_of_each(control.control.clone(), number)));
    for change in changes.collect::<Vec<_>>() {
        assert_eq!(change.await.unwrap(), Vec::<&str>::new());
    }

    let entry = control.function(&arn("f")).unwrap();
    assert_eq!(entry.function.record.policy.statements.len(), 12);
    assert_eq!(entry.function.record.tags.len(), 12);
    assert_eq!(entry.aliases.len(), 12);
    assert!(
        entry
            .aliases
            .values()
            .all(|alias| alias.record.policy.statements.len() == 1)
    );
    assert_eq!(entry.urls.len(), 12);
    assert_eq!(entry.event_invokes.len(), 12);
    let versions = control.list_layer_versions(&layer("l"), &LayerFilter::default(), None, 50);
    let numbers: Vec<_> = versions.items.iter().map(|item| item.arn.number).collect();
    assert_eq!(numbers, (1..=12).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn two_control_planes_on_one_store_see_each_other() {
    let one = TestControl::new().await;
    let two = one.again().await;
    active(&one, "f").await;

    two.view().reach(one.view().applied()).await.unwrap();
    two.add_permission(&origin(), permission("s1".to_owned()))
        .await
        .unwrap();
    // The first one knows nothing of the second's change yet, and still does not overwrite it.
    one.add_permission(&origin(), permission("s2".to_owned()))
        .await
        .unwrap();

    let entry = one.function(&arn("f")).unwrap();
    assert_eq!(entry.function.record.policy.statements.len(), 2);
}

#[tokio::test]
async fn a_follower_whose_feed_was_trimmed_lists_again() {
    let control = TestControl::new().await;
    active(&control, "f").await;
    control.store.trim_feed(control.view().applied());

    let late = control.again().await;

    assert!(late.function(&arn("f")).is_ok());
    active(&control, "g").await;
    late.view().reach(control.view().applied()).await.unwrap();
    assert!(late.function(&arn("g")).is_ok());
}

#[tokio::test]
async fn everything_is_there_again_after_a_restart_on_disk() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("records.db");
    let start = async |outside: &Counting| {
        let store = SqliteStore::open(&file, StoreClock::system())
            .await
            .unwrap();
        let blobs = DirectoryBlobs::open(directory.path().join("blobs")).unwrap();
        Control::start(store, blobs, outside.clone()).await.unwrap()
    };
    let outside = Counting::default();
    let url = {
        let control = start(&outside).await;
        let token = tokio_util::sync::CancellationToken::new();
        let completion = control.start_completion(&token, Ready);
        control
            .create_function(&origin(), creation("f"))
            .await
            .unwrap();
        settled(&control, "f").await;
        let settings = UrlSettings {
            auth_type: Some(UrlAuthType::None),
            ..UrlSettings::default()
        };
        let url = control
            .create_url(&origin(), &whole("f"), settings)
            .await
            .unwrap();
        control
            .publish_layer_version(&origin(), layer_publication("l", "layer"))
            .await
            .unwrap();
        completion.stop().await;
        url
    };

    let control = start(&outside).await;

    assert_eq!(control.view().url(&url.record.id), Some(url));
    assert!(control.layer_version(&layer("l").version(1)).is_some());
    let sha256 = settled(&control, "f").await.configuration.code_sha256();
    assert!(control.open_code(sha256).await.is_ok());
}

#[tokio::test]
async fn a_listing_under_change_misses_nothing_that_was_there_all_along() {
    let control = TestControl::new().await;
    for number in 0..20 {
        control
            .create_function(&origin(), creation(&format!("f{number:02}")))
            .await
            .unwrap();
    }
    let scope = Scope::of(&arn("f"));

    let mut seen = Vec::new();
    let mut after = None;
    for round in 0.. {
        let page = control.list_functions(&scope, after.as_ref(), 3);
        seen.extend(page.items.iter().map(|item| item.arn.name.to_string()));
        // Others come and go between the pages.
        let name = format!("f{:02}x", round * 2);
        control
            .create_function(&origin(), creation(&name))
            .await
            .unwrap();
        let Some(next) = page.next else { break };
        after = Some(next.parse().unwrap());
    }

    let steady: Vec<_> = seen
        .into_iter()
        .filter(|name| !name.ends_with('x'))
        .collect();
    let expected: Vec<_> = (0..20).map(|number| format!("f{number:02}")).collect();
    assert_eq!(steady, expected);
}
