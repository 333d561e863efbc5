//! Objects: put, read, told about, deleted.

use std::ops::Range;

use firelight_store::{Blobs, Store};
use futures_util::stream::empty;
use http::{HeaderMap, StatusCode};
use s3s::S3Response;
use s3s::StdError;
use s3s::dto::{
    Checksum, ChecksumMode, ChecksumType, GetObjectAttributesInput, GetObjectAttributesOutput,
    GetObjectAttributesParts, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput,
    ObjectAttributes, ObjectPart, PutObjectInput, PutObjectOutput, Range as ByteRange,
    StorageClass, StreamingBlob,
};

use super::conditions::{ReadConditions, Unmet, of_write};
use super::multipart::part_number;
use super::{
    Answer, Call, acl, answer, attributes, choices, count, encryption, etag, length, timestamp,
};
use crate::checksum::Algorithm;
use crate::depot::{Bucket, MAX_ENTRIES, Target, content};
use crate::intake::Promise;
use crate::record::{ChecksumRecord, ObjectRecord, PartSize, VersionRecord};
use crate::refusal::Refusal;

pub(super) async fn put_object<S: Store, B: Blobs>(
    mut call: Call<'_, S, B, PutObjectInput>,
) -> Answer<PutObjectOutput> {
    let mut attributes = attributes::read(&call.headers)?;
    let input = &call.input;
    let conditions = of_write(input.if_match.as_ref(), input.if_none_match.as_ref())?;
    let promise = Promise::read(&call.headers, call.trailers.clone())?;
    // Nobody should send gigabytes to a bucket that is not there.
    let bucket = call.depot.bucket(&call.caller, &input.bucket).await?;
    acl::check_chosen(&bucket, &call.headers)?;
    encryption::take_over(&mut attributes, &bucket)?;
    let source = call.input.body.take().unwrap_or_else(no_content);
    let promise = promise.or_algorithm(Algorithm::Crc64Nvme);
    let (segments, sums) = content::store(&call.depot.blobs, source, promise).await?;
    let object = ObjectRecord {
        size: sums.size,
        etag: sums.etag(),
        content: segments,
        parts: Vec::new(),
        checksum: sums.checksum,
        attributes,
        upload: None,
    };
    let (caller, input) = (&call.caller, &call.input);
    let version = call
        .depot
        .put_object(caller, &input.bucket, &input.key, object, &conditions)
        .await?;
    let output = PutObjectOutput {
        e_tag: version.object.as_ref().map(|object| etag(&object.etag)),
        ..PutObjectOutput::default()
    };
    Ok(S3Response::with_headers(output, written(&bucket, &version)))
}

/// Returns what the writer of an object is told in headers.
pub(super) fn written(bucket: &Bucket, version: &VersionRecord) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(object) = &version.object {
        attributes::write_encryption(&mut headers, &object.attributes);
    }
    let checksum = version.object.as_ref().and_then(|it| it.checksum.as_ref());
    if let Some(checksum) = checksum {
        attributes::write_checksum(&mut headers, checksum);
    }
    if bucket.is_versioned() {
        attributes::insert(&mut headers, "x-amz-version-id", version.name());
    }
    headers
}

pub(super) fn no_content() -> StreamingBlob {
    StreamingBlob::wrap::<_, std::io::Error>(empty())
}

/// What a reader asks of an object, whether of its content or only of its head.
struct Read<'a> {
    bucket: &'a str,
    target: Target<'a>,
    conditions: ReadConditions,
    range: Option<ByteRange>,
    part: Option<i32>,
    with_checksum: bool,
}

/// An object that was found, and what of it is given.
struct Reading {
    object: ObjectRecord,
    version: VersionRecord,
    headers: HeaderMap,
    range: Range<u64>,
    is_partial: bool,
}

impl Reading {
    fn content_range(&self) -> Option<String> {
        let Range { start, end } = self.range;
        let last = end.checked_sub(1)?;
        self.is_partial
            .then(|| format!("bytes {start}-{last}/{}", self.object.size))
    }

    fn length(&self) -> i64 {
        length(self.range.end - self.range.start)
    }

    fn parts_count(&self, asked: bool) -> Option<i32> {
        let parts = &self.object.parts;
        (asked && !parts.is_empty()).then(|| count(parts.len()))
    }
}

async fn read<S: Store, B: Blobs, I>(
    call: &Call<'_, S, B, I>,
    asked: Read<'_>,
) -> Result<Reading, Refusal> {
    check_asked(call, &asked)?;
    let bucket = call.depot.bucket(&call.caller, asked.bucket).await?;
    let (version, object) = call.depot.object(&bucket, asked.target).await?;
    let whole = asked.range.is_none() && asked.part.is_none();
    let headers = attributes::write(&bucket, &version, &object, asked.with_checksum && whole);
    asked
        .conditions
        .check(&version, &object)
        .map_err(|unmet| match unmet {
            Unmet::Failed { header } => Refusal::precondition_failed(header),
            Unmet::NotModified => not_modified(&headers, &version, &object),
        })?;
    let range = match asked.part {
        Some(number) => part_range(&object, number)?,
        None => byte_range(&object, asked.range)?,
    };
    Ok(Reading {
        is_partial: !whole,
        object,
        version,
        headers,
        range,
    })
}

/// Refuses what cannot be asked of any object that there is.
fn check_asked<S, B, I>(call: &Call<'_, S, B, I>, asked: &Read<'_>) -> Result<(), Refusal> {
    if asked.part.is_some() && asked.range.is_some() {
        let text = "Cannot specify both Range header and partNumber query parameter";
        return Err(Refusal::invalid_request(text));
    }
    if call.header(choices::CUSTOMER_KEY).is_some() {
        let text = "The encryption parameters are not applicable to this object.";
        return Err(Refusal::invalid_request(text));
    }
    asked
        .part
        .map_or(Ok(()), |part| part_number(part).map(drop))
}

fn not_modified(headers: &HeaderMap, version: &VersionRecord, object: &ObjectRecord) -> Refusal {
    let mut headers = headers.clone();
    headers.remove(http::header::CONTENT_TYPE);
    // Clients take a checksum for that of the body, and there is none.
    super::copy::leave_out_checksums(&mut headers);
    let quoted = format!("\"{}\"", object.etag);
    let mut time = Vec::new();
    let _ = timestamp(version.modified_ms).format(s3s::dto::TimestampFormat::HttpDate, &mut time);
    Refusal::not_modified()
        .with_headers(headers)
        .with_header("etag", &quoted)
        .with_header("last-modified", &String::from_utf8_lossy(&time))
}

fn byte_range(object: &ObjectRecord, range: Option<ByteRange>) -> Result<Range<u64>, Refusal> {
    let Some(range) = range else {
        return Ok(0..object.size);
    };
    let asked = range.to_header_string();
    range
        .check(object.size)
        .map_err(|_| Refusal::invalid_range(&asked, object.size))
}

fn part_range(object: &ObjectRecord, number: i32) -> Result<Range<u64>, Refusal> {
    if object.parts.is_empty() && number == 1 {
        return Ok(0..object.size);
    }
    let mut start = 0;
    for part in &object.parts {
        if i64::from(part.number) == i64::from(number) {
            return Ok(start..start + part.size);
        }
        start += part.size;
    }
    Err(Refusal::invalid_part_number(
        number,
        object.parts.len().max(1),
    ))
}

fn wants_checksum(mode: Option<&ChecksumMode>) -> bool {
    mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED)
}

pub(super) async fn get_object<S: Store, B: Blobs>(
    call: Call<'_, S, B, GetObjectInput>,
) -> Answer<GetObjectOutput> {
    let input = &call.input;
    let asked = Read {
        bucket: &input.bucket,
        target: Target {
            key: &input.key,
            version: input.version_id.as_deref(),
        },
        conditions: ReadConditions {
            if_match: input.if_match.clone(),
            if_none_match: input.if_none_match.clone(),
            if_modified_since: input.if_modified_since.clone(),
            if_unmodified_since: input.if_unmodified_since.clone(),
        },
        range: input.range,
        part: input.part_number,
        with_checksum: wants_checksum(input.checksum_mode.as_ref()),
    };
    let reading = read(&call, asked).await?;
    let stream = content::stream(
        &call.depot.blobs,
        &reading.object.content,
        reading.range.clone(),
    );
    let output = GetObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        body: Some(StreamingBlob::wrap(stream)),
        content_length: Some(reading.length()),
        content_range: reading.content_range(),
        e_tag: Some(etag(&reading.object.etag)),
        last_modified: Some(timestamp(reading.version.modified_ms)),
        parts_count: reading.parts_count(input.part_number.is_some()),
        ..GetObjectOutput::default()
    };
    let status = if reading.is_partial {
        StatusCode::PARTIAL_CONTENT
    } else {
        StatusCode::OK
    };
    let mut response = S3Response::with_headers(output, overridden(&call, reading.headers));
    response.status = Some(status);
    Ok(response)
}

/// Leaves out what the query of the request says otherwise.
fn overridden<S, B>(call: &Call<'_, S, B, GetObjectInput>, mut headers: HeaderMap) -> HeaderMap {
    let input = &call.input;
    let said = [
        ("cache-control", input.response_cache_control.is_some()),
        (
            "content-disposition",
            input.response_content_disposition.is_some(),
        ),
        (
            "content-encoding",
            input.response_content_encoding.is_some(),
        ),
        (
            "content-language",
            input.response_content_language.is_some(),
        ),
        ("content-type", input.response_content_type.is_some()),
        ("expires", input.response_expires.is_some()),
    ];
    for (name, _) in said.into_iter().filter(|(_, is_said)| *is_said) {
        headers.remove(name);
    }
    headers
}

pub(super) async fn head_object<S: Store, B: Blobs>(
    call: Call<'_, S, B, HeadObjectInput>,
) -> Answer<HeadObjectOutput> {
    let input = &call.input;
    let asked = Read {
        bucket: &input.bucket,
        target: Target {
            key: &input.key,
            version: input.version_id.as_deref(),
        },
        conditions: ReadConditions {
            if_match: input.if_match.clone(),
            if_none_match: input.if_none_match.clone(),
            if_modified_since: input.if_modified_since.clone(),
            if_unmodified_since: input.if_unmodified_since.clone(),
        },
        range: input.range,
        part: input.part_number,
        with_checksum: wants_checksum(input.checksum_mode.as_ref()),
    };
    let reading = read(&call, asked).await?;
    let output = HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        content_length: Some(reading.length()),
        content_range: reading.content_range(),
        e_tag: Some(etag(&reading.object.etag)),
        last_modified: Some(timestamp(reading.version.modified_ms)),
        parts_count: reading.parts_count(input.part_number.is_some()),
        ..HeadObjectOutput::default()
    };
    let mut response = S3Response::with_headers(output, reading.headers);
    if reading.is_partial {
        response.status = Some(StatusCode::PARTIAL_CONTENT);
    }
    Ok(response)
}

const ATTRIBUTES: [&str; 5] = [
    ObjectAttributes::CHECKSUM,
    ObjectAttributes::ETAG,
    ObjectAttributes::OBJECT_PARTS,
    ObjectAttributes::OBJECT_SIZE,
    ObjectAttributes::STORAGE_CLASS,
];

pub(super) async fn get_object_attributes<S: Store, B: Blobs>(
    call: Call<'_, S, B, GetObjectAttributesInput>,
) -> Answer<GetObjectAttributesOutput> {
    let input = &call.input;
    let bucket = call.depot.bucket(&call.caller, &input.bucket).await?;
    let target = Target {
        key: &input.key,
        version: input.version_id.as_deref(),
    };
    let (version, object) = call.depot.object(&bucket, target).await?;
    // One header names them all, with commas between.
    let names = call.header("x-amz-object-attributes").unwrap_or_default();
    let mut each = names.split(',').map(str::trim);
    if let Some(unknown) = each.find(|name| !ATTRIBUTES.contains(name)) {
        let (header, text) = (
            "x-amz-object-attributes",
            "Invalid attribute name specified.",
        );
        return Err(Refusal::invalid_argument(header, unknown, text));
    }
    let asked = |name: &str| names.split(',').any(|asked| asked.trim() == name);
    let class = object.attributes.storage_class.clone();
    let class = class.unwrap_or_else(|| StorageClass::STANDARD.to_owned());
    answer(GetObjectAttributesOutput {
        checksum: object
            .checksum
            .as_ref()
            .filter(|_| asked(ObjectAttributes::CHECKSUM))
            .map(checksum),
        e_tag: asked(ObjectAttributes::ETAG).then(|| etag(&object.etag)),
        last_modified: Some(timestamp(version.modified_ms)),
        object_parts: (asked(ObjectAttributes::OBJECT_PARTS) && !object.parts.is_empty())
            .then(|| parts(input, &object)),
        object_size: asked(ObjectAttributes::OBJECT_SIZE).then(|| length(object.size)),
        storage_class: asked(ObjectAttributes::STORAGE_CLASS).then(|| StorageClass::from(class)),
        version_id: bucket.is_versioned().then(|| version.name().to_owned()),
        ..GetObjectAttributesOutput::default()
    })
}

pub(super) fn checksum(record: &ChecksumRecord) -> Checksum {
    let value =
        |algorithm: Algorithm| (record.algorithm == algorithm.name()).then(|| record.value.clone());
    Checksum {
        checksum_crc32: value(Algorithm::Crc32),
        checksum_crc32c: value(Algorithm::Crc32c),
        checksum_crc64nvme: value(Algorithm::Crc64Nvme),
        checksum_sha1: value(Algorithm::Sha1),
        checksum_sha256: value(Algorithm::Sha256),
        checksum_type: Some(ChecksumType::from_static(attributes::checksum_type(record))),
    }
}

fn parts(input: &GetObjectAttributesInput, object: &ObjectRecord) -> GetObjectAttributesParts {
    let after = input.part_number_marker.unwrap_or(0);
    let limit = input
        .max_parts
        .unwrap_or(count(MAX_ENTRIES))
        .clamp(0, count(MAX_ENTRIES));
    let behind = object
        .parts
        .iter()
        .filter(|part| i64::from(part.number) > i64::from(after));
    let mut listed: Vec<&PartSize> = behind.collect();
    let taken = usize::try_from(limit).unwrap_or(0);
    let is_truncated = listed.len() > taken;
    listed.truncate(taken);
    let number = |part: &PartSize| i32::try_from(part.number).unwrap_or(i32::MAX);
    let algorithm = object
        .checksum
        .as_ref()
        .map(|sum| sum.algorithm.as_str())
        .unwrap_or_default();
    let part = |part: &&PartSize| {
        let value = |of: Algorithm| part.checksum.clone().filter(|_| of.name() == algorithm);
        ObjectPart {
            checksum_crc32: value(Algorithm::Crc32),
            checksum_crc32c: value(Algorithm::Crc32c),
            checksum_crc64nvme: value(Algorithm::Crc64Nvme),
            checksum_sha1: value(Algorithm::Sha1),
            checksum_sha256: value(Algorithm::Sha256),
            part_number: Some(number(part)),
            size: Some(length(part.size)),
        }
    };
    GetObjectAttributesParts {
        is_truncated: Some(is_truncated),
        max_parts: Some(limit),
        next_part_number_marker: Some(listed.last().map_or(after, |part| number(part))),
        part_number_marker: Some(after),
        parts: Some(listed.iter().map(part).collect()),
        total_parts_count: Some(count(object.parts.len())),
    }
}

/// Turns a stream of ours into one that can be stored again.
pub(super) fn as_source(
    stream: impl futures_util::Stream<Item = Result<bytes::Bytes, std::io::Error>>,
) -> impl futures_util::Stream<Item = Result<bytes::Bytes, StdError>> {
    use futures_util::StreamExt as _;
    stream.map(|chunk| chunk.map_err(StdError::from))
}
