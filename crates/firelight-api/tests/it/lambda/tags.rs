use serde_json::{Value, json};

use super::plane::Api;

const TAGS: &str = "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af";
const IPV: &str = "InvalidParameterValueException";

#[tokio::test]
async fn tags_are_put_on_overwritten_listed_and_taken_off() {
    let api = Api::start().await;
    api.active("f").await;
    assert_eq!(api.get(TAGS).await.body, json!({"Tags": {}}));

    let tagged = api.post(TAGS, json!({"Tags": {"a": "1", "b": "2"}})).await;
    assert_eq!((tagged.status, tagged.body), (204, Value::Null));
    api.post(TAGS, json!({"Tags": {"a": "3"}})).await;
    assert_eq!(
        api.get(TAGS).await.body,
        json!({"Tags": {"a": "3", "b": "2"}})
    );

    let untagged = api.delete(&format!("{TAGS}?tagKeys=a&tagKeys=none")).await;
    assert_eq!(untagged.status, 204);
    assert_eq!(api.get(TAGS).await.body, json!({"Tags": {"b": "2"}}));
}

#[tokio::test]
async fn tags_are_refused_in_the_words_of_aws() {
    let api = Api::start().await;
    api.active("f").await;

    let alias = api.get(&format!("{TAGS}%3Aprod")).await;
    let text =
        "Tags on function aliases and versions are not supported. Please specify a function ARN.";
    alias.refused(400, IPV, text);
    let many: serde_json::Map<_, _> = (0..51).map(|n| (format!("k{n}"), json!("v"))).collect();
    let many = api.post(TAGS, json!({"Tags": many})).await;
    many.refused(400, IPV, "Number of tags exceeds resource tag limit.");
    let none = api.post(TAGS, json!({"Tags": {}})).await;
    none.refused(
        400,
        IPV,
        "An error occurred and the request cannot be processed.",
    );
    let keys = api.delete(TAGS).await;
    let text = "1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: \
        Member must not be null";
    keys.refused(400, "ValidationException", text);
    let unknown = api
        .get(&TAGS.replace("function%3Af", "function%3Ano"))
        .await;
    let text = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:no";
    unknown.refused(404, "ResourceNotFoundException", text);
}
