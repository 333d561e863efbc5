//! Copies: content that is here already becomes another object, or a part of one.
//!
//! A copy gets blobs of its own. They have the same names, but they are young again, which is what keeps a sweep that
//! has not seen the new record from taking them.

use firelight_store::{Blobs, Store};
use s3s::S3Response;
use s3s::dto::{
    CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopyPartResult, CopySource, ETagCondition,
    MetadataDirective, Range as ByteRange, TaggingDirective, UploadPartCopyInput,
    UploadPartCopyOutput,
};

use super::conditions::{ReadConditions, of_write};
use super::multipart::part_number;
use super::objects::{as_source, checksum, written};
use super::{Answer, Call, acl, attributes, encryption, etag, timestamp};
use crate::checksum::Algorithm;
use crate::depot::{Bucket, Caller, Conditions, Target, UploadName, content};
use crate::intake::Promise;
use crate::record::{Attributes, ObjectRecord, VersionRecord};
use crate::refusal::Refusal;

/// The object that is copied.
struct Source {
    bucket: Bucket,
    version: VersionRecord,
    object: ObjectRecord,
}

impl Source {
    /// Returns the version of a source that has versions.
    fn version(&self) -> Option<String> {
        self.bucket
            .is_versioned()
            .then(|| self.version.name().to_owned())
    }
}

async fn source<S: Store, B: Blobs, I>(
    call: &Call<'_, S, B, I>,
    source: &CopySource,
    conditions: &ReadConditions,
) -> Result<Source, Refusal> {
    let CopySource::Bucket {
        bucket,
        key,
        version_id,
    } = source
    else {
        return Err(Refusal::not_implemented("x-amz-copy-source"));
    };
    let owner = call.header("x-amz-source-expected-bucket-owner");
    let caller = Caller {
        account: call.caller.source_account,
        expected_owner: owner.map(str::to_owned),
        ..call.caller.clone()
    };
    let bucket = call.depot.bucket(&caller, bucket).await?;
    let target = Target {
        key,
        version: version_id.as_deref(),
    };
    let (version, object) = call.depot.object(&bucket, target).await?;
    conditions.check_source(&version, &object)?;
    Ok(Source {
        bucket,
        version,
        object,
    })
}

pub(super) async fn copy_object<S: Store, B: Blobs>(
    call: Call<'_, S, B, CopyObjectInput>,
) -> Answer<CopyObjectOutput> {
    let input = &call.input;
    let conditions = ReadConditions {
        if_match: input.copy_source_if_match.clone(),
        if_none_match: input.copy_source_if_none_match.clone(),
        if_modified_since: input.copy_source_if_modified_since.clone(),
        if_unmodified_since: input.copy_source_if_unmodified_since.clone(),
    };
    let source = source(&call, &input.copy_source, &conditions).await?;
    let mut attributes = copied_attributes(&call, &source)?;
    let bucket = call.depot.bucket(&call.caller, &input.bucket).await?;
    acl::check_chosen(&bucket, &call.headers)?;
    encryption::take_over(&mut attributes, &bucket)?;
    let wanted = input
        .checksum_algorithm
        .as_ref()
        .map(s3s::dto::ChecksumAlgorithm::as_str);
    let had = source
        .object
        .checksum
        .as_ref()
        .map(|sum| sum.algorithm.as_str());
    let algorithm = wanted
        .or(had)
        .and_then(Algorithm::from_name)
        .unwrap_or(Algorithm::Crc64Nvme);
    let whole = 0..source.object.size;
    let stream = content::stream(&call.depot.blobs, &source.object.content, whole);
    let promise = Promise::of_algorithm(Some(algorithm));
    let (segments, sums) = content::store(&call.depot.blobs, as_source(stream), promise).await?;
    let object = ObjectRecord {
        size: sums.size,
        etag: sums.etag(),
        content: segments,
        parts: Vec::new(),
        checksum: sums.checksum,
        attributes,
        upload: None,
    };
    let conditions = written_if(&call)?;
    let version = call
        .depot
        .put_object(&call.caller, &input.bucket, &input.key, object, &conditions)
        .await?;
    let output = CopyObjectOutput {
        copy_object_result: Some(result(&version)),
        copy_source_version_id: source.version(),
        ..CopyObjectOutput::default()
    };
    let mut headers = written(&bucket, &version);
    leave_out_checksums(&mut headers);
    Ok(S3Response::with_headers(output, headers))
}

/// Reads the conditions on what the copy replaces, which `s3s` does not know of.
fn written_if<S, B, I>(call: &Call<'_, S, B, I>) -> Result<Conditions, Refusal> {
    let condition = |name: &str| {
        let text = call.header(name)?;
        ETagCondition::parse_http_header(text.as_bytes()).ok()
    };
    let (if_match, if_none_match) = (condition("if-match"), condition("if-none-match"));
    of_write(if_match.as_ref(), if_none_match.as_ref())
}

/// Removes checksums from headers, where the body of the answer tells them.
pub(super) fn leave_out_checksums(headers: &mut http::HeaderMap) {
    for algorithm in Algorithm::ALL {
        headers.remove(algorithm.header());
    }
    headers.remove("x-amz-checksum-type");
}

fn result(version: &VersionRecord) -> CopyObjectResult {
    let object = version.object.as_ref();
    let sums = object
        .and_then(|object| object.checksum.as_ref())
        .map(checksum)
        .unwrap_or_default();
    CopyObjectResult {
        checksum_crc32: sums.checksum_crc32,
        checksum_crc32c: sums.checksum_crc32c,
        checksum_crc64nvme: sums.checksum_crc64nvme,
        checksum_sha1: sums.checksum_sha1,
        checksum_sha256: sums.checksum_sha256,
        checksum_type: sums.checksum_type,
        e_tag: object.map(|object| etag(&object.etag)),
        last_modified: Some(timestamp(version.modified_ms)),
    }
}

/// Chooses what the copy says about itself; a copy onto itself must say something else.
fn copied_attributes<S, B>(
    call: &Call<'_, S, B, CopyObjectInput>,
    source: &Source,
) -> Result<Attributes, Refusal> {
    let input = &call.input;
    check_directive(call, "x-amz-metadata-directive", "metadata")?;
    check_directive(call, "x-amz-tagging-directive", "tagging")?;
    let given = attributes::read(&call.headers)?;
    let replaces = input
        .metadata_directive
        .as_ref()
        .is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
    let replaces_tags = input
        .tagging_directive
        .as_ref()
        .is_some_and(|directive| directive.as_str() == TaggingDirective::REPLACE);
    let changes_more = given.storage_class.is_some()
        || input.website_redirect_location.is_some()
        || input.server_side_encryption.is_some();
    let names_version = matches!(
        &input.copy_source,
        CopySource::Bucket {
            version_id: Some(_),
            ..
        }
    );
    if is_itself(input) && !replaces && !changes_more && !names_version {
        return Err(Refusal::invalid_request(
            "This copy request is illegal because it is trying to copy an object to itself without \
             changing the object's metadata, storage class, website redirect location or encryption \
             attributes.",
        ));
    }
    let own = source.object.attributes.clone();
    let tags = if replaces_tags {
        given.tags.clone()
    } else {
        own.tags.clone()
    };
    if replaces {
        return Ok(Attributes { tags, ..given });
    }
    let mut headers = own.headers;
    for name in attributes::NEVER_COPIED {
        headers.remove(name);
        let value = given.headers.get(name);
        headers.extend(value.map(|value| (name.to_owned(), value.clone())));
    }
    Ok(Attributes {
        headers,
        metadata: own.metadata,
        tags,
        storage_class: given.storage_class,
        acl: given.acl,
    })
}

fn check_directive<S, B, I>(
    call: &Call<'_, S, B, I>,
    header: &str,
    what: &str,
) -> Result<(), Refusal> {
    let known = [MetadataDirective::COPY, MetadataDirective::REPLACE];
    match call.header(header).filter(|given| !known.contains(given)) {
        Some(unknown) => {
            let text = format!("Unknown {what} directive.");
            Err(Refusal::invalid_argument(header, unknown, text))
        }
        None => Ok(()),
    }
}

fn is_itself(input: &CopyObjectInput) -> bool {
    match &input.copy_source {
        CopySource::Bucket { bucket, key, .. } => **bucket == *input.bucket && **key == *input.key,
        _ => false,
    }
}

pub(super) async fn upload_part_copy<S: Store, B: Blobs>(
    call: Call<'_, S, B, UploadPartCopyInput>,
) -> Answer<UploadPartCopyOutput> {
    let input = &call.input;
    let number = part_number(input.part_number)?;
    let conditions = ReadConditions {
        if_match: input.copy_source_if_match.clone(),
        if_none_match: input.copy_source_if_none_match.clone(),
        if_modified_since: input.copy_source_if_modified_since.clone(),
        if_unmodified_since: input.copy_source_if_unmodified_since.clone(),
    };
    let source = source(&call, &input.copy_source, &conditions).await?;
    let bucket = call.depot.bucket(&call.caller, &input.bucket).await?;
    let upload = call
        .depot
        .upload(&bucket, &input.key, &input.upload_id)
        .await?;
    let algorithm = upload
        .record
        .checksum_algorithm
        .as_deref()
        .and_then(Algorithm::from_name);
    let size = source.object.size;
    let range = match input.copy_source_range.as_deref() {
        None => 0..size,
        Some(text) => copied_range(text, size)?,
    };
    let stream = content::stream(&call.depot.blobs, &source.object.content, range);
    let promise = Promise::of_algorithm(algorithm).or_algorithm(Algorithm::Crc64Nvme);
    let stored = content::store(&call.depot.blobs, as_source(stream), promise).await?;
    let name = UploadName {
        bucket: &input.bucket,
        key: &input.key,
        upload: &input.upload_id,
    };
    let part = call
        .depot
        .put_part(&call.caller, name, number, stored)
        .await?;
    let sums = part.checksum.as_ref().map(checksum).unwrap_or_default();
    let result = CopyPartResult {
        checksum_crc32: sums.checksum_crc32,
        checksum_crc32c: sums.checksum_crc32c,
        checksum_crc64nvme: sums.checksum_crc64nvme,
        checksum_sha1: sums.checksum_sha1,
        checksum_sha256: sums.checksum_sha256,
        e_tag: Some(etag(&part.etag)),
        last_modified: Some(timestamp(part.modified_ms)),
    };
    super::answer(UploadPartCopyOutput {
        copy_part_result: Some(result),
        copy_source_version_id: source.version(),
        ..UploadPartCopyOutput::default()
    })
}

/// Reads the range of a source: both ends are named, and lie within it.
fn copied_range(text: &str, size: u64) -> Result<std::ops::Range<u64>, Refusal> {
    match ByteRange::parse(text) {
        Ok(ByteRange::Int {
            first,
            last: Some(last),
        }) if last < size => Ok(first..last + 1),
        Ok(ByteRange::Int { last: Some(_), .. }) => {
            let words = format!("Range specified is not valid for source object of size: {size}");
            Err(Refusal::invalid_argument(
                "x-amz-copy-source-range",
                text,
                words,
            ))
        }
        _ => {
            let words = "The x-amz-copy-source-range value must be of the form bytes=first-last \
                         where first and last are the zero-based offsets of the first and last \
                         bytes to copy";
            Err(Refusal::invalid_argument(
                "x-amz-copy-source-range",
                text,
                words,
            ))
        }
    }
}
