//! Refusals on their way through s3s and back. The texts of each are tested where they are given.

use s3s::S3Error;

use super::*;

#[test]
fn a_refusal_survives_its_way_through_s3s() {
    let refusal = Refusal::no_such_key("a&b=ü").with_header("x-amz-delete-marker", "true");

    let response = S3Error::from(refusal).to_http_response().unwrap();
    let (mut parts, _) = response.into_parts();
    let read = Refusal::read(parts.status, &mut parts.headers, "");

    assert_eq!(read.status, StatusCode::NOT_FOUND);
    assert_eq!(
        read.to_string(),
        "NoSuchKey: The specified key does not exist."
    );
    assert_eq!(read.members, [("Key".to_owned(), "a&b=ü".to_owned())]);
    let marker = HeaderName::from_static("x-amz-delete-marker");
    assert_eq!(read.headers, [(marker, HeaderValue::from_static("true"))]);
}

#[test]
fn an_error_of_the_protocol_layer_gets_s3s_words() {
    let body = "<Error><Code>InvalidBucketName</Code></Error>";

    let read = Refusal::read(StatusCode::BAD_REQUEST, &mut HeaderMap::new(), body);

    assert_eq!(read.message, "The specified bucket is not valid.");
}
