//! S3 behind the front door: who gets in, and what the answers of the endpoint look like outside.

use firelight_api::Authentication;

use crate::support::server;

#[tokio::test]
async fn object_is_read_back_as_it_was_put() {
    let server = server(Authentication::AnyCredentials).await;
    server.unsigned("PUT", "/bucket", "").await;

    let put = server.unsigned("PUT", "/bucket/a%20key", "content").await;
    let get = server.unsigned("GET", "/bucket/a%20key", "").await;

    assert_eq!(put.status, 200, "{}", put.body);
    assert_eq!((get.status, get.body.as_str()), (200, "content"));
    for header in ["x-amz-request-id: ", "x-amz-id-2: "] {
        assert!(get.head.contains(header), "{}", get.head);
    }
}

#[tokio::test]
async fn missing_key_is_named_in_the_error() {
    let server = server(Authentication::AnyCredentials).await;
    server.unsigned("PUT", "/bucket", "").await;

    let answer = server.unsigned("GET", "/bucket/nope", "").await;

    assert_eq!(answer.status, 404);
    assert_eq!(answer.element("Code"), "NoSuchKey");
    assert_eq!(answer.element("Key"), "nope");
}

#[tokio::test]
async fn nobody_reads_an_object_without_a_signature() {
    let server = server(Authentication::Required).await;

    let answer = server.unsigned("GET", "/bucket/key", "").await;

    assert_eq!(
        (answer.status, answer.element("Code")),
        (403, "AccessDenied")
    );
}

#[tokio::test]
async fn request_about_two_things_is_refused() {
    let server = server(Authentication::AnyCredentials).await;
    server.unsigned("PUT", "/bucket", "").await;

    let answer = server.unsigned("GET", "/bucket?acl&policy", "").await;

    assert_eq!(
        (answer.status, answer.element("Code")),
        (400, "InvalidArgument")
    );
    assert_eq!(
        answer.element("Message"),
        "Conflicting query string parameters: acl, policy"
    );
}
