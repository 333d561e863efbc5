//! The default encryption of buckets, which objects take over that say nothing of their own.

use firelight_store::{Blobs, Store};
use s3s::dto::{
    GetBucketEncryptionInput, GetBucketEncryptionOutput, PutBucketEncryptionInput,
    PutBucketEncryptionOutput, ServerSideEncryption, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
};

use super::{Answer, Call, answer, choices};
use crate::depot::{Bucket, Setting};
use crate::document;
use crate::record::Attributes;
use crate::refusal::Refusal;

pub(super) async fn get_bucket_encryption<S: Store, B: Blobs>(
    call: Call<'_, S, B, GetBucketEncryptionInput>,
) -> Answer<GetBucketEncryptionOutput> {
    let put = call
        .optional(&call.input.bucket, Setting::ENCRYPTION)
        .await?;
    answer(GetBucketEncryptionOutput {
        server_side_encryption_configuration: Some(put.unwrap_or_else(first)),
    })
}

/// How every bucket begins.
fn first() -> ServerSideEncryptionConfiguration {
    let sse_algorithm = ServerSideEncryption::from_static(ServerSideEncryption::AES256);
    ServerSideEncryptionConfiguration {
        rules: vec![ServerSideEncryptionRule {
            apply_server_side_encryption_by_default: Some(ServerSideEncryptionByDefault {
                kms_master_key_id: None,
                sse_algorithm,
            }),
            bucket_key_enabled: Some(false),
        }],
    }
}

pub(super) async fn put_bucket_encryption<S: Store, B: Blobs>(
    call: Call<'_, S, B, PutBucketEncryptionInput>,
) -> Answer<PutBucketEncryptionOutput> {
    let configuration = &call.input.server_side_encryption_configuration;
    check(configuration)?;
    let text = document::write(configuration)?;
    call.put(&call.input.bucket, Setting::ENCRYPTION, text)
        .await?;
    answer(PutBucketEncryptionOutput {})
}

fn check(configuration: &ServerSideEncryptionConfiguration) -> Result<(), Refusal> {
    let [rule] = configuration.rules.as_slice() else {
        return Err(Refusal::malformed_xml());
    };
    let Some(default) = &rule.apply_server_side_encryption_by_default else {
        return Ok(());
    };
    let algorithm = default.sse_algorithm.as_str();
    if !choices::ENCRYPTIONS.contains(&algorithm) {
        return Err(Refusal::malformed_xml());
    }
    match &default.kms_master_key_id {
        Some(key) if !is_kms(algorithm) => Err(Refusal::invalid_argument(
            "ApplyServerSideEncryptionByDefault",
            key,
            "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or \
             aws:kms:dsse",
        )),
        _ => Ok(()),
    }
}

fn is_kms(algorithm: &str) -> bool {
    algorithm.starts_with("aws:kms")
}

/// Gives an object the encryption of its bucket, where its writer chose none.
pub(super) fn take_over(attributes: &mut Attributes, bucket: &Bucket) -> Result<(), Refusal> {
    if attributes.headers.contains_key(choices::ENCRYPTION) {
        return Ok(());
    }
    let Some(put) = Setting::ENCRYPTION.of(bucket) else {
        return Ok(());
    };
    let configuration: ServerSideEncryptionConfiguration = document::read(put)?;
    let Some(rule) = configuration.rules.into_iter().next() else {
        return Ok(());
    };
    let default = rule.apply_server_side_encryption_by_default;
    let Some(default) = default.filter(|it| is_kms(it.sse_algorithm.as_str())) else {
        return Ok(());
    };
    let mut set = |name: &str, value: String| attributes.headers.insert(name.to_owned(), value);
    set(
        choices::ENCRYPTION,
        default.sse_algorithm.as_str().to_owned(),
    );
    if let Some(key) = default.kms_master_key_id {
        set(choices::KMS_KEY, key);
    }
    if rule.bucket_key_enabled == Some(true) {
        set(choices::BUCKET_KEY, "true".to_owned());
    }
    Ok(())
}
