//! The Logs API by JSON 1.1.

use std::time::SystemTime;

use firelight_api::Authentication;
use serde_json::{Value, json};

use crate::support::{Answer, Server, server};

const GROUP: &str = "/aws/lambda/f";

pub(crate) async fn logs(server: &Server, operation: &str, input: Value) -> Answer {
    server
        .json(&format!("Logs_20140328.{operation}"), &input.to_string())
        .await
}

pub(crate) async fn read(server: &Server, operation: &str, input: Value) -> Value {
    let answer = logs(server, operation, input).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

pub(crate) async fn refused(
    server: &Server,
    operation: &str,
    input: Value,
) -> (u16, String, String) {
    let answer = logs(server, operation, input).await;
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    (answer.status, text("__type"), text("message"))
}

fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

async fn with_events(messages: &[&str]) -> Server {
    let server = server(Authentication::AnyCredentials).await;
    let stream = json!({"logGroupName": GROUP, "logStreamName": "s"});
    logs(&server, "CreateLogGroup", json!({"logGroupName": GROUP})).await;
    logs(&server, "CreateLogStream", stream).await;
    let now = now_ms();
    let events: Vec<Value> = messages
        .iter()
        .map(|message| json!({"timestamp": now, "message": message}))
        .collect();
    let put = json!({"logGroupName": GROUP, "logStreamName": "s", "logEvents": events});
    read(&server, "PutLogEvents", put).await;
    server
}

fn messages(answer: &Value) -> Vec<&str> {
    let events = answer["events"].as_array().unwrap();
    events
        .iter()
        .map(|event| event["message"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn events_are_read_forwards_with_tokens_until_the_token_stays() {
    let server = with_events(&["a", "b", "c"]).await;
    let get = |token: Value| {
        json!({"logGroupName": GROUP, "logStreamName": "s", "limit": 2, "startFromHead": true,
               "nextToken": token})
    };

    let first = read(&server, "GetLogEvents", get(Value::Null)).await;
    let second = read(
        &server,
        "GetLogEvents",
        get(first["nextForwardToken"].clone()),
    )
    .await;
    let end = read(
        &server,
        "GetLogEvents",
        get(second["nextForwardToken"].clone()),
    )
    .await;

    assert_eq!(messages(&first), ["a", "b"]);
    assert_eq!(messages(&second), ["c"]);
    assert!(messages(&end).is_empty());
    assert_eq!(end["nextForwardToken"], second["nextForwardToken"]);
}

#[tokio::test]
async fn search_answers_what_fits_the_pattern_page_by_page() {
    let server = with_events(&["ERROR one", "fine", "ERROR two"]).await;
    let search = |token: Value| json!({"logGroupName": GROUP, "filterPattern": "ERROR", "limit": 1, "nextToken": token});

    let first = read(&server, "FilterLogEvents", search(Value::Null)).await;
    let second = read(
        &server,
        "FilterLogEvents",
        search(first["nextToken"].clone()),
    )
    .await;

    assert_eq!(messages(&first), ["ERROR one"]);
    assert_eq!(messages(&second), ["ERROR two"]);
    assert_eq!(first["searchedLogStreams"], json!([]));
}

#[tokio::test]
async fn failures_have_the_codes_and_texts_of_logs() {
    let server = with_events(&["a"]).await;
    let group = |name: &str| json!({"logGroupName": name});
    let error = |code: &str, text: &str| (400, code.to_owned(), text.to_owned());

    assert_eq!(
        refused(&server, "CreateLogGroup", group(GROUP)).await,
        error(
            "ResourceAlreadyExistsException",
            "The specified log group already exists"
        )
    );
    assert_eq!(
        refused(&server, "DeleteLogGroup", group("nope")).await,
        error(
            "ResourceNotFoundException",
            "The specified log group does not exist."
        )
    );
    assert_eq!(
        refused(
            &server,
            "GetLogEvents",
            json!({"logGroupName": GROUP, "logStreamName": "x"})
        )
        .await,
        error(
            "ResourceNotFoundException",
            "The specified log stream does not exist."
        )
    );
    assert_eq!(
        refused(
            &server,
            "FilterLogEvents",
            json!({"logGroupName": GROUP, "filterPattern": "{"})
        )
        .await,
        error("InvalidParameterException", "Invalid filter pattern")
    );
    assert_eq!(
        refused(&server, "Nonsense", json!({})).await,
        error("UnknownOperationException", "")
    );
    let wrong_type = refused(&server, "CreateLogGroup", json!({"logGroupName": 5})).await;
    assert_eq!(wrong_type, error("SerializationException", ""));
}

#[tokio::test]
async fn tags_and_retention_go_with_their_group() {
    let server = server(Authentication::AnyCredentials).await;
    let group = json!({"logGroupName": GROUP});
    let create = json!({"logGroupName": GROUP, "tags": {"a": "b"}});
    logs(&server, "CreateLogGroup", create).await;
    let retention = json!({"logGroupName": GROUP, "retentionInDays": 7});
    logs(&server, "PutRetentionPolicy", retention).await;

    let tags = read(&server, "ListTagsLogGroup", group.clone()).await;
    let groups = read(&server, "DescribeLogGroups", json!({})).await;
    logs(&server, "DeleteLogGroup", group.clone()).await;
    logs(&server, "CreateLogGroup", group.clone()).await;
    let tags_after = read(&server, "ListTagsLogGroup", group).await;
    let groups_after = read(&server, "DescribeLogGroups", json!({})).await;

    assert_eq!(tags["tags"], json!({"a": "b"}));
    assert_eq!(groups["logGroups"][0]["retentionInDays"], 7);
    assert_eq!(tags_after["tags"], json!({}));
    assert_eq!(groups_after["logGroups"][0].get("retentionInDays"), None);
}

/// Calls in a region, as whoever signs for it.
async fn call_in(server: &Server, region: &str, operation: &str, body: &str) -> Answer {
    let claim = format!(
        "AWS4-HMAC-SHA256 Credential=000000000000/20260101/{region}/logs/aws4_request, \
         SignedHeaders=host, Signature=0"
    );
    let length = body.len();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: {claim}\r\n\
         x-amz-date: 20260101T000000Z\r\nX-Amz-Target: Logs_20140328.{operation}\r\n\
         Content-Type: application/x-amz-json-1.1\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    server.send(request).await
}

#[tokio::test]
async fn a_group_is_of_one_region_with_its_tags() {
    let server = server(Authentication::AnyCredentials).await;
    let group = r#"{"logGroupName":"/g","tags":{"team":"a"}}"#;
    let name = r#"{"logGroupName":"/g"}"#;

    let created = call_in(&server, "us-east-1", "CreateLogGroup", group).await;
    let here = call_in(&server, "us-east-1", "DescribeLogGroups", "{}").await;
    let there = call_in(&server, "eu-west-1", "DescribeLogGroups", "{}").await;
    let again = call_in(&server, "eu-west-1", "CreateLogGroup", name).await;
    let tags = call_in(&server, "eu-west-1", "ListTagsLogGroup", name).await;

    assert_eq!((created.status, again.status), (200, 200), "{}", again.body);
    assert!(
        here.body
            .contains("arn:aws:logs:us-east-1:000000000000:log-group:/g"),
        "{}",
        here.body
    );
    assert!(there.body.contains(r#""logGroups":[]"#), "{}", there.body);
    assert_eq!(tags.body, r#"{"tags":{}}"#);
}

#[tokio::test]
async fn resource_policies_are_put_listed_and_deleted() {
    let server = server(Authentication::AnyCredentials).await;
    let document = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow",
        "Principal": {"Service": "es.amazonaws.com"}, "Action": "logs:PutLogEvents",
        "Resource": "arn:aws:logs:us-east-1:000000000000:log-group:*"}});
    let named = |name: &str| json!({"policyName": name, "policyDocument": document.to_string()});

    let put = read(&server, "PutResourcePolicy", named("a")).await;
    let all = read(&server, "DescribeResourcePolicies", json!({})).await;
    let deleted = logs(&server, "DeleteResourcePolicy", json!({"policyName": "a"})).await;
    let none = read(&server, "DescribeResourcePolicies", json!({})).await;
    let again = refused(&server, "DeleteResourcePolicy", json!({"policyName": "a"})).await;
    let malformed = json!({"policyName": "a", "policyDocument": "{}"});
    let malformed = refused(&server, "PutResourcePolicy", malformed).await;
    for number in 0..10 {
        read(&server, "PutResourcePolicy", named(&number.to_string())).await;
    }
    let eleventh = refused(&server, "PutResourcePolicy", named("a")).await;

    assert_eq!(
        put["resourcePolicy"]["policyDocument"],
        document.to_string()
    );
    assert_eq!(all["resourcePolicies"], json!([put["resourcePolicy"]]));
    assert_eq!((deleted.status, deleted.body.as_str()), (200, ""));
    assert_eq!(none, json!({"resourcePolicies": []}));
    assert_eq!(again.1, "ResourceNotFoundException");
    assert_eq!(malformed.1, "InvalidParameterException");
    assert_eq!(
        (eleventh.1.as_str(), eleventh.2.as_str()),
        ("LimitExceededException", "Resource limit exceeded.")
    );
}

#[tokio::test]
async fn group_has_no_filters_and_an_unknown_one_is_missing() {
    let server = with_events(&["line"]).await;
    let of = |group: &str| json!({"logGroupName": group});

    let subscriptions = read(&server, "DescribeSubscriptionFilters", of(GROUP)).await;
    let metrics = read(&server, "DescribeMetricFilters", of(GROUP)).await;
    let unknown = refused(&server, "DescribeSubscriptionFilters", of("none")).await;

    assert_eq!(subscriptions, json!({"subscriptionFilters": []}));
    assert_eq!(metrics, json!({"metricFilters": []}));
    assert_eq!(unknown.2, "The specified log group does not exist.");
}
