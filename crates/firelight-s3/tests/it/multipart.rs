//! Multipart uploads.

use bytes::Bytes;
use http::Request;

use crate::support::{Answer, Cabinet};

const MIB: usize = 1024 * 1024;

struct Upload<'a> {
    s3: &'a Cabinet,
    path: &'a str,
    id: String,
}

impl<'a> Upload<'a> {
    async fn begin(s3: &'a Cabinet, path: &'a str) -> Self {
        let begun = s3
            .send(Request::post(format!("{path}?uploads")), "")
            .await
            .ok();
        let id = begun.elements("UploadId")[0].to_owned();
        Self { s3, path, id }
    }

    async fn part(&self, number: usize, body: impl Into<Bytes>) -> String {
        let path = format!("{}?partNumber={number}&uploadId={}", self.path, self.id);
        self.s3
            .put(&path, body)
            .await
            .ok()
            .header("etag")
            .to_owned()
    }

    async fn complete(&self, parts: &[(usize, &str)]) -> Answer {
        let parts: String = parts
            .iter()
            .map(|(number, etag)| {
                format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
            })
            .collect();
        let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        let path = format!("{}?uploadId={}", self.path, self.id);
        self.s3.send(Request::post(path), body).await
    }
}

async fn bucket() -> Cabinet {
    let s3 = Cabinet::new().await;
    s3.put("/bkt", "").await.ok();
    s3
}

#[tokio::test]
async fn parts_become_one_object_in_the_order_of_their_numbers() {
    let s3 = bucket().await;
    let upload = Upload::begin(&s3, "/bkt/large").await;
    let (first, second) = (vec![b'a'; 5 * MIB], b"tail".to_vec());

    let second_etag = upload.part(7, second.clone()).await;
    let first_etag = upload.part(2, first.clone()).await;
    assert_eq!(s3.get("/bkt/large").await.code, "NoSuchKey");
    let done = upload
        .complete(&[(2, &first_etag), (7, &second_etag)])
        .await
        .ok();

    assert!(
        done.elements("ETag")[0].ends_with("-2\""),
        "{}",
        done.text()
    );
    assert_eq!(done.elements("ChecksumType"), ["FULL_OBJECT"]);
    let read = s3.get("/bkt/large").await.ok();
    assert!(read.body == [first, second].concat());
    let part = s3.get("/bkt/large?partNumber=7").await.ok();
    assert_eq!(
        (part.text(), part.header("x-amz-mp-parts-count")),
        ("tail", "2")
    );
    assert!(
        s3.get("/bkt?uploads")
            .await
            .ok()
            .elements("UploadId")
            .is_empty()
    );

    // A client whose answer was lost asks again.
    upload
        .complete(&[(2, &first_etag), (7, &second_etag)])
        .await
        .ok();
}

#[tokio::test]
async fn the_checksum_of_the_whole_is_that_of_its_content() {
    let s3 = bucket().await;
    let upload = Upload::begin(&s3, "/bkt/parts").await;
    let (first, second) = (vec![b'a'; 5 * MIB], b"tail".to_vec());
    let etags = [
        upload.part(1, first.clone()).await,
        upload.part(2, second.clone()).await,
    ];

    let done = upload
        .complete(&[(1, &etags[0]), (2, &etags[1])])
        .await
        .ok();

    let whole = s3.put("/bkt/whole", [first, second].concat()).await.ok();
    assert_eq!(
        done.elements("ChecksumCRC64NVME"),
        [whole.header("x-amz-checksum-crc64nvme")]
    );
}

#[tokio::test]
async fn a_completion_that_does_not_fit_its_parts_is_refused_and_changes_nothing() {
    let s3 = bucket().await;
    let upload = Upload::begin(&s3, "/bkt/large").await;
    let (small, last) = (upload.part(1, "small").await, upload.part(2, "last").await);

    assert_eq!(
        upload.complete(&[(2, &last), (1, &small)]).await.code,
        "InvalidPartOrder"
    );
    assert_eq!(
        upload.complete(&[(1, "\"other\"")]).await.code,
        "InvalidPart"
    );
    assert_eq!(upload.complete(&[(3, &last)]).await.code, "InvalidPart");
    assert_eq!(upload.complete(&[]).await.code, "MalformedXML");
    let refused = upload.complete(&[(1, &small), (2, &last)]).await;
    assert_eq!(refused.code, "EntityTooSmall");
    let number = ("PartNumber".to_owned(), "1".to_owned());
    assert!(refused.members.contains(&number), "{refused:?}");

    upload.complete(&[(2, &last)]).await.ok();
    assert_eq!(s3.get("/bkt/large").await.ok().text(), "last");
}

#[tokio::test]
async fn an_upload_that_is_aborted_is_gone_with_its_parts() {
    let s3 = bucket().await;
    let upload = Upload::begin(&s3, "/bkt/large").await;
    let etag = upload.part(1, "x").await;
    let path = format!("/bkt/large?uploadId={}", upload.id);
    assert_eq!(s3.get(&path).await.ok().elements("PartNumber"), ["1"]);

    s3.delete(&path).await.ok();

    assert_eq!(s3.get(&path).await.code, "NoSuchUpload");
    assert_eq!(upload.complete(&[(1, &etag)]).await.code, "NoSuchUpload");
    assert!(s3.depot.referenced_blobs().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_part_can_be_copied_from_a_range_of_an_object() {
    let s3 = bucket().await;
    s3.put("/bkt/source", "0123456789").await.ok();
    let upload = Upload::begin(&s3, "/bkt/target").await;
    let path = format!("/bkt/target?partNumber=1&uploadId={}", upload.id);
    let copy = |range: &str| {
        Request::put(&path)
            .header("x-amz-copy-source", "bkt/source")
            .header("x-amz-copy-source-range", range)
    };

    assert_eq!(s3.send(copy("bytes=2-"), "").await.code, "InvalidArgument");
    let copied = s3.send(copy("bytes=2-4"), "").await.ok();
    let etag = copied.elements("ETag")[0].to_owned();
    upload.complete(&[(1, &etag)]).await.ok();

    assert_eq!(s3.get("/bkt/target").await.ok().text(), "234");
}
