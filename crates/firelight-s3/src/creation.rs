//! The tags that a bucket is created with, which `s3s` does not read.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::request::Parts;
use http::{HeaderMap, Method};
use http_body::Body as HttpBody;
use http_body_util::BodyExt;
use s3s::StdError;
use s3s::dto::{BucketInfo, BucketLocationConstraint, LocationInfo, Tag};
use s3s::xml::{DeError, Deserializer};

use crate::host::bucket_of;
use crate::intake::broken;
use crate::refusal::Refusal;

/// The longest document that creates a bucket.
const MAX_BYTES: u64 = 64 * 1024;

/// Travels with the request, beside what `s3s` reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct CreationTags(pub(crate) Vec<Tag>);

/// Tells whether a request creates a bucket and says more than its name.
pub(crate) fn is_one(head: &Parts) -> bool {
    let path = head.uri.path().trim_matches('/');
    let host = header(&head.headers, HOST.as_str()).unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    let is_about_bucket = match bucket_of(host) {
        Some(_) => path.is_empty(),
        None => !path.is_empty() && !path.contains('/'),
    };
    let query = head.uri.query().unwrap_or_default();
    let is_plain = query
        .split('&')
        .all(|pair| pair.is_empty() || pair.starts_with("x-id="));
    let length = header(&head.headers, CONTENT_LENGTH.as_str());
    let length = length.and_then(|length| length.parse::<u64>().ok());
    head.method == Method::PUT
        && is_about_bucket
        && is_plain
        && length.is_some_and(|length| (1..=MAX_BYTES).contains(&length))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Reads the document, and notes the tags in it.
pub(crate) async fn read<B>(head: &mut Parts, content: B) -> Result<Bytes, Refusal>
where
    B: HttpBody<Data = Bytes, Error = StdError>,
{
    let bytes = content.collect().await.map_err(broken)?.to_bytes();
    // What is no such document, `s3s` refuses.
    let tags = tags(&bytes).unwrap_or_default();
    head.extensions.insert(CreationTags(tags));
    Ok(bytes)
}

fn tags(document: &[u8]) -> Result<Vec<Tag>, DeError> {
    let mut tags = Vec::new();
    let mut document = Deserializer::new(document);
    document.named_element("CreateBucketConfiguration", |inside| {
        inside.for_each_element(|inside, name| match name {
            b"Tags" => {
                tags = inside.list_content("Tag")?;
                Ok(())
            }
            b"Bucket" => inside.content::<BucketInfo>().map(drop),
            b"Location" => inside.content::<LocationInfo>().map(drop),
            b"LocationConstraint" => inside.content::<BucketLocationConstraint>().map(drop),
            _ => Err(DeError::UnexpectedTagName),
        })
    })?;
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_stand_beside_the_location() {
        let document =
            b"<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
            <LocationConstraint>eu-west-1</LocationConstraint><Tags><Tag><Key>a</Key>\
            <Value>b</Value></Tag></Tags></CreateBucketConfiguration>";

        let tags = tags(document).unwrap();

        assert_eq!(tags.len(), 1);
        assert_eq!(tags[0].key.as_deref(), Some("a"));
        assert_eq!(tags[0].value.as_deref(), Some("b"));
    }

    #[test]
    fn only_the_creation_of_a_bucket_is_one() {
        let is_one = |method: &str, uri: &str, length: &str| {
            let request = http::Request::builder().method(method).uri(uri);
            let request = request.header("content-length", length).body(()).unwrap();
            super::is_one(&request.into_parts().0)
        };

        assert!(is_one("PUT", "/bucket", "10"));
        assert!(is_one("PUT", "/bucket/?x-id=CreateBucket", "10"));
        for (method, uri, length) in [
            ("PUT", "/bucket", "0"),
            ("PUT", "/bucket", "99999999"),
            ("PUT", "/bucket/key", "10"),
            ("PUT", "/bucket?cors", "10"),
            ("POST", "/bucket", "10"),
        ] {
            assert!(!is_one(method, uri, length), "{method} {uri} {length}");
        }
    }
}
