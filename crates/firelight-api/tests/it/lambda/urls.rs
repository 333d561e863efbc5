use serde_json::{Value, json};

use super::plane::{Api, FUNCTIONS, with};

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";
const URL: &str = "/2021-10-31/functions/f/url";
const RNF: &str = "ResourceNotFoundException";

/// Takes out what differs from run to run, after checking its form.
fn still(mut value: Value) -> Value {
    let object = value.as_object_mut().unwrap();
    for time in ["CreationTime", "LastModifiedTime"] {
        if let Some(time) = object.remove(time) {
            assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
        }
    }
    let url = object.remove("FunctionUrl").unwrap();
    let host = url.as_str().unwrap().strip_prefix("http://").unwrap();
    let (id, rest) = host.split_once('.').unwrap();
    assert!(
        id.len() == 32
            && id
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()),
        "{id}"
    );
    assert_eq!(rest, "lambda-url.us-east-1.localhost/");
    value
}

#[tokio::test]
async fn a_url_is_created_read_changed_listed_and_deleted() {
    let api = Api::start().await;
    api.active("f").await;
    let cors = json!({"AllowOrigins": ["*"], "MaxAge": 60});

    let created = api.post(URL, json!({"AuthType": "NONE"})).await;
    assert_eq!(created.status, 201, "{created:?}");
    assert!(created.body.get("LastModifiedTime").is_none());
    assert_eq!(
        still(created.body.clone()),
        json!({"FunctionArn": ARN, "AuthType": "NONE"})
    );

    let read = api.get(URL).await.body;
    assert!(read.get("LastModifiedTime").is_some());
    let expected = json!({"FunctionArn": ARN, "AuthType": "NONE", "InvokeMode": "BUFFERED"});
    assert_eq!(still(read), expected);

    let updated = api
        .put(URL, json!({"AuthType": "AWS_IAM", "Cors": cors}))
        .await
        .body;
    assert_eq!(updated["FunctionUrl"], created.body["FunctionUrl"]);
    let expected = json!({"FunctionArn": ARN, "AuthType": "AWS_IAM", "Cors": cors});
    assert_eq!(still(updated), expected);

    let listed = api.get("/2021-10-31/functions/f/urls").await.body;
    let expected = with(expected, json!({"InvokeMode": "BUFFERED"}));
    assert_eq!(still(listed["FunctionUrlConfigs"][0].clone()), expected);

    assert_eq!(api.delete(URL).await.status, 204);
    assert_eq!(api.get(URL).await.status, 404);
}

#[tokio::test]
async fn an_alias_has_a_url_of_its_own_that_outlives_it() {
    let api = Api::start().await;
    api.active("f").await;
    api.post(&format!("{FUNCTIONS}/f/versions"), json!({}))
        .await;
    let aliases = format!("{FUNCTIONS}/f/aliases");
    api.post(&aliases, json!({"Name": "prod", "FunctionVersion": "1"}))
        .await;

    let url = format!("{URL}?Qualifier=prod");
    let created = api
        .post(
            &url,
            json!({"AuthType": "NONE", "InvokeMode": "RESPONSE_STREAM"}),
        )
        .await;
    assert_eq!(created.body["FunctionArn"], format!("{ARN}:prod"));
    assert_eq!(created.body["InvokeMode"], "RESPONSE_STREAM");

    api.delete(&format!("{aliases}/prod")).await;
    assert_eq!(api.get(&url).await.status, 200);
}

#[tokio::test]
async fn urls_are_refused_in_the_words_of_aws() {
    let api = Api::start().await;
    api.active("f").await;
    let other = "/2021-10-31/functions/other/url";
    let none = json!({"AuthType": "NONE"});

    for refused in [
        api.post(other, none.clone()).await,
        api.put(other, json!({})).await,
        api.get("/2021-10-31/functions/other/urls").await,
        api.post(&format!("{URL}?Qualifier=no"), none.clone()).await,
    ] {
        refused.refused(404, RNF, "Function does not exist");
    }
    for refused in [
        api.get(other).await,
        api.delete(other).await,
        api.get(URL).await,
    ] {
        refused.refused(404, RNF, "The resource you requested does not exist.");
    }
    api.post(URL, none.clone()).await;
    let text = format!(
        "Failed to create function url config for [functionArn = {ARN}]. \
         Error message:  FunctionUrlConfig exists for this Lambda function"
    );
    api.post(URL, none.clone())
        .await
        .refused(409, "ResourceConflictException", &text);
    let number = api.post(&format!("{URL}?Qualifier=1"), none).await;
    let text = "1 validation error detected: Value '1' at 'qualifier' failed to satisfy constraint: \
        Member must satisfy regular expression pattern: ((?!^\\d+$)^[0-9a-zA-Z-_]+$)";
    number.refused(400, "ValidationException", text);
}
