//! Where members come from, and how wrong types are answered.

use firelight_wire::shapes::{
    CreateEventSourceMappingRequest, CreateFunctionRequest, GetLayerVersionByArnRequest,
    InvocationRequest, InvocationType, InvokeAsyncRequest, ListDurableExecutionsByFunctionRequest,
    ListFunctionsRequest, LogType, SendDurableExecutionCallbackFailureRequest,
    SendDurableExecutionCallbackSuccessRequest, UntagResourceRequest,
    UpdateFunctionConfigurationRequest,
};
use firelight_wire::{Blob, ErrorCode, ErrorReply, Timestamp};
use serde_json::{Value, json};

use crate::client::{changed, send};

#[test]
fn an_invocation_has_its_members_in_label_query_and_headers() {
    let request: InvocationRequest = send(
        "POST",
        "/2015-03-31/functions/resize%3Aprod/invocations?Qualifier=%24LATEST",
    )
    .header("x-amz-invocation-type", "Event")
    .header("X-Amz-Log-Type", "Tail")
    .bytes(b"\xff is not looked at".as_slice())
    .parsed()
    .unwrap();

    assert_eq!(request.function_name, "resize:prod");
    assert_eq!(request.qualifier.as_deref(), Some("$LATEST"));
    assert_eq!(request.invocation_type, Some(InvocationType::Event));
    assert_eq!(request.log_type, Some(LogType::Tail));
    assert_eq!(request.client_context, None);
}

#[test]
fn a_raw_payload_that_is_required_is_the_front_doors_business() {
    let request: InvokeAsyncRequest = send("POST", "/2014-11-13/functions/f/invoke-async")
        .bytes("{")
        .parsed()
        .unwrap();

    assert_eq!(request.function_name, "f");
}

#[test]
fn query_members_have_their_types_and_lists_repeat_the_key() {
    let list: ListFunctionsRequest = send("GET", "/2015-03-31/functions?MaxItems=10&Marker=a%2Bb")
        .parsed()
        .unwrap();
    let untag: UntagResourceRequest = send(
        "DELETE",
        format!("/2017-03-31/tags/{TAGGED}?tagKeys=a&tagKeys=b"),
    )
    .parsed()
    .unwrap();

    assert_eq!(
        (list.max_items, list.marker.as_deref()),
        (Some(10), Some("a+b"))
    );
    assert_eq!(untag.tag_keys, ["a", "b"]);
}

const TAGGED: &str = "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af";

#[test]
fn timestamps_are_iso_8601_in_a_query_and_epoch_seconds_in_json() {
    let query: ListDurableExecutionsByFunctionRequest = send(
        "GET",
        "/2025-12-01/functions/f/durable-executions?StartedAfter=2023-11-14T22%3A13%3A20Z",
    )
    .parsed()
    .unwrap();
    let body: CreateEventSourceMappingRequest = send("POST", "/2015-03-31/event-source-mappings")
        .json(&json!({"FunctionName": "f", "StartingPositionTimestamp": 1_700_000_000.5}))
        .parsed()
        .unwrap();

    assert_eq!(
        query.started_after,
        Some(Timestamp {
            epoch_ms: 1_700_000_000_000
        })
    );
    assert_eq!(
        body.starting_position_timestamp,
        Some(Timestamp {
            epoch_ms: 1_700_000_000_500
        })
    );
}

#[test]
fn what_the_path_says_wins_over_the_body() {
    let request: UpdateFunctionConfigurationRequest =
        send("PUT", "/2015-03-31/functions/path/configuration")
            .json(&json!({"FunctionName": "body", "Timeout": 5, "Unknown": {"a": 1}}))
            .parsed()
            .unwrap();

    assert_eq!(request.function_name, "path");
    assert_eq!(request.timeout, Some(5));
}

#[test]
fn a_structure_can_be_the_whole_body() {
    let failure: SendDurableExecutionCallbackFailureRequest = send(
        "POST",
        "/2025-12-01/durable-execution-callbacks/abc%2B%2F%3D/fail",
    )
    .json(&json!({"ErrorType": "Oops"}))
    .parsed()
    .unwrap();
    let success: SendDurableExecutionCallbackSuccessRequest = send(
        "POST",
        "/2025-12-01/durable-execution-callbacks/abc/succeed",
    )
    .bytes(vec![0xff])
    .parsed()
    .unwrap();

    assert_eq!(failure.callback_id, "abc+/=");
    assert_eq!(failure.error.unwrap().error_type.as_deref(), Some("Oops"));
    assert_eq!(success.callback_id, "abc");
}

#[test]
fn a_layer_is_found_by_its_arn() {
    let arn = "arn:aws:lambda:us-east-1:000000000000:layer:tools:1";
    let target = format!(
        "/2018-10-31/layers?find=LayerVersion&Arn={}",
        arn.replace(':', "%3A")
    );

    let request: GetLayerVersionByArnRequest = send("GET", target).parsed().unwrap();

    assert_eq!(request.arn, arn);
}

fn create(changes: &Value) -> Result<CreateFunctionRequest, ErrorReply> {
    let body = changed(
        json!({
            "FunctionName": "f",
            "Role": "arn:aws:iam::000000000000:role/r",
            "Code": {"ZipFile": "UEsF"},
        }),
        changes,
    );
    send("POST", "/2015-03-31/functions").json(&body).parsed()
}

#[test]
fn a_function_is_created_from_typed_members() {
    let request = create(&json!({
        "Environment": {"Variables": {"B_2": "2", "A_1": "1"}},
        "Layers": [],
        "Publish": true,
    }))
    .unwrap();

    assert_eq!(request.code.zip_file, Some(Blob(b"PK\x05".to_vec())));
    let variables = request.environment.unwrap().variables.unwrap();
    assert_eq!(
        variables.into_iter().collect::<Vec<_>>(),
        [("A_1", "1"), ("B_2", "2")].map(owned)
    );
    assert_eq!(request.layers, Some(Vec::new()));
    assert_eq!(request.publish, Some(true));
    assert_eq!(request.handler, None);
}

fn owned((key, value): (&str, &str)) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

#[test]
fn wrong_types_are_refused_before_constraints_are_looked_at() {
    let cases = [
        (
            json!({"MemorySize": "1024", "Role": "bad"}),
            "STRING_VALUE can not be converted to an Integer",
        ),
        (
            json!({"Role": 1}),
            "NUMBER_VALUE can not be converted to a String",
        ),
        (json!({"Layers": "x"}), "Expected list or null"),
        (json!({"Code": "x"}), "Expected null"),
        (
            json!({"Code": {"ZipFile": "not base64!"}}),
            "A blob is not valid base64",
        ),
    ];
    for (changes, message) in cases {
        let error = create(&changes).unwrap_err();

        assert_eq!(error.code, ErrorCode::Serialization, "{changes}");
        assert_eq!(error.message, message);
    }
}

#[test]
fn a_number_in_the_query_that_is_none() {
    let error =
        send("GET", "/2015-03-31/functions?MaxItems=many").refusal::<ListFunctionsRequest>();

    assert_eq!(error.code, ErrorCode::Serialization);
    assert_eq!(
        error.message,
        "STRING_VALUE can not be converted to an Integer"
    );
}

#[test]
fn a_body_that_is_no_json_object() {
    for body in ["{", "[]", "null", "{} {}", "{\"a\":1,}"] {
        let error = send("POST", "/2015-03-31/functions")
            .bytes(body)
            .refusal::<CreateFunctionRequest>();

        assert_eq!(error.code, ErrorCode::Serialization, "{body}");
    }
}
