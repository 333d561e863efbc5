use firelight_control::{
    AddPermission, Conditions, Control, CreateAlias, PublishLayerVersion, Scope, Tagged,
    UrlSettings,
};
use firelight_model::{LayerArn, UrlAuthType, Version};
use firelight_store::{DirectoryBlobs, SqliteStore, StoreClock};

use crate::support::{
    Counting, Ready, TestControl, active, arn, creation, origin, settled, whole, zip,
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_concurrent_changes_none_is_lost() {
    let control = TestControl::new().await;
    active(&control, "f").await;

    let changes = (0..12).map(|number| {
        let control = control.control.clone();
        tokio::spawn(async move {
            let added = control
                .add_permission(&origin(), permission(format!("s{number}")))
                .await;
            let tags = [(format!("k{number}"), "v".to_owned())].into();
            let tagged = control
                .tag(&origin(), &Tagged::Function(arn("f")), &tags)
                .await;
            let alias = CreateAlias {
                arn: arn("f"),
                name: format!("a{number}").parse().unwrap(),
                version: Version::Latest,
                description: String::new(),
                routing: None,
            };
            let created = control.create_alias(&origin(), alias).await;
            (added.is_ok(), tagged.is_ok(), created.is_ok())
        })
    });
    for change in changes.collect::<Vec<_>>() {
        assert_eq!(change.await.unwrap(), (true, true, true));
    }

    let entry = control.function(&arn("f")).unwrap();
    assert_eq!(entry.function.record.policy.statements.len(), 12);
    assert_eq!(entry.function.record.tags.len(), 12);
    assert_eq!(entry.aliases.len(), 12);
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
    let layer = LayerArn {
        region: "us-east-1".parse().unwrap(),
        account: "123456789012".parse().unwrap(),
        name: "l".parse().unwrap(),
    };
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
        let publication = PublishLayerVersion {
            arn: layer.clone(),
            zip: zip("layer"),
            description: String::new(),
            license: None,
            compatible_runtimes: None,
            compatible_architectures: None,
        };
        control
            .publish_layer_version(&origin(), publication)
            .await
            .unwrap();
        completion.stop().await;
        url
    };

    let control = start(&outside).await;

    assert_eq!(control.view().url(&url.record.id), Some(url));
    assert!(control.layer_version(&layer.version(1)).is_some());
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
