//! Listings: of objects in both versions of the operation, and of versions.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use firelight_model::AccountId;
use firelight_store::{Blobs, Store};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::{
    ChecksumAlgorithm, ChecksumType, CommonPrefix, DeleteMarkerEntry, EncodingType,
    ListObjectVersionsInput, ListObjectVersionsOutput, ListObjectsInput, ListObjectsOutput,
    ListObjectsV2Input, ListObjectsV2Output, Object, ObjectStorageClass, ObjectVersion,
    ObjectVersionStorageClass, Owner,
};

use super::attributes::checksum_type;
use super::{Answer, Call, answer, count, etag, length, owner, timestamp};
use crate::depot::{Listed, ListedVersion, ListingQuery, MAX_ENTRIES, VersionsQuery};
use crate::record::{ObjectRecord, VersionRecord};
use crate::refusal::Refusal;

/// What stays in keys that are listed with `encoding-type=url`.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'*')
    .remove(b'/');

/// How keys are written: as they are, or so that XML can carry every character.
#[derive(Clone, Copy)]
pub(super) struct Encoding {
    is_url: bool,
}

impl Encoding {
    pub(super) fn read(asked: Option<&EncodingType>) -> Result<Self, Refusal> {
        match asked.map(EncodingType::as_str) {
            None => Ok(Self { is_url: false }),
            Some(EncodingType::URL) => Ok(Self { is_url: true }),
            Some(other) => {
                let text = "Invalid Encoding Method specified in Request";
                Err(Refusal::invalid_argument("encoding-type", other, text))
            }
        }
    }

    pub(super) fn write(self, text: &str) -> String {
        if self.is_url {
            let escaped = utf8_percent_encode(text, KEPT).to_string();
            return escaped.replace("%20", "+");
        }
        text.to_owned()
    }

    fn write_optional(self, text: Option<&String>) -> Option<String> {
        text.filter(|text| !text.is_empty())
            .map(|text| self.write(text))
    }
}

/// Reads how many entries are wanted; more than a page are not given.
pub(super) fn limit(asked: Option<i32>, name: &str) -> Result<usize, Refusal> {
    let Some(asked) = asked else {
        return Ok(MAX_ENTRIES);
    };
    let limit = usize::try_from(asked).map_err(|_| {
        let text = format!("Argument {name} must be an integer between 0 and 2147483647");
        Refusal::invalid_argument(name, &asked.to_string(), text)
    })?;
    Ok(limit.min(MAX_ENTRIES))
}

fn common_prefixes<T>(listed: &Listed<T>, encoding: Encoding) -> Vec<CommonPrefix> {
    let prefix = |text: &String| CommonPrefix {
        prefix: Some(encoding.write(text)),
    };
    listed.common_prefixes.iter().map(prefix).collect()
}

fn object(
    key: &str,
    version: &VersionRecord,
    encoding: Encoding,
    owner: Option<&Owner>,
) -> Option<Object> {
    let object = version.object.as_ref()?;
    Some(Object {
        checksum_algorithm: checksum_algorithm(object),
        checksum_type: checksum_kind(object),
        e_tag: Some(etag(&object.etag)),
        key: Some(encoding.write(key)),
        last_modified: Some(timestamp(version.modified_ms)),
        owner: owner.cloned(),
        restore_status: None,
        size: Some(length(object.size)),
        storage_class: Some(ObjectStorageClass::from(storage_class(object))),
    })
}

fn storage_class(object: &ObjectRecord) -> String {
    let class = object.attributes.storage_class.clone();
    class.unwrap_or_else(|| ObjectStorageClass::STANDARD.to_owned())
}

fn checksum_algorithm(object: &ObjectRecord) -> Option<Vec<ChecksumAlgorithm>> {
    let checksum = object.checksum.as_ref()?;
    Some(vec![ChecksumAlgorithm::from(checksum.algorithm.clone())])
}

fn checksum_kind(object: &ObjectRecord) -> Option<ChecksumType> {
    object
        .checksum
        .as_ref()
        .map(|sum| ChecksumType::from_static(checksum_type(sum)))
}

fn contents(
    listed: &Listed<VersionRecord>,
    encoding: Encoding,
    owner: Option<&Owner>,
) -> Vec<Object> {
    let entries = listed.entries.iter();
    entries
        .filter_map(|(key, version)| object(key, version, encoding, owner))
        .collect()
}

pub(super) async fn list_objects_v2<S: Store, B: Blobs>(
    call: Call<'_, S, B, ListObjectsV2Input>,
) -> Answer<ListObjectsV2Output> {
    let Call {
        depot,
        caller,
        input,
        ..
    } = call;
    let bucket = depot.bucket(&caller, &input.bucket).await?;
    let encoding = Encoding::read(input.encoding_type.as_ref())?;
    let token = input
        .continuation_token
        .as_deref()
        .map(open_token)
        .transpose()?;
    let query = ListingQuery {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone(),
        after: token
            .or_else(|| input.start_after.clone())
            .filter(|after| !after.is_empty()),
        limit: limit(input.max_keys, "max-keys")?,
    };
    let listed = depot.objects(&bucket, &query).await?;
    let told_owner = input
        .fetch_owner
        .unwrap_or(false)
        .then(|| owner(bucket.owner));
    answer(ListObjectsV2Output {
        name: Some(bucket.name),
        prefix: Some(encoding.write(&query.prefix)),
        max_keys: Some(count(query.limit)),
        key_count: Some(count(listed.entries.len() + listed.common_prefixes.len())),
        continuation_token: input.continuation_token,
        is_truncated: Some(listed.next.is_some()),
        next_continuation_token: listed.next.as_deref().map(seal_token),
        contents: Some(contents(&listed, encoding, told_owner.as_ref())),
        common_prefixes: Some(common_prefixes(&listed, encoding)),
        delimiter: encoding.write_optional(input.delimiter.as_ref()),
        encoding_type: input.encoding_type,
        start_after: encoding.write_optional(input.start_after.as_ref()),
        request_charged: None,
    })
}

fn seal_token(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(key)
}

fn open_token(token: &str) -> Result<String, Refusal> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let key = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    key.ok_or_else(|| {
        let text = "The continuation token provided is incorrect";
        Refusal::invalid_argument("continuation-token", token, text)
    })
}

pub(super) async fn list_objects<S: Store, B: Blobs>(
    call: Call<'_, S, B, ListObjectsInput>,
) -> Answer<ListObjectsOutput> {
    let Call {
        depot,
        caller,
        input,
        ..
    } = call;
    let bucket = depot.bucket(&caller, &input.bucket).await?;
    let encoding = Encoding::read(input.encoding_type.as_ref())?;
    let query = ListingQuery {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone(),
        after: input.marker.clone().filter(|marker| !marker.is_empty()),
        limit: limit(input.max_keys, "max-keys")?,
    };
    let listed = depot.objects(&bucket, &query).await?;
    let told_owner = owner(bucket.owner);
    // Without a delimiter the last key listed is the marker to go on with.
    let next = listed.next.as_ref().filter(|_| input.delimiter.is_some());
    answer(ListObjectsOutput {
        name: Some(bucket.name),
        prefix: Some(encoding.write(&query.prefix)),
        marker: Some(encoding.write(&input.marker.unwrap_or_default())),
        max_keys: Some(count(query.limit)),
        is_truncated: Some(listed.next.is_some()),
        contents: Some(contents(&listed, encoding, Some(&told_owner))),
        common_prefixes: Some(common_prefixes(&listed, encoding)),
        delimiter: encoding.write_optional(input.delimiter.as_ref()),
        next_marker: encoding.write_optional(next),
        encoding_type: input.encoding_type,
        request_charged: None,
    })
}

pub(super) async fn list_object_versions<S: Store, B: Blobs>(
    call: Call<'_, S, B, ListObjectVersionsInput>,
) -> Answer<ListObjectVersionsOutput> {
    let Call {
        depot,
        caller,
        input,
        ..
    } = call;
    let bucket = depot.bucket(&caller, &input.bucket).await?;
    let encoding = Encoding::read(input.encoding_type.as_ref())?;
    let listing = ListingQuery {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone(),
        after: input.key_marker.clone().filter(|marker| !marker.is_empty()),
        limit: limit(input.max_keys, "max-keys")?,
    };
    let after_version = input
        .version_id_marker
        .clone()
        .filter(|marker| !marker.is_empty());
    if after_version.is_some() && listing.after.is_none() {
        let text = "A version-id marker cannot be specified without a key marker.";
        let given = after_version.unwrap_or_default();
        return Err(Refusal::invalid_argument("version-id-marker", &given, text));
    }
    let query = VersionsQuery {
        listing,
        after_version,
    };
    let listed = depot.versions(&bucket, &query).await?;
    let next_version = listed.next.as_ref().and_then(|next| {
        let (key, last) = listed.entries.last()?;
        (key == next).then(|| last.version.name().to_owned())
    });
    answer(ListObjectVersionsOutput {
        common_prefixes: Some(common_prefixes(&listed, encoding)),
        delete_markers: Some(markers(&listed, bucket.owner, encoding)),
        delimiter: encoding.write_optional(input.delimiter.as_ref()),
        is_truncated: Some(listed.next.is_some()),
        key_marker: Some(encoding.write(&input.key_marker.unwrap_or_default())),
        max_keys: Some(count(query.listing.limit)),
        name: Some(bucket.name.clone()),
        next_key_marker: encoding.write_optional(listed.next.as_ref()),
        next_version_id_marker: next_version,
        prefix: Some(encoding.write(&query.listing.prefix)),
        request_charged: None,
        version_id_marker: Some(input.version_id_marker.unwrap_or_default()),
        versions: Some(versions(&listed, bucket.owner, encoding)),
        encoding_type: input.encoding_type,
    })
}

fn versions(
    listed: &Listed<ListedVersion>,
    account: AccountId,
    encoding: Encoding,
) -> Vec<ObjectVersion> {
    let version = |(key, listed): &(String, ListedVersion)| {
        let object = listed.object()?;
        Some(ObjectVersion {
            checksum_algorithm: checksum_algorithm(object),
            checksum_type: checksum_kind(object),
            e_tag: Some(etag(&object.etag)),
            is_latest: Some(listed.is_newest),
            key: Some(encoding.write(key)),
            last_modified: Some(timestamp(listed.version.modified_ms)),
            owner: Some(owner(account)),
            restore_status: None,
            size: Some(length(object.size)),
            storage_class: Some(ObjectVersionStorageClass::from(storage_class(object))),
            version_id: Some(listed.version.name().to_owned()),
        })
    };
    listed.entries.iter().filter_map(version).collect()
}

fn markers(
    listed: &Listed<ListedVersion>,
    account: AccountId,
    encoding: Encoding,
) -> Vec<DeleteMarkerEntry> {
    let markers = listed
        .entries
        .iter()
        .filter(|(_, listed)| listed.object().is_none());
    markers
        .map(|(key, listed)| DeleteMarkerEntry {
            is_latest: Some(listed.is_newest),
            key: Some(encoding.write(key)),
            last_modified: Some(timestamp(listed.version.modified_ms)),
            owner: Some(owner(account)),
            version_id: Some(listed.version.name().to_owned()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_escaped_as_a_form_when_asked() {
        let url = Encoding::read(Some(&EncodingType::from_static("url"))).unwrap();

        assert_eq!(url.write("a b/ü+\u{1}"), "a+b/%C3%BC%2B%01");
        assert_eq!(Encoding::read(None).unwrap().write("a b"), "a b");
    }
}
