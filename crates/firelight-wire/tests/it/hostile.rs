//! Whatever arrives, parsing answers and does not panic.

use firelight_wire::shapes::{
    CreateEventSourceMappingRequest, CreateFunctionRequest, InvocationRequest,
    UpdateFunctionConfigurationRequest,
};
use firelight_wire::{Labels, Operation, RequestError, RequestParts, check, parse, route};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::client::changed;

/// JSON whose member names are those of real shapes often enough to get deep into them.
fn any_json() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "FunctionName",
        "Role",
        "Code",
        "ZipFile",
        "Runtime",
        "Timeout",
        "MemorySize",
        "Environment",
        "Variables",
        "Layers",
        "VpcConfig",
        "SubnetIds",
        "Architectures",
        "SnapStart",
        "ApplyOn",
        "StartingPositionTimestamp",
        "FilterCriteria",
        "Filters",
        "Pattern",
        "Enabled",
        "RoutingConfig",
        "AdditionalVersionWeights",
        "2",
        "Name",
        "FunctionVersion",
        "RetryAttempts",
        "SourceAccessConfigurations",
        "Type",
        "URI",
        "Updates",
        "Id",
        "DestinationConfig",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        any::<String>().prop_map(Value::from),
        Just(Value::from("BASIC_AUTH")),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((names.clone(), inner), 0..6).prop_map(|members| members
                .into_iter()
                .map(|(n, v)| (n.to_owned(), v))
                .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn any_path_is_routed_or_refused(
        method in "GET|PUT|POST|DELETE|[A-Z]{0,8}",
        path in "(/2015-03-31|/2018-10-31)?(/functions|/layers)?\\PC{0,40}",
        query in prop::option::of("\\PC{0,40}"),
    ) {
        if let Ok(routed) = route(&method, &path, query.as_deref()) {
            prop_assert_eq!(routed.operation.method(), method);
        }
    }

    #[test]
    fn any_bytes_are_checked_for_any_operation(
        operation in prop::sample::select(Operation::ALL),
        query in "[a-zA-Z0-9%=&+]{0,60}",
        header in "\\PC{0,20}",
        body in vec(any::<u8>(), 0..80),
    ) {
        let labels = Labels::default();
        let header = |_: &str| Some(header.as_str());
        let parts = RequestParts { labels: &labels, query: Some(&query), header: &header, body: &body };

        // Every operation but the lists has a required label, and none is given.
        let _ = check(operation, &parts);
    }

    #[test]
    fn any_json_is_checked_for_any_operation(
        operation in prop::sample::select(Operation::ALL),
        body in any_json(),
    ) {
        let labels = Labels::default();
        let body = body.to_string().into_bytes();
        let parts = RequestParts { labels: &labels, query: None, header: &|_| None, body: &body };

        if let Err(RequestError::Validation(message)) = check(operation, &parts) {
            prop_assert!(message.contains(" validation error"), "{}", message);
        }
    }

    #[test]
    fn what_passes_the_check_decodes_unless_a_blob_is_broken(changes in any_json()) {
        let body = changed(json!({
            "FunctionName": "f",
            "Role": "arn:aws:iam::000000000000:role/r",
            "Code": {},
        }), &changes);
        let labels = route("PUT", "/2015-03-31/functions/f/configuration", None).unwrap().labels;
        let body = body.to_string().into_bytes();
        let parts = RequestParts { labels: &labels, query: None, header: &|_| None, body: &body };

        macro_rules! assert_decodes {
            ($($request:ty),*) => {$(
                let is_ok = check(<$request as firelight_wire::Request>::OPERATION, &parts).is_ok();
                match parse::<$request>(&parts) {
                    Ok(_) => prop_assert!(is_ok),
                    Err(RequestError::Serialization(message)) if is_ok => {
                        prop_assert_eq!(message, "A blob is not valid base64");
                    }
                    Err(_) => prop_assert!(!is_ok),
                }
            )*};
        }
        assert_decodes!(
            CreateFunctionRequest,
            CreateEventSourceMappingRequest,
            UpdateFunctionConfigurationRequest,
            InvocationRequest
        );
    }
}
