//! Listings that are read in pages while others create and delete.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::future::Future;
use std::str::FromStr;

use firelight_control::{
    Control, CreateAlias, CreateMapping, LayerFilter, MappingFilter, Page, Scope,
};
use firelight_model::{AliasName, FunctionName, LayerName, Version};

use crate::support::{TestControl, active, arn, creation, layer, layer_publication, origin, whole};

fn scope() -> Scope {
    Scope {
        account: "123456789012".parse().unwrap(),
        region: "us-east-1".parse().unwrap(),
    }
}

/// Reads all pages and returns every name in the order in which it came.
fn all<M: FromStr<Err: Debug>>(page: impl Fn(Option<&M>) -> Page<String>) -> Vec<String> {
    let (mut names, mut after) = (Vec::new(), None::<M>);
    loop {
        let page = page(after.as_ref());
        names.extend(page.items);
        match page.next {
            Some(next) => after = Some(next.parse().unwrap()),
            None => return names,
        }
    }
}

fn named<T>(page: Page<T>, name: impl Fn(&T) -> String) -> Page<String> {
    Page {
        items: page.items.iter().map(name).collect(),
        next: page.next,
    }
}

fn functions(control: &Control, limit: usize) -> Vec<String> {
    all(|after: Option<&FunctionName>| {
        let page = control.list_functions(&scope(), after, limit);
        named(page, |item| item.arn.name.to_string())
    })
}

fn aliases(control: &Control, limit: usize) -> Vec<String> {
    all(|after: Option<&AliasName>| {
        let page = control.list_aliases(&arn("f"), None, after, limit);
        named(page.unwrap(), |item| item.name.to_string())
    })
}

fn layers(control: &Control, limit: usize) -> Vec<String> {
    all(|after: Option<&LayerName>| {
        let page = control.list_layers(&scope(), &LayerFilter::default(), after, limit);
        named(page, |item| item.arn.layer.name.to_string())
    })
}

fn mappings(control: &Control, limit: usize) -> Vec<String> {
    all(|after: Option<&String>| {
        let page = control.list_mappings(&scope(), &MappingFilter::default(), after, limit);
        named(page, |item| item.uuid.clone())
    })
}

/// Reads again and again, in pages of several sizes, until `changes` have ended; what `stay` names is always there.
async fn complete_during(
    changes: impl Future<Output = ()> + Send + 'static,
    stay: &BTreeSet<String>,
    read: impl Fn(usize) -> Vec<String>,
) {
    let changes = tokio::spawn(changes);
    while !changes.is_finished() {
        for limit in [1, 4, 7] {
            assert_complete(&read(limit), stay);
        }
        tokio::task::yield_now().await;
    }
    changes.await.unwrap();
    let left: BTreeSet<String> = read(7).into_iter().collect();
    assert_eq!(left, *stay);
}

fn names(prefix: &str, count: u32) -> BTreeSet<String> {
    let name = |number| format!("{prefix}{number:02}-stays");
    (0..count).map(name).collect()
}

/// Asserts that everything that was there throughout came exactly once, in order.
fn assert_complete(names: &[String], stay: &BTreeSet<String>) {
    let unique: BTreeSet<String> = names.iter().cloned().collect();
    assert_eq!(unique.len(), names.len(), "twice: {names:?}");
    assert!(unique.is_superset(stay), "{names:?}");
    assert!(names.is_sorted(), "{names:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_functions_are_complete_while_others_come_and_go() {
    let control = TestControl::new().await;
    let stay = names("f", 30);
    for name in &stay {
        control
            .create_function(&origin(), creation(name))
            .await
            .unwrap();
    }
    let busy = control.control.clone();
    let changes = async move {
        for round in 0..60 {
            let name = format!("f{:02}-goes", round % 30);
            busy.create_function(&origin(), creation(&name))
                .await
                .unwrap();
            busy.delete_function(&origin(), whole(&name)).await.unwrap();
        }
    };

    complete_during(changes, &stay, |limit| functions(&control, limit)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_aliases_are_complete_while_others_come_and_go() {
    let control = TestControl::new().await;
    active(&control, "f").await;
    let alias = |name: &str| CreateAlias {
        arn: arn("f"),
        name: name.parse().unwrap(),
        version: Version::Latest,
        description: String::new(),
        routing: None,
    };
    let stay = names("a", 20);
    for name in &stay {
        control.create_alias(&origin(), alias(name)).await.unwrap();
    }
    let busy = control.control.clone();
    let changes = async move {
        for round in 0..60 {
            let name = format!("a{:02}-goes", round % 20);
            busy.create_alias(&origin(), alias(&name)).await.unwrap();
            let name = name.parse().unwrap();
            busy.delete_alias(&origin(), &arn("f"), &name)
                .await
                .unwrap();
        }
    };

    complete_during(changes, &stay, |limit| aliases(&control, limit)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_layers_are_complete_while_others_come_and_go() {
    let control = TestControl::new().await;
    let stay = names("l", 20);
    for name in &stay {
        let publication = layer_publication(name, "one");
        control
            .publish_layer_version(&origin(), publication)
            .await
            .unwrap();
    }
    let busy = control.control.clone();
    let changes = async move {
        for round in 0..60 {
            let name = format!("l{round:02}-goes");
            let publication = layer_publication(&name, "one");
            busy.publish_layer_version(&origin(), publication)
                .await
                .unwrap();
            let version = layer(&name).version(1);
            busy.delete_layer_version(&origin(), &version)
                .await
                .unwrap();
        }
    };

    complete_during(changes, &stay, |limit| layers(&control, limit)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_mappings_are_complete_while_others_come_and_go() {
    let control = TestControl::new().await;
    let _completion = control.complete();
    active(&control, "f").await;
    let mapping = |queue: String| CreateMapping {
        scope: scope(),
        function: whole("f"),
        event_source_arn: Some(format!("arn:aws:sqs:us-east-1:123456789012:{queue}")),
        enabled: false,
        settings: serde_json::Map::new(),
        tags: Default::default(),
    };
    let mut stay = BTreeSet::new();
    for name in names("q", 20) {
        let created = control.create_mapping(&origin(), &mapping(name)).await;
        stay.insert(created.unwrap().uuid);
    }
    let busy = control.control.clone();
    let changes = async move {
        for round in 0..60 {
            let name = format!("q{round:02}-goes");
            let created = busy.create_mapping(&origin(), &mapping(name)).await;
            let uuid = created.unwrap().uuid;
            busy.delete_mapping(&origin(), &scope(), &uuid)
                .await
                .unwrap();
            gone(&busy, &uuid).await;
        }
    };

    complete_during(changes, &stay, |limit| mappings(&control, limit)).await;
}

/// A mapping is deleted by completion.
async fn gone(control: &Control, uuid: &str) {
    loop {
        let seen = control.view().applied();
        if control.mapping(&scope(), uuid).is_err() {
            return;
        }
        let next = firelight_store::Rev::new(seen.get() + 1);
        control.view().reach(next).await.unwrap();
    }
}
