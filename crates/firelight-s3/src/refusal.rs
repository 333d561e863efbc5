//! Why a request is refused, and S3's words for it.
//!
//! Domain code says what is wrong; this file alone knows codes, statuses and texts. An answer of `s3s` has no place for
//! further elements of an error, so a refusal travels through it in a private header and is rendered by the front door.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use firelight_store::{CommitError, OpenBlobError, PutBlobError, ReadError};

/// A request that is not done, in S3's terms.
#[derive(Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    pub status: StatusCode,
    pub code: Cow<'static, str>,
    pub message: String,
    /// Further elements of the error's body.
    pub members: Vec<(String, String)>,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What went wrong on our side; for the log.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Refusal {
    pub(crate) fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
            members: Vec::new(),
            headers: Vec::new(),
            source: None,
        }
    }

    /// Returns a copy of what the client is told.
    pub(crate) fn told(&self) -> Self {
        Self {
            status: self.status,
            code: self.code.clone(),
            message: self.message.clone(),
            members: self.members.clone(),
            headers: self.headers.clone(),
            source: None,
        }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.members.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((HeaderName::from_static(name), value));
        }
        self
    }

    /// Adds headers; of several with one name the first is kept.
    pub(crate) fn with_headers(mut self, headers: HeaderMap) -> Self {
        let named = headers.into_iter();
        self.headers
            .extend(named.filter_map(|(name, value)| Some((name?, value))));
        self
    }

    pub(crate) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    fn not_found(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    pub(crate) fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let text = "We encountered an internal error. Please try again.";
        let mut refusal = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", text);
        refusal.source = Some(source.into());
        refusal
    }

    pub(crate) fn access_denied() -> Self {
        Self::denied("Access Denied")
    }

    /// The caller lacks a permission.
    #[must_use]
    pub fn denied(text: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "AccessDenied", text)
    }

    pub(crate) fn no_such_bucket(bucket: &str) -> Self {
        Self::not_found("NoSuchBucket", "The specified bucket does not exist")
            .with("BucketName", bucket)
    }

    pub(crate) fn no_such_key(key: &str) -> Self {
        Self::not_found("NoSuchKey", "The specified key does not exist.").with("Key", key)
    }

    pub(crate) fn no_such_version(key: &str, version: &str) -> Self {
        Self::not_found("NoSuchVersion", "The specified version does not exist.")
            .with("Key", key)
            .with("VersionId", version)
    }

    pub(crate) fn no_such_upload(upload: &str) -> Self {
        let text = "The specified upload does not exist. The upload ID may be invalid, or the \
                    upload may have been aborted or completed.";
        Self::not_found("NoSuchUpload", text).with("UploadId", upload)
    }

    /// The newest version is a delete marker.
    pub(crate) fn deleted(key: &str, version: &str) -> Self {
        Self::no_such_key(key)
            .with_header("x-amz-delete-marker", "true")
            .with_header("x-amz-version-id", version)
    }

    pub(crate) fn method_not_allowed() -> Self {
        let text = "The specified method is not allowed against this resource.";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", text)
    }

    /// The version asked for is a delete marker, which has no content.
    pub(crate) fn is_delete_marker(version: &str) -> Self {
        Self::method_not_allowed()
            .with("Method", "GET")
            .with("ResourceType", "DeleteMarker")
            .with_header("x-amz-delete-marker", "true")
            .with_header("x-amz-version-id", version)
            .with_header("allow", "DELETE")
    }

    pub(crate) fn bucket_not_empty(bucket: &str, versioned: bool) -> Self {
        let text = if versioned {
            "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
        } else {
            "The bucket you tried to delete is not empty"
        };
        Self::conflict("BucketNotEmpty", text).with("BucketName", bucket)
    }

    pub(crate) fn bucket_is_yours(bucket: &str) -> Self {
        let text =
            "Your previous request to create the named bucket succeeded and you already own it.";
        Self::conflict("BucketAlreadyOwnedByYou", text).with("BucketName", bucket)
    }

    pub(crate) fn bucket_is_taken(bucket: &str) -> Self {
        let text = "The requested bucket name is not available. The bucket namespace is shared by \
                    all users of the system. Please select a different name and try again.";
        Self::conflict("BucketAlreadyExists", text).with("BucketName", bucket)
    }

    pub(crate) fn illegal_location(region: &str) -> Self {
        let text = format!(
            "The {region} location constraint is incompatible for the region specific endpoint \
             this request was sent to."
        );
        Self::bad_request("IllegalLocationConstraintException", text)
    }

    pub(crate) fn illegal_versioning() -> Self {
        let text = "The Versioning element must be specified";
        Self::bad_request("IllegalVersioningConfigurationException", text)
    }

    pub(crate) fn acl_not_supported() -> Self {
        let text = "The bucket does not allow ACLs";
        Self::bad_request("AccessControlListNotSupported", text)
    }

    pub(crate) fn precondition_failed(condition: &str) -> Self {
        let text = "At least one of the pre-conditions you specified did not hold";
        Self::new(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", text)
            .with("Condition", condition)
    }

    pub(crate) fn not_modified() -> Self {
        Self::new(StatusCode::NOT_MODIFIED, "NotModified", "Not Modified")
    }

    pub(crate) fn invalid_range(range: &str, size: u64) -> Self {
        let text = "The requested range is not satisfiable";
        Self::new(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange", text)
            .with("RangeRequested", range)
            .with("ActualObjectSize", size.to_string())
    }

    pub(crate) fn invalid_part_number(number: i32, parts: usize) -> Self {
        let text = "The requested partnumber is not satisfiable";
        Self::new(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidPartNumber", text)
            .with("PartNumberRequested", number.to_string())
            .with("ActualPartCount", parts.to_string())
    }

    #[must_use]
    pub fn invalid_argument(name: &str, value: &str, text: impl Into<String>) -> Self {
        Self::bad_request("InvalidArgument", text)
            .with("ArgumentName", name)
            .with("ArgumentValue", value)
    }

    pub(crate) fn invalid_storage_class(class: &str) -> Self {
        let text = "The storage class you specified is not valid";
        Self::bad_request("InvalidStorageClass", text).with("StorageClassRequested", class)
    }

    pub(crate) fn invalid_request(text: impl Into<String>) -> Self {
        Self::bad_request("InvalidRequest", text)
    }

    pub(crate) fn malformed_xml() -> Self {
        let text = "The XML you provided was not well-formed or did not validate against our \
                    published schema";
        Self::bad_request("MalformedXML", text)
    }

    pub(crate) fn malformed_policy(text: impl Into<String>) -> Self {
        Self::bad_request("MalformedPolicy", text)
    }

    pub(crate) fn invalid_tag(text: impl Into<String>) -> Self {
        Self::bad_request("InvalidTag", text)
    }

    pub(crate) fn metadata_too_large(size: usize, limit: usize) -> Self {
        let text = "Your metadata headers exceed the maximum allowed metadata size";
        Self::bad_request("MetadataTooLarge", text)
            .with("Size", size.to_string())
            .with("MaxSizeAllowed", limit.to_string())
    }

    pub(crate) fn key_too_long(size: usize, limit: usize) -> Self {
        Self::bad_request("KeyTooLongError", "Your key is too long")
            .with("Size", size.to_string())
            .with("MaxSizeAllowed", limit.to_string())
    }

    #[must_use]
    pub fn entity_too_large(size: u64, limit: u64) -> Self {
        let text = "Your proposed upload exceeds the maximum allowed size";
        Self::bad_request("EntityTooLarge", text)
            .with("ProposedSize", size.to_string())
            .with("MaxSizeAllowed", limit.to_string())
    }

    /// A form whose policy wants a longer file.
    #[must_use]
    pub fn upload_too_small(size: u64, limit: u64) -> Self {
        let text = "Your proposed upload is smaller than the minimum allowed size";
        Self::bad_request("EntityTooSmall", text)
            .with("ProposedSize", size.to_string())
            .with("MinSizeAllowed", limit.to_string())
    }

    /// A body that is no form.
    #[must_use]
    pub fn malformed_form() -> Self {
        let text = "The body of your POST request is not well-formed multipart/form-data.";
        Self::bad_request("MalformedPOSTRequest", text)
    }

    #[must_use]
    pub fn too_long_before_file() -> Self {
        let text = "Your POST request fields preceding the upload file were too large.";
        Self::bad_request("MaxPostPreDataLengthExceeded", text)
    }

    /// The policy of a form that cannot be read.
    #[must_use]
    pub fn invalid_form_policy(text: &str) -> Self {
        Self::bad_request("InvalidPolicyDocument", format!("Invalid Policy: {text}"))
    }

    pub(crate) fn entity_too_small(size: u64, limit: u64, number: u32, etag: &str) -> Self {
        Self::upload_too_small(size, limit)
            .with("PartNumber", number.to_string())
            .with("ETag", etag)
    }

    pub(crate) fn invalid_part(upload: &str, number: u32, etag: &str) -> Self {
        let text = "One or more of the specified parts could not be found.  The part may not have \
                    been uploaded, or the specified entity tag may not match the part's entity tag.";
        Self::bad_request("InvalidPart", text)
            .with("UploadId", upload)
            .with("PartNumber", number.to_string())
            .with("ETag", etag)
    }

    pub(crate) fn invalid_part_order(upload: &str) -> Self {
        let text =
            "The list of parts was not in ascending order. Parts must be ordered by part number.";
        Self::bad_request("InvalidPartOrder", text).with("UploadId", upload)
    }

    pub(crate) fn invalid_digest(given: &str) -> Self {
        let text = "The Content-MD5 you specified was invalid.";
        Self::bad_request("InvalidDigest", text).with("Content-MD5", given)
    }

    pub(crate) fn bad_md5(expected: &str, calculated: &str) -> Self {
        let text = "The Content-MD5 you specified did not match what we received.";
        Self::bad_request("BadDigest", text)
            .with("ExpectedDigest", expected)
            .with("CalculatedDigest", calculated)
    }

    pub(crate) fn bad_checksum(algorithm: &str) -> Self {
        let text = format!("The {algorithm} you specified did not match the calculated checksum.");
        Self::bad_request("BadDigest", text)
    }

    pub(crate) fn invalid_checksum(header: &str) -> Self {
        Self::invalid_request(format!("Value for {header} header is invalid."))
    }

    pub(crate) fn body_mismatch() -> Self {
        let text = "The provided 'x-amz-content-sha256' header does not match what was computed.";
        Self::bad_request("XAmzContentSHA256Mismatch", text)
    }

    pub(crate) fn bad_chunk_signature() -> Self {
        let text = "The request signature we calculated does not match the signature you provided. \
                    Check your key and signing method.";
        Self::new(StatusCode::FORBIDDEN, "SignatureDoesNotMatch", text)
    }

    /// The body broke off, or is not as long as it was said to be.
    #[must_use]
    pub fn incomplete_body() -> Self {
        let text =
            "You did not provide the number of bytes specified by the Content-Length HTTP header";
        Self::bad_request("IncompleteBody", text)
    }

    pub(crate) fn missing_content_length() -> Self {
        let text = "You must provide the Content-Length HTTP header.";
        Self::new(StatusCode::LENGTH_REQUIRED, "MissingContentLength", text)
    }

    /// The client stopped sending.
    #[must_use]
    pub fn idle() -> Self {
        let text = "Your socket connection to the server was not read from or written to within \
                    the timeout period. Idle connections will be closed.";
        Self::bad_request("RequestTimeout", text)
    }

    pub(crate) fn malformed_trailer() -> Self {
        let text = "The request contained trailing data that was not well-formed or did not \
                    conform to our published schema.";
        Self::bad_request("MalformedTrailerError", text)
    }

    pub(crate) fn contended() -> Self {
        let text = "A conflicting conditional operation is currently in progress against this \
                    resource. Please try again.";
        Self::conflict("OperationAborted", text)
    }

    pub(crate) fn not_implemented(header: &str) -> Self {
        let text = "A header you provided implies functionality that is not implemented";
        Self::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", text).with("Header", header)
    }

    /// A configuration that was never put.
    pub(crate) fn no_configuration(code: &'static str, text: &str, bucket: &str) -> Self {
        Self::not_found(code, text).with("BucketName", bucket)
    }
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Self {
        Self::internal(error)
    }
}

impl From<CommitError> for Refusal {
    fn from(error: CommitError) -> Self {
        Self::internal(error)
    }
}

impl From<OpenBlobError> for Refusal {
    fn from(error: OpenBlobError) -> Self {
        Self::internal(error)
    }
}

impl From<serde_json::Error> for Refusal {
    fn from(error: serde_json::Error) -> Self {
        Self::internal(error)
    }
}

impl From<PutBlobError> for Refusal {
    /// What the source of a blob refused, such as a digest that does not match, is told as it is.
    fn from(error: PutBlobError) -> Self {
        match error {
            PutBlobError::Source(error) => Self::from(error),
            PutBlobError::Write(error) => Self::internal(error),
        }
    }
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(refusal) => refusal,
            Err(error) => Self::internal(error),
        }
    }
}

mod carrier;
#[cfg(test)]
mod tests;
