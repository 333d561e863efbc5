//! What an update takes away, and what it leaves: empty texts, lists and maps against members that are not given.

use serde_json::{Value, json};

use super::plane::{Api, FUNCTIONS, creation, with, zip};

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:q";
const MAPPINGS: &str = "/2015-03-31/event-source-mappings";
const LAYER: &str = "arn:aws:lambda:us-east-1:000000000000:layer:l:1";

fn everything() -> Value {
    json!({
        "Description": "d",
        "Environment": {"Variables": {"A1": "b"}},
        "DeadLetterConfig": {"TargetArn": QUEUE},
        "KMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k",
        "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
        "FileSystemConfigs": [{
            "Arn": "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef0",
            "LocalMountPath": "/mnt/data",
        }],
        "LoggingConfig": {"LogFormat": "JSON", "SystemLogLevel": "WARN", "LogGroup": "mine"},
        "TracingConfig": {"Mode": "Active"},
        "SnapStart": {"ApplyOn": "PublishedVersions"},
        "Layers": [LAYER],
    })
}

async fn update(api: &Api, name: &str, members: Value) -> Value {
    let path = format!("{FUNCTIONS}/{name}/configuration");
    let updated = api.put(&path, members).await;
    assert_eq!(updated.status, 200, "{updated:?}");
    let settled = api.settled(name).await;
    for (member, value) in settled.as_object().unwrap() {
        if !["RevisionId", "LastUpdateStatus"].contains(&&**member) {
            assert_eq!(updated.body[member], *value, "{member}");
        }
    }
    settled
}

async fn with_everything() -> (Api, firelight_control::Completion) {
    let api = Api::start().await;
    let completion = api.complete();
    let layer = json!({"Content": {"ZipFile": zip("layer")}});
    api.post("/2018-10-31/layers/l/versions", layer).await;
    let created = api.post(FUNCTIONS, with(creation("f"), everything())).await;
    assert_eq!(created.status, 201, "{created:?}");
    api.settled("f").await;
    (api, completion)
}

#[tokio::test]
async fn an_empty_value_takes_away_what_was_set() {
    let (api, _completion) = with_everything().await;
    let no_vpc = json!({
        "SubnetIds": [], "SecurityGroupIds": [], "VpcId": "", "Ipv6AllowedForDualStack": false,
    });
    for (member, empty, left) in [
        ("Description", json!(""), Some(json!(""))),
        (
            "Environment",
            json!({"Variables": {}}),
            Some(json!({"Variables": {}})),
        ),
        ("DeadLetterConfig", json!({"TargetArn": ""}), None),
        ("KMSKeyArn", json!(""), None),
        (
            "VpcConfig",
            json!({"SubnetIds": [], "SecurityGroupIds": []}),
            Some(no_vpc),
        ),
        ("FileSystemConfigs", json!([]), None),
        ("Layers", json!([]), None),
    ] {
        let found = update(&api, "f", json!({member: empty})).await;

        assert_eq!(found.get(member), left.as_ref(), "{member}");
    }
}

#[tokio::test]
async fn what_is_not_given_stays() {
    let (api, _completion) = with_everything().await;
    let before = api.settled("f").await;

    let after = update(&api, "f", json!({"Timeout": 7})).await;

    for (member, value) in before.as_object().unwrap() {
        let changes = ["Timeout", "RevisionId", "LastModified"].contains(&&**member);
        assert_eq!(after[member] != *value, changes, "{member}");
    }
    assert_eq!(after["Timeout"], 7);
}

#[tokio::test]
async fn levels_of_logs_come_and_go_with_their_form() {
    let api = Api::start().await;
    let _completion = api.complete();
    api.active("f").await;
    let logging = async |change: Value| {
        let changed = update(&api, "f", json!({"LoggingConfig": change})).await;
        let mut logging = changed["LoggingConfig"].clone();
        logging.as_object_mut().unwrap().remove("LogGroup");
        logging
    };
    let levels = |application: &str, system: &str| json!({"LogFormat": "JSON", "ApplicationLogLevel": application, "SystemLogLevel": system});

    assert_eq!(
        logging(json!({"LogFormat": "JSON"})).await,
        levels("INFO", "INFO")
    );
    let warn = json!({"SystemLogLevel": "WARN"});
    assert_eq!(logging(warn).await, levels("INFO", "WARN"));
    assert_eq!(
        logging(json!({"LogGroup": "mine"})).await,
        levels("INFO", "WARN")
    );
    let text = json!({"LogFormat": "Text"});
    assert_eq!(logging(text.clone()).await, text);
    assert_eq!(
        logging(json!({"LogFormat": "JSON"})).await,
        levels("INFO", "INFO")
    );
}

#[tokio::test]
async fn what_overrides_an_image_is_replaced_as_a_whole() {
    let api = Api::start().await;
    let _completion = api.complete();
    let request = json!({
        "FunctionName": "f", "Role": "arn:aws:iam::000000000000:role/r1", "PackageType": "Image",
        "Code": {"ImageUri": "000000000000.dkr.ecr.us-east-1.amazonaws.com/repo:tag"},
        "ImageConfig": {"Command": ["app.handler"], "WorkingDirectory": "/app"},
    });
    api.post(FUNCTIONS, request).await;
    api.settled("f").await;

    let entry = json!({"ImageConfig": {"EntryPoint": ["/bin/app"]}});
    let replaced = update(&api, "f", entry.clone()).await;
    assert_eq!(replaced["ImageConfigResponse"], entry);
    let cleared = update(&api, "f", json!({"ImageConfig": {}})).await;
    assert!(cleared.get("ImageConfigResponse").is_none());
}

#[tokio::test]
async fn an_update_of_nothing_is_an_update() {
    let api = Api::start().await;
    let _completion = api.complete();
    api.active("f").await;
    let before = api.settled("f").await;

    let path = format!("{FUNCTIONS}/f/configuration");
    let updated = api.put(&path, json!({})).await.body;

    assert_eq!(updated["LastUpdateStatus"], "InProgress");
    assert_ne!(updated["RevisionId"], before["RevisionId"]);
    let after = api.settled("f").await;
    assert_ne!(after["RevisionId"], updated["RevisionId"]);
}

#[tokio::test]
async fn a_mapping_loses_what_is_given_empty() {
    let api = Api::start().await;
    let _completion = api.complete();
    api.active("f").await;
    let queue = json!({
        "EventSourceArn": QUEUE, "ScalingConfig": {"MaximumConcurrency": 5},
        "FilterCriteria": {"Filters": [{"Pattern": "{\"body\":[\"x\"]}"}]},
        "KMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k",
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "MetricsConfig": {"Metrics": ["EventCount"]},
    });
    let stream = json!({
        "EventSourceArn": "arn:aws:kinesis:us-east-1:000000000000:stream/s",
        "StartingPosition": "LATEST", "DestinationConfig": {"OnFailure": {"Destination": QUEUE}},
    });
    for (source, changes) in [
        (
            queue,
            vec![
                ("FilterCriteria", json!({"Filters": []}), None),
                ("ScalingConfig", json!({}), None),
                ("KMSKeyArn", json!(""), None),
                ("MetricsConfig", json!({"Metrics": []}), None),
                ("FunctionResponseTypes", json!([]), Some(json!([]))),
            ],
        ),
        (
            stream,
            vec![(
                "DestinationConfig",
                json!({"OnFailure": {"Destination": ""}}),
                Some(json!({"OnFailure": {}})),
            )],
        ),
    ] {
        let common = json!({"FunctionName": "f", "Enabled": false});
        let created = api.post(MAPPINGS, with(common, source)).await;
        assert_eq!(created.status, 202, "{created:?}");
        let path = format!("{MAPPINGS}/{}", created.body["UUID"].as_str().unwrap());
        for (member, empty, left) in changes {
            assert!(created.body.get(member).is_some(), "{member}");
            let updated = api.put(&path, json!({member: empty})).await;
            assert_eq!(updated.status, 202, "{updated:?}");

            let found = api
                .until(&path, |mapping| mapping["State"] == "Disabled")
                .await;

            assert_eq!(found.get(member), left.as_ref(), "{member}");
        }
    }
}

#[tokio::test]
async fn an_alias_keeps_what_is_not_given() {
    let api = Api::with_two_versions("f").await;
    let weights = json!({"AdditionalVersionWeights": {"2": 0.25}});
    let alias = json!({
        "Name": "a", "FunctionVersion": "1", "Description": "d", "RoutingConfig": weights,
    });
    let created = api.post(&format!("{FUNCTIONS}/f/aliases"), alias).await;
    assert_eq!(created.status, 201, "{created:?}");
    let path = format!("{FUNCTIONS}/f/aliases/a");

    let same = api.put(&path, json!({})).await.body;
    let described = api.put(&path, json!({"Description": ""})).await.body;
    let cleared = api.put(&path, json!({"RoutingConfig": {}})).await.body;

    assert_eq!(
        (&same["Description"], &same["RoutingConfig"]),
        (&json!("d"), &weights)
    );
    assert_eq!(
        (&described["Description"], &described["RoutingConfig"]),
        (&json!(""), &weights)
    );
    assert!(cleared.get("RoutingConfig").is_none(), "{cleared}");
    let cases = [&created.body, &same, &described, &cleared].map(|a| a["RevisionId"].clone());
    assert!(cases.windows(2).all(|two| two[0] != two[1]), "{cases:?}");
}
