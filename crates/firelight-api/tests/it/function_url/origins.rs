//! Cross-origin requests.

use firelight_control::records::qualified::CorsRecord;

use super::visitor::{Url, Visitor, values};
use crate::script::Script;

const PREFLIGHT: &str = "Origin: https://a.example\r\nAccess-Control-Request-Method: PUT\r\n";

async fn visitor(script: &std::sync::Arc<Script>) -> Visitor {
    let words = |word: &str| Some(vec![word.to_owned()]);
    let cors = CorsRecord {
        allow_credentials: Some(true),
        allow_headers: words("x-a"),
        allow_methods: words("PUT"),
        allow_origins: words("https://a.example"),
        expose_headers: words("x-made"),
        max_age_seconds: Some(30),
    };
    let url = Url {
        cors: Some(cors),
        ..Url::default()
    };
    url.open(script).await
}

#[tokio::test]
async fn preflight_is_answered_without_the_function() {
    let script = Script::giving("null");
    let visitor = visitor(&script).await;

    let answer = visitor.ask("OPTIONS", "/", PREFLIGHT, "").await;

    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    for (name, value) in [
        ("access-control-allow-origin", "https://a.example"),
        ("access-control-allow-methods", "put"),
        ("access-control-allow-headers", "x-a"),
        ("access-control-allow-credentials", "true"),
        ("access-control-max-age", "30"),
    ] {
        assert_eq!(values(&answer, name), [value]);
    }
    assert!(script.calls().is_empty());
}

#[tokio::test]
async fn preflight_reaches_a_function_whose_url_has_no_rules() {
    let script = Script::giving(r#"{"statusCode":204}"#);
    let visitor = Visitor::of(&script).await;

    let answer = visitor.ask("OPTIONS", "/", PREFLIGHT, "").await;

    assert_eq!(answer.status, 204);
    assert_eq!(
        script.event()["requestContext"]["http"]["method"],
        "OPTIONS"
    );
}

#[tokio::test]
async fn rules_of_the_url_override_what_the_function_says() {
    let script = Script::giving(
        r#"{"statusCode":200,"headers":{"Access-Control-Allow-Origin":"*"},"body":""}"#,
    );
    let visitor = visitor(&script).await;

    let answer = visitor
        .ask("GET", "/", "Origin: https://a.example\r\n", "")
        .await;

    assert_eq!(
        values(&answer, "access-control-allow-origin"),
        ["https://a.example"]
    );
    assert_eq!(values(&answer, "access-control-expose-headers"), ["x-made"]);
    assert_eq!(values(&answer, "vary"), ["origin"]);
}
