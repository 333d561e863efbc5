use serde_json::{Value, json};

use super::plane::{Api, with};

const MAPPINGS: &str = "/2015-03-31/event-source-mappings";
const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";
const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:q";
const STREAM: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/s";
const TABLE: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2026";
const IPV: &str = "InvalidParameterValueException";

async fn create(api: &Api, members: Value) -> super::plane::Reply {
    api.post(MAPPINGS, with(json!({"FunctionName": "f"}), members))
        .await
}

/// Takes out what differs from run to run, after checking its form.
fn still(mut value: Value) -> Value {
    let object = value.as_object_mut().unwrap();
    let uuid = object.remove("UUID").unwrap();
    let arn = object.remove("EventSourceMappingArn").unwrap();
    let expected = format!(
        "arn:aws:lambda:us-east-1:000000000000:event-source-mapping:{}",
        uuid.as_str().unwrap()
    );
    assert_eq!(arn, expected);
    assert!(object.remove("LastModified").unwrap().as_f64().unwrap() > 1.7e9);
    value
}

#[tokio::test]
async fn a_mapping_of_a_queue_has_exactly_these_fields() {
    let api = Api::start().await;
    api.active("f").await;

    let created = create(&api, json!({"EventSourceArn": QUEUE})).await;

    assert_eq!(created.status, 202);
    let expected = json!({
        "FunctionArn": ARN, "State": "Creating", "StateTransitionReason": "USER_INITIATED",
        "EventSourceArn": QUEUE, "BatchSize": 10, "MaximumBatchingWindowInSeconds": 0,
        "FunctionResponseTypes": [],
    });
    assert_eq!(still(created.body), expected);
}

#[tokio::test]
async fn a_mapping_of_a_stream_has_exactly_these_fields() {
    let api = Api::start().await;
    api.active("f").await;

    let stream = json!({"EventSourceArn": STREAM, "StartingPosition": "LATEST", "Enabled": false});
    let created = create(&api, stream).await;

    let expected = json!({
        "FunctionArn": ARN, "State": "Disabled", "StateTransitionReason": "User action",
        "EventSourceArn": STREAM, "StartingPosition": "LATEST", "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 0, "FunctionResponseTypes": [],
        "LastProcessingResult": "No records processed", "ParallelizationFactor": 1,
        "BisectBatchOnFunctionError": false, "MaximumRecordAgeInSeconds": -1,
        "MaximumRetryAttempts": -1, "TumblingWindowInSeconds": 0,
        "DestinationConfig": {"OnFailure": {}},
    });
    assert_eq!(still(created.body), expected);
}

#[tokio::test]
async fn a_mapping_of_own_brokers_has_its_uuid_as_consumer_group() {
    let api = Api::start().await;
    api.active("f").await;

    let brokers = json!({
        "SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["kafka:1000"]}},
        "Topics": ["topic"],
        "SourceAccessConfigurations": [{"Type": "BASIC_AUTH", "URI": "arn:aws:secretsmanager:us-east-1:000000000000:secret:s"}],
    });
    let created = create(&api, brokers.clone()).await.body;

    assert_eq!(created["StartingPosition"], "TRIM_HORIZON");
    let group = &created["SelfManagedKafkaEventSourceConfig"]["ConsumerGroupId"];
    assert_eq!(*group, created["UUID"]);
    assert!(created.get("FunctionResponseTypes").is_none());
    let again = create(&api, brokers).await;
    let text = format!(
        "An event source mapping with event source (\"kafka:1000\"), function (\"{ARN}\"), topics (\"topic\") \
         already exists. Please update or delete the existing mapping with UUID {}",
        created["UUID"].as_str().unwrap()
    );
    again.refused(409, "ResourceConflictException", &text);
}

#[tokio::test]
async fn a_mapping_goes_through_its_states() {
    let api = Api::start().await;
    api.active("f").await;
    let _completion = api.complete();
    let created = create(
        &api,
        json!({"EventSourceArn": QUEUE, "FunctionName": "f:$LATEST"}),
    )
    .await
    .body;
    assert_eq!(created["FunctionArn"], format!("{ARN}:$LATEST"));
    let path = format!("{MAPPINGS}/{}", created["UUID"].as_str().unwrap());

    api.until(&path, |mapping| mapping["State"] == "Enabled")
        .await;
    let updated = api
        .put(&path, json!({"Enabled": false, "BatchSize": 5}))
        .await;
    assert_eq!(
        (updated.status, &updated.body["State"]),
        (202, &json!("Disabling"))
    );
    assert_eq!(updated.body["BatchSize"], 5);
    api.until(&path, |mapping| mapping["State"] == "Disabled")
        .await;
    let filters = json!({"FilterCriteria": {"Filters": [{"Pattern": "{\"body\":[\"x\"]}"}]}});
    let filtered = api.put(&path, filters.clone()).await.body;
    assert_eq!(filtered["State"], "Updating");
    assert_eq!(filtered["FilterCriteria"], filters["FilterCriteria"]);
    api.until(&path, |mapping| mapping["State"] == "Disabled")
        .await;

    let listed = api
        .get(&format!("{MAPPINGS}?EventSourceArn={QUEUE}"))
        .await
        .body;
    assert_eq!(listed["EventSourceMappings"].as_array().unwrap().len(), 1);
    let other = api
        .get(&format!("{MAPPINGS}?EventSourceArn={STREAM}"))
        .await
        .body;
    assert_eq!(other, json!({"EventSourceMappings": []}));

    let deleted = api.delete(&path).await;
    assert_eq!(
        (deleted.status, &deleted.body["State"]),
        (202, &json!("Deleting"))
    );
    api.until_status(&path, 404).await;
}

#[tokio::test]
async fn a_mapping_survives_its_function() {
    let api = Api::start().await;
    api.active("f").await;
    let created = create(&api, json!({"EventSourceArn": QUEUE, "Enabled": false}))
        .await
        .body;

    api.delete("/2015-03-31/functions/f").await;

    let path = format!("{MAPPINGS}/{}", created["UUID"].as_str().unwrap());
    assert_eq!(api.get(&path).await.body, created);
}

#[tokio::test]
async fn mappings_are_tagged_by_their_arn() {
    let api = Api::start().await;
    api.active("f").await;
    let source = json!({"EventSourceArn": QUEUE, "Enabled": false, "Tags": {"a": "1"}});
    let created = create(&api, source).await.body;
    assert!(created.get("Tags").is_none());
    let arn = created["EventSourceMappingArn"].as_str().unwrap();
    let tags = format!("/2017-03-31/tags/{}", arn.replace(':', "%3A"));

    assert_eq!(
        api.post(&tags, json!({"Tags": {"b": "2"}})).await.status,
        204
    );
    assert_eq!(
        api.get(&tags).await.body,
        json!({"Tags": {"a": "1", "b": "2"}})
    );
    let unknown = arn.replace(&arn[arn.len() - 4..], "0000");
    let found = api
        .get(&format!("/2017-03-31/tags/{}", unknown.replace(':', "%3A")))
        .await;
    let text = format!("Event source mapping not found: {unknown}");
    found.refused(404, "ResourceNotFoundException", &text);
}

#[tokio::test]
async fn mappings_are_refused_in_the_words_of_aws() {
    let api = Api::start().await;
    api.active("f").await;
    let queue = |members: Value| with(json!({"EventSourceArn": QUEUE}), members);

    let text = "The resource you requested does not exist.";
    api.get(&format!("{MAPPINGS}/00000000-0000-4000-8000-000000000000"))
        .await
        .refused(404, "ResourceNotFoundException", text);
    create(&api, json!({}))
        .await
        .refused(400, IPV, "Unrecognized event source.");
    let unknown = create(&api, queue(json!({"FunctionName": "no"}))).await;
    unknown.refused(400, IPV, "Function does not exist");
    let text = "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: \
        Member must not be null.";
    create(&api, json!({"EventSourceArn": STREAM}))
        .await
        .refused(400, IPV, text);
    let timed = json!({
        "EventSourceArn": TABLE, "StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 1.0,
    });
    let text = format!("Unsupported starting position for arn type: {TABLE}");
    create(&api, timed).await.refused(400, IPV, &text);
    let to = json!({"DestinationConfig": {"OnFailure": {"Destination": QUEUE}}});
    let text = "Unsupported DestinationConfig parameter for given event source mapping type.";
    create(&api, queue(to)).await.refused(400, IPV, text);
    let text = "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10";
    create(&api, queue(json!({"BatchSize": 11})))
        .await
        .refused(400, IPV, text);
    let filter = json!({"FilterCriteria": {"Filters": [{"Pattern": "{\"a\":1}"}]}});
    let text = "Invalid filter pattern definition.";
    create(&api, queue(filter)).await.refused(400, IPV, text);
    let brokers = json!({
        "SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["kafka:1000"]}},
        "Topics": ["topic"],
    });
    let text = "Required 'sourceAccessConfigurations' parameter is missing.";
    create(&api, brokers).await.refused(400, IPV, text);

    let first = create(&api, queue(json!({}))).await.body;
    let uuid = first["UUID"].as_str().unwrap();
    let text = format!(
        "An event source mapping with SQS arn (\" {QUEUE} \") and function (\" f \") already exists. \
         Please update or delete the existing mapping with UUID {uuid}"
    );
    create(&api, queue(json!({})))
        .await
        .refused(409, "ResourceConflictException", &text);
    let path = format!("{MAPPINGS}/{uuid}");
    let text = "Cannot update the event source mapping because it is in use.";
    let body = api
        .put(&path, json!({}))
        .await
        .refused(400, "ResourceInUseException", text)
        .clone();
    assert_eq!(body, json!({"Type": "User", "Message": text}));
    let text = "Cannot delete the event source mapping because it is in use.";
    api.delete(&path)
        .await
        .refused(400, "ResourceInUseException", text);
}

#[tokio::test]
async fn what_a_source_does_not_have_is_refused_by_name() {
    let api = Api::start().await;
    api.active("f").await;
    let ordered = format!("{QUEUE}.fifo");
    let filters: Vec<Value> = (0..11).map(|_| json!({"Pattern": "{}"})).collect();
    for (source, text) in [
        (
            json!({"EventSourceArn": QUEUE, "StartingPosition": "LATEST"}),
            "Unsupported StartingPosition parameter for given event source mapping type.",
        ),
        (
            json!({"EventSourceArn": QUEUE, "ParallelizationFactor": 2}),
            "Unsupported ParallelizationFactor parameter for given event source mapping type.",
        ),
        (
            json!({"EventSourceArn": STREAM, "StartingPosition": "LATEST", "ScalingConfig": {"MaximumConcurrency": 2}}),
            "Unsupported ScalingConfig parameter for given event source mapping type.",
        ),
        (
            json!({"EventSourceArn": ordered, "BatchSize": 11, "MaximumBatchingWindowInSeconds": 1}),
            "FIFO queues support a maximum batch size of 10 and no batch window.",
        ),
        (
            json!({"EventSourceArn": QUEUE, "FilterCriteria": {"Filters": filters}}),
            "FilterCriteria cannot have more than 10 filters.",
        ),
        (
            json!({"EventSourceArn": STREAM, "StartingPosition": "AT_TIMESTAMP"}),
            "1 validation error detected: Value null at 'startingPositionTimestamp' failed to satisfy constraint: \
             Member must not be null.",
        ),
    ] {
        create(&api, source).await.refused(400, IPV, text);
    }
    // What tools send for what is left out says nothing.
    let zeros = json!({"EventSourceArn": QUEUE, "TumblingWindowInSeconds": 0, "BisectBatchOnFunctionError": false});
    assert_eq!(create(&api, zeros).await.status, 202);
}
