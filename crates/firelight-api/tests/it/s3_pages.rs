//! Web pages that use a bucket: its own rules decide.

use firelight_api::Authentication;

use crate::support::{Answer, Server, server};

const RULES: &str = "<CORSConfiguration><CORSRule><AllowedOrigin>https://app.example</AllowedOrigin>\
    <AllowedMethod>PUT</AllowedMethod><AllowedMethod>GET</AllowedMethod>\
    <AllowedHeader>x-amz-*</AllowedHeader><ExposeHeader>ETag</ExposeHeader>\
    <MaxAgeSeconds>600</MaxAgeSeconds></CORSRule></CORSConfiguration>";

async fn send(server: &Server, line: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    server
        .send(format!(
            "{line} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{headers}\
             Content-Length: {length}\r\n\r\n{body}"
        ))
        .await
}

async fn bucket_with_rules() -> Server {
    let server = server(Authentication::AnyCredentials).await;
    send(&server, "PUT /bucket", "", "").await;
    send(&server, "PUT /bucket/key", "", "content").await;
    let put = send(&server, "PUT /bucket?cors", "", RULES).await;
    assert_eq!(put.status, 200, "{}", put.body);
    server
}

const APP: &str = "Origin: https://app.example\r\n";
const OTHER: &str = "Origin: https://other.example\r\n";
const ASKS: &str = "Access-Control-Request-Method: PUT\r\n";

#[tokio::test]
async fn preflight_is_answered_by_the_rule_that_fits() {
    let server = bucket_with_rules().await;
    let asks = format!("{APP}{ASKS}Access-Control-Request-Headers: X-Amz-Date\r\n");

    let answer = send(&server, "OPTIONS /bucket/key", &asks, "").await;

    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    for header in [
        "access-control-allow-origin: https://app.example",
        "access-control-allow-methods: put, get",
        "access-control-allow-headers: x-amz-date",
        "access-control-allow-credentials: true",
        "access-control-expose-headers: etag",
        "access-control-max-age: 600",
        "vary: origin, access-control-request-headers, access-control-request-method",
    ] {
        assert!(answer.head.contains(header), "{}", answer.head);
    }
}

#[tokio::test]
async fn preflight_that_no_rule_fits_says_why() {
    let server = bucket_with_rules().await;
    send(&server, "PUT /plain", "", "").await;
    let header = "Access-Control-Request-Headers: authorization\r\n";

    for (path, headers, status, code, words) in [
        (
            "/bucket/key",
            "".to_owned(),
            400,
            "BadRequest",
            "Origin request header needed",
        ),
        (
            "/bucket/key",
            APP.to_owned(),
            400,
            "BadRequest",
            "Method: null",
        ),
        (
            "/bucket/key",
            format!("{OTHER}{ASKS}"),
            403,
            "AccessForbidden",
            "not allowed",
        ),
        (
            "/bucket/key",
            format!("{APP}{ASKS}{header}"),
            403,
            "AccessForbidden",
            "not allowed",
        ),
        (
            "/plain/key",
            format!("{APP}{ASKS}"),
            403,
            "AccessForbidden",
            "CORS is not enabled",
        ),
        (
            "/none",
            format!("{APP}{ASKS}"),
            403,
            "AccessForbidden",
            "Bucket not found",
        ),
    ] {
        let answer = send(&server, &format!("OPTIONS {path}"), &headers, "").await;

        assert_eq!((answer.status, answer.element("Code")), (status, code));
        assert!(answer.element("Message").contains(words), "{}", answer.body);
        assert!(!answer.head.contains("access-control-allow-origin"));
    }
    let plain = send(&server, "OPTIONS /plain", &format!("{APP}{ASKS}"), "").await;
    assert_eq!(plain.element("Method"), "PUT");
    assert_eq!(plain.element("ResourceType"), "BUCKET");
}

#[tokio::test]
async fn answer_is_open_to_the_page_that_a_rule_names() {
    let server = bucket_with_rules().await;

    let read = send(&server, "GET /bucket/key", APP, "").await;
    let missing = send(&server, "GET /bucket/none", APP, "").await;
    let unnamed = send(&server, "DELETE /bucket/key", APP, "").await;
    let local = "Origin: http://localhost:3000\r\n";
    let local = send(&server, "GET /bucket/key", local, "").await;

    assert_eq!((read.status, missing.status), (200, 404));
    for answer in [&read, &missing] {
        let opens = "access-control-allow-origin: https://app.example";
        assert!(answer.head.contains(opens), "{}", answer.head);
    }
    // Nothing is signed here, so a page that no rule names gives no orders.
    assert_eq!(unnamed.status, 403);
    assert_eq!(local.status, 200);
    assert!(!local.head.contains("access-control-allow-origin"));
}

#[tokio::test]
async fn request_of_an_unknown_page_is_judged_by_its_signature_alone() {
    let server = server(Authentication::Required).await;

    let answer = send(&server, "GET /bucket/key", OTHER, "").await;

    assert_eq!(
        (answer.status, answer.element("Code")),
        (403, "AccessDenied")
    );
    assert!(!answer.head.contains("access-control-allow-origin"));
}
