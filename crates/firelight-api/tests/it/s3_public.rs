//! Buckets that are open to everybody, as far as their policies and settings let them be; and what policies say of
//! single keys.

use firelight_api::Authentication;
use serde_json::{Value, json};

use crate::authorization::{Signed, s3_by_root, user};
use crate::support::{Answer, Server, server};

async fn signed(server: &Server, method: &str, path: &str, body: &str) -> Answer {
    s3_by_root(server, method, path, None, body).await
}

async fn ok(server: &Server, method: &str, path: &str, body: &str) {
    let answer = signed(server, method, path, body).await;
    assert!(answer.status < 300, "{method} {path}: {}", answer.body);
}

fn policy(statement: Value) -> String {
    json!({"Version": "2012-10-17", "Statement": statement}).to_string()
}

fn open_to_all(actions: &[&str]) -> String {
    policy(
        json!([{"Effect": "Allow", "Principal": "*", "Action": actions,
        "Resource": ["arn:aws:s3:::bucket", "arn:aws:s3:::bucket/public/*"]}]),
    )
}

async fn block(server: &Server, public_policies: bool, public_buckets: bool) {
    let block = format!(
        "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls>\
         <IgnorePublicAcls>true</IgnorePublicAcls>\
         <BlockPublicPolicy>{public_policies}</BlockPublicPolicy>\
         <RestrictPublicBuckets>{public_buckets}</RestrictPublicBuckets>\
         </PublicAccessBlockConfiguration>"
    );
    ok(server, "PUT", "/bucket?publicAccessBlock", &block).await;
}

async fn put_policy(server: &Server, policy: &str) {
    ok(server, "PUT", "/bucket?policy", policy).await;
}

async fn server_with_bucket() -> Server {
    let server = server(Authentication::Required).await;
    ok(&server, "PUT", "/bucket", "").await;
    ok(&server, "PUT", "/bucket/public/a", "content").await;
    ok(&server, "PUT", "/bucket/private", "content").await;
    server
}

#[tokio::test]
async fn everybody_may_do_what_the_policy_says_and_nothing_else() {
    let server = server_with_bucket().await;
    block(&server, false, false).await;
    let actions = ["s3:GetObject", "s3:ListBucket", "s3:PutObject"];
    put_policy(&server, &open_to_all(&actions)).await;

    for (method, path, status) in [
        ("GET", "/bucket/public/a", 200),
        ("HEAD", "/bucket/public/a", 200),
        ("GET", "/bucket?list-type=2", 200),
        ("PUT", "/bucket/public/b", 200),
        ("GET", "/bucket/public/none", 404),
        ("GET", "/bucket/private", 403),
        ("GET", "/bucket/public/a?acl", 403),
        (
            "GET",
            "/bucket/public/a?response-content-type=text/html",
            400,
        ),
        ("PUT", "/bucket/other", 403),
        ("DELETE", "/bucket/public/a", 403),
        ("GET", "/bucket?policy", 403),
        ("DELETE", "/bucket", 403),
        ("PUT", "/mine", 403),
        ("GET", "/", 403),
    ] {
        let answer = server.unsigned(method, path, "").await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
    }
    let written = signed(&server, "GET", "/bucket?list-type=2&prefix=public/b", "").await;
    assert_eq!(written.element("Key"), "public/b");
    let status = signed(&server, "GET", "/bucket?policyStatus", "").await;
    assert_eq!(status.element("IsPublic"), "true");
}

#[tokio::test]
async fn settings_of_the_bucket_keep_the_public_out() {
    let server = server_with_bucket().await;

    // As every bucket is created.
    let refused = signed(
        &server,
        "PUT",
        "/bucket?policy",
        &open_to_all(&["s3:GetObject"]),
    )
    .await;
    assert_eq!(
        (refused.status, refused.element("Code")),
        (403, "AccessDenied")
    );
    assert!(refused.element("Message").contains("BlockPublicPolicy"));
    let to_one = policy(
        json!({"Effect": "Allow", "Principal": {"AWS": "111122223333"},
        "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"}),
    );
    put_policy(&server, &to_one).await;

    block(&server, false, true).await;
    put_policy(&server, &open_to_all(&["s3:GetObject"])).await;
    let restricted = server.unsigned("GET", "/bucket/public/a", "").await;
    ok(&server, "DELETE", "/bucket?publicAccessBlock", "").await;
    let open = server.unsigned("GET", "/bucket/public/a", "").await;

    assert_eq!((restricted.status, open.status), (403, 200));
    assert_eq!(restricted.element("Message"), "Access Denied");
}

#[tokio::test]
async fn lists_that_open_a_bucket_are_refused_where_they_are_off_or_blocked() {
    let server = server_with_bucket().await;
    let public = Some(("x-amz-acl", "public-read"));
    let put = || s3_by_root(&server, "PUT", "/bucket/public/a", public, "content");

    let off = put().await;
    let controls = "<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule>\
        </OwnershipControls>";
    ok(&server, "PUT", "/bucket?ownershipControls", controls).await;
    let blocked = put().await;
    ok(&server, "DELETE", "/bucket?publicAccessBlock", "").await;
    let taken = put().await;

    assert_eq!(off.element("Code"), "AccessControlListNotSupported");
    assert_eq!(
        (blocked.status, blocked.element("Code")),
        (403, "AccessDenied")
    );
    assert_eq!(taken.status, 200, "{}", taken.body);
}

#[tokio::test]
async fn each_key_that_a_body_names_is_decided_on_its_own() {
    let server = server_with_bucket().await;
    ok(&server, "PUT", "/bucket/free", "content").await;
    block(&server, false, false).await;
    let guarded = policy(json!([
        {"Effect": "Allow", "Principal": "*", "Action": "s3:DeleteObject",
            "Resource": "arn:aws:s3:::bucket/*"},
        {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject*",
            "Resource": "arn:aws:s3:::bucket/private"},
    ]));
    put_policy(&server, &guarded).await;
    let keys = "<Delete><Object><Key>private</Key></Object><Object><Key>free</Key></Object>\
        <Object><Key>public/a</Key><VersionId>null</VersionId></Object></Delete>";

    let answer = server.unsigned("POST", "/bucket?delete", keys).await;

    assert_eq!(answer.status, 200, "{}", answer.body);
    let (deleted, denied) = (
        "<Deleted><Key>free</Key></Deleted>",
        "<Code>AccessDenied</Code>",
    );
    assert!(answer.body.contains(deleted), "{}", answer.body);
    assert_eq!(answer.body.matches(denied).count(), 2, "{}", answer.body);
    for (key, status) in [("private", 200), ("public/a", 200), ("free", 404)] {
        let left = signed(&server, "GET", &format!("/bucket/{key}"), "").await;
        assert_eq!(left.status, status, "{key}");
    }
}

#[tokio::test]
async fn only_who_may_list_a_bucket_is_told_that_a_key_is_missing() {
    let server = server_with_bucket().await;
    block(&server, false, false).await;
    put_policy(&server, &open_to_all(&["s3:GetObject"])).await;
    let reader = json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"});
    let credentials = &user(&server, reader).await;
    let reader = Signed {
        server: &server,
        credentials,
    };

    let anybody = server.unsigned("GET", "/bucket/public/none", "").await;
    let read = reader.send("s3", "GET", "/bucket/none", None, "").await;
    let no_bucket = reader.send("s3", "GET", "/none/none", None, "").await;
    put_policy(&server, &open_to_all(&["s3:GetObject", "s3:ListBucket"])).await;
    let told = server.unsigned("GET", "/bucket/public/none", "").await;

    assert_eq!(
        (anybody.status, anybody.element("Code")),
        (403, "AccessDenied")
    );
    assert_eq!((read.status, read.element("Code")), (403, "AccessDenied"));
    let words = "not authorized to perform: s3:ListBucket on resource";
    assert!(read.element("Message").contains(words), "{}", read.body);
    assert_eq!(
        (no_bucket.status, no_bucket.element("Code")),
        (404, "NoSuchBucket")
    );
    assert_eq!((told.status, told.element("Code")), (404, "NoSuchKey"));
}
