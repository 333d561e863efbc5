//! Filters of log groups: subscriptions that reach functions which let them, and metric filters that are kept.

use serde_json::{Value, json};

use crate::lambda::plane::Api;
use crate::logs::{read, refused};

const GROUP: &str = "/mine";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";
const NOT_LET_IN: &str = "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission \
                          to execute your function.";

async fn with_group() -> Api {
    let api = Api::start().await;
    let group = json!({"logGroupName": GROUP});
    crate::logs::logs(api.server(), "CreateLogGroup", group).await;
    api
}

/// Makes a function that lets Logs in by this name, for what the ARN names.
async fn with_function(service: &str, source: &str) -> Api {
    let api = with_group().await;
    api.active("f").await;
    let permission = json!({"StatementId": "logs", "Action": "lambda:InvokeFunction", "Principal": service,
        "SourceArn": source});
    let path = "/2015-03-31/functions/f/policy";
    assert_eq!(api.post(path, permission).await.status, 201);
    api
}

fn source() -> String {
    format!("arn:aws:logs:us-east-1:000000000000:log-group:{GROUP}:*")
}

fn subscription(name: &str) -> Value {
    json!({"logGroupName": GROUP, "filterName": name, "filterPattern": "ERROR", "destinationArn": FUNCTION})
}

fn with(mut input: Value, member: &str, value: Value) -> Value {
    input[member] = value;
    input
}

async fn put_refused(api: &Api, input: Value) -> (String, String) {
    let (status, code, message) = refused(api.server(), "PutSubscriptionFilter", input).await;
    assert_eq!(status, 400);
    (code, message)
}

#[tokio::test]
async fn a_subscription_is_told_back_as_it_was_put() {
    for service in ["logs.amazonaws.com", "logs.us-east-1.amazonaws.com"] {
        let api = with_function(service, &source()).await;
        let server = api.server();

        read_nothing(&api, "PutSubscriptionFilter", subscription("mine")).await;

        let of = json!({"logGroupName": GROUP, "filterNamePrefix": "m"});
        let mut told = read(server, "DescribeSubscriptionFilters", of).await;
        let filter = told["subscriptionFilters"][0].take();
        assert!(filter["creationTime"].as_u64().unwrap() > 1_600_000_000_000);
        for (member, value) in subscription("mine").as_object().unwrap() {
            assert_eq!(&filter[member], value);
        }
        assert_eq!(filter["distribution"], "ByLogStream");
    }
}

async fn read_nothing(api: &Api, operation: &str, input: Value) {
    let answer = crate::logs::logs(api.server(), operation, input).await;
    assert_eq!((answer.status, &*answer.body), (200, ""), "{operation}");
}

#[tokio::test]
async fn a_function_must_be_there_and_let_logs_in_for_this_very_group() {
    let nobody = with_group().await;
    let answer = put_refused(&nobody, subscription("mine")).await;
    assert_eq!(
        answer,
        ("InvalidParameterException".into(), NOT_LET_IN.into())
    );

    let others = [
        ("events.amazonaws.com", source()),
        ("logs.eu-west-1.amazonaws.com", source()),
        ("logs.amazonaws.com", source().replace(GROUP, "/yours")),
        ("logs.amazonaws.com", source().replace(":*", "")),
    ];
    for (service, source) in others {
        let api = with_function(service, &source).await;
        assert_eq!(put_refused(&api, subscription("mine")).await.1, NOT_LET_IN);
    }
}

#[tokio::test]
async fn a_function_is_not_told_of_the_group_it_writes_to() {
    let own = "/aws/lambda/f";
    let api = with_function(
        "logs.amazonaws.com",
        "arn:aws:logs:us-east-1:000000000000:*",
    )
    .await;
    read_nothing(&api, "CreateLogGroup", json!({"logGroupName": own})).await;

    let input = with(subscription("mine"), "logGroupName", json!(own));
    let (_, message) = put_refused(&api, input).await;

    assert_eq!(
        message,
        "The log group provided is reserved for the function logs of the destination function."
    );
}

#[tokio::test]
async fn a_group_has_two_subscriptions_at_most() {
    let api = with_function("logs.amazonaws.com", &source()).await;
    for name in ["a", "b", "a"] {
        read_nothing(&api, "PutSubscriptionFilter", subscription(name)).await;
    }

    let third = put_refused(&api, subscription("c")).await;

    assert_eq!(
        third,
        (
            "LimitExceededException".into(),
            "Resource limit exceeded.".into()
        )
    );
    let page = json!({"logGroupName": GROUP, "limit": 1});
    let first = read(api.server(), "DescribeSubscriptionFilters", page.clone()).await;
    let next = with(page, "nextToken", first["nextToken"].clone());
    let last = read(api.server(), "DescribeSubscriptionFilters", next).await;
    assert_eq!(first["subscriptionFilters"][0]["filterName"], "a");
    assert_eq!(last["subscriptionFilters"][0]["filterName"], "b");
    assert_eq!(last.get("nextToken"), None);
}

#[tokio::test]
async fn subscriptions_are_refused_in_the_words_of_aws() {
    let api = with_function("logs.amazonaws.com", &source()).await;
    let stream = "arn:aws:kinesis:us-east-1:000000000000:stream/s";
    let role = "arn:aws:iam::000000000000:role/r";
    let good = || subscription("mine");
    let cases = [
        (
            with(good(), "logGroupName", json!("none")),
            "The specified log group does not exist.",
        ),
        (
            with(good(), "filterPattern", json!("{ $.a = }")),
            "Invalid filter pattern",
        ),
        (
            with(good(), "filterName", json!("a:b")),
            "1 validation error detected: Value 'a:b' at 'filterName' failed to \
          satisfy constraint: Member must satisfy regular expression pattern: [^:*]*",
        ),
        (
            with(good(), "filterPattern", Value::Null),
            "1 validation error detected: Value null at 'filterPattern' failed \
          to satisfy constraint: Member must not be null",
        ),
        (
            with(good(), "distribution", json!("Even")),
            "1 validation error detected: Value 'Even' at 'distribution' \
          failed to satisfy constraint: Member must satisfy enum value set: [Random, ByLogStream]",
        ),
        (
            with(good(), "roleArn", json!(role)),
            "destinationArn for vendor lambda cannot be used with roleArn",
        ),
        (
            with(good(), "destinationArn", json!(stream)),
            "destinationArn for vendor kinesis cannot be used without \
          roleArn",
        ),
    ];

    for (input, expected) in cases {
        let (_, message) = put_refused(&api, input.clone()).await;
        assert_eq!(message, expected, "{input}");
    }
    let kept = with(
        with(good(), "destinationArn", json!(stream)),
        "roleArn",
        json!(role),
    );
    read_nothing(&api, "PutSubscriptionFilter", kept).await;
}

#[tokio::test]
async fn a_subscription_is_deleted_once() {
    let api = with_function("logs.amazonaws.com", &source()).await;
    read_nothing(&api, "PutSubscriptionFilter", subscription("mine")).await;
    let it = json!({"logGroupName": GROUP, "filterName": "mine"});

    read_nothing(&api, "DeleteSubscriptionFilter", it.clone()).await;

    let again = refused(api.server(), "DeleteSubscriptionFilter", it).await;
    assert_eq!(again.1, "ResourceNotFoundException");
    assert_eq!(again.2, "The specified subscription filter does not exist.");
}

fn metric(name: &str, metric: &str) -> Value {
    json!({"logGroupName": GROUP, "filterName": name, "filterPattern": "[..., size]", "metricTransformations": [
        {"metricName": metric, "metricNamespace": "app", "metricValue": "$size", "defaultValue": 0.5, "unit": "Bytes"}
    ]})
}

#[tokio::test]
async fn metric_filters_are_kept_counted_and_found() {
    let api = with_group().await;
    let server = api.server();
    for (name, it) in [("b", "Size"), ("a", "Other"), ("b", "Size")] {
        read_nothing(&api, "PutMetricFilter", metric(name, it)).await;
    }

    let all = read(server, "DescribeMetricFilters", json!({})).await;
    let about = json!({"metricName": "Size", "metricNamespace": "app"});
    let found = read(server, "DescribeMetricFilters", about).await;
    let groups = read(server, "DescribeLogGroups", json!({})).await;

    let names = |told: &Value| -> Vec<Value> {
        let filters = told["metricFilters"].as_array().unwrap();
        filters
            .iter()
            .map(|filter| filter["filterName"].clone())
            .collect()
    };
    assert_eq!(names(&all), ["a", "b"]);
    assert_eq!(names(&found), ["b"]);
    let (told, put) = (&found["metricFilters"][0], metric("b", "Size"));
    assert_eq!(told["metricTransformations"], put["metricTransformations"]);
    assert_eq!(groups["logGroups"][0]["metricFilterCount"], 2);
}

#[tokio::test]
async fn pages_of_metric_filters_lose_none_where_one_group_begins_like_another() {
    let api = with_group().await;
    let groups = ["/a", "/a-b", "/a/b"];
    for group in groups {
        read_nothing(&api, "CreateLogGroup", json!({"logGroupName": group})).await;
        let input = with(metric("x", "Size"), "logGroupName", json!(group));
        read_nothing(&api, "PutMetricFilter", input).await;
    }

    let mut found = Vec::new();
    let mut page = json!({"limit": 1});
    loop {
        let told = read(api.server(), "DescribeMetricFilters", page.clone()).await;
        found.push(told["metricFilters"][0]["logGroupName"].clone());
        match told.get("nextToken") {
            Some(token) => page = with(page, "nextToken", token.clone()),
            None => break,
        }
    }

    assert_eq!(found, groups);
}

#[tokio::test]
async fn metric_filters_go_alone_or_with_their_group() {
    let api = with_group().await;
    let server = api.server();
    for name in ["a", "b"] {
        read_nothing(&api, "PutMetricFilter", metric(name, "Size")).await;
    }
    let it = json!({"logGroupName": GROUP, "filterName": "a"});
    read_nothing(&api, "DeleteMetricFilter", it.clone()).await;
    let again = refused(server, "DeleteMetricFilter", it).await;
    assert_eq!(again.2, "The specified metric filter does not exist.");

    read_nothing(&api, "DeleteLogGroup", json!({"logGroupName": GROUP})).await;

    let left = read(server, "DescribeMetricFilters", json!({})).await;
    assert_eq!(left, json!({"metricFilters": []}));
}

#[tokio::test]
async fn metric_filters_are_checked() {
    let api = with_group().await;
    let changed = |member: &str, value: Value| {
        let mut input = metric("m", "Size");
        input["metricTransformations"][0][member] = value;
        input
    };
    let cases = [
        (
            with(metric("m", "Size"), "metricTransformations", json!([])),
            "length greater than or equal to 1",
        ),
        (
            with(metric("m", "Size"), "filterPattern", json!("[a")),
            "Invalid filter pattern",
        ),
        (
            changed("metricName", Value::Null),
            "'metricTransformations.1.member.metricName'",
        ),
        (changed("metricName", json!("a$b")), "[^:*$]*"),
        (
            changed("dimensions", json!({"a": "$a"})),
            "mutually exclusive",
        ),
    ];

    for (input, expected) in cases {
        let (status, code, message) = refused(api.server(), "PutMetricFilter", input).await;
        assert_eq!((status, &*code), (400, "InvalidParameterException"));
        assert!(message.contains(expected), "{message}");
    }
}
