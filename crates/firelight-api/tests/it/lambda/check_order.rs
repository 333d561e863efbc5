//! What is told of a request that is wrong in several ways: code is fetched from a bucket last.

use serde_json::{Value, json};

use super::plane::{Api, FUNCTIONS, creation, with};

fn from_no_bucket() -> Value {
    json!({"S3Bucket": "nobodys", "S3Key": "k"})
}

/// Creates `f` with code from a bucket that does not exist, and returns what is said against it.
async fn creation_refusal(api: &Api, members: Value) -> String {
    let request = with(creation("f"), json!({"Code": from_no_bucket()}));
    let answer = api.post(FUNCTIONS, with(request, members)).await;
    answer.body["message"].as_str().unwrap().to_owned()
}

async fn update_refusal(api: &Api, members: Value) -> (u16, String) {
    let request = with(from_no_bucket(), members);
    let answer = api.put(&format!("{FUNCTIONS}/f/code"), request).await;
    let status = answer.status;
    (
        status,
        answer.body["message"].as_str().unwrap_or_default().into(),
    )
}

#[tokio::test]
async fn role_runtime_and_handler_are_checked_before_the_code_is_fetched() {
    let api = Api::start().await;

    let stranger = json!({"Role": "arn:aws:iam::000000000000:role/stranger"});
    let stranger = creation_refusal(&api, stranger).await;
    let unknown = creation_refusal(&api, json!({"Runtime": "cobol9"})).await;
    let headless = creation_refusal(&api, json!({"Handler": null})).await;

    assert_eq!(
        stranger,
        "The role defined for the function cannot be assumed by Lambda."
    );
    assert!(
        unknown.starts_with("Value cobol9 at 'runtime'"),
        "{unknown}"
    );
    assert_eq!(
        headless,
        "Runtime and Handler are mandatory parameters for functions created with deployment packages."
    );
}

#[tokio::test]
async fn a_name_that_is_taken_is_told_before_anything_about_the_code() {
    let api = Api::start().await;
    api.post(FUNCTIONS, creation("f")).await;

    for code in [from_no_bucket(), json!({}), json!({"ZipFile": ""})] {
        let refusal = creation_refusal(&api, json!({"Code": code})).await;

        assert_eq!(refusal, "Function already exist: f", "{code}");
    }
}

#[tokio::test]
async fn a_state_and_a_revision_that_forbid_an_update_are_told_before_the_code_is_fetched() {
    let api = Api::start().await;
    api.post(FUNCTIONS, creation("f")).await;

    let pending = update_refusal(&api, json!({})).await;
    let _completion = api.complete();
    api.settled("f").await;
    let stale = update_refusal(&api, json!({"RevisionId": "an-old-one"})).await;
    let unfetched = update_refusal(&api, json!({})).await;

    let text = "The operation cannot be performed at this time. \
        The function is currently in the following state: Pending";
    assert_eq!(pending, (409, text.to_owned()));
    assert_eq!(stale.0, 412);
    assert!(unfetched.1.contains("NoSuchBucket"), "{unfetched:?}");
}
