use serde_json::json;

use super::plane::{Api, FUNCTIONS, creation, with, zip};

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";
const VERSIONS: &str = "/2015-03-31/functions/f/versions";

#[tokio::test]
async fn a_publication_answers_201_with_the_qualified_arn_active_at_once() {
    let api = Api::start().await;
    api.active("f").await;

    let published = api.post(VERSIONS, json!({"Description": "first"})).await;
    let again = api.post(VERSIONS, json!({})).await;

    assert_eq!(published.status, 201);
    assert_eq!(published.body["FunctionArn"], format!("{ARN}:1"));
    assert_eq!(published.body["Version"], "1");
    assert_eq!(published.body["Description"], "first");
    assert_eq!(published.body["State"], "Active");
    assert_eq!(published.body["LastUpdateStatus"], "Successful");
    assert_eq!(again, published);
}

#[tokio::test]
async fn versions_are_listed_latest_first_without_states() {
    let api = Api::start().await;
    api.active("f").await;
    api.post(VERSIONS, json!({})).await;

    let listed = api.get(VERSIONS).await.body;
    let first = api.get(&format!("{VERSIONS}?MaxItems=1")).await.body;
    let marker = first["NextMarker"].as_str().unwrap().replace('$', "%24");
    let second = api
        .get(&format!("{VERSIONS}?MaxItems=1&Marker={marker}"))
        .await
        .body;

    let arns: Vec<_> = listed["Versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| &v["FunctionArn"])
        .collect();
    assert_eq!(
        arns,
        [&json!(format!("{ARN}:$LATEST")), &json!(format!("{ARN}:1"))]
    );
    assert!(listed["Versions"][0].get("State").is_none());
    assert!(listed.get("NextMarker").is_none());
    assert_eq!(second["Versions"][0]["Version"], "1");
    assert!(second.get("NextMarker").is_none());
}

#[tokio::test]
async fn a_creation_that_publishes_answers_the_number_with_the_unqualified_arn() {
    let api = Api::start().await;

    let created = api
        .post(FUNCTIONS, with(creation("f"), json!({"Publish": true})))
        .await;

    assert_eq!(created.body["Version"], "1");
    assert_eq!(created.body["FunctionArn"], ARN);
    assert_eq!(created.body["State"], "Pending");
}

#[tokio::test]
async fn an_update_of_code_that_publishes_answers_the_qualified_arn() {
    let api = Api::start().await;
    api.active("f").await;

    let request = json!({"ZipFile": zip("two"), "Publish": true});
    let updated = api.put(&format!("{FUNCTIONS}/f/code"), request).await;

    assert_eq!(updated.body["FunctionArn"], format!("{ARN}:1"));
    assert_eq!(updated.body["State"], "Pending");
}

#[tokio::test]
async fn publications_are_refused_in_the_words_of_aws() {
    let api = Api::start().await;
    api.active("f").await;
    let current = api.settled("f").await["CodeSha256"]
        .as_str()
        .unwrap()
        .to_owned();

    let code = api.post(VERSIONS, json!({"CodeSha256": "X"})).await;
    let text = format!(
        "CodeSHA256 (X) is different from current CodeSHA256 in $LATEST ({current}). \
         Please try again with the CodeSHA256 in $LATEST."
    );
    code.refused(400, "InvalidParameterValueException", &text);
    let stale = "The Revision Id provided does not match the latest Revision Id. \
        Call the GetFunction/GetAlias API to retrieve the latest Revision Id";
    let revision = api.post(VERSIONS, json!({"RevisionId": "no"})).await;
    revision.refused(412, "PreconditionFailedException", stale);
    let pending = api.post(FUNCTIONS, creation("pending")).await;
    assert_eq!(pending.status, 201);
    let early = api
        .post(&format!("{FUNCTIONS}/pending/versions"), json!({}))
        .await;
    let text = "The operation cannot be performed at this time. \
        The function is currently in the following state: Pending";
    early.refused(409, "ResourceConflictException", text);
}
