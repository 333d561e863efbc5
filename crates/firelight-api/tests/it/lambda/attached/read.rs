//! What the API shows, in the form of the model.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::model::name;
use super::step::On;
use crate::lambda::plane::{Api, FUNCTIONS};

/// Reads everything back.
pub(super) async fn all(api: &Api) -> Value {
    let function = api.get(&format!("{FUNCTIONS}/f")).await;
    let function = match function.status {
        200 => self::function(api, &function.body).await,
        _ => Value::Null,
    };
    json!({"function": function, "layers": layers(api).await})
}

async fn function(api: &Api, found: &Value) -> Value {
    let alias = api.get(&format!("{FUNCTIONS}/f/aliases/a")).await.body;
    let layer = &found["Configuration"]["Layers"][0]["Arn"];
    let layer = layer.as_str().and_then(|arn| arn.rsplit(':').next());
    let tags = found.get("Tags").cloned();
    json!({
        "alias": alias["FunctionVersion"],
        "reserved": found["Concurrency"]["ReservedConcurrentExecutions"],
        "provisioned": provisioned(api).await,
        "policies": policies(api).await,
        "urls": urls(api).await,
        "events": events(api).await,
        "tags": tags.unwrap_or_else(|| json!({})),
        "layer": layer.map(|version| version.parse::<u64>().unwrap()),
    })
}

/// Reads a list and shows each item under its qualifier.
async fn listed(
    api: &Api,
    path: &str,
    list: &str,
    show: impl Fn(&Value) -> Value,
) -> BTreeMap<String, Value> {
    let answer = api.get(path).await.body;
    let items = answer[list].as_array().unwrap().clone();
    let item = |item: &Value| (qualifier(item["FunctionArn"].as_str().unwrap()), show(item));
    items.iter().map(item).collect()
}

fn qualifier(arn: &str) -> String {
    arn.split(':').nth(7).unwrap_or("$LATEST").to_owned()
}

async fn provisioned(api: &Api) -> BTreeMap<String, Value> {
    let path = "/2019-09-30/functions/f/provisioned-concurrency?List=ALL";
    let show = |item: &Value| item["RequestedProvisionedConcurrentExecutions"].clone();
    listed(api, path, "ProvisionedConcurrencyConfigs", show).await
}

async fn urls(api: &Api) -> BTreeMap<String, Value> {
    let show = |item: &Value| item["AuthType"].clone();
    listed(
        api,
        "/2021-10-31/functions/f/urls",
        "FunctionUrlConfigs",
        show,
    )
    .await
}

async fn events(api: &Api) -> BTreeMap<String, Value> {
    let path = "/2019-09-25/functions/f/event-invoke-config/list";
    let show = |item: &Value| {
        json!([
            item["MaximumRetryAttempts"],
            item["MaximumEventAgeInSeconds"]
        ])
    };
    listed(api, path, "FunctionEventInvokeConfigs", show).await
}

async fn policies(api: &Api) -> BTreeMap<&'static str, Value> {
    let mut found = BTreeMap::new();
    for (on, query) in [
        (On::Function, ""),
        (On::One, "?Qualifier=1"),
        (On::Alias, "?Qualifier=a"),
    ] {
        let answer = api.get(&format!("{FUNCTIONS}/f/policy{query}")).await;
        if answer.status == 200 {
            found.insert(name(on), sids(&answer.body));
        }
    }
    found
}

/// Returns the names of a policy's statements, in order of the names.
fn sids(answer: &Value) -> Value {
    let document: Value = serde_json::from_str(answer["Policy"].as_str().unwrap()).unwrap();
    let statements = document["Statement"].as_array().unwrap().iter();
    let mut sids: Vec<_> = statements
        .map(|statement| statement["Sid"].as_str().unwrap().to_owned())
        .collect();
    sids.sort();
    json!(sids)
}

async fn layers(api: &Api) -> BTreeMap<String, bool> {
    let path = "/2018-10-31/layers/l/versions";
    let versions = api.get(path).await.body["LayerVersions"].clone();
    let mut found = BTreeMap::new();
    for version in versions.as_array().unwrap() {
        let number = version["Version"].to_string();
        let policy = api.get(&format!("{path}/{number}/policy")).await;
        found.insert(number, policy.status == 200);
    }
    found
}
