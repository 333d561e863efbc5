//! Objects: written, read whole and in part, conditionally, copied, deleted.

use bytes::Bytes;
use http::{Request, StatusCode};

use crate::support::Cabinet;

async fn with_object(body: &'static str) -> Cabinet {
    let s3 = Cabinet::new().await;
    s3.put("/bkt", "").await.ok();
    s3.put("/bkt/key", body).await.ok();
    s3
}

#[tokio::test]
async fn an_object_comes_back_with_everything_said_about_it() {
    let s3 = with_object("").await;
    let request = Request::put("/bkt/a%20b/%C3%BC%2B")
        .header("content-type", "text/plain")
        .header("content-encoding", "gzip")
        .header("x-amz-meta-color", "blue")
        .header("x-amz-tagging", "a=1&b=2");

    let written = s3.send(request, "hello").await.ok();
    assert_eq!(
        written.header("etag"),
        "\"5d41402abc4b2a76b9719d911017c592\""
    );
    assert_eq!(written.header("x-amz-server-side-encryption"), "AES256");
    assert_eq!(written.header("x-amz-checksum-type"), "FULL_OBJECT");

    let read = s3.get("/bkt/a%20b/%C3%BC%2B").await.ok();
    assert_eq!(read.text(), "hello");
    assert_eq!(read.header("content-type"), "text/plain");
    assert_eq!(read.header("content-encoding"), "gzip");
    assert_eq!(read.header("x-amz-meta-color"), "blue");
    assert_eq!(read.header("x-amz-tagging-count"), "2");
    assert!(
        !read.headers.contains_key("x-amz-checksum-crc64nvme"),
        "only when asked"
    );
    let head = s3
        .send(Request::head("/bkt/a%20b/%C3%BC%2B"), "")
        .await
        .ok();
    assert_eq!(head.header("content-length"), "5");
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let s3 = with_object("x").await;

    let missing = s3.get("/bkt/nothing").await;
    assert_eq!(
        (missing.status, missing.code.as_str()),
        (StatusCode::NOT_FOUND, "NoSuchKey")
    );
    assert_eq!(missing.message, "The specified key does not exist.");
    assert_eq!(missing.members, [("Key".to_owned(), "nothing".to_owned())]);

    let missing = s3.get("/nowhere/key").await;
    assert_eq!(missing.message, "The specified bucket does not exist");
    assert_eq!(
        missing.members,
        [("BucketName".to_owned(), "nowhere".to_owned())]
    );
    assert_eq!(s3.put("/nowhere/key", "x").await.code, "NoSuchBucket");
}

#[tokio::test]
async fn ranges_are_cut_out_across_segments() {
    let s3 = with_object("").await;
    let content: Vec<u8> = (0..20_000_000_u32).map(|n| (n % 251) as u8).collect();
    s3.put("/bkt/large", content.clone()).await.ok();

    let ranges = [
        ("bytes=0-0", 0..1),
        ("bytes=8388600-8388615", 8_388_600..8_388_616),
        ("bytes=19999990-", 19_999_990..20_000_000),
        ("bytes=-3", 19_999_997..20_000_000),
        ("bytes=5-99999999", 5..20_000_000),
    ];
    for (range, expected) in ranges {
        let read = s3
            .send(Request::get("/bkt/large").header("range", range), "")
            .await
            .ok();

        assert_eq!(read.status, StatusCode::PARTIAL_CONTENT, "{range}");
        let (from, last) = (expected.start, expected.end - 1);
        assert_eq!(
            read.header("content-range"),
            format!("bytes {from}-{last}/20000000")
        );
        assert!(read.body == content[expected], "{range}");
    }
    let beyond = Request::get("/bkt/large").header("range", "bytes=20000000-");
    let beyond = s3.send(beyond, "").await;
    assert_eq!(
        (beyond.status.as_u16(), beyond.code.as_str()),
        (416, "InvalidRange")
    );
    let unreadable = Request::get("/bkt/large").header("range", "pages=1-2");
    assert_eq!(s3.send(unreadable, "").await.ok().status, StatusCode::OK);
}

#[tokio::test]
async fn reads_and_writes_can_have_conditions() {
    let s3 = with_object("hello").await;
    let etag = "\"5d41402abc4b2a76b9719d911017c592\"";
    let get = |name: &str, value: &str| Request::get("/bkt/key").header(name, value);
    let put = |name: &str, value: &str| Request::put("/bkt/key").header(name, value);

    let unchanged = s3.send(get("if-none-match", etag), "").await;
    assert_eq!(unchanged.status, StatusCode::NOT_MODIFIED);
    assert_eq!(unchanged.header("etag"), etag);
    let time = s3.get("/bkt/key").await.header("last-modified").to_owned();
    let unchanged = s3.send(get("if-modified-since", &time), "").await;
    assert_eq!(unchanged.status, StatusCode::NOT_MODIFIED);
    let other = s3.send(get("if-match", "\"other\""), "").await;
    assert_eq!(
        other.members,
        [("Condition".to_owned(), "If-Match".to_owned())]
    );
    s3.send(
        get("if-match", etag).header("if-unmodified-since", "Mon, 01 Jan 2001 00:00:00 GMT"),
        "",
    )
    .await
    .ok();

    let exists = s3.send(put("if-none-match", "*"), "new").await;
    assert_eq!(exists.code, "PreconditionFailed");
    assert_eq!(
        exists.members,
        [("Condition".to_owned(), "If-None-Match".to_owned())]
    );
    assert_eq!(
        s3.send(put("if-match", "\"other\""), "new").await.code,
        "PreconditionFailed"
    );
    assert_eq!(
        s3.send(put("if-none-match", etag), "new").await.code,
        "NotImplemented"
    );
    s3.send(put("if-match", etag), "new").await.ok();
    let absent = Request::put("/bkt/absent").header("if-match", etag);
    assert_eq!(s3.send(absent, "new").await.code, "NoSuchKey");
}

#[tokio::test]
async fn of_many_who_create_only_one_succeeds() {
    let s3 = with_object("").await;
    let put =
        |body: &'static str| s3.send(Request::put("/bkt/lock").header("if-none-match", "*"), body);

    let (a, b, c, d) = tokio::join!(put("a"), put("b"), put("c"), put("d"));

    let won = [a, b, c, d]
        .iter()
        .filter(|answer| answer.status.is_success())
        .count();
    assert_eq!(won, 1);
}

#[tokio::test]
async fn digests_that_do_not_match_leave_the_old_object() {
    let s3 = with_object("old").await;
    let cases = [
        ("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==", "BadDigest"),
        (
            "x-amz-checksum-sha256",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "BadDigest",
        ),
        ("x-amz-checksum-crc32", "wrong", "InvalidRequest"),
        (
            "x-amz-content-sha256",
            &"0".repeat(64),
            "XAmzContentSHA256Mismatch",
        ),
    ];
    for (name, value, code) in cases {
        let answer = s3
            .send(Request::put("/bkt/key").header(name, value), "new")
            .await;

        assert_eq!(answer.code, code, "{name}");
        assert_eq!(s3.get("/bkt/key").await.ok().text(), "old");
    }
}

#[tokio::test]
async fn a_chunked_body_is_unwrapped_and_its_trailer_checked() {
    let s3 = with_object("").await;
    let request = || {
        Request::put("/bkt/chunked")
            .header("content-encoding", "aws-chunked")
            .header("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
            .header("x-amz-decoded-content-length", "5")
            .header("x-amz-trailer", "x-amz-checksum-crc32")
    };
    let body = |sum: &str| {
        let text = format!("3\r\nhel\r\n2\r\nlo\r\n0\r\nx-amz-checksum-crc32:{sum}\r\n\r\n");
        text.into_bytes()
            .chunks(4)
            .map(Bytes::copy_from_slice)
            .collect::<Vec<_>>()
    };

    let written = s3.send_frames(request(), body("NhCmhg==")).await.ok();
    assert_eq!(written.header("x-amz-checksum-crc32"), "NhCmhg==");
    let read = s3.get("/bkt/chunked").await.ok();
    assert_eq!(read.text(), "hello");
    assert!(!read.headers.contains_key("content-encoding"));

    assert_eq!(
        s3.send_frames(request(), body("AAAAAA==")).await.code,
        "BadDigest"
    );
    let bare = vec![Bytes::from("5\r\nhello\r\n0\r\n\r\n")];
    let unkept = s3.send_frames(request(), bare).await;
    assert_eq!(unkept.code, "MalformedTrailerError");
    let cut = vec![Bytes::from("5\r\nhel")];
    assert_eq!(s3.send_frames(request(), cut).await.code, "IncompleteBody");
}

#[tokio::test]
async fn a_copy_is_an_object_of_its_own() {
    let s3 = with_object("hello").await;
    let copy = |to: &str| Request::put(to).header("x-amz-copy-source", "/bkt/key");

    let copied = s3.send(copy("/bkt/copy"), "").await.ok();
    assert_eq!(copied.elements("ChecksumType"), ["FULL_OBJECT"]);
    s3.delete("/bkt/key").await.ok();
    assert_eq!(s3.get("/bkt/copy").await.ok().text(), "hello");
    assert_eq!(s3.send(copy("/bkt/other"), "").await.code, "NoSuchKey");

    let onto_itself = || Request::put("/bkt/copy").header("x-amz-copy-source", "bkt/copy");
    assert_eq!(s3.send(onto_itself(), "").await.code, "InvalidRequest");
    let replaced = onto_itself()
        .header("x-amz-metadata-directive", "REPLACE")
        .header("x-amz-meta-new", "1");
    s3.send(replaced, "").await.ok();
    assert_eq!(s3.get("/bkt/copy").await.ok().header("x-amz-meta-new"), "1");
}

#[tokio::test]
async fn tags_are_set_read_and_removed() {
    let s3 = with_object("x").await;
    let tags = "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>";

    s3.put("/bkt/key?tagging", tags).await.ok();
    assert_eq!(s3.get("/bkt/key?tagging").await.ok().elements("Key"), ["k"]);
    assert_eq!(
        s3.get("/bkt/key").await.ok().header("x-amz-tagging-count"),
        "1"
    );

    s3.delete("/bkt/key?tagging").await.ok();
    assert!(
        s3.get("/bkt/key?tagging")
            .await
            .ok()
            .elements("Key")
            .is_empty()
    );
}

#[tokio::test]
async fn several_objects_are_deleted_at_once_whether_they_are_there_or_not() {
    let s3 = with_object("x").await;
    let delete = "<Delete><Object><Key>key</Key></Object><Object><Key>none</Key></Object></Delete>";

    let answer = s3.send(Request::post("/bkt?delete"), delete).await.ok();
    assert_eq!(answer.elements("Key"), ["key", "none"]);
    assert_eq!(s3.get("/bkt/key").await.code, "NoSuchKey");

    let quiet = "<Delete><Quiet>true</Quiet><Object><Key>none</Key></Object></Delete>";
    let answer = s3.send(Request::post("/bkt?delete"), quiet).await.ok();
    assert!(answer.elements("Key").is_empty());
}

#[tokio::test]
async fn the_encryption_that_was_asked_for_is_told_and_no_copy_takes_it_over() {
    let s3 = with_object("").await;
    let kms = |request: http::request::Builder| {
        request
            .header("x-amz-server-side-encryption", "aws:kms")
            .header("x-amz-server-side-encryption-aws-kms-key-id", "a-key")
    };

    let written = s3.send(kms(Request::put("/bkt/kms")), "x").await.ok();
    let read = s3.get("/bkt/kms").await.ok();
    let copy = Request::put("/bkt/copy").header("x-amz-copy-source", "/bkt/kms");
    let copied = s3.send(copy, "").await.ok();

    for answer in [&written, &read] {
        assert_eq!(answer.header("x-amz-server-side-encryption"), "aws:kms");
        let key = answer.header("x-amz-server-side-encryption-aws-kms-key-id");
        assert_eq!(key, "a-key");
    }
    assert_eq!(copied.header("x-amz-server-side-encryption"), "AES256");
    let again = s3.get("/bkt/copy").await.ok();
    assert_eq!(again.header("x-amz-server-side-encryption"), "AES256");
}

#[tokio::test]
async fn a_storage_class_that_does_not_exist_leaves_no_object() {
    let s3 = with_object("").await;
    let request = Request::put("/bkt/cold").header("x-amz-storage-class", "ICY");

    let refused = s3.send(request, "x").await;

    assert_eq!(refused.code, "InvalidStorageClass");
    let requested = ("StorageClassRequested".to_owned(), "ICY".to_owned());
    assert_eq!(refused.members, [requested]);
    assert_eq!(s3.get("/bkt/cold").await.status, StatusCode::NOT_FOUND);
}
