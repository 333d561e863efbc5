//! The SSM API by JSON 1.1.

use firelight_api::Authentication;
use serde_json::{Value, json};

use crate::support::{Server, server};

async fn ssm(server: &Server, operation: &str, input: Value) -> (u16, Value) {
    let answer = server
        .json(&format!("AmazonSSM.{operation}"), &input.to_string())
        .await;
    (answer.status, serde_json::from_str(&answer.body).unwrap())
}

async fn put(server: &Server, name: &str, value: &str) -> (u16, Value) {
    let input = json!({"Name": name, "Value": value, "Type": "String"});
    ssm(server, "PutParameter", input).await
}

fn names(answer: &Value) -> Vec<&str> {
    let parameters = answer["Parameters"].as_array().unwrap();
    parameters
        .iter()
        .map(|parameter| parameter["Name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn parameter_is_read_back_by_name_version_and_arn() {
    let server = server(Authentication::AnyCredentials).await;
    put(&server, "/app/key", "one").await;
    let overwrite = json!({"Name": "/app/key", "Value": "two", "Overwrite": true});
    let (_, written) = ssm(&server, "PutParameter", overwrite).await;

    let get = async |name: &str| ssm(&server, "GetParameter", json!({"Name": name})).await;

    assert_eq!(written, json!({"Version": 2, "Tier": "Standard"}));
    let (status, newest) = get("/app/key").await;
    let newest = &newest["Parameter"];
    assert_eq!(
        (status, &newest["Value"], &newest["Version"]),
        (200, &json!("two"), &json!(2))
    );
    assert_eq!(
        newest["ARN"],
        "arn:aws:ssm:us-east-1:000000000000:parameter/app/key"
    );
    assert_eq!(newest["DataType"], "text");
    assert_eq!(get("/app/key:1").await.1["Parameter"]["Value"], "one");
    let arn = "arn:aws:ssm:us-east-1:000000000000:parameter/app/key";
    assert_eq!(get(arn).await.1["Parameter"]["Value"], "two");
}

#[tokio::test]
async fn secure_string_is_plain_only_for_who_asks() {
    let server = server(Authentication::AnyCredentials).await;
    let input = json!({"Name": "secret", "Value": "hidden", "Type": "SecureString"});
    ssm(&server, "PutParameter", input).await;

    let plain = json!({"Name": "secret", "WithDecryption": true});
    let (_, plain) = ssm(&server, "GetParameter", plain).await;
    let (_, sealed) = ssm(&server, "GetParameter", json!({"Name": "secret"})).await;

    assert_eq!(plain["Parameter"]["Value"], "hidden");
    assert!(!sealed.to_string().contains("hidden"));
}

#[tokio::test]
async fn path_lists_what_lies_directly_under_it_or_all_of_it() {
    let server = server(Authentication::AnyCredentials).await;
    for name in ["/a/one", "/a/deep/two", "/ab/three", "four"] {
        put(&server, name, "x").await;
    }
    let under = async |input: Value| ssm(&server, "GetParametersByPath", input).await.1;

    assert_eq!(names(&under(json!({"Path": "/a"})).await), ["/a/one"]);
    let all = under(json!({"Path": "/a/", "Recursive": true})).await;
    assert_eq!(names(&all), ["/a/deep/two", "/a/one"]);
    let first = under(json!({"Path": "/", "Recursive": true, "MaxResults": 3})).await;
    let token = first["NextToken"].clone();
    let rest = under(json!({"Path": "/", "Recursive": true, "NextToken": token})).await;
    assert_eq!(names(&first).len() + names(&rest).len(), 4);
    assert_eq!(rest.get("NextToken"), None);
}

#[tokio::test]
async fn failures_have_the_codes_and_texts_of_ssm() {
    let server = server(Authentication::AnyCredentials).await;
    put(&server, "here", "x").await;

    let (status, missing) = ssm(&server, "GetParameter", json!({"Name": "nope"})).await;
    assert_eq!(
        (status, &missing),
        (400, &json!({"__type": "ParameterNotFound"}))
    );
    let (_, again) = put(&server, "here", "y").await;
    assert_eq!(again["__type"], "ParameterAlreadyExists");
    let (_, unqualified) = put(&server, "a/b", "y").await;
    assert_eq!(
        unqualified["message"],
        "Parameter name must be a fully qualified name."
    );
    let (_, several) = ssm(&server, "GetParameters", json!({"Names": ["here", "nope"]})).await;
    assert_eq!(several["InvalidParameters"], json!(["nope"]));
    assert_eq!(several["Parameters"][0]["Name"], "here");
    let (_, gone) = ssm(&server, "DeleteParameter", json!({"Name": "here"})).await;
    assert_eq!(gone, json!({}));
    let (_, again) = ssm(&server, "DeleteParameter", json!({"Name": "here"})).await;
    assert_eq!(again["__type"], "ParameterNotFound");
}

#[tokio::test]
async fn tags_can_be_added_listed_and_removed() {
    let server = server(Authentication::AnyCredentials).await;
    put(&server, "p", "x").await;
    let resource = json!({"ResourceType": "Parameter", "ResourceId": "p"});
    let with = |name: &str, value: Value| {
        let mut input = resource.clone();
        input[name] = value;
        input
    };

    let tags = json!([{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]);
    ssm(&server, "AddTagsToResource", with("Tags", tags)).await;
    ssm(
        &server,
        "RemoveTagsFromResource",
        with("TagKeys", json!(["a"])),
    )
    .await;

    let (_, list) = ssm(&server, "ListTagsForResource", resource).await;
    assert_eq!(list["TagList"], json!([{"Key": "b", "Value": "2"}]));
}

#[tokio::test]
async fn label_names_one_version_and_moves_to_another() {
    let server = server(Authentication::AnyCredentials).await;
    put(&server, "p", "one").await;
    let overwrite = json!({"Name": "p", "Value": "two", "Overwrite": true});
    ssm(&server, "PutParameter", overwrite).await;
    let label = |version: u64, labels: Value| json!({"Name": "p", "ParameterVersion": version, "Labels": labels});
    let get = async |name: &str| ssm(&server, "GetParameter", json!({"Name": name})).await;

    let first = ssm(
        &server,
        "LabelParameterVersion",
        label(1, json!(["prod", "1st", "aws-x"])),
    )
    .await;
    let labelled = get("p:prod").await.1;
    let newest = json!({"Name": "p", "Labels": ["prod"]});
    let moved = ssm(&server, "LabelParameterVersion", newest).await;
    let after = get("p:prod").await.1;
    let history = ssm(&server, "GetParameterHistory", json!({"Name": "p"}))
        .await
        .1;
    let removed = ssm(
        &server,
        "UnlabelParameterVersion",
        label(2, json!(["prod", "none"])),
    )
    .await;
    let (status, missing) = get("p:prod").await;

    assert_eq!(
        first,
        (
            200,
            json!({"InvalidLabels": ["1st", "aws-x"], "ParameterVersion": 1})
        )
    );
    assert_eq!(labelled["Parameter"]["Value"], "one");
    assert_eq!(labelled["Parameter"]["Selector"], ":prod");
    assert_eq!(
        moved,
        (200, json!({"InvalidLabels": [], "ParameterVersion": 2}))
    );
    assert_eq!(after["Parameter"]["Value"], "two");
    assert_eq!(history["Parameters"][0]["Labels"], json!([]));
    assert_eq!(history["Parameters"][1]["Labels"], json!(["prod"]));
    assert_eq!(
        removed.1,
        json!({"RemovedLabels": ["prod"], "InvalidLabels": ["none"]})
    );
    assert_eq!(
        (status, &missing["__type"]),
        (400, &json!("ParameterVersionNotFound"))
    );
}
