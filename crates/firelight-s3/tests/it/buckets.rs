//! Buckets: made, told about, deleted, kept apart.

use http::{Request, StatusCode};

use crate::support::Cabinet;

#[tokio::test]
async fn a_bucket_is_made_once_and_again_by_its_owner_in_the_first_region() {
    let s3 = Cabinet::new().await;

    let made = s3.put("/first", "").await.ok();
    assert_eq!(made.header("location"), "/first");
    assert_eq!(made.header("x-amz-bucket-arn"), "arn:aws:s3:::first");
    s3.put("/first", "").await.ok();

    let frankfurt = s3.acting("000000000000", "eu-central-1");
    frankfurt.put("/second", "").await.ok();
    let again = frankfurt.put("/second", "").await;
    assert_eq!(again.code, "BucketAlreadyOwnedByYou");
    assert_eq!(again.status, StatusCode::CONFLICT);
    let head = frankfurt.send(Request::head("/second"), "").await.ok();
    assert_eq!(head.header("x-amz-bucket-region"), "eu-central-1");
    let location = frankfurt.get("/second?location").await.ok();
    assert!(
        location.text().contains(">eu-central-1<"),
        "{}",
        location.text()
    );
}

#[tokio::test]
async fn names_are_taken_for_everybody_and_buckets_are_closed_to_other_accounts() {
    let s3 = Cabinet::new().await;
    s3.put("/mine", "").await.ok();
    let other = s3.acting("111111111111", "us-east-1");

    assert_eq!(other.put("/mine", "").await.code, "BucketAlreadyExists");
    assert_eq!(other.get("/mine").await.code, "AccessDenied");
    assert_eq!(other.put("/mine/key", "x").await.code, "AccessDenied");
    assert!(other.get("/").await.ok().elements("Name").is_empty());
    assert_eq!(s3.get("/").await.ok().elements("Name"), ["mine"]);

    let expecting = Request::get("/mine").header("x-amz-expected-bucket-owner", "111111111111");
    assert_eq!(s3.send(expecting, "").await.code, "AccessDenied");
}

#[tokio::test]
async fn a_bucket_with_objects_stays_and_its_name_is_free_when_it_is_gone() {
    let s3 = Cabinet::new().await;
    s3.put("/full", "").await.ok();
    s3.put("/full/key", "x").await.ok();

    let refused = s3.delete("/full").await;
    assert_eq!(refused.code, "BucketNotEmpty");
    assert_eq!(
        refused.message,
        "The bucket you tried to delete is not empty"
    );

    s3.delete("/full/key").await.ok();
    s3.delete("/full").await.ok();
    assert_eq!(s3.get("/full").await.code, "NoSuchBucket");
    s3.acting("111111111111", "us-east-1")
        .put("/full", "")
        .await
        .ok();
}

#[tokio::test]
async fn objects_written_while_a_bucket_is_deleted_are_never_lost() {
    let s3 = Cabinet::new().await;
    for round in 0..20 {
        s3.put("/race", "").await.ok();
        let path = format!("/race/{round}");
        let (deleted, written) = tokio::join!(s3.delete("/race"), s3.put(&path, "x"));

        if written.status.is_success() {
            assert_eq!(deleted.code, "BucketNotEmpty", "round {round}");
            assert_eq!(s3.get(&path).await.ok().text(), "x");
            s3.delete(&path).await.ok();
            s3.delete("/race").await.ok();
        } else {
            assert_eq!(written.code, "NoSuchBucket", "round {round}");
            assert!(deleted.status.is_success(), "round {round}: {deleted:?}");
        }
    }
}

#[tokio::test]
async fn configurations_that_were_never_put_have_errors_of_their_own() {
    let s3 = Cabinet::new().await;
    s3.put("/plain", "").await.ok();
    let cases = [
        ("policy", "NoSuchBucketPolicy"),
        ("tagging", "NoSuchTagSet"),
        ("lifecycle", "NoSuchLifecycleConfiguration"),
        ("cors", "NoSuchCORSConfiguration"),
        ("website", "NoSuchWebsiteConfiguration"),
        ("replication", "ReplicationConfigurationNotFoundError"),
        ("object-lock", "ObjectLockConfigurationNotFoundError"),
    ];
    for (query, code) in cases {
        let answer = s3.get(&format!("/plain?{query}")).await;

        assert_eq!(
            (answer.status, answer.code.as_str()),
            (StatusCode::NOT_FOUND, code)
        );
        assert_eq!(
            answer.members,
            [("BucketName".to_owned(), "plain".to_owned())]
        );
    }
    for query in [
        "acl",
        "versioning",
        "logging",
        "notification",
        "accelerate",
        "requestPayment",
    ] {
        s3.get(&format!("/plain?{query}")).await.ok();
    }
    let encryption = s3.get("/plain?encryption").await.ok();
    assert_eq!(encryption.elements("SSEAlgorithm"), ["AES256"]);
    let ownership = s3.get("/plain?ownershipControls").await.ok();
    assert_eq!(
        ownership.elements("ObjectOwnership"),
        ["BucketOwnerEnforced"]
    );
}

#[tokio::test]
async fn configurations_are_given_back_as_they_were_put_until_they_are_deleted() {
    let s3 = Cabinet::new().await;
    s3.put("/plain", "").await.ok();
    let cors = "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod>\
                <AllowedOrigin>https://a.example</AllowedOrigin></CORSRule></CORSConfiguration>";

    s3.put("/plain?cors", cors).await.ok();
    let read = s3.get("/plain?cors").await.ok();
    assert_eq!(read.elements("AllowedOrigin"), ["https://a.example"]);

    s3.delete("/plain?cors").await.ok();
    assert_eq!(s3.get("/plain?cors").await.code, "NoSuchCORSConfiguration");

    let policy = r#"{"Version":"2012-10-17","Statement":[]}"#;
    s3.put("/plain?policy", policy).await.ok();
    assert_eq!(s3.get("/plain?policy").await.ok().text(), policy);
    assert_eq!(
        s3.put("/plain?policy", "no json").await.code,
        "MalformedPolicy"
    );
    assert_eq!(s3.put("/plain?cors", "<no xml").await.code, "MalformedXML");
}

#[tokio::test]
async fn a_bucket_can_be_named_by_the_host() {
    let s3 = Cabinet::new().await;
    let at = |request: http::request::Builder| request.header("host", "sites.s3.localhost:4566");

    s3.send(at(Request::put("/")), "").await.ok();
    s3.send(at(Request::put("/index.html")), "hello").await.ok();

    assert_eq!(s3.get("/sites/index.html").await.ok().text(), "hello");
    let bad = s3.put("/Not_A_Name", "").await;
    assert_eq!(bad.code, "InvalidBucketName");
    assert_eq!(bad.message, "The specified bucket is not valid.");
}

#[tokio::test]
async fn a_bucket_is_created_with_tags_and_again_only_with_the_same() {
    let s3 = Cabinet::new().await;
    let create = |value: &str| {
        let request = Request::put("/tagged").header("content-length", 1);
        let body = format!(
            "<CreateBucketConfiguration><Tags><Tag><Key>team</Key><Value>{value}</Value></Tag></Tags>\
             </CreateBucketConfiguration>"
        );
        s3.send(request, body)
    };

    create("a").await.ok();
    create("a").await.ok();
    s3.put("/tagged", "").await.ok();
    let other = create("b").await;

    assert_eq!(other.code, "BucketAlreadyOwnedByYou");
    let tags = s3.get("/tagged?tagging").await.ok();
    assert_eq!(
        (tags.elements("Key"), tags.elements("Value")),
        (vec!["team"], vec!["a"])
    );
}
