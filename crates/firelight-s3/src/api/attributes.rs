//! What the writer of an object says about it in headers, and how a reader is told.

use std::collections::BTreeMap;

use firelight_model::check_tag_keys;
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;

use super::choices;
use crate::depot::Bucket;
use crate::record::{Attributes, ChecksumRecord, ObjectRecord, VersionRecord};
use crate::refusal::Refusal;

/// Headers about the content, which are given back as they came.
pub const CONTENT_HEADERS: [&str; 6] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
];

/// Others that are given back; a copy does not take them over from its source.
pub(super) const NEVER_COPIED: [&str; 4] = [
    "x-amz-website-redirect-location",
    choices::ENCRYPTION,
    choices::KMS_KEY,
    choices::BUCKET_KEY,
];

const METADATA: &str = "x-amz-meta-";
const MAX_METADATA_BYTES: usize = 2048;
const MAX_TAG_KEY_CHARS: usize = 128;
const MAX_TAG_VALUE_CHARS: usize = 256;

/// Reads the attributes of an object that is written.
pub(super) fn read(headers: &HeaderMap) -> Result<Attributes, Refusal> {
    choices::check(headers)?;
    let text = |name: &str| headers.get(name).map(text_of);
    let kept = CONTENT_HEADERS
        .into_iter()
        .chain(NEVER_COPIED)
        .filter_map(|name| Some((name.to_owned(), text(name)?)));
    let mut attributes = Attributes {
        headers: kept.filter(|(_, value)| !value.is_empty()).collect(),
        metadata: metadata(headers)?,
        tags: text("x-amz-tagging").map_or(Ok(Vec::new()), |text| tags(&text))?,
        storage_class: text("x-amz-storage-class").filter(|class| class != "STANDARD"),
        acl: text("x-amz-acl"),
    };
    let default = || "binary/octet-stream".to_owned();
    attributes
        .headers
        .entry("content-type".to_owned())
        .or_insert_with(default);
    Ok(attributes)
}

fn metadata(headers: &HeaderMap) -> Result<BTreeMap<String, String>, Refusal> {
    let mut metadata = BTreeMap::new();
    for (name, value) in headers {
        let Some(name) = name.as_str().strip_prefix(METADATA) else {
            continue;
        };
        let joined: &mut String = metadata.entry(name.to_owned()).or_default();
        if !joined.is_empty() {
            joined.push(',');
        }
        joined.push_str(&text_of(value));
    }
    let size = metadata
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if size > MAX_METADATA_BYTES {
        return Err(Refusal::metadata_too_large(size, MAX_METADATA_BYTES));
    }
    Ok(metadata)
}

/// Header values are bytes; those that are no UTF-8 are read as Latin-1, which they then are.
fn text_of(value: &HeaderValue) -> String {
    let bytes = value.as_bytes();
    let latin = || bytes.iter().map(|byte| char::from(*byte)).collect();
    std::str::from_utf8(bytes).map_or_else(|_| latin(), str::to_owned)
}

/// Reads tags in the form of a query.
fn tags(text: &str) -> Result<Vec<(String, String)>, Refusal> {
    let decode = |text: &str| {
        let blanks = text.replace('+', " ");
        percent_decode_str(&blanks).decode_utf8_lossy().into_owned()
    };
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let tags: Vec<_> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (decode(key), decode(value)))
        .collect();
    check_tags(&tags, &OBJECT_TAGS)?;
    Ok(tags)
}

/// What bears tags: how many at most, and what is said of more and of keys that only AWS sets.
pub(super) struct TagRules {
    limit: usize,
    too_many: &'static str,
    reserved: &'static str,
}

pub(super) const OBJECT_TAGS: TagRules = TagRules {
    limit: 10,
    too_many: "Object tags cannot be greater than 10",
    reserved: "Your TagKey cannot be prefixed with aws:",
};

pub(super) const BUCKET_TAGS: TagRules = TagRules {
    limit: 50,
    too_many: "Bucket tag count cannot be greater than 50",
    reserved: "System tags cannot be added/updated by requester",
};

/// Checks the tags that somebody puts on an object or a bucket.
pub(super) fn check_tags(tags: &[(String, String)], rules: &TagRules) -> Result<(), Refusal> {
    if tags.len() > rules.limit {
        return Err(Refusal::bad_request("BadRequest", rules.too_many));
    }
    for (index, (key, value)) in tags.iter().enumerate() {
        if check_tag_keys([key]).is_err() {
            return Err(Refusal::invalid_tag(rules.reserved).with("TagKey", key));
        }
        if key.is_empty() || key.chars().count() > MAX_TAG_KEY_CHARS {
            return Err(
                Refusal::invalid_tag("The TagKey you have provided is invalid").with("TagKey", key),
            );
        }
        if value.chars().count() > MAX_TAG_VALUE_CHARS {
            let refusal = Refusal::invalid_tag("The TagValue you have provided is invalid");
            return Err(refusal.with("TagKey", key).with("TagValue", value));
        }
        if tags.iter().take(index).any(|(earlier, _)| earlier == key) {
            let text = "Cannot provide multiple Tags with the same key";
            return Err(Refusal::invalid_tag(text).with("TagKey", key));
        }
    }
    Ok(())
}

/// Puts what a reader of an object is told into headers.
pub(super) fn write(
    bucket: &Bucket,
    version: &VersionRecord,
    object: &ObjectRecord,
    with_checksum: bool,
) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let attributes = &object.attributes;
    write_encryption(&mut headers, attributes);
    for (name, value) in &attributes.headers {
        insert(&mut headers, name, value);
    }
    for (name, value) in &attributes.metadata {
        insert(&mut headers, &format!("{METADATA}{name}"), value);
    }
    if let Some(class) = &attributes.storage_class {
        insert(&mut headers, "x-amz-storage-class", class);
    }
    if !attributes.tags.is_empty() {
        insert(
            &mut headers,
            "x-amz-tagging-count",
            &attributes.tags.len().to_string(),
        );
    }
    if bucket.is_versioned() {
        insert(&mut headers, "x-amz-version-id", version.name());
    }
    if let Some(checksum) = object.checksum.as_ref().filter(|_| with_checksum) {
        write_checksum(&mut headers, checksum);
    }
    headers
}

/// Tells how an object is encrypted, which S3 does with keys of its own where nothing was asked.
pub(super) fn write_encryption(headers: &mut HeaderMap, attributes: &Attributes) {
    insert(headers, choices::ENCRYPTION, "AES256");
    for name in [choices::ENCRYPTION, choices::KMS_KEY, choices::BUCKET_KEY] {
        if let Some(value) = attributes.headers.get(name) {
            insert(headers, name, value);
        }
    }
}

/// Tells a checksum and its type.
pub(super) fn write_checksum(headers: &mut HeaderMap, checksum: &ChecksumRecord) {
    let algorithm = checksum.algorithm.to_ascii_lowercase();
    insert(
        headers,
        &format!("x-amz-checksum-{algorithm}"),
        &checksum.value,
    );
    insert(headers, "x-amz-checksum-type", checksum_type(checksum));
}

pub(super) fn checksum_type(checksum: &ChecksumRecord) -> &'static str {
    if checksum.composite {
        "COMPOSITE"
    } else {
        "FULL_OBJECT"
    }
}

/// Adds a header; what was read from one can be written to one.
pub(super) fn insert(headers: &mut HeaderMap, name: &str, value: &str) {
    let value = HeaderValue::from_str(value).or_else(|_| HeaderValue::from_bytes(value.as_bytes()));
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_in_a_header_are_a_query() {
        assert_eq!(
            tags("a=1&b+c=%26").unwrap(),
            [
                ("a".to_owned(), "1".to_owned()),
                ("b c".to_owned(), "&".to_owned()),
            ]
        );
        assert_eq!(tags("a=1&a=2").unwrap_err().code, "InvalidTag");
    }

    #[test]
    fn metadata_has_a_limit_and_repeated_headers_are_joined() {
        let mut headers = HeaderMap::new();
        headers.append("x-amz-meta-a", HeaderValue::from_static("1"));
        headers.append("x-amz-meta-a", HeaderValue::from_static("2"));
        assert_eq!(read(&headers).unwrap().metadata["a"], "1,2");

        headers.insert(
            "x-amz-meta-b",
            HeaderValue::try_from("x".repeat(2048)).unwrap(),
        );
        assert_eq!(read(&headers).unwrap_err().code, "MetadataTooLarge");
    }
}
