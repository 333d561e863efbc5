//! Listings that are read in pages while others create and delete.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use firelight_control::{Control, CreateAlias, Scope};
use firelight_model::{AliasName, FunctionName, Version};

use crate::support::{TestControl, active, arn, creation, origin, whole};

fn scope() -> Scope {
    Scope {
        account: "123456789012".parse().unwrap(),
        region: "us-east-1".parse().unwrap(),
    }
}

/// Reads all pages and returns every name in the order in which it came.
fn functions(control: &Control, limit: usize) -> Vec<String> {
    let (mut names, mut after) = (Vec::new(), None::<FunctionName>);
    loop {
        let page = control.list_functions(&scope(), after.as_ref(), limit);
        names.extend(page.items.iter().map(|item| item.arn.name.to_string()));
        match page.next {
            Some(next) => after = Some(next.parse().unwrap()),
            None => return names,
        }
    }
}

fn aliases(control: &Control, limit: usize) -> Vec<String> {
    let (mut names, mut after) = (Vec::new(), None::<AliasName>);
    loop {
        let page = control
            .list_aliases(&arn("f"), None, after.as_ref(), limit)
            .unwrap();
        names.extend(page.items.iter().map(|item| item.name.to_string()));
        match page.next {
            Some(next) => after = Some(next.parse().unwrap()),
            None => return names,
        }
    }
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
    let stay: BTreeSet<String> = (0..30)
        .map(|number| format!("f{number:02}-stays"))
        .collect();
    for name in &stay {
        control
            .create_function(&origin(), creation(name))
            .await
            .unwrap();
    }
    let ended = Arc::new(AtomicBool::new(false));
    let (busy, done) = (control.control.clone(), Arc::clone(&ended));
    let changes = tokio::spawn(async move {
        for round in 0..60 {
            let name = format!("f{:02}-goes", round % 30);
            busy.create_function(&origin(), creation(&name))
                .await
                .unwrap();
            busy.delete_function(&origin(), whole(&name)).await.unwrap();
        }
        done.store(true, Ordering::Release);
    });

    while !ended.load(Ordering::Acquire) {
        for limit in [1, 4, 7] {
            assert_complete(&functions(&control, limit), &stay);
        }
        tokio::task::yield_now().await;
    }

    changes.await.unwrap();
    let left: BTreeSet<String> = functions(&control, 7).into_iter().collect();
    assert_eq!(left, stay);
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
    let stay: BTreeSet<String> = (0..20)
        .map(|number| format!("a{number:02}-stays"))
        .collect();
    for name in &stay {
        control.create_alias(&origin(), alias(name)).await.unwrap();
    }
    let ended = Arc::new(AtomicBool::new(false));
    let (busy, done) = (control.control.clone(), Arc::clone(&ended));
    let changes = tokio::spawn(async move {
        for round in 0..60 {
            let name = format!("a{:02}-goes", round % 20);
            busy.create_alias(&origin(), alias(&name)).await.unwrap();
            let name = name.parse().unwrap();
            busy.delete_alias(&origin(), &arn("f"), &name)
                .await
                .unwrap();
        }
        done.store(true, Ordering::Release);
    });

    while !ended.load(Ordering::Acquire) {
        for limit in [1, 3, 8] {
            assert_complete(&aliases(&control, limit), &stay);
        }
        tokio::task::yield_now().await;
    }

    changes.await.unwrap();
    let left: BTreeSet<String> = aliases(&control, 7).into_iter().collect();
    assert_eq!(left, stay);
}
