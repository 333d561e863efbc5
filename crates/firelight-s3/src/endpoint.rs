//! The endpoint: a request whose sender is known goes in, its answer or a refusal comes out.
//!
//! The signature has been checked before; what is left of it would make `s3s` ask for a check of its own, so it is taken
//! away here. Bodies are unwrapped here, too.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use firelight_model::AccountId;
use firelight_store::{Blobs, Store};
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RANGE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};
use http_body::Body as HttpBody;
use http_body_util::{BodyExt, Limited};
use s3s::Body;
use s3s::dto::Range;
use s3s::service::{S3Service, S3ServiceBuilder};

use crate::api::Api;
use crate::body::seal::{ChunkSeal, Sealed};
use crate::body::{Content, Trailers, Wrapping};
use crate::cors::CorsRules;
use crate::creation;
use crate::depot::{Caller, Depot};
use crate::host::BucketHost;
use crate::refusal::Refusal;

/// The longest error of `s3s` that is read.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// Parts of buckets and objects that are younger than `s3s`.
const UNKNOWN: [&str; 9] = [
    "abac",
    "annotation",
    "encryption-update",
    "metadataAnnotationTable",
    "metadataConfiguration",
    "metadataInventoryTable",
    "metadataJournalTable",
    "metadataTable",
    "renameObject",
];

/// Answers S3 requests. Cheap to clone.
#[derive(Clone)]
pub struct Endpoint {
    service: Arc<S3Service>,
    buckets: Arc<dyn FindBucket>,
}

/// Who owns a bucket, and the policy that it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketAccess {
    pub owner: AccountId,
    pub policy: Option<String>,
    /// Whatever the policy says, nobody comes in who is not known by name.
    pub restricts_public: bool,
    pub(crate) cors: Option<String>,
}

impl BucketAccess {
    /// Returns the rules for web pages, if the bucket has any.
    #[must_use]
    pub fn cors_rules(&self) -> Option<CorsRules> {
        CorsRules::read(self.cors.as_deref()?).ok()
    }
}

/// A bucket could not be looked up.
pub type FindBucketError = Box<dyn std::error::Error + Send + Sync>;

/// Finds buckets by name alone, whichever store they are in.
trait FindBucket: Send + Sync {
    fn find<'a>(&'a self, name: &'a str) -> Finding<'a>;
}

type Finding<'a> =
    Pin<Box<dyn Future<Output = Result<Option<BucketAccess>, FindBucketError>> + Send + 'a>>;

impl<S: Store, B: Blobs> FindBucket for Depot<S, B> {
    fn find<'a>(&'a self, name: &'a str) -> Finding<'a> {
        Box::pin(self.bucket_access(name))
    }
}

impl Endpoint {
    pub fn new<S: Store, B: Blobs>(depot: Depot<S, B>) -> Self {
        let buckets = Arc::new(depot.clone());
        let mut builder = S3ServiceBuilder::new(Api { depot });
        builder.set_host(BucketHost);
        Self {
            service: Arc::new(builder.build()),
            buckets,
        }
    }

    /// Returns who owns a bucket and the policy that protects it, or `None` if there is no such bucket.
    ///
    /// # Errors
    /// What the store says when it cannot be read.
    pub async fn bucket_access(&self, name: &str) -> Result<Option<BucketAccess>, FindBucketError> {
        self.buckets.find(name).await
    }

    /// Answers a request. With a seal, the chunks of its body are checked.
    ///
    /// # Errors
    /// A refusal, which the caller renders.
    pub async fn answer<B>(
        &self,
        caller: Caller,
        seal: Option<ChunkSeal>,
        request: Request<B>,
    ) -> Result<Response<Body>, Refusal>
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Refusal>,
    {
        let (mut head, body) = request.into_parts();
        refuse_unknown(&head)?;
        let trailers = Trailers::default();
        let content = unwrap(&mut head, body, seal, trailers.clone())?;
        let verdict = content.verdict();
        forget_signature(&mut head)?;
        ignore_unreadable_range(&mut head.headers);
        let mut caller = caller;
        caller.expected_owner = text(&head.headers, "x-amz-expected-bucket-owner");
        head.extensions.insert(caller);
        head.extensions.insert(trailers);
        let body = match creation::is_one(&head) {
            true => Body::from(creation::read(&mut head, content).await?),
            false => Body::http_body_unsync(content),
        };
        let request = Request::from_parts(head, body);
        let answered = self.service.call(request).await;
        let response = answered.map_err(|error| Refusal::internal(s3s::StdError::from(error)))?;
        if response.status().as_u16() < 300 {
            return Ok(response);
        }
        match verdict.take() {
            // It was the body, not us.
            Some(refusal) if response.status().is_server_error() => Err(refusal),
            _ => Err(read_refusal(response).await),
        }
    }
}

/// Wraps the body so that it yields what the client means by it.
fn unwrap<B>(
    head: &mut Parts,
    body: B,
    seal: Option<ChunkSeal>,
    trailers: Trailers,
) -> Result<Content<B>, Refusal> {
    let headers = &mut head.headers;
    let (wrapping, sealed) = Wrapping::of(headers);
    let seal = seal
        .filter(|_| sealed != Sealed::Nothing)
        .map(|seal| ChunkSeal { sealed, ..seal });
    let mut expected = None;
    if let Wrapping::Chunked = wrapping {
        let given = text(headers, "x-amz-decoded-content-length");
        let length: Option<u64> = given.and_then(|given| given.parse().ok());
        let length = length.ok_or_else(Refusal::missing_content_length)?;
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        headers.remove("x-amz-decoded-content-length");
        remove_coding(headers);
        expected = Some(length);
    }
    headers.remove("x-amz-content-sha256");
    Ok(Content::new(body, wrapping, seal, expected, trailers))
}

/// `aws-chunked` is how the body travelled, not what the object is.
fn remove_coding(headers: &mut HeaderMap) {
    let Some(codings) = text(headers, CONTENT_ENCODING.as_str()) else {
        return;
    };
    let left: Vec<&str> = codings
        .split(',')
        .map(str::trim)
        .filter(|coding| *coding != "aws-chunked" && !coding.is_empty())
        .collect();
    headers.remove(CONTENT_ENCODING);
    let joined = HeaderValue::try_from(left.join(","));
    if let Some(value) = joined.ok().filter(|value| !value.is_empty()) {
        headers.insert(CONTENT_ENCODING, value);
    }
}

/// Refuses what `s3s` does not know and would take for a plain request of the bucket, such as its creation.
fn refuse_unknown(head: &Parts) -> Result<(), Refusal> {
    let query = head.uri.query().unwrap_or_default();
    let mut names = query.split('&').filter_map(|pair| pair.split('=').next());
    if let Some(name) = names.find(|name| UNKNOWN.contains(name)) {
        return Err(Refusal::not_implemented(name));
    }
    // A form names its key in the body, where whoever decided about the request has not looked.
    let content_type = text(&head.headers, CONTENT_TYPE.as_str()).unwrap_or_default();
    match content_type
        .trim()
        .to_ascii_lowercase()
        .starts_with("multipart/")
    {
        true if head.method == Method::POST => Err(Refusal::method_not_allowed()),
        _ => Ok(()),
    }
}

/// Takes away the signature. A presigned URL may carry in its query what else is a header.
fn forget_signature(head: &mut Parts) -> Result<(), Refusal> {
    head.headers.remove(AUTHORIZATION);
    let Some(query) = head.uri.query() else {
        return Ok(());
    };
    let mut left = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = name.to_ascii_lowercase();
        if is_signature(&name) || is_checksum(&name) {
            continue;
        }
        if !name.starts_with("x-amz-") {
            left.push(pair);
            continue;
        }
        let value = percent_encoding::percent_decode_str(value)
            .decode_utf8_lossy()
            .into_owned();
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            head.headers.entry(name).or_insert(value);
        }
    }
    let path = head.uri.path();
    let target = if left.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", left.join("&"))
    };
    let mut parts = head.uri.clone().into_parts();
    let target = target
        .try_into()
        .map_err(|_| Refusal::invalid_request("Couldn't parse the specified URI."))?;
    parts.path_and_query = Some(target);
    head.uri = Uri::from_parts(parts).map_err(Refusal::internal)?;
    Ok(())
}

/// Parameters that are the signature of a request, in the fourth version or the second.
fn is_signature(name: &str) -> bool {
    let names = [
        "x-amz-algorithm",
        "x-amz-credential",
        "x-amz-date",
        "x-amz-expires",
        "x-amz-signedheaders",
        "x-amz-signature",
        "x-amz-security-token",
        "x-amz-content-sha256",
        "awsaccesskeyid",
        "signature",
        "expires",
    ];
    names.contains(&name)
}

/// Parameters that say what digest the content has. S3 overlooks them in a URL: the SDK for JavaScript signs that of an
/// empty body, for it has no other yet.
fn is_checksum(name: &str) -> bool {
    name.starts_with("x-amz-checksum-") || name == "x-amz-sdk-checksum-algorithm"
}

/// A range in a form that S3 does not know counts as none, as HTTP says.
fn ignore_unreadable_range(headers: &mut HeaderMap) {
    if text(headers, RANGE.as_str()).is_some_and(|range| Range::parse(&range).is_err()) {
        headers.remove(RANGE);
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

async fn read_refusal(response: Response<Body>) -> Refusal {
    let (mut head, body) = response.into_parts();
    let collected = Limited::new(body, MAX_ERROR_BYTES).collect().await;
    let bytes = collected
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    Refusal::read(
        head.status,
        &mut head.headers,
        &String::from_utf8_lossy(&bytes),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(uri: &str) -> Parts {
        Request::get(uri).body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_presigned_url_loses_its_signature_and_keeps_what_it_says() {
        let mut head =
            head("/b/k?X-Amz-Signature=s&X-Amz-Date=d&versionId=v&x-amz-meta-a=b%3D&tagging");

        forget_signature(&mut head).unwrap();

        assert_eq!(head.uri, "/b/k?versionId=v&tagging");
        assert_eq!(head.headers["x-amz-meta-a"], "b=");
    }

    #[test]
    fn a_checksum_in_a_presigned_url_counts_for_nothing() {
        let mut head = head(
            "/b/k?X-Amz-Signature=s&x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32",
        );

        forget_signature(&mut head).unwrap();

        assert_eq!(head.uri, "/b/k");
        assert!(head.headers.is_empty(), "{:?}", head.headers);
    }

    #[test]
    fn the_coding_of_the_body_is_no_property_of_the_object() {
        let mut headers = HeaderMap::new();
        headers.insert(
            CONTENT_ENCODING,
            HeaderValue::from_static("gzip, aws-chunked"),
        );
        remove_coding(&mut headers);
        assert_eq!(headers[CONTENT_ENCODING], "gzip");

        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("aws-chunked"));
        remove_coding(&mut headers);
        assert!(!headers.contains_key(CONTENT_ENCODING));
    }
}
