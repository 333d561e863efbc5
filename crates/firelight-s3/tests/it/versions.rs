//! Versioning: what is overwritten and deleted stays, and comes back.

use http::StatusCode;

use crate::support::Cabinet;

const ENABLED: &str = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
const SUSPENDED: &str =
    "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>";

async fn versioned() -> Cabinet {
    let s3 = Cabinet::new().await;
    s3.put("/bkt", "").await.ok();
    s3.put("/bkt/key", "before").await.ok();
    s3.put("/bkt?versioning", ENABLED).await.ok();
    s3
}

async fn put(s3: &Cabinet, body: &'static str) -> String {
    s3.put("/bkt/key", body)
        .await
        .ok()
        .header("x-amz-version-id")
        .to_owned()
}

async fn get(s3: &Cabinet, version: &str) -> String {
    s3.get(&format!("/bkt/key?versionId={version}"))
        .await
        .ok()
        .text()
        .to_owned()
}

#[tokio::test]
async fn every_version_can_be_read_the_one_before_versioning_too() {
    let s3 = versioned().await;
    let (first, second) = (put(&s3, "first").await, put(&s3, "second").await);

    assert_eq!(s3.get("/bkt/key").await.ok().text(), "second");
    assert_eq!(get(&s3, &second).await, "second");
    assert_eq!(get(&s3, &first).await, "first");
    assert_eq!(get(&s3, "null").await, "before");
    assert_eq!(
        s3.get("/bkt/key?versionId=bogus").await.code,
        "InvalidArgument"
    );
}

#[tokio::test]
async fn a_deleted_object_is_marked_and_comes_back_when_the_mark_is_deleted() {
    let s3 = versioned().await;
    put(&s3, "first").await;

    let deleted = s3.delete("/bkt/key").await.ok();
    assert_eq!(deleted.header("x-amz-delete-marker"), "true");
    let marker = deleted.header("x-amz-version-id").to_owned();

    let gone = s3.get("/bkt/key").await;
    assert_eq!(gone.code, "NoSuchKey");
    assert_eq!(gone.header("x-amz-delete-marker"), "true");
    let read = s3.get(&format!("/bkt/key?versionId={marker}")).await;
    assert_eq!(read.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(
        s3.get("/bkt?list-type=2")
            .await
            .ok()
            .elements("Key")
            .is_empty()
    );

    s3.delete(&format!("/bkt/key?versionId={marker}"))
        .await
        .ok();
    assert_eq!(s3.get("/bkt/key").await.ok().text(), "first");
}

#[tokio::test]
async fn deleting_the_newest_version_lets_the_one_before_be_the_newest() {
    let s3 = versioned().await;
    let (first, second) = (put(&s3, "first").await, put(&s3, "second").await);

    s3.delete(&format!("/bkt/key?versionId={second}"))
        .await
        .ok();
    assert_eq!(s3.get("/bkt/key").await.ok().text(), "first");
    s3.delete("/bkt/key?versionId=null").await.ok();
    assert_eq!(s3.get("/bkt/key").await.ok().text(), "first");
    s3.delete(&format!("/bkt/key?versionId={first}")).await.ok();
    assert_eq!(s3.get("/bkt/key").await.code, "NoSuchKey");
    s3.delete("/bkt").await.ok();
}

#[tokio::test]
async fn where_versioning_is_suspended_one_version_is_overwritten() {
    let s3 = versioned().await;
    let first = put(&s3, "first").await;
    s3.put("/bkt?versioning", SUSPENDED).await.ok();

    assert_eq!(put(&s3, "second").await, "null");
    assert_eq!(put(&s3, "third").await, "null");

    assert_eq!(get(&s3, "null").await, "third");
    assert_eq!(get(&s3, &first).await, "first");
    let listed = s3.get("/bkt?versions").await.ok();
    assert_eq!(listed.elements("VersionId"), ["null", first.as_str()]);
    s3.delete("/bkt/key").await.ok();
    assert_eq!(s3.get("/bkt/key").await.code, "NoSuchKey");
    assert_eq!(get(&s3, &first).await, "first");
}

#[tokio::test]
async fn versions_are_listed_newest_first_page_by_page() {
    let s3 = versioned().await;
    let (first, second) = (put(&s3, "first").await, put(&s3, "second").await);
    s3.put("/bkt/other", "x").await.ok();

    let (mut listed, mut newest, mut query) = (Vec::new(), Vec::new(), String::new());
    loop {
        let page = s3
            .get(&format!("/bkt?versions&max-keys=1{query}"))
            .await
            .ok();
        listed.extend(page.elements("VersionId").iter().map(|&id| id.to_owned()));
        newest.extend(page.elements("IsLatest").iter().map(|&it| it == "true"));
        let (key, version) = (
            page.elements("NextKeyMarker"),
            page.elements("NextVersionIdMarker"),
        );
        let ([key], [version]) = (key.as_slice(), version.as_slice()) else {
            break;
        };
        query = format!("&key-marker={key}&version-id-marker={version}");
    }

    assert_eq!(listed[..3], [second, first, "null".to_owned()]);
    assert_eq!(newest, [true, false, false, true]);
}

#[tokio::test]
async fn a_bucket_with_only_delete_markers_is_not_empty() {
    let s3 = Cabinet::new().await;
    s3.put("/bkt", "").await.ok();
    s3.put("/bkt?versioning", ENABLED).await.ok();
    s3.delete("/bkt/never-was").await.ok();

    let refused = s3.delete("/bkt").await;

    assert_eq!(refused.code, "BucketNotEmpty");
    assert!(
        refused
            .message
            .ends_with("You must delete all versions in the bucket.")
    );
}
