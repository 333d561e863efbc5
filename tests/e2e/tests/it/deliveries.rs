//! Records and dead letters reach SQS, SNS, EventBridge and S3, signed, whatever happens on the way.

use std::path::Path;

use firelight_e2e::service::ACCESS_KEY_ID;
use firelight_e2e::{Flavor, Service, TestEnvironment};
use serde_json::Value;

const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:q";
const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:t";
const BUS: &str = "arn:aws:events:eu-west-1:111122223333:event-bus/b";

fn flavor(configuration: &Path) -> Flavor {
    Flavor::dev().with(&["--config", configuration.to_str().unwrap()])
}

/// Tries no failed event again, and tells these destinations.
fn configure(environment: &TestEnvironment, function: &str, destinations: &Value) {
    let destinations = destinations.to_string();
    let arguments = [
        "lambda",
        "put-function-event-invoke-config",
        "--function-name",
        function,
        "--maximum-retry-attempts",
        "0",
        "--destination-config",
        &destinations,
    ];
    environment.aws(&arguments).succeeded();
}

fn send_event(environment: &TestEnvironment, function: &str, payload: &str) {
    let out = environment.data_dir().join("answer");
    let arguments = [
        "lambda",
        "invoke",
        "--function-name",
        function,
        "--invocation-type",
        "Event",
        "--payload",
        payload,
        out.to_str().unwrap(),
    ];
    environment.aws(&arguments).succeeded();
}

fn record_of(body: &Value) -> Value {
    serde_json::from_str(body.as_str().unwrap()).unwrap()
}

#[test]
fn a_record_outlives_a_power_cut_between_run_and_delivery() {
    let Some(service) = Service::start() else {
        return;
    };
    let flavor = flavor(&service.configuration(""));
    let Some(mut environment) = TestEnvironment::start_as(flavor) else {
        return;
    };
    let function = environment.deploy_python("told", "return {'n': event['n'] + 1}");
    let on_success = serde_json::json!({ "OnSuccess": { "Destination": QUEUE } });
    configure(&environment, &function, &on_success);

    send_event(&environment, &function, r#"{"n": 1}"#);
    environment.until(|| service.lines().first().cloned());
    environment.kill_and_restart();
    service.open();
    let taken = environment.until(|| service.taken().first().cloned());

    assert_eq!(taken["authentic"], true);
    assert_eq!(taken["key"], ACCESS_KEY_ID);
    assert_eq!(
        (&taken["service"], &taken["region"]),
        (&"sqs".into(), &"eu-west-1".into())
    );
    let message = record_of(&taken["body"]);
    let record = record_of(&message["MessageBody"]);
    assert_eq!(record["requestContext"]["condition"], "Success");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 1);
    assert_eq!(record["responsePayload"], serde_json::json!({ "n": 2 }));
    let trace = &message["MessageSystemAttributes"]["AWSTraceHeader"]["StringValue"];
    assert_eq!(trace, &taken["trace"]);
    assert!(trace.as_str().unwrap().contains("Lineage="), "{trace}");
    assert!(service.lines().iter().all(|line| line["authentic"] == true));
    assert!(environment.stop().is_none());
}

#[test]
fn a_failed_event_goes_to_a_bus_and_the_event_itself_to_a_topic() {
    let Some(service) = Service::start() else {
        return;
    };
    service.open();
    let flavor = flavor(&service.configuration(""));
    let Some(environment) = TestEnvironment::start_as(flavor) else {
        return;
    };
    let function = environment.deploy_python("fails", r"raise Exception('\x1b[31mred')");
    let on_failure = serde_json::json!({ "OnFailure": { "Destination": BUS } });
    configure(&environment, &function, &on_failure);
    let dead_letters = format!("TargetArn={TOPIC}");
    let arguments = [
        "lambda",
        "update-function-configuration",
        "--function-name",
        &function,
        "--dead-letter-config",
        &dead_letters,
    ];
    environment.aws(&arguments).succeeded();

    send_event(&environment, &function, r#"{ "as": "it came" }"#);
    let taken = environment.until(|| Some(service.taken()).filter(|taken| taken.len() >= 2));

    let to = |service: &str| {
        taken
            .iter()
            .find(|line| line["service"] == service)
            .unwrap()
    };
    let entry = &record_of(&to("events")["body"])["Entries"][0];
    assert_eq!(
        entry["DetailType"],
        "Lambda Function Invocation Result - Failure"
    );
    assert_eq!(entry["EventBusName"], BUS);
    assert_eq!(
        record_of(&entry["Detail"])["requestContext"]["condition"],
        "RetriesExhausted"
    );
    let form = to("sns")["body"].as_str().unwrap();
    assert!(
        form.contains("&Message=%7B%20%22as%22%3A%20%22it%20came%22%20%7D&"),
        "{form}"
    );
    assert!(form.contains("Name=ErrorCode"), "{form}");
    // The control character that no topic takes is replaced.
    assert!(form.contains("StringValue=%EF%BF%BD%5B31mred"), "{form}");
    assert!(environment.stop().is_none());
}

#[test]
fn our_own_bucket_gets_an_object_that_the_functions_role_has_put() {
    let Some(environment) = TestEnvironment::start() else {
        return;
    };
    environment
        .aws(&["s3api", "create-bucket", "--bucket", "ends"])
        .succeeded();
    let function = environment.deploy_python("fails", "raise Exception('no')");
    let on_failure = serde_json::json!({ "OnFailure": { "Destination": "arn:aws:s3:::ends" } });
    configure(&environment, &function, &on_failure);

    send_event(&environment, &function, "{}");
    let key = environment.until(|| {
        let listed = environment.aws(&["s3api", "list-objects-v2", "--bucket", "ends"]);
        let listed = serde_json::from_str::<Value>(&listed.succeeded().stdout()).ok()?;
        Some(listed["Contents"][0]["Key"].as_str()?.to_owned())
    });

    assert!(key.starts_with("aws/lambda/async/fails/20"), "{key}");
    assert!(environment.stop().is_none());
}
