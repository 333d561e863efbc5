//! What was acknowledged survives, and the sweep takes nothing that is needed.

use std::time::Duration;

use bytes::Bytes;
use firelight_store::{Blobs, Swept};
use http::Request;

use crate::support::Cabinet;

async fn sweep(s3: &Cabinet) -> Swept {
    let referenced = s3.depot.referenced_blobs().await.unwrap();
    s3.blobs.sweep(referenced, Duration::ZERO).await.unwrap()
}

#[tokio::test]
async fn everything_acknowledged_is_there_after_the_store_was_opened_again() {
    let s3 = Cabinet::new().await;
    s3.put("/bkt", "").await.ok();
    s3.put("/bkt/key", "content").await.ok();
    let begun = s3.send(Request::post("/bkt/large?uploads"), "").await.ok();
    let upload = begun.elements("UploadId")[0].to_owned();
    s3.put(
        &format!("/bkt/large?partNumber=1&uploadId={upload}"),
        "part",
    )
    .await
    .ok();

    let s3 = s3.reopened().await;

    assert_eq!(s3.get("/bkt/key").await.ok().text(), "content");
    let parts = s3.get(&format!("/bkt/large?uploadId={upload}")).await.ok();
    assert_eq!(parts.elements("Size"), ["4"]);
}

#[tokio::test]
async fn the_sweep_keeps_objects_their_versions_and_parts_and_takes_the_rest() {
    let s3 = Cabinet::new().await;
    s3.put("/bkt", "").await.ok();
    s3.put("/bkt/plain", "one").await.ok();
    s3.put("/bkt/plain", "two").await.ok();
    let versioning = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    s3.put("/bkt?versioning", versioning).await.ok();
    s3.put("/bkt/kept", "three").await.ok();
    s3.delete("/bkt/kept").await.ok();
    let begun = s3.send(Request::post("/bkt/large?uploads"), "").await.ok();
    let upload = begun.elements("UploadId")[0].to_owned();
    s3.put(
        &format!("/bkt/large?partNumber=1&uploadId={upload}"),
        "four",
    )
    .await
    .ok();

    let swept = sweep(&s3).await;

    // Only the first content of `plain` is nobody's any more.
    assert_eq!((swept.removed, swept.kept), (1, 3));
    assert_eq!(s3.get("/bkt/plain").await.ok().text(), "two");
    let listed = s3.get("/bkt?versions&prefix=kept").await.ok();
    let version = listed.elements("VersionId")[1].to_owned();
    assert_eq!(
        s3.get(&format!("/bkt/kept?versionId={version}"))
            .await
            .ok()
            .text(),
        "three"
    );
}

#[tokio::test]
async fn content_that_was_refused_is_nobodys() {
    let s3 = Cabinet::new().await;
    s3.put("/bkt", "").await.ok();
    let request = Request::put("/bkt/key").header("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==");
    assert_eq!(s3.send(request, "content").await.code, "BadDigest");

    assert!(s3.depot.referenced_blobs().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_package_is_fetched_without_http() {
    let s3 = Cabinet::new().await;
    s3.put("/bkt", "").await.ok();
    s3.put("/bkt/code.zip", "zip").await.ok();
    let caller = s3.caller();
    let fetch = |bucket, key, limit| s3.depot.fetch(&caller, bucket, key, None, limit);

    assert_eq!(
        fetch("bkt", "code.zip", 3).await.unwrap(),
        Bytes::from("zip")
    );
    assert_eq!(
        fetch("bkt", "code.zip", 2).await.unwrap_err().code,
        "EntityTooLarge"
    );
    assert_eq!(fetch("bkt", "none", 3).await.unwrap_err().code, "NoSuchKey");
    assert_eq!(
        fetch("none", "none", 3).await.unwrap_err().code,
        "NoSuchBucket"
    );
}
