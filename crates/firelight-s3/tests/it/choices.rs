//! What requests ask for beside an object, and what is refused of it.

use http::Request;

use crate::support::Cabinet;

const BY_KMS: &str = "<ServerSideEncryptionConfiguration><Rule>\
    <ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm>\
    <KMSMasterKeyID>key</KMSMasterKeyID></ApplyServerSideEncryptionByDefault>\
    <BucketKeyEnabled>true</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>";

async fn cabinet() -> Cabinet {
    let s3 = Cabinet::new().await;
    s3.put("/plain", "").await.ok();
    s3.put("/plain/key", "content").await.ok();
    s3
}

#[tokio::test]
async fn deletion_may_depend_on_what_is_there() {
    let s3 = cabinet().await;
    let delete = |etag: &str| Request::delete("/plain/key").header("if-match", etag);
    let etag = s3.get("/plain/key").await.ok().header("etag").to_owned();

    let other = s3.send(delete("\"other\""), "").await;
    let listed = "<Delete><Object><Key>key</Key><ETag>\"other\"</ETag></Object></Delete>";
    let listed = s3.send(Request::post("/plain?delete"), listed).await.ok();
    s3.get("/plain/key").await.ok();
    s3.send(delete(&etag), "").await.ok();

    assert_eq!(
        (other.status.as_u16(), other.code.as_str()),
        (412, "PreconditionFailed")
    );
    assert_eq!(listed.elements("Code"), ["PreconditionFailed"]);
    assert_eq!(s3.get("/plain/key").await.code, "NoSuchKey");
}

#[tokio::test]
async fn objects_take_over_the_encryption_of_their_bucket() {
    let s3 = cabinet().await;
    s3.put("/plain?encryption", BY_KMS).await.ok();

    let own = Request::put("/plain/own").header("x-amz-server-side-encryption", "AES256");
    s3.send(own, "").await.ok();
    let put = s3.put("/plain/put", "").await.ok();
    let copy = Request::put("/plain/copy").header("x-amz-copy-source", "/plain/key");
    s3.send(copy, "").await.ok();
    let begun = s3
        .send(Request::post("/plain/parts?uploads"), "")
        .await
        .ok();

    let encryption = "x-amz-server-side-encryption";
    for answer in [
        put,
        begun,
        s3.get("/plain/put").await,
        s3.get("/plain/copy").await,
    ] {
        assert_eq!(answer.header(encryption), "aws:kms");
        assert_eq!(
            answer.header("x-amz-server-side-encryption-aws-kms-key-id"),
            "key"
        );
        let bucket_key = "x-amz-server-side-encryption-bucket-key-enabled";
        assert_eq!(answer.header(bucket_key), "true");
    }
    assert_eq!(s3.get("/plain/own").await.header(encryption), "AES256");
    assert_eq!(s3.get("/plain/key").await.header(encryption), "AES256");
    let unknown = BY_KMS.replace("aws:kms", "rot13");
    assert_eq!(
        s3.put("/plain?encryption", unknown).await.code,
        "MalformedXML"
    );
    let pointless = BY_KMS.replace("aws:kms", "AES256");
    assert_eq!(
        s3.put("/plain?encryption", pointless).await.code,
        "InvalidArgument"
    );
}

#[tokio::test]
async fn what_cannot_be_asked_of_an_object_is_refused() {
    let s3 = cabinet().await;
    let key = "x-amz-server-side-encryption-customer-algorithm";

    for (request, code, words) in [
        (
            Request::get("/plain/key?partNumber=1").header("range", "bytes=0-1"),
            "InvalidRequest",
            "Cannot specify both Range header and partNumber query parameter",
        ),
        (
            Request::get("/plain/key?partNumber=0"),
            "InvalidArgument",
            "between 1 and 10000",
        ),
        (
            Request::get("/plain/key").header(key, "AES256"),
            "InvalidRequest",
            "The encryption parameters are not applicable to this object.",
        ),
        (
            Request::get("/plain/key?attributes").header("x-amz-object-attributes", "ETag,Colour"),
            "InvalidArgument",
            "Invalid attribute name specified.",
        ),
        (
            Request::put("/plain/copy")
                .header("x-amz-copy-source", "/plain/key")
                .header("x-amz-metadata-directive", "KEEP"),
            "InvalidArgument",
            "Unknown metadata directive.",
        ),
        (
            Request::put("/plain/key")
                .header("x-amz-copy-source", "/plain/key")
                .header("x-amz-metadata-directive", "REPLACE")
                .header("if-none-match", "*"),
            "PreconditionFailed",
            "did not hold",
        ),
        (Request::put("/other?abac"), "NotImplemented", ""),
        (
            Request::get("/plain?metadataConfiguration"),
            "NotImplemented",
            "",
        ),
    ] {
        let answer = s3.send(request, "").await;

        assert_eq!(answer.code, code, "{}", answer.message);
        assert!(answer.message.contains(words), "{}", answer.message);
    }
    assert_eq!(s3.get("/other?location").await.code, "NoSuchBucket");
}
