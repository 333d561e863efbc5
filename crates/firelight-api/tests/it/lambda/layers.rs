use serde_json::{Value, json};

use super::plane::{Api, FUNCTIONS, creation, with, zip};

const LAYERS: &str = "/2018-10-31/layers";
const VERSIONS: &str = "/2018-10-31/layers/deps/versions";
const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:layer:deps";
const IPV: &str = "InvalidParameterValueException";
const RNF: &str = "ResourceNotFoundException";

async fn publish(api: &Api, name: &str, members: Value) -> Value {
    let content = json!({"Content": {"ZipFile": zip("layer")}});
    let path = format!("{LAYERS}/{name}/versions");
    let published = api.post(&path, with(content, members)).await;
    assert_eq!(published.status, 201, "{published:?}");
    published.body
}

/// Takes out what differs from run to run.
fn still(mut value: Value) -> Value {
    let object = value.as_object_mut().unwrap();
    let created = object.remove("CreatedDate").unwrap();
    assert_eq!(created.as_str().unwrap().len(), 28);
    if let Some(content) = object.get_mut("Content").and_then(Value::as_object_mut) {
        let location = content.remove("Location").unwrap();
        assert!(location.as_str().unwrap().contains("X-Amz-Signature="));
        assert_eq!(
            content
                .remove("CodeSha256")
                .unwrap()
                .as_str()
                .unwrap()
                .len(),
            44
        );
        assert!(content.remove("CodeSize").unwrap().as_u64().unwrap() > 0);
    }
    value
}

#[tokio::test]
async fn a_published_layer_version_is_answered_with_exactly_these_fields() {
    let api = Api::start().await;

    let bare = publish(&api, "deps", json!({})).await;
    let full = publish(
        &api,
        "deps",
        json!({
            "Description": "d", "LicenseInfo": "MIT", "CompatibleRuntimes": ["python3.13"],
            "CompatibleArchitectures": ["x86_64", "arm64"],
        }),
    )
    .await;

    let expected = json!({
        "Content": {}, "LayerArn": ARN, "LayerVersionArn": format!("{ARN}:1"), "Description": "",
        "Version": 1,
    });
    assert_eq!(still(bare), expected);
    let expected = json!({
        "Content": {}, "LayerArn": ARN, "LayerVersionArn": format!("{ARN}:2"), "Description": "d",
        "Version": 2, "LicenseInfo": "MIT", "CompatibleRuntimes": ["python3.13"],
        "CompatibleArchitectures": ["x86_64", "arm64"],
    });
    assert_eq!(still(full.clone()), expected);
    assert_eq!(
        still(api.get(&format!("{VERSIONS}/2")).await.body),
        expected
    );
    let by_arn = format!("{LAYERS}?find=LayerVersion&Arn={ARN}%3A2");
    assert_eq!(still(api.get(&by_arn).await.body), expected);
}

#[tokio::test]
async fn layers_are_listed_by_what_they_are_compatible_with() {
    let api = Api::start().await;
    publish(&api, "deps", json!({"CompatibleRuntimes": ["python3.13"]})).await;
    publish(&api, "deps", json!({"CompatibleRuntimes": ["nodejs22.x"]})).await;
    publish(&api, "other", json!({})).await;

    let all = api.get(LAYERS).await.body;
    let python = api
        .get(&format!("{LAYERS}?CompatibleRuntime=python3.13"))
        .await
        .body;
    let versions = api.get(VERSIONS).await.body;
    let unknown = api.get(&format!("{LAYERS}/none/versions")).await;

    let newest = |layers: &Value| {
        let layers = layers["Layers"].as_array().unwrap().clone();
        let newest = |layer: &Value| layer["LatestMatchingVersion"]["LayerVersionArn"].clone();
        layers.iter().map(newest).collect::<Vec<_>>()
    };
    let other = "arn:aws:lambda:us-east-1:000000000000:layer:other:1";
    assert_eq!(newest(&all), [json!(format!("{ARN}:2")), json!(other)]);
    assert_eq!(newest(&python), [json!(format!("{ARN}:1"))]);
    let numbers: Vec<_> = versions["LayerVersions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v["Version"].clone())
        .collect();
    assert_eq!(numbers, [json!(2), json!(1)]);
    assert!(versions["LayerVersions"][0].get("Content").is_none());
    assert_eq!(
        (unknown.status, unknown.body),
        (200, json!({"LayerVersions": []}))
    );
}

#[tokio::test]
async fn a_deleted_version_is_never_used_again_but_stays_with_its_functions() {
    let api = Api::start().await;
    let _completion = api.complete();
    publish(&api, "deps", json!({})).await;
    let layers = json!({"Layers": [format!("{ARN}:1")]});
    let created = api
        .post(FUNCTIONS, with(creation("f"), layers.clone()))
        .await;
    assert_eq!(created.status, 201, "{created:?}");

    for _ in 0..2 {
        let deleted = api.delete(&format!("{VERSIONS}/1")).await;
        assert_eq!((deleted.status, deleted.body), (204, Value::Null));
    }
    let next = publish(&api, "deps", json!({})).await;

    assert_eq!(next["Version"], 2);
    let kept = api.settled("f").await["Layers"].clone();
    assert_eq!(kept[0]["Arn"], format!("{ARN}:1"));
    assert!(kept[0]["CodeSize"].as_u64().unwrap() > 0);
    let gone = api.post(FUNCTIONS, with(creation("g"), layers)).await;
    gone.refused(400, IPV, &format!("Layer version {ARN}:1 does not exist."));
}

#[tokio::test]
async fn layers_of_a_function_can_be_replaced_and_cleared() {
    let api = Api::start().await;
    let _completion = api.complete();
    publish(&api, "deps", json!({})).await;
    let layers = json!({"Layers": [format!("{ARN}:1")]});
    api.post(FUNCTIONS, with(creation("f"), layers)).await;
    api.settled("f").await;

    api.put(
        &format!("{FUNCTIONS}/f/configuration"),
        json!({"Layers": []}),
    )
    .await;

    assert!(api.settled("f").await.get("Layers").is_none());
}

#[tokio::test]
async fn layers_are_refused_in_the_words_of_aws() {
    let api = Api::start().await;
    for name in ["a", "b", "c", "d", "e", "g"] {
        publish(&api, name, json!({})).await;
    }
    publish(&api, "a", json!({})).await;
    let arn = |name: &str| format!("arn:aws:lambda:us-east-1:000000000000:layer:{name}");
    let attach = async |layers: Value| {
        api.post(FUNCTIONS, with(creation("f"), json!({"Layers": layers})))
            .await
    };

    let six: Vec<_> = ["a", "b", "c", "d", "e", "g"]
        .map(|name| arn(name) + ":1")
        .into();
    attach(json!(six))
        .await
        .refused(400, IPV, "Cannot reference more than 5 layers.");
    let (one, two) = (arn("a") + ":1", arn("a") + ":2");
    let text = format!(
        "Two different versions of the same layer are not allowed to be referenced in the same function. \
         {one} and {two} are versions of the same layer."
    );
    attach(json!([one, two])).await.refused(400, IPV, &text);
    let elsewhere = json!(["arn:aws:lambda:eu-west-1:000000000000:layer:a:1"]);
    let text = "Layers are not in the same region as the function. \
        Layers are expected to be in region us-east-1.";
    attach(elsewhere).await.refused(400, IPV, text);

    let text = "The resource you requested does not exist.";
    api.get(&format!("{VERSIONS}/7"))
        .await
        .refused(404, RNF, text);
    let text = "Layer Version Cannot be less than 1";
    api.get(&format!("{VERSIONS}/0"))
        .await
        .refused(400, IPV, text);
    let bad = api
        .post(VERSIONS, json!({"Content": {"ZipFile": "bm90IGEgemlw"}}))
        .await;
    let text = "Could not unzip uploaded file. Please check your file, then try to upload again.";
    bad.refused(400, IPV, text);
}

#[tokio::test]
async fn a_layer_is_shared_and_unshared() {
    let api = Api::start().await;
    publish(&api, "deps", json!({})).await;
    let policy = format!("{VERSIONS}/1/policy");
    let statement = |sid: &str, members: Value| {
        let base =
            json!({"StatementId": sid, "Action": "lambda:GetLayerVersion", "Principal": "*"});
        with(base, members)
    };

    let added = api.post(&policy, statement("s1", json!({}))).await;
    assert_eq!(added.status, 201, "{added:?}");
    let expected = format!(
        r#"{{"Sid":"s1","Effect":"Allow","Principal":"*","Action":"lambda:GetLayerVersion","Resource":"{ARN}:1"}}"#
    );
    assert_eq!(added.body["Statement"], expected);
    let found = api.get(&policy).await.body;
    let document = format!(r#"{{"Version":"2012-10-17","Id":"default","Statement":[{expected}]}}"#);
    assert_eq!(
        found,
        json!({"Policy": document, "RevisionId": added.body["RevisionId"]})
    );

    let text = "The statement id (s1) provided already exists. Please provide a new statement id, \
        or remove the existing statement.";
    let again = api.post(&policy, statement("s1", json!({}))).await;
    again.refused(409, "ResourceConflictException", text);
    let stale = api.post(&policy, statement("s2", json!({}))).await;
    assert_eq!(stale.status, 201);
    let stale = api
        .post(
            &format!("{policy}?RevisionId=no"),
            statement("s3", json!({})),
        )
        .await;
    let text = "The Revision Id provided does not match the latest Revision Id. \
        Call the GetLayerPolicy API to retrieve the latest Revision Id";
    stale.refused(412, "PreconditionFailedException", text);
    let unknown = api.delete(&format!("{policy}/s9")).await;
    unknown.refused(404, RNF, "Statement s9 is not found in resource policy.");
    let nowhere = api
        .post(&format!("{VERSIONS}/9/policy"), statement("s1", json!({})))
        .await;
    nowhere.refused(404, RNF, &format!("Layer version {ARN}:9 does not exist."));
    for sid in ["s1", "s2"] {
        assert_eq!(api.delete(&format!("{policy}/{sid}")).await.status, 204);
    }
    api.get(&policy)
        .await
        .refused(404, RNF, "No policy is associated with the given resource.");
}

#[tokio::test]
async fn a_layer_of_another_account_is_usable_only_when_it_is_shared() {
    let api = Api::start().await;
    publish(&api, "deps", json!({})).await;
    let foreign = format!("{ARN}:1").replace("000000000000", "123456789012");
    let by_arn = format!(
        "{LAYERS}?find=LayerVersion&Arn={}",
        foreign.replace(':', "%3A")
    );
    let text = format!(
        "User: arn:aws:iam::000000000000:root is not authorized to perform: lambda:GetLayerVersion on \
         resource: {foreign} because no resource-based policy allows the lambda:GetLayerVersion action"
    );

    api.get(&by_arn)
        .await
        .refused(403, "AccessDeniedException", &text);
    let attached = json!({"Layers": [foreign]});
    let created = api.post(FUNCTIONS, with(creation("f"), attached)).await;
    created.refused(403, "AccessDeniedException", &text);
}
