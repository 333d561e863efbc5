//! Objects uploaded from forms in web pages.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use firelight_api::Authentication;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};

use crate::authorization::s3_by_root;
use crate::support::{Answer, ROOT_KEY_ID, ROOT_SECRET, Server, server};

const SCOPE: [&str; 4] = ["20260101", "us-east-1", "s3", "aws4_request"];

fn keyed(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// Returns the fields of a form for these conditions, as boto3 makes them.
fn signed_fields(secret: &str, conditions: &Value) -> Vec<(&'static str, String)> {
    let credential = format!("{ROOT_KEY_ID}/{}", SCOPE.join("/"));
    let date = "20260101T000000Z";
    let mut all = conditions.as_array().unwrap().clone();
    all.push(json!({"x-amz-algorithm": "AWS4-HMAC-SHA256"}));
    all.push(json!({"x-amz-credential": credential}));
    all.push(json!({"x-amz-date": date}));
    let policy = json!({"expiration": "2126-01-01T00:00:00Z", "conditions": all});
    let policy = STANDARD.encode(policy.to_string());
    let key = SCOPE
        .iter()
        .fold(format!("AWS4{secret}").into_bytes(), |key, part| {
            keyed(&key, part)
        });
    let signature: String = keyed(&key, &policy)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    vec![
        ("x-amz-algorithm", "AWS4-HMAC-SHA256".to_owned()),
        ("x-amz-credential", credential),
        ("x-amz-date", date.to_owned()),
        ("policy", policy),
        ("x-amz-signature", signature),
    ]
}

/// A form for these conditions with these fields, and the content of its file.
struct Form<'a> {
    secret: &'a str,
    conditions: Value,
    fields: &'a [(&'static str, &'a str)],
    file: &'a str,
}

impl Form<'_> {
    async fn send(&self, server: &Server) -> Answer {
        let mut fields = signed_fields(self.secret, &self.conditions);
        fields.extend(
            self.fields
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
        upload(server, &fields, self.file).await
    }
}

async fn upload(server: &Server, fields: &[(&str, String)], file: &str) -> Answer {
    let mut body = String::new();
    for (name, value) in fields {
        body.push_str(&format!(
            "--xyz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        ));
    }
    body.push_str(&format!(
        "--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"C:\\dir\\cat.png\"\r\n\
         Content-Type: image/png\r\n\r\n{file}\r\n--xyz--\r\n"
    ));
    let length = body.len();
    server
        .send(format!(
            "POST /bucket HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {length}\r\n\
             Content-Type: multipart/form-data; boundary=xyz\r\n\r\n{body}"
        ))
        .await
}

async fn signed(server: &Server, method: &str, path: &str, body: &str) -> Answer {
    s3_by_root(server, method, path, None, body).await
}

async fn server_with_bucket() -> Server {
    let server = server(Authentication::Required).await;
    assert_eq!(signed(&server, "PUT", "/bucket", "").await.status, 200);
    server
}

fn conditions() -> Value {
    json!([{"bucket": "bucket"}, ["starts-with", "$key", "user/"],
        ["starts-with", "$Content-Type", "image/"], ["eq", "$x-amz-meta-a", "1"],
        ["content-length-range", 3, 10]])
}

const FIELDS: [(&str, &str); 3] = [
    ("key", "user/${filename}"),
    ("Content-Type", "image/png"),
    ("x-amz-meta-a", "1"),
];

fn form() -> Form<'static> {
    Form {
        secret: ROOT_SECRET,
        conditions: conditions(),
        fields: &FIELDS,
        file: "content",
    }
}

#[tokio::test]
async fn file_of_a_form_becomes_an_object() {
    let server = server_with_bucket().await;

    let answer = form().send(&server).await;
    let object = signed(&server, "GET", "/bucket/user/cat.png", "").await;

    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    assert!(
        answer
            .head
            .contains("etag: \"9a0364b9e99bb480dd25e1f0284c8555\"")
    );
    assert!(
        answer
            .head
            .contains("location: http://h/bucket/user/cat.png")
    );
    assert_eq!((object.status, object.body.as_str()), (200, "content"));
    assert!(object.head.contains("content-type: image/png"));
    assert!(object.head.contains("x-amz-meta-a: 1"));
}

#[tokio::test]
async fn form_says_how_it_wants_to_be_answered() {
    let server = server_with_bucket().await;
    let with = async |name: &'static str, value: &str| {
        let (mut fields, mut conditions) = (FIELDS.to_vec(), conditions());
        fields.push((name, value));
        let condition = json!(["eq", format!("${name}"), value]);
        conditions.as_array_mut().unwrap().push(condition);
        let form = Form {
            conditions,
            fields: &fields,
            ..form()
        };
        form.send(&server).await
    };

    let document = with("success_action_status", "201").await;
    let plain = with("success_action_status", "200").await;
    let unknown = with("success_action_status", "302").await;
    let redirect = with("success_action_redirect", "https://a.example/done?x=1").await;

    assert_eq!(
        (document.status, document.element("Key")),
        (201, "user/cat.png")
    );
    assert_eq!(document.element("Location"), "http://h/bucket/user/cat.png");
    assert_eq!((plain.status, unknown.status), (200, 204));
    assert_eq!(redirect.status, 303);
    let location = "location: https://a.example/done?x=1&bucket=bucket&key=user%2fcat%2epng&etag=";
    assert!(redirect.head.contains(location), "{}", redirect.head);
}

#[tokio::test]
async fn form_that_breaks_its_policy_stores_nothing() {
    let server = server_with_bucket().await;
    let other_key = [("key", "other/a"), FIELDS[1], FIELDS[2]];
    let extra = [FIELDS[0], FIELDS[1], FIELDS[2], ("acl", "public-read")];
    let twice = [FIELDS[0], FIELDS[1], FIELDS[2], ("x-amz-meta-A", "2")];
    let broken = |fields, code: &'static str, words: &'static str| {
        let form = Form { fields, ..form() };
        (form, code, words)
    };
    let file = |file, code, words| (Form { file, ..form() }, code, words);
    let forged = Form {
        secret: "guess",
        ..form()
    };

    for (form, code, words) in [
        broken(
            &other_key,
            "AccessDenied",
            "Invalid according to Policy: Policy Condition failed: [&quot;starts-with&quot;",
        ),
        broken(
            &extra,
            "AccessDenied",
            "Invalid according to Policy: Extra input fields: acl",
        ),
        broken(&twice, "InvalidArgument", "x-amz-meta-a"),
        broken(
            &FIELDS[1..],
            "InvalidArgument",
            "must contain a field named 'key'",
        ),
        file("no", "EntityTooSmall", "smaller than the minimum"),
        file("much too long", "EntityTooLarge", "exceeds the maximum"),
        (forged, "SignatureDoesNotMatch", "does not match"),
    ] {
        let answer = form.send(&server).await;

        assert_eq!(answer.element("Code"), code, "{}", answer.body);
        assert!(answer.element("Message").contains(words), "{}", answer.body);
    }
    let listed = signed(&server, "GET", "/bucket?list-type=2", "").await;
    assert_eq!(listed.element("KeyCount"), "0");
}

#[tokio::test]
async fn form_without_a_policy_is_from_nobody() {
    let server = server_with_bucket().await;
    let fields = [("key", "drop/a".to_owned())];

    let closed = upload(&server, &fields, "content").await;
    signed(&server, "DELETE", "/bucket?publicAccessBlock", "").await;
    let policy = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow",
        "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::bucket/drop/*",
        "Condition": {"StringEquals": {"s3:authType": "POST"}}}});
    let put = signed(&server, "PUT", "/bucket?policy", &policy.to_string()).await;
    assert_eq!(put.status, 204, "{}", put.body);
    let open = upload(&server, &fields, "content").await;
    let elsewhere = upload(&server, &[("key", "b".to_owned())], "content").await;

    assert_eq!(
        (closed.status, open.status, elsewhere.status),
        (403, 204, 403)
    );
    let half = [fields[0].clone(), ("policy", "e30=".to_owned())];
    let half = upload(&server, &half, "").await;
    assert_eq!(
        (half.status, half.element("Code")),
        (400, "InvalidArgument")
    );
}

#[tokio::test]
async fn form_in_a_signed_request_is_none() {
    let server = server_with_bucket().await;
    let header = Some(("content-type", "multipart/form-data; boundary=xyz"));
    let body = "--xyz\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\na\r\n--xyz\r\n\
        Content-Disposition: form-data; name=\"file\"\r\n\r\ncontent\r\n--xyz--\r\n";

    let answer = s3_by_root(&server, "POST", "/bucket", header, body).await;

    assert_eq!(
        (answer.status, answer.element("Code")),
        (405, "MethodNotAllowed")
    );
}
