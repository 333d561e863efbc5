use serde_json::{Value, json};

use super::plane::Api;

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";
const CONFIG: &str = "/2019-09-25/functions/f/event-invoke-config";
const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:q";
const IPV: &str = "InvalidParameterValueException";
const RNF: &str = "ResourceNotFoundException";

fn still(mut value: Value) -> Value {
    let modified = value
        .as_object_mut()
        .unwrap()
        .remove("LastModified")
        .unwrap();
    assert!(modified.as_f64().unwrap() > 1.7e9);
    value
}

#[tokio::test]
async fn put_replaces_and_update_merges() {
    let api = Api::start().await;
    api.active("f").await;
    let empty = json!({"OnSuccess": {}, "OnFailure": {}});

    let put = api.put(CONFIG, json!({"MaximumRetryAttempts": 0})).await;
    assert_eq!(put.status, 200);
    let expected = json!({
        "FunctionArn": format!("{ARN}:$LATEST"), "MaximumRetryAttempts": 0,
        "DestinationConfig": empty,
    });
    assert_eq!(still(put.body), expected);

    let destination = json!({"DestinationConfig": {"OnFailure": {"Destination": QUEUE}}});
    let merged = api.post(CONFIG, destination.clone()).await.body;
    let expected = json!({
        "FunctionArn": format!("{ARN}:$LATEST"), "MaximumRetryAttempts": 0,
        "DestinationConfig": {"OnSuccess": {}, "OnFailure": {"Destination": QUEUE}},
    });
    assert_eq!(still(merged.clone()), expected);
    assert_eq!(api.get(CONFIG).await.body, merged);

    let replaced = api
        .put(CONFIG, json!({"MaximumEventAgeInSeconds": 60}))
        .await
        .body;
    assert!(replaced.get("MaximumRetryAttempts").is_none());
    assert_eq!(replaced["DestinationConfig"], empty);
    let listed = api.get(&format!("{CONFIG}/list")).await.body;
    assert_eq!(listed, json!({"FunctionEventInvokeConfigs": [replaced]}));
    assert_eq!(api.delete(CONFIG).await.status, 204);
    assert_eq!(api.get(CONFIG).await.status, 404);
}

#[tokio::test]
async fn configs_are_refused_in_the_words_of_aws() {
    let api = Api::start().await;
    api.active("f").await;
    let to = |arn: &str| json!({"DestinationConfig": {"OnSuccess": {"Destination": arn}}});

    let missing = format!("The function {ARN}:$LATEST doesn't have an EventInvokeConfig");
    for refused in [
        api.get(CONFIG).await,
        api.delete(CONFIG).await,
        api.post(CONFIG, json!({"MaximumRetryAttempts": 1})).await,
    ] {
        refused.refused(404, RNF, &missing);
    }
    let alias = api
        .get(&format!("{CONFIG}?qualifier=prod&Qualifier=prod"))
        .await;
    alias.refused(
        404,
        RNF,
        &format!("The function {ARN}:prod doesn't have an EventInvokeConfig"),
    );
    let unknown = api
        .put(
            &CONFIG.replace("/f/", "/no/"),
            json!({"MaximumRetryAttempts": 1}),
        )
        .await;
    unknown.refused(404, RNF, "The function doesn't exist.");
    let text = "You must specify at least one of error handling or destination setting.";
    api.put(CONFIG, json!({})).await.refused(400, IPV, text);
    let text = "You can't specify the function as a destination for itself.";
    api.put(CONFIG, to(ARN)).await.refused(400, IPV, text);
    let other = "arn:aws:lambda:us-east-1:000000000000:function:other";
    let text = format!("The destination ARN {other} is invalid.");
    api.put(CONFIG, to(other)).await.refused(400, IPV, &text);
    let stream = "arn:aws:kinesis:us-east-1:000000000000:stream/s";
    let text = format!(
        "The provided destination config DestinationConfig(onSuccess=OnSuccess(destination={stream}), \
         onFailure=null) is invalid."
    );
    api.put(CONFIG, to(stream)).await.refused(400, IPV, &text);
    let bucket = "arn:aws:s3:::reports";
    let text = format!(
        "The provided destination config DestinationConfig(onSuccess=OnSuccess(destination={bucket}), \
         onFailure=null) is invalid."
    );
    api.put(CONFIG, to(bucket)).await.refused(400, IPV, &text);
}
