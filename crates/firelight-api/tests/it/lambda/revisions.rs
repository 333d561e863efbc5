//! When a revision id is renewed, and when it is not.

use serde_json::{Value, json};

use super::plane::{Api, FUNCTIONS, creation, zip};

/// The revision ids of the function, its version 1 and its alias.
#[derive(Clone, Debug, PartialEq)]
struct Revisions {
    function: Value,
    version: Value,
    alias: Value,
}

async fn revisions(api: &Api) -> Revisions {
    let of = async |path: &str| {
        api.get(&format!("{FUNCTIONS}/f/{path}")).await.body["RevisionId"].clone()
    };
    Revisions {
        function: of("configuration").await,
        version: of("configuration?Qualifier=1").await,
        alias: of("aliases/a").await,
    }
}

fn permission(sid: &str) -> Value {
    json!({
        "StatementId": sid, "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com",
    })
}

#[tokio::test]
async fn every_edge_of_a_life_has_a_revision_of_its_own() {
    let api = Api::start().await;
    let created = api.post(FUNCTIONS, creation("f")).await.body;
    let _completion = api.complete();
    let active = api.settled("f").await;
    let code = json!({"ZipFile": zip("two")});
    let updating = api.put(&format!("{FUNCTIONS}/f/code"), code).await.body;
    let updated = api.settled("f").await;
    let settings = json!({"Timeout": 9});
    let changing = api
        .put(&format!("{FUNCTIONS}/f/configuration"), settings)
        .await
        .body;
    let changed = api.settled("f").await;

    let edges = [created, active, updating, updated, changing, changed];
    let mut seen: Vec<_> = edges
        .iter()
        .map(|edge| edge["RevisionId"].to_string())
        .collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), edges.len(), "{seen:?}");
}

#[tokio::test]
async fn a_publication_renews_the_function_and_gives_the_version_one_that_stays() {
    let api = Api::start().await;
    let _completion = api.complete();
    api.active("f").await;
    let before = api.settled("f").await["RevisionId"].clone();

    let published = api
        .post(&format!("{FUNCTIONS}/f/versions"), json!({}))
        .await
        .body;
    let after = revisions(&api).await;
    api.put(
        &format!("{FUNCTIONS}/f/configuration"),
        json!({"Timeout": 9}),
    )
    .await;
    api.settled("f").await;

    assert_ne!(after.function, before);
    assert_ne!(after.version, after.function);
    assert_eq!(after.version, published["RevisionId"]);
    assert_eq!(revisions(&api).await.version, after.version);
}

#[tokio::test]
async fn what_an_alias_and_a_policy_renew_is_their_own() {
    let api = Api::with_two_versions("f").await;
    let start = revisions(&api).await;
    let aliases = format!("{FUNCTIONS}/f/aliases");
    api.post(&aliases, json!({"Name": "a", "FunctionVersion": "1"}))
        .await;
    let made = revisions(&api).await;
    assert_eq!(
        (&made.function, &made.version),
        (&start.function, &start.version)
    );

    let mut last = made;
    let policy = |query: &str| format!("{FUNCTIONS}/f/policy{query}");
    for (method, path, body, renewed) in [
        (
            "PUT",
            format!("{aliases}/a"),
            json!({"Description": "d"}),
            "alias",
        ),
        ("POST", policy(""), permission("s"), "function"),
        ("POST", policy("?Qualifier=1"), permission("s"), "version"),
        ("POST", policy("?Qualifier=a"), permission("s"), "alias"),
        (
            "DELETE",
            format!("{FUNCTIONS}/f/policy/s"),
            Value::Null,
            "function",
        ),
        (
            "DELETE",
            format!("{FUNCTIONS}/f/policy/s?Qualifier=1"),
            Value::Null,
            "version",
        ),
    ] {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let answer = api.raw(method, &path, &body).await;
        assert!(answer.status < 300, "{answer:?}");

        let next = revisions(&api).await;

        assert_eq!(
            next.function != last.function,
            renewed == "function",
            "{method} {path}"
        );
        assert_eq!(
            next.version != last.version,
            renewed == "version",
            "{method} {path}"
        );
        assert_eq!(
            next.alias != last.alias,
            renewed == "alias",
            "{method} {path}"
        );
        last = next;
    }
}
