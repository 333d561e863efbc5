//! Limits at their edges: as much as is allowed is taken and shown, and where no table of facts says so, one more is not.

use firelight_api::Authentication;
use serde_json::{Map, Value, json};

use super::plane::{Api, FUNCTIONS, Plane, creation, with, zip};
use crate::support::server_with;

const POLICY: &str = "/2015-03-31/functions/f/policy";
const MAPPINGS: &str = "/2015-03-31/event-source-mappings";
const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:q";
const STREAM: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/s";
const IPV: &str = "InvalidParameterValueException";
const VALIDATION: &str = "ValidationException";

fn x(count: usize) -> String {
    "x".repeat(count)
}

fn ids(kind: &str, count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("{kind}-{number}"))
        .collect()
}

fn tags(count: usize) -> Map<String, Value> {
    (0..count).map(|n| (format!("k{n}"), json!("v"))).collect()
}

#[tokio::test]
async fn settings_of_a_function_reach_their_limits() {
    let api = Api::start().await;
    let most = json!({
        "FunctionName": x(64), "Description": x(256), "Handler": x(128), "Timeout": 900,
        "MemorySize": 10_240, "EphemeralStorage": {"Size": 10_240},
        "Environment": {"Variables": {"KEY": x(4_086)}},
        "VpcConfig": {"SubnetIds": ids("subnet", 16), "SecurityGroupIds": ids("sg", 5)},
        "Tags": tags(50),
    });
    let least = json!({
        "FunctionName": "y", "Handler": "h", "Timeout": 1, "MemorySize": 128,
        "EphemeralStorage": {"Size": 512}, "Environment": {"Variables": {}},
    });

    for members in [most, least] {
        let created = api
            .post(FUNCTIONS, with(creation("f"), members.clone()))
            .await;

        assert_eq!(created.status, 201, "{created:?}");
        for name in [
            "Description",
            "Handler",
            "Timeout",
            "MemorySize",
            "EphemeralStorage",
            "Environment",
        ] {
            let given = members.get(name).cloned().unwrap_or(json!(""));
            assert_eq!(created.body[name], given, "{name}");
        }
    }
}

#[tokio::test]
async fn lists_of_a_function_have_an_end() {
    let api = Api::start().await;
    let vpc = |subnets, groups| {
        json!({"VpcConfig": {
            "SubnetIds": ids("subnet", subnets), "SecurityGroupIds": ids("sg", groups),
        }})
    };
    for (members, path, most) in [
        (vpc(17, 1), "vpcConfig.subnetIds", 16),
        (vpc(1, 6), "vpcConfig.securityGroupIds", 5),
    ] {
        let refused = api
            .post(FUNCTIONS, with(creation("f"), members.clone()))
            .await;

        let text = refused.body["message"].as_str().unwrap();
        let end = format!(
            "at '{path}' failed to satisfy constraint: Member must have length less than or equal to {most}"
        );
        assert!(text.ends_with(&end), "{text}");
    }
    let refused = api
        .post(FUNCTIONS, with(creation("f"), json!({"Tags": tags(51)})))
        .await;
    refused.refused(400, IPV, "Number of tags exceeds resource tag limit.");
}

#[tokio::test]
async fn five_layers_are_attached() {
    let api = Api::start().await;
    let mut layers = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        let path = format!("/2018-10-31/layers/{name}/versions");
        let content = json!({"Content": {"ZipFile": zip(name)}});
        let published = api.post(&path, content).await.body;
        layers.push(published["LayerVersionArn"].clone());
    }

    let created = api
        .post(FUNCTIONS, with(creation("f"), json!({"Layers": layers})))
        .await;

    let shown = created.body["Layers"].as_array().unwrap().iter();
    let shown: Vec<_> = shown.map(|layer| layer["Arn"].clone()).collect();
    assert_eq!(shown, layers);
}

#[tokio::test]
async fn fifty_tags_are_kept_and_each_has_its_length() {
    let api = Api::start().await;
    api.active("f").await;
    let path = "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af";

    assert_eq!(api.post(path, json!({"Tags": tags(49)})).await.status, 204);
    let longest = json!({"Tags": {x(128): x(256)}});
    assert_eq!(api.post(path, longest).await.status, 204);
    let more = api.post(path, json!({"Tags": {"one": "more"}})).await;
    more.refused(400, IPV, "Number of tags exceeds resource tag limit.");
    // What is there already takes no further place.
    let changed = api.post(path, json!({"Tags": {"k0": "w"}})).await;
    assert_eq!(changed.status, 204);
    assert_eq!(
        api.get(path).await.body["Tags"].as_object().unwrap().len(),
        50
    );

    for (tags, constraint) in [
        (
            json!({x(129): "v"}),
            "Map keys must satisfy constraint: [Member must have length less than or equal to 128",
        ),
        (
            json!({"k": x(257)}),
            "Map value must satisfy constraint: [Member must have length less than or equal to 256",
        ),
    ] {
        let refused = api.post(path, json!({"Tags": tags})).await;
        assert_eq!(refused.error.as_deref(), Some("validationexception"));
        let text = refused.body["message"].as_str().unwrap();
        assert!(text.contains(constraint), "{text}");
    }
}

#[tokio::test]
async fn names_of_aliases_and_statements_reach_their_limits() {
    let api = Api::start().await;
    api.active("f").await;

    let alias = json!({"Name": x(128), "FunctionVersion": "$LATEST"});
    let alias = api.post(&format!("{FUNCTIONS}/f/aliases"), alias).await;
    assert_eq!(alias.status, 201, "{alias:?}");
    let statement = api
        .post(POLICY, permission(&x(100), "arn:aws:s3:::b"))
        .await;
    assert_eq!(statement.status, 201, "{statement:?}");
    let layer = json!({"Content": {"ZipFile": zip("layer")}});
    let layer = api
        .post(&format!("/2018-10-31/layers/{}/versions", x(140)), layer)
        .await;
    assert_eq!(layer.status, 201, "{layer:?}");
}

fn permission(sid: &str, source: &str) -> Value {
    json!({
        "StatementId": sid, "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com",
        "SourceArn": source,
    })
}

#[tokio::test]
async fn a_policy_of_twenty_kilobytes_is_kept_and_a_byte_more_is_not() {
    let api = Api::start().await;
    api.active("f").await;
    let length = async || api.get(POLICY).await.body["Policy"].as_str().unwrap().len();
    let source = |padding: usize| format!("arn:aws:s3:::{}", "b".repeat(padding));
    for number in 0..20 {
        let added = api
            .post(POLICY, permission(&format!("s{number}"), &source(700)))
            .await;
        assert_eq!(added.status, 201, "{added:?}");
    }
    let before = length().await;
    api.post(POLICY, permission("last", &source(1))).await;
    let missing = 20_480 - length().await;
    api.delete(&format!("{POLICY}/last")).await;
    // A source is at most 1,000 or so characters, so two statements share what is missing.
    let mut filler = missing;
    let mut number = 20;
    while filler > 900 {
        let held = length().await;
        api.post(POLICY, permission(&format!("s{number}"), &source(700)))
            .await;
        filler -= length().await - held;
        number += 1;
    }
    assert!(length().await > before);

    let over = api
        .post(POLICY, permission("last", &source(filler + 2)))
        .await;
    let text = "The final policy size (20481) is bigger than the limit (20480).";
    over.refused(400, "PolicyLengthExceededException", text);
    let exact = api
        .post(POLICY, permission("last", &source(filler + 1)))
        .await;

    assert_eq!(exact.status, 201, "{exact:?}");
    assert_eq!(length().await, 20_480);
}

#[tokio::test]
async fn retries_and_ages_of_events_reach_their_limits() {
    let api = Api::start().await;
    api.active("f").await;
    for (retries, age) in [(0, 60), (2, 21_600)] {
        let config = json!({"MaximumRetryAttempts": retries, "MaximumEventAgeInSeconds": age});

        let put = api
            .put(
                "/2019-09-25/functions/f/event-invoke-config",
                config.clone(),
            )
            .await;

        assert_eq!(put.status, 200, "{put:?}");
        assert_eq!(
            put.body["MaximumRetryAttempts"],
            config["MaximumRetryAttempts"]
        );
        assert_eq!(
            put.body["MaximumEventAgeInSeconds"],
            config["MaximumEventAgeInSeconds"]
        );
    }
}

#[tokio::test]
async fn mappings_reach_their_limits() {
    let api = Api::start().await;
    api.active("f").await;
    let queues = [
        json!({"BatchSize": 10_000, "MaximumBatchingWindowInSeconds": 300, "ScalingConfig": {"MaximumConcurrency": 1_000}}),
        json!({"BatchSize": 1, "MaximumBatchingWindowInSeconds": 0, "ScalingConfig": {"MaximumConcurrency": 2}}),
    ];
    let streams = [
        json!({
            "BatchSize": 10_000, "ParallelizationFactor": 10, "MaximumRecordAgeInSeconds": 604_800,
            "MaximumRetryAttempts": 10_000, "TumblingWindowInSeconds": 900,
        }),
        json!({
            "BatchSize": 1, "ParallelizationFactor": 1, "MaximumRecordAgeInSeconds": 60,
            "MaximumRetryAttempts": 0, "TumblingWindowInSeconds": 0,
        }),
        json!({"MaximumRecordAgeInSeconds": -1, "MaximumRetryAttempts": -1}),
    ];
    let of_queue = |number: usize| json!({"EventSourceArn": format!("{QUEUE}{number}")});
    let of_stream = |number: usize| json!({"EventSourceArn": format!("{STREAM}{number}"), "StartingPosition": "LATEST"});
    let queues = queues
        .into_iter()
        .enumerate()
        .map(|(n, s)| (of_queue(n), s));
    let streams = streams
        .into_iter()
        .enumerate()
        .map(|(n, s)| (of_stream(n), s));
    for (source, settings) in queues.chain(streams) {
        let request = with(with(json!({"FunctionName": "f"}), source), settings.clone());

        let created = api.post(MAPPINGS, request).await;

        assert_eq!(created.status, 202, "{created:?}");
        for (name, value) in settings.as_object().unwrap() {
            assert_eq!(created.body[name], *value, "{name}");
        }
    }
}

#[tokio::test]
async fn pages_have_as_many_items_as_asked_for_up_to_fifty() {
    let api = Api::start().await;
    for number in 0..52 {
        let created = api
            .post(FUNCTIONS, creation(&format!("f{number:02}")))
            .await;
        assert_eq!(created.status, 201);
    }
    let page = async |query: &str| {
        let answer = api.get(&format!("{FUNCTIONS}{query}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    };

    for (asked, given) in [
        ("?MaxItems=1", 1),
        ("?MaxItems=50", 50),
        ("?MaxItems=10000", 50),
        ("", 50),
    ] {
        let found = page(asked).await;
        assert_eq!(
            found["Functions"].as_array().unwrap().len(),
            given,
            "{asked}"
        );
        assert!(found.get("NextMarker").is_some());
    }
    let marker = page("").await["NextMarker"].as_str().unwrap().to_owned();
    let rest = page(&format!("?MaxItems=50&Marker={marker}")).await;
    assert_eq!(rest["Functions"].as_array().unwrap().len(), 2);
    assert!(rest.get("NextMarker").is_none());
    for marker in ["f01", "%00", "bm9uZQ"] {
        let refused = api.get(&format!("{FUNCTIONS}?Marker={marker}")).await;
        assert_eq!(refused.status, 400, "{refused:?}");
    }
    let none = api.get(&format!("{FUNCTIONS}?MaxItems=none")).await;
    assert_eq!(none.status, 400, "{none:?}");
    let negative = api.get(&format!("{FUNCTIONS}?MaxItems=-1")).await;
    let text = "1 validation error detected: Value '-1' at 'maxItems' failed to satisfy constraint: \
        Member must have value greater than or equal to 1";
    negative.refused(400, VALIDATION, text);
}

#[tokio::test]
async fn account_that_calls_the_control_plane_too_often_is_throttled_and_still_invokes() {
    let plane = Plane::start().await;
    let lambda = plane.lambda().limiting_callers(Some(2));
    let server = server_with(Authentication::AnyCredentials, lambda).await;
    let api = Api::on(server, plane);

    let mut refused = None;
    for _ in 0..50 {
        let answer = api.raw("GET", FUNCTIONS, "").await;
        if answer.status != 200 {
            refused = Some(answer);
        }
    }

    let refused = refused.expect("fifty calls in a moment are more than two a second");
    assert_eq!(refused.status, 429);
    let head = refused.head.to_lowercase();
    assert!(head.contains("retry-after: 1\r\n"), "{head}");
    assert_eq!(
        refused.body,
        r#"{"Reason":"CallerRateLimitExceeded","Type":"User","message":"Rate Exceeded."}"#
    );
    let invoked = api
        .post(&format!("{FUNCTIONS}/none/invocations"), json!({}))
        .await;
    assert_eq!(invoked.status, 404, "an invocation is none of these calls");
}
