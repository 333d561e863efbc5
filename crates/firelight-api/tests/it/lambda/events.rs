//! How asynchronous invocations are accepted.

use super::plane::Api;

const PATH: &str = "/2014-11-13/functions/f/invoke-async";

#[tokio::test]
async fn event_for_a_function_that_exists_is_accepted() {
    let api = Api::start().await;
    api.active("f").await;

    let answer = api.raw("POST", PATH, "{\"a\":1}").await;

    assert_eq!((answer.status, answer.body.as_str()), (202, ""));
}

#[tokio::test]
async fn event_for_an_unknown_function_is_not_found() {
    let api = Api::start().await;

    let answer = api.raw("POST", PATH, "{}").await;

    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn event_that_is_no_json_is_refused() {
    let api = Api::start().await;
    api.active("f").await;

    let answer = api.raw("POST", PATH, "{").await;

    assert_eq!(answer.status, 400);
    assert!(
        answer.head.contains("invalidrequestcontentexception"),
        "{}",
        answer.head
    );
}

#[tokio::test]
async fn event_of_the_old_call_has_at_most_256_kilobytes() {
    let api = Api::start().await;
    api.active("f").await;
    let event = |bytes: usize| format!("\"{}\"", "a".repeat(bytes - 2));

    let fits = api.raw("POST", PATH, &event(262_144)).await;
    let long = api.raw("POST", PATH, &event(262_145)).await;

    assert_eq!(fits.status, 202);
    let text = r#"{"Type":"User","message":"262145 byte payload is too large for the Event invocation type (limit 262144 bytes)"}"#;
    assert_eq!((long.status, long.body.as_str()), (413, text));
}
