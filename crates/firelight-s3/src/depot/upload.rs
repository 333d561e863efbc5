//! Multipart uploads: parts come in any order and become one object, or nothing.
//!
//! ```text
//!  create ──► uploading ──part──► uploading ──complete──► object
//!                 └──────────────abort──────► gone
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use firelight_store::{Blobs, Expect, Record, Store, Txn};
use s3s::crypto::{Checksum as _, Md5};

use super::put::check_key;
use super::{ATTEMPTS, Bucket, Caller, Conditions, Depot};
use crate::body::seal::hex;
use crate::checksum::{Algorithm, composite, joined};
use crate::intake::Sums;
use crate::record::{
    Attributes, ChecksumRecord, Found, ObjectRecord, PartRecord, PartSize, Segment, UploadRecord,
    VersionRecord, decode, encode, part_key, parts, split_id, upload_key, uploads,
};
use crate::refusal::Refusal;

pub(crate) const MAX_PART_NUMBER: u32 = 10_000;
const MIN_PART_BYTES: u64 = 5 * 1024 * 1024;

/// An upload that is to begin.
#[derive(Clone, Debug)]
pub(crate) struct NewUpload {
    pub(crate) key: String,
    pub(crate) algorithm: Option<Algorithm>,
    pub(crate) composite: bool,
    pub(crate) attributes: Attributes,
}

/// A part as the completing request names it.
#[derive(Clone, Debug)]
pub(crate) struct CompletedPart {
    pub(crate) number: u32,
    pub(crate) etag: Option<String>,
    pub(crate) checksum: Option<String>,
}

/// An upload with the names it goes by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UploadName<'a> {
    pub(crate) bucket: &'a str,
    pub(crate) key: &'a str,
    pub(crate) upload: &'a str,
}

impl<S: Store, B: Blobs> Depot<S, B> {
    pub(crate) async fn create_upload(
        &self,
        caller: &Caller,
        bucket: &str,
        new: NewUpload,
    ) -> Result<String, Refusal> {
        check_key(&new.key)?;
        let record = UploadRecord {
            initiated_ms: self.now_ms(),
            checksum_algorithm: new.algorithm.map(|algorithm| algorithm.name().to_owned()),
            composite: new.composite,
            attributes: new.attributes,
        };
        for _ in 0..ATTEMPTS {
            let bucket = self.bucket(caller, bucket).await?;
            let bytes = [self.random(), self.random(), self.random()].concat();
            let upload = URL_SAFE_NO_PAD.encode(bytes);
            let place = upload_key(bucket.owner, &bucket.name, &new.key, &upload);
            let txn = self.write_into(&bucket).create(place, encode(&record));
            if self.try_commit(txn).await? {
                return Ok(upload);
            }
        }
        Err(Refusal::contended())
    }

    pub(crate) async fn upload(
        &self,
        bucket: &Bucket,
        key: &str,
        upload: &str,
    ) -> Result<Found<UploadRecord>, Refusal> {
        let place = upload_key(bucket.owner, &bucket.name, key, upload);
        let found = self.read(&place).await?;
        found.ok_or_else(|| Refusal::no_such_upload(upload))
    }

    /// Keeps a part whose content is stored; a part of the same number is replaced.
    pub(crate) async fn put_part(
        &self,
        caller: &Caller,
        name: UploadName<'_>,
        number: u32,
        content: (Vec<Segment>, Sums),
    ) -> Result<PartRecord, Refusal> {
        let (content, sums) = content;
        let part = PartRecord {
            size: sums.size,
            etag: sums.etag(),
            modified_ms: self.now_ms(),
            content,
            checksum: sums.checksum,
        };
        for _ in 0..ATTEMPTS {
            let bucket = self.bucket(caller, name.bucket).await?;
            self.upload(&bucket, name.key, name.upload).await?;
            let place = part_key(bucket.owner, &bucket.name, name.upload, number);
            let expected = match self.store.read(&place).await? {
                Some(found) => Expect::Rev(found.rev),
                None => Expect::Absent,
            };
            let uploading = upload_key(bucket.owner, &bucket.name, name.key, name.upload);
            let txn =
                Txn::new()
                    .check(uploading, Expect::Exists)
                    .put(place, expected, encode(&part));
            if self.try_commit(txn).await? {
                return Ok(part);
            }
        }
        Err(Refusal::contended())
    }

    /// Returns the parts of an upload by number.
    pub(crate) async fn parts(
        &self,
        bucket: &Bucket,
        upload: &str,
    ) -> Result<Vec<(u32, PartRecord)>, Refusal> {
        let records = self.part_records(bucket, upload).await?;
        records.iter().map(numbered).collect()
    }

    async fn part_records(&self, bucket: &Bucket, upload: &str) -> Result<Vec<Record>, Refusal> {
        self.list_all(&parts(bucket.owner, &bucket.name, upload))
            .await
    }

    /// Returns the uploads in progress, by key and by id.
    pub(crate) async fn uploads(
        &self,
        bucket: &Bucket,
        prefix: &str,
    ) -> Result<Vec<(String, String, UploadRecord)>, Refusal> {
        let records = self
            .list_all(&uploads(bucket.owner, &bucket.name, prefix))
            .await?;
        let named = |record: &Record| -> Result<_, Refusal> {
            let (key, upload) = split_id(&bucket.name, record.key.id()).unwrap_or_default();
            let upload_record = decode(&record.value.body)?;
            Ok((key.to_owned(), upload.to_owned(), upload_record))
        };
        records.iter().map(named).collect()
    }

    pub(crate) async fn abort_upload(
        &self,
        caller: &Caller,
        name: UploadName<'_>,
    ) -> Result<(), Refusal> {
        for _ in 0..ATTEMPTS {
            let bucket = self.bucket(caller, name.bucket).await?;
            self.upload(&bucket, name.key, name.upload).await?;
            let records = self.part_records(&bucket, name.upload).await?;
            let txn = end_upload(Txn::new(), &bucket, name, &records);
            if self.try_commit(txn).await? {
                return Ok(());
            }
        }
        Err(Refusal::contended())
    }

    /// Makes an object of parts.
    pub(crate) async fn complete_upload(
        &self,
        caller: &Caller,
        name: UploadName<'_>,
        chosen: &[CompletedPart],
        checksum: Option<&str>,
        conditions: &Conditions,
    ) -> Result<VersionRecord, Refusal> {
        let bucket = self.bucket(caller, name.bucket).await?;
        let upload = match self.upload(&bucket, name.key, name.upload).await {
            Ok(upload) => upload.record,
            Err(refusal) => return self.completed_before(&bucket, name).await.ok_or(refusal),
        };
        let records = self.part_records(&bucket, name.upload).await?;
        let found: Result<Vec<_>, Refusal> = records.iter().map(numbered).collect();
        let object = assemble(name.upload, upload, &found?, chosen)?;
        check_whole(&object, checksum)?;
        let end = |txn| end_upload(txn, &bucket, name, &records);
        self.put_version(caller, name.bucket, name.key, Some(object), conditions, end)
            .await
    }

    /// Finds the object of an upload that was completed by a request whose answer was lost.
    async fn completed_before(
        &self,
        bucket: &Bucket,
        name: UploadName<'_>,
    ) -> Option<VersionRecord> {
        let newest = self.newest(bucket, name.key).await.ok()??.record;
        let made_by = newest.object.as_ref()?.upload.as_deref();
        (made_by == Some(name.upload)).then_some(newest)
    }
}

fn numbered(record: &Record) -> Result<(u32, PartRecord), Refusal> {
    let number = record
        .key
        .id()
        .rsplit('/')
        .next()
        .and_then(|text| text.parse().ok());
    Ok((number.unwrap_or_default(), decode(&record.value.body)?))
}

/// Removes an upload with the parts that were seen; a part that came meanwhile is a conflict.
fn end_upload(txn: Txn, bucket: &Bucket, name: UploadName<'_>, records: &[Record]) -> Txn {
    let place = upload_key(bucket.owner, &bucket.name, name.key, name.upload);
    let txn = txn.delete(place, Expect::Exists);
    records.iter().fold(txn, |txn, record| {
        txn.delete(record.key.clone(), Expect::Rev(record.value.rev))
    })
}

fn assemble(
    name: &str,
    upload: UploadRecord,
    found: &[(u32, PartRecord)],
    chosen: &[CompletedPart],
) -> Result<ObjectRecord, Refusal> {
    let parts = choose(name, found, chosen)?;
    let mut md5 = Md5::new();
    for (_, part) in &parts {
        md5.update(&unhex(&part.etag));
    }
    let checksum = checksum(&upload, &parts);
    Ok(ObjectRecord {
        size: parts.iter().map(|(_, part)| part.size).sum(),
        etag: format!("{}-{}", hex(&md5.finalize()), parts.len()),
        content: parts
            .iter()
            .flat_map(|(_, part)| part.content.iter().copied())
            .collect(),
        parts: parts
            .iter()
            .map(|(number, part)| part_size(*number, part))
            .collect(),
        checksum,
        attributes: upload.attributes,
        upload: Some(name.to_owned()),
    })
}

/// Compares the sum of the whole with what the client says, which may or may not count the parts.
fn check_whole(object: &ObjectRecord, given: Option<&str>) -> Result<(), Refusal> {
    let (Some(given), Some(own)) = (given, &object.checksum) else {
        return Ok(());
    };
    let bare = own.value.split('-').next();
    if given == own.value || Some(given) == bare {
        return Ok(());
    }
    Err(Refusal::bad_checksum(&own.algorithm))
}

fn choose<'a>(
    upload: &str,
    found: &'a [(u32, PartRecord)],
    chosen: &[CompletedPart],
) -> Result<Vec<(u32, &'a PartRecord)>, Refusal> {
    if chosen.is_empty() {
        return Err(Refusal::malformed_xml());
    }
    if !chosen.is_sorted_by(|left, right| left.number < right.number) {
        return Err(Refusal::invalid_part_order(upload));
    }
    let mut parts = Vec::with_capacity(chosen.len());
    for (index, chosen_part) in chosen.iter().enumerate() {
        let CompletedPart {
            number,
            etag,
            checksum,
        } = chosen_part;
        let invalid =
            || Refusal::invalid_part(upload, *number, etag.as_deref().unwrap_or_default());
        let at = found
            .binary_search_by_key(number, |(number, _)| *number)
            .map_err(|_| invalid())?;
        let part = &found[at].1;
        let is_same = |given: &Option<String>, own: Option<&str>| {
            given.as_deref().is_none_or(|given| Some(given) == own)
        };
        let own_checksum = part.checksum.as_ref().map(|sum| sum.value.as_str());
        if !is_same(etag, Some(&part.etag)) || !is_same(checksum, own_checksum) {
            return Err(invalid());
        }
        if part.size < MIN_PART_BYTES && index + 1 < chosen.len() {
            return Err(Refusal::entity_too_small(
                part.size,
                MIN_PART_BYTES,
                *number,
                &part.etag,
            ));
        }
        parts.push((*number, part));
    }
    Ok(parts)
}

/// Sums up the whole, if all parts were summed up alike.
fn checksum(upload: &UploadRecord, parts: &[(u32, &PartRecord)]) -> Option<ChecksumRecord> {
    let sums: Option<Vec<&ChecksumRecord>> = parts
        .iter()
        .map(|(_, part)| part.checksum.as_ref())
        .collect();
    let sums = sums?;
    let algorithm = Algorithm::from_name(&sums.first()?.algorithm)?;
    if sums.iter().any(|sum| sum.algorithm != algorithm.name()) {
        return None;
    }
    let is_composite = upload.checksum_algorithm.is_some() && upload.composite;
    if is_composite {
        return composite(algorithm, &sums);
    }
    let lengths = parts.iter().map(|(_, part)| part.size);
    joined(
        algorithm,
        sums.iter().map(|sum| sum.value.clone()).zip(lengths),
    )
}

fn part_size(number: u32, part: &PartRecord) -> PartSize {
    PartSize {
        number,
        size: part.size,
        checksum: part.checksum.as_ref().map(|sum| sum.value.clone()),
    }
}

/// Reads the MD5 out of the ETag of a part, which was made of one.
fn unhex(etag: &str) -> Vec<u8> {
    let pairs = etag.as_bytes().chunks(2);
    pairs
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}
