//! Functions whose environments belong to tenants.

use serde_json::{Value, json};

use super::plane::{Api, FUNCTIONS, Reply, creation, with};

const IPV: &str = "InvalidParameterValueException";
const REQUIRED: &str = "The invoked function is enabled with tenancy configuration. \
    Add a valid tenant ID in your request and try again.";
const NOT_SUPPORTED: &str = "The invoked function is not enabled with tenancy configuration. \
    Remove the tenant ID from your request and try again.";

async fn isolating(api: &Api) {
    let _completion = api.complete();
    let tenancy = json!({"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}, "Publish": true});
    let created = api.post(FUNCTIONS, with(creation("f"), tenancy)).await;
    assert_eq!(created.status, 201, "{created:?}");
    api.settled("f").await;
}

/// Invokes in one way, for a tenant if one is named.
async fn invoke(api: &Api, kind: &str, tenant: Option<&str>) -> Reply {
    let tenant = tenant.map(|id| format!("X-Amz-Tenant-Id: {id}\r\n"));
    let path = match kind {
        "stream" => "/2021-11-15/functions/f/response-streaming-invocations".to_owned(),
        _ => format!("{FUNCTIONS}/f/invocations"),
    };
    let kind = match kind {
        "stream" => String::new(),
        kind => format!("X-Amz-Invocation-Type: {kind}\r\n"),
    };
    let tenant = tenant.unwrap_or_default();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{kind}{tenant}Content-Length: 2\r\n\r\n{{}}"
    );
    Reply::read(&api.server().send(request).await)
}

#[tokio::test]
async fn a_function_with_tenants_is_invoked_for_one_of_them_only() {
    let api = Api::start().await;
    isolating(&api).await;

    for kind in ["RequestResponse", "Event", "DryRun", "stream"] {
        invoke(&api, kind, None).await.refused(400, IPV, REQUIRED);
    }
    assert_eq!(invoke(&api, "DryRun", Some("t1")).await.status, 204);
    assert_eq!(invoke(&api, "Event", Some("t1")).await.status, 202);
}

#[tokio::test]
async fn a_function_without_tenants_is_invoked_for_none() {
    let api = Api::start().await;
    api.active("f").await;

    for kind in ["RequestResponse", "Event", "DryRun", "stream"] {
        let answer = invoke(&api, kind, Some("t1")).await;
        answer.refused(400, IPV, NOT_SUPPORTED);
    }
}

#[tokio::test]
async fn a_function_with_tenants_has_no_url_no_snapshots_and_nothing_provisioned() {
    let api = Api::start().await;
    isolating(&api).await;

    let url = json!({"AuthType": "NONE"});
    let url = api.post("/2021-10-31/functions/f/url", url).await;
    let provisioned = json!({"ProvisionedConcurrentExecutions": 1});
    let path = "/2019-09-30/functions/f/provisioned-concurrency?Qualifier=1";
    let provisioned = api.put(path, provisioned).await;
    let snapshots: Value = json!({"SnapStart": {"ApplyOn": "PublishedVersions"}});
    let snapshots = api
        .put(&format!("{FUNCTIONS}/f/configuration"), snapshots)
        .await;

    let text = "Function URLs are not supported for functions with tenant isolation.";
    url.refused(400, IPV, text);
    let text = "Provisioned concurrency is not supported for functions with tenant isolation.";
    provisioned.refused(400, IPV, text);
    let text = "SnapStart is not supported for functions with tenant isolation.";
    snapshots.refused(400, IPV, text);
}
