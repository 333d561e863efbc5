//! Answers as they leave.

use firelight_wire::shapes::{
    DeleteFunctionResponse, EventSourceMappingConfiguration, FunctionConfiguration,
    InvocationResponse, InvokeWithResponseStreamCompleteEvent, State,
};
use firelight_wire::{Operation, Timestamp};
use serde_json::{Value, json};

#[test]
fn absent_members_are_left_out_and_empty_ones_are_not() {
    let configuration = FunctionConfiguration {
        function_name: Some("resize".to_owned()),
        description: Some(String::new()),
        memory_size: Some(128),
        code_size: Some(5_000_000_000),
        state: Some(State::Pending),
        layers: Some(Vec::new()),
        ..FunctionConfiguration::default()
    };

    let reply = Operation::CreateFunction.reply(&configuration);

    assert_eq!(reply.status, 201);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(
        serde_json::from_slice::<Value>(&reply.body).unwrap(),
        json!({
            "FunctionName": "resize",
            "Description": "",
            "MemorySize": 128,
            "CodeSize": 5_000_000_000_u64,
            "State": "Pending",
            "Layers": [],
        })
    );
}

#[test]
fn an_event_source_mapping_was_modified_at_epoch_seconds() {
    let mapping = EventSourceMappingConfiguration {
        last_modified: Some(Timestamp {
            epoch_ms: 1_700_000_000_123,
        }),
        ..EventSourceMappingConfiguration::default()
    };

    let reply = Operation::DeleteEventSourceMapping.reply(&mapping);

    assert_eq!(reply.status, 202);
    assert_eq!(reply.body, br#"{"LastModified":1700000000.123}"#);
}

#[test]
fn a_status_member_decides_the_status_and_no_content_has_no_body() {
    let usual = Operation::DeleteFunction.reply(&DeleteFunctionResponse::default());
    let other = Operation::DeleteFunction.reply(&DeleteFunctionResponse {
        status_code: Some(202),
    });

    assert_eq!((usual.status, usual.body.as_slice()), (204, b"".as_slice()));
    assert_eq!(other.status, 202);
    assert_eq!(Operation::TagResource.empty_reply().status, 204);
}

#[test]
fn members_of_an_invocation_travel_as_headers() {
    let response = InvocationResponse {
        status_code: Some(200),
        executed_version: Some("3".to_owned()),
        function_error: Some("Unhandled".to_owned()),
        ..InvocationResponse::default()
    };

    let reply = Operation::Invoke.reply(&response);

    assert_eq!(reply.header("X-Amz-Executed-Version"), Some("3"));
    assert_eq!(reply.header("X-Amz-Function-Error"), Some("Unhandled"));
    assert_eq!(reply.header("X-Amz-Log-Result"), None);
}

#[test]
fn the_last_event_of_a_stream_is_an_object_even_without_members() {
    let event = InvokeWithResponseStreamCompleteEvent::default();

    assert_eq!(serde_json::to_string(&event).unwrap(), "{}");
}
