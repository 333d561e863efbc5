//! Multipart uploads.

use firelight_store::{Blobs, Store};
use s3s::S3Response;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, ChecksumAlgorithm, ChecksumType,
    CommonPrefix, CompleteMultipartUploadInput, CompleteMultipartUploadOutput,
    CompletedPart as GivenPart, CreateMultipartUploadInput, CreateMultipartUploadOutput, Initiator,
    ListMultipartUploadsInput, ListMultipartUploadsOutput, ListPartsInput, ListPartsOutput,
    MultipartUpload, Part, StorageClass, UploadPartInput, UploadPartOutput,
};

use super::conditions::of_write;
use super::listing::{Encoding, limit};
use super::objects::{checksum, no_content, written};
use super::{
    Answer, Call, acl, answer, attributes, choices, count, encryption, etag, length, owner,
    timestamp,
};
use crate::checksum::Algorithm;
use crate::depot::{CompletedPart, MAX_PART_NUMBER, NewUpload, UploadName, content};
use crate::intake::Promise;
use crate::record::{PartRecord, UploadRecord};
use crate::refusal::Refusal;

pub(super) fn part_number(given: i32) -> Result<u32, Refusal> {
    let number = u32::try_from(given).ok();
    number
        .filter(|number| (1..=MAX_PART_NUMBER).contains(number))
        .ok_or_else(|| {
            let text = format!(
                "Part number must be an integer between 1 and {MAX_PART_NUMBER}, inclusive"
            );
            Refusal::invalid_argument("partNumber", &given.to_string(), text)
        })
}

pub(super) async fn create_multipart_upload<S: Store, B: Blobs>(
    call: Call<'_, S, B, CreateMultipartUploadInput>,
) -> Answer<CreateMultipartUploadOutput> {
    let input = &call.input;
    let algorithm = match input.checksum_algorithm.as_ref() {
        None => None,
        Some(name) => Some(Algorithm::from_name(name.as_str()).ok_or_else(|| {
            let text = "Checksum algorithm provided is unsupported. Please try again with any of the \
                        valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]";
            Refusal::invalid_request(text)
        })?),
    };
    let asked = input.checksum_type.as_ref().map(ChecksumType::as_str);
    let composite = is_composite(algorithm, asked)?;
    let mut attributes = attributes::read(&call.headers)?;
    let bucket = call.depot.bucket(&call.caller, &input.bucket).await?;
    acl::check_chosen(&bucket, &call.headers)?;
    encryption::take_over(&mut attributes, &bucket)?;
    let new = NewUpload {
        key: input.key.clone(),
        algorithm,
        composite,
        attributes: attributes.clone(),
    };
    let upload = call
        .depot
        .create_upload(&call.caller, &input.bucket, new)
        .await?;
    let mut headers = http::HeaderMap::new();
    attributes::write_encryption(&mut headers, &attributes);
    let output = CreateMultipartUploadOutput {
        bucket: Some(input.bucket.clone()),
        checksum_algorithm: algorithm
            .map(|algorithm| ChecksumAlgorithm::from_static(algorithm.name())),
        checksum_type: algorithm.map(|_| checksum_type(composite)),
        key: Some(input.key.clone()),
        upload_id: Some(upload),
        ..CreateMultipartUploadOutput::default()
    };
    Ok(S3Response::with_headers(output, headers))
}

/// Chooses whether the object is summed up over its content or over the sums of its parts.
fn is_composite(algorithm: Option<Algorithm>, asked: Option<&str>) -> Result<bool, Refusal> {
    let Some(algorithm) = algorithm else {
        return match asked {
            None => Ok(false),
            Some(_) => Err(Refusal::invalid_request(
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
            )),
        };
    };
    let wants_whole = asked == Some(ChecksumType::FULL_OBJECT);
    let wants_composite = asked == Some(ChecksumType::COMPOSITE);
    let never_composite = algorithm == Algorithm::Crc64Nvme;
    if (wants_whole && !algorithm.is_linear()) || (wants_composite && never_composite) {
        let (kind, name) = (
            asked.unwrap_or_default(),
            algorithm.name().to_ascii_lowercase(),
        );
        let text =
            format!("The {kind} checksum type cannot be used with the {name} checksum algorithm.");
        return Err(Refusal::invalid_request(text));
    }
    Ok(!wants_whole && !never_composite)
}

fn checksum_type(composite: bool) -> ChecksumType {
    ChecksumType::from_static(if composite {
        ChecksumType::COMPOSITE
    } else {
        ChecksumType::FULL_OBJECT
    })
}

pub(super) async fn upload_part<S: Store, B: Blobs>(
    mut call: Call<'_, S, B, UploadPartInput>,
) -> Answer<UploadPartOutput> {
    choices::check(&call.headers)?;
    let number = part_number(call.input.part_number)?;
    let promise = Promise::read(&call.headers, call.trailers.clone())?;
    let source = call.input.body.take().unwrap_or_else(no_content);
    let input = &call.input;
    let bucket = call.depot.bucket(&call.caller, &input.bucket).await?;
    let upload = call
        .depot
        .upload(&bucket, &input.key, &input.upload_id)
        .await?;
    let promise = promise.or_algorithm(wanted(&upload.record, None)?);
    wanted(&upload.record, promise.algorithm())?;
    let stored = content::store(&call.depot.blobs, source, promise).await?;
    let name = UploadName {
        bucket: &input.bucket,
        key: &input.key,
        upload: &input.upload_id,
    };
    let part = call
        .depot
        .put_part(&call.caller, name, number, stored)
        .await?;
    let mut headers = http::HeaderMap::new();
    attributes::write_encryption(&mut headers, &upload.record.attributes);
    let sums = part.checksum.as_ref().map(checksum).unwrap_or_default();
    let output = UploadPartOutput {
        checksum_crc32: sums.checksum_crc32,
        checksum_crc32c: sums.checksum_crc32c,
        checksum_crc64nvme: sums.checksum_crc64nvme,
        checksum_sha1: sums.checksum_sha1,
        checksum_sha256: sums.checksum_sha256,
        e_tag: Some(etag(&part.etag)),
        ..UploadPartOutput::default()
    };
    Ok(S3Response::with_headers(output, headers))
}

/// Returns what a part is summed up with; a part may not differ from what its upload was begun with.
fn wanted(upload: &UploadRecord, given: Option<Algorithm>) -> Result<Algorithm, Refusal> {
    let begun = upload
        .checksum_algorithm
        .as_deref()
        .and_then(Algorithm::from_name);
    match (begun, given) {
        (Some(begun), Some(given)) if begun != given => {
            let name = |algorithm: Algorithm| algorithm.name().to_ascii_lowercase();
            let text = format!(
                "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
                name(begun),
                name(given)
            );
            Err(Refusal::invalid_request(text))
        }
        (begun, given) => Ok(given.or(begun).unwrap_or(Algorithm::Crc64Nvme)),
    }
}

pub(super) async fn complete_multipart_upload<S: Store, B: Blobs>(
    call: Call<'_, S, B, CompleteMultipartUploadInput>,
) -> Answer<CompleteMultipartUploadOutput> {
    let input = &call.input;
    let conditions = of_write(input.if_match.as_ref(), input.if_none_match.as_ref())?;
    let given = input
        .multipart_upload
        .as_ref()
        .and_then(|upload| upload.parts.as_ref());
    let given = given.ok_or_else(Refusal::malformed_xml)?;
    let chosen: Result<Vec<_>, Refusal> = given.iter().map(chosen).collect();
    let bucket = call.depot.bucket(&call.caller, &input.bucket).await?;
    let name = UploadName {
        bucket: &input.bucket,
        key: &input.key,
        upload: &input.upload_id,
    };
    let whole = whole_checksum(input);
    let version = call
        .depot
        .complete_upload(&call.caller, name, &chosen?, whole.as_deref(), &conditions)
        .await?;
    let object = version.object.as_ref();
    let sums = object
        .and_then(|object| object.checksum.as_ref())
        .map(checksum)
        .unwrap_or_default();
    let mut headers = written(&bucket, &version);
    super::copy::leave_out_checksums(&mut headers);
    let output = CompleteMultipartUploadOutput {
        bucket: Some(input.bucket.clone()),
        checksum_crc32: sums.checksum_crc32,
        checksum_crc32c: sums.checksum_crc32c,
        checksum_crc64nvme: sums.checksum_crc64nvme,
        checksum_sha1: sums.checksum_sha1,
        checksum_sha256: sums.checksum_sha256,
        checksum_type: sums.checksum_type,
        e_tag: object.map(|object| etag(&object.etag)),
        key: Some(input.key.clone()),
        location: Some(format!(
            "http://{}.s3.amazonaws.com/{}",
            input.bucket, input.key
        )),
        ..CompleteMultipartUploadOutput::default()
    };
    Ok(S3Response::with_headers(output, headers))
}

/// Returns the checksum that the whole has to have.
fn whole_checksum(input: &CompleteMultipartUploadInput) -> Option<String> {
    let given = [
        &input.checksum_crc32,
        &input.checksum_crc32c,
        &input.checksum_crc64nvme,
        &input.checksum_sha1,
        &input.checksum_sha256,
    ];
    given.into_iter().flatten().next().cloned()
}

fn chosen(part: &GivenPart) -> Result<CompletedPart, Refusal> {
    let sums = [
        &part.checksum_crc32,
        &part.checksum_crc32c,
        &part.checksum_crc64nvme,
        &part.checksum_sha1,
        &part.checksum_sha256,
    ];
    Ok(CompletedPart {
        number: part_number(part.part_number.ok_or_else(Refusal::malformed_xml)?)?,
        etag: part.e_tag.as_ref().map(|etag| etag.value().to_owned()),
        checksum: sums.into_iter().flatten().next().cloned(),
    })
}

pub(super) async fn abort_multipart_upload<S: Store, B: Blobs>(
    call: Call<'_, S, B, AbortMultipartUploadInput>,
) -> Answer<AbortMultipartUploadOutput> {
    let input = &call.input;
    let name = UploadName {
        bucket: &input.bucket,
        key: &input.key,
        upload: &input.upload_id,
    };
    call.depot.abort_upload(&call.caller, name).await?;
    answer(AbortMultipartUploadOutput::default())
}

fn initiator(account: firelight_model::AccountId) -> Initiator {
    let owner = owner(account);
    Initiator {
        display_name: owner.display_name,
        id: owner.id,
    }
}

pub(super) async fn list_parts<S: Store, B: Blobs>(
    call: Call<'_, S, B, ListPartsInput>,
) -> Answer<ListPartsOutput> {
    let input = call.input;
    let bucket = call.depot.bucket(&call.caller, &input.bucket).await?;
    let upload = call
        .depot
        .upload(&bucket, &input.key, &input.upload_id)
        .await?;
    let after = input.part_number_marker.unwrap_or(0);
    let limit = limit(input.max_parts, "max-parts")?;
    let mut parts = call.depot.parts(&bucket, &input.upload_id).await?;
    parts.retain(|(number, _)| i64::from(*number) > i64::from(after));
    let is_truncated = parts.len() > limit;
    parts.truncate(limit);
    let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    let last = parts.last().map_or(after, |(last, _)| number(*last));
    let algorithm = upload.record.checksum_algorithm.clone();
    answer(ListPartsOutput {
        bucket: Some(input.bucket),
        checksum_type: algorithm
            .as_ref()
            .map(|_| checksum_type(upload.record.composite)),
        checksum_algorithm: algorithm.map(ChecksumAlgorithm::from),
        initiator: Some(initiator(bucket.owner)),
        is_truncated: Some(is_truncated),
        key: Some(input.key),
        max_parts: Some(count(limit)),
        next_part_number_marker: Some(last),
        owner: Some(owner(bucket.owner)),
        part_number_marker: Some(after),
        parts: Some(
            parts
                .into_iter()
                .map(|(n, part)| listed_part(number(n), &part))
                .collect(),
        ),
        storage_class: Some(storage_class(&upload.record)),
        upload_id: Some(input.upload_id),
        ..ListPartsOutput::default()
    })
}

fn storage_class(upload: &UploadRecord) -> StorageClass {
    let class = upload.attributes.storage_class.clone();
    StorageClass::from(class.unwrap_or_else(|| StorageClass::STANDARD.to_owned()))
}

fn listed_part(number: i32, part: &PartRecord) -> Part {
    let sums = part.checksum.as_ref().map(checksum).unwrap_or_default();
    Part {
        checksum_crc32: sums.checksum_crc32,
        checksum_crc32c: sums.checksum_crc32c,
        checksum_crc64nvme: sums.checksum_crc64nvme,
        checksum_sha1: sums.checksum_sha1,
        checksum_sha256: sums.checksum_sha256,
        e_tag: Some(etag(&part.etag)),
        last_modified: Some(timestamp(part.modified_ms)),
        part_number: Some(number),
        size: Some(length(part.size)),
    }
}

pub(super) async fn list_multipart_uploads<S: Store, B: Blobs>(
    call: Call<'_, S, B, ListMultipartUploadsInput>,
) -> Answer<ListMultipartUploadsOutput> {
    let input = call.input;
    let bucket = call.depot.bucket(&call.caller, &input.bucket).await?;
    let encoding = Encoding::read(input.encoding_type.as_ref())?;
    let limit = limit(input.max_uploads, "max-uploads")?;
    let prefix = input.prefix.clone().unwrap_or_default();
    let mut uploads = call.depot.uploads(&bucket, &prefix).await?;
    let after = input.key_marker.clone().unwrap_or_default();
    let after_upload = input.upload_id_marker.clone().unwrap_or_default();
    uploads.retain(|(key, upload, _)| {
        *key > after || (*key == after && !after_upload.is_empty() && *upload > after_upload)
    });
    let is_truncated = uploads.len() > limit;
    uploads.truncate(limit);
    let last = uploads.last().filter(|_| is_truncated);
    let (next_key, next_upload) = last
        .map(|(key, upload, _)| (key.clone(), upload.clone()))
        .unzip();
    let mut common_prefixes: Vec<String> = Vec::new();
    let mut listed = Vec::new();
    for (key, upload, record) in uploads {
        match rolled_up(&key, prefix.len(), input.delimiter.as_deref()) {
            Some(rolled) if common_prefixes.last() == Some(&rolled) => {}
            Some(rolled) => common_prefixes.push(rolled),
            None => listed.push(listed_upload(
                bucket.owner,
                encoding.write(&key),
                upload,
                &record,
            )),
        }
    }
    let common_prefix = |text: String| CommonPrefix {
        prefix: Some(encoding.write(&text)),
    };
    answer(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        common_prefixes: Some(common_prefixes.into_iter().map(common_prefix).collect()),
        delimiter: input.delimiter,
        encoding_type: input.encoding_type,
        is_truncated: Some(is_truncated),
        key_marker: Some(after),
        max_uploads: Some(count(limit)),
        next_key_marker: next_key.map(|key| encoding.write(&key)),
        next_upload_id_marker: next_upload,
        prefix: Some(encoding.write(&prefix)),
        request_charged: None,
        upload_id_marker: Some(after_upload),
        uploads: Some(listed),
    })
}

fn rolled_up(key: &str, prefix_length: usize, delimiter: Option<&str>) -> Option<String> {
    let delimiter = delimiter.filter(|delimiter| !delimiter.is_empty())?;
    let at = key.get(prefix_length..)?.find(delimiter)?;
    Some(key[..prefix_length + at + delimiter.len()].to_owned())
}

fn listed_upload(
    account: firelight_model::AccountId,
    key: String,
    upload: String,
    record: &UploadRecord,
) -> MultipartUpload {
    let algorithm = record.checksum_algorithm.clone();
    MultipartUpload {
        checksum_type: algorithm.as_ref().map(|_| checksum_type(record.composite)),
        checksum_algorithm: algorithm.map(ChecksumAlgorithm::from),
        initiated: Some(timestamp(record.initiated_ms)),
        initiator: Some(initiator(account)),
        key: Some(key),
        owner: Some(owner(account)),
        storage_class: Some(storage_class(record)),
        upload_id: Some(upload),
    }
}
