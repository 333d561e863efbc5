//! Configurations that are kept and given back. Those that change what a bucket does are read where they matter.

use firelight_store::{Blobs, Store};
use s3s::dto::{
    AccelerateConfiguration, DeleteBucketCorsInput, DeleteBucketCorsOutput,
    DeleteBucketEncryptionInput, DeleteBucketEncryptionOutput, DeleteBucketOwnershipControlsInput,
    DeleteBucketOwnershipControlsOutput, DeleteBucketPolicyInput, DeleteBucketPolicyOutput,
    DeleteBucketReplicationInput, DeleteBucketReplicationOutput, DeleteBucketTaggingInput,
    DeleteBucketTaggingOutput, DeleteBucketWebsiteInput, DeleteBucketWebsiteOutput,
    DeletePublicAccessBlockInput, DeletePublicAccessBlockOutput,
    GetBucketAccelerateConfigurationInput, GetBucketAccelerateConfigurationOutput,
    GetBucketCorsInput, GetBucketCorsOutput, GetBucketLoggingInput, GetBucketLoggingOutput,
    GetBucketNotificationConfigurationInput, GetBucketNotificationConfigurationOutput,
    GetBucketOwnershipControlsInput, GetBucketOwnershipControlsOutput, GetBucketReplicationInput,
    GetBucketReplicationOutput, GetBucketRequestPaymentInput, GetBucketRequestPaymentOutput,
    GetBucketWebsiteInput, GetBucketWebsiteOutput, GetObjectLockConfigurationInput,
    GetObjectLockConfigurationOutput, GetPublicAccessBlockInput, GetPublicAccessBlockOutput, Payer,
    PutBucketAccelerateConfigurationInput, PutBucketAccelerateConfigurationOutput,
    PutBucketCorsInput, PutBucketCorsOutput, PutBucketLoggingInput, PutBucketLoggingOutput,
    PutBucketOwnershipControlsInput, PutBucketOwnershipControlsOutput,
    PutBucketRequestPaymentInput, PutBucketRequestPaymentOutput, PutBucketWebsiteInput,
    PutBucketWebsiteOutput, PutPublicAccessBlockInput, PutPublicAccessBlockOutput,
};

use super::{Answer, Call, answer};
use crate::cors;
use crate::depot::Setting;
use crate::document;
use crate::refusal::Refusal;

impl<S: Store, B: Blobs, I> Call<'_, S, B, I> {
    pub(super) async fn put(
        &self,
        bucket: &str,
        setting: Setting,
        text: String,
    ) -> Result<(), Refusal> {
        self.depot
            .set(&self.caller, bucket, setting, Some(text))
            .await
    }

    pub(super) async fn forget(&self, bucket: &str, setting: Setting) -> Result<(), Refusal> {
        self.depot.set(&self.caller, bucket, setting, None).await
    }

    /// Reads a document, or fails as S3 does for a bucket without one.
    pub(super) async fn required<T>(&self, bucket: &str, setting: Setting) -> Result<T, Refusal>
    where
        T: for<'xml> s3s::xml::Deserialize<'xml>,
    {
        let bucket = self.depot.bucket(&self.caller, bucket).await?;
        document::read(setting.required(&bucket)?)
    }

    /// Reads a document, if there is one.
    pub(super) async fn optional<T>(
        &self,
        bucket: &str,
        setting: Setting,
    ) -> Result<Option<T>, Refusal>
    where
        T: for<'xml> s3s::xml::Deserialize<'xml>,
    {
        let bucket = self.depot.bucket(&self.caller, bucket).await?;
        setting.of(&bucket).map(document::read).transpose()
    }
}

/// Operations that keep one member of their input as a document.
macro_rules! keeping {
    ($($name:ident: $input:ident => $output:ident, $member:ident as $setting:ident;)*) => {
        $(pub(super) async fn $name<S: Store, B: Blobs>(
            call: Call<'_, S, B, $input>,
        ) -> Answer<$output> {
            let text = document::write(&call.input.$member)?;
            call.put(&call.input.bucket, Setting::$setting, text).await?;
            answer($output::default())
        })*
    };
}

/// Operations that forget a document.
macro_rules! forgetting {
    ($($name:ident: $input:ident => $output:ident, $setting:ident;)*) => {
        $(pub(super) async fn $name<S: Store, B: Blobs>(
            call: Call<'_, S, B, $input>,
        ) -> Answer<$output> {
            call.forget(&call.input.bucket, Setting::$setting).await?;
            answer($output::default())
        })*
    };
}

/// Operations whose output is the document itself; it must be there.
macro_rules! requiring {
    ($($name:ident: $input:ident => $output:ident, $setting:ident;)*) => {
        $(pub(super) async fn $name<S: Store, B: Blobs>(
            call: Call<'_, S, B, $input>,
        ) -> Answer<$output> {
            answer(call.required(&call.input.bucket, Setting::$setting).await?)
        })*
    };
}

/// Operations whose output has the document as its one member; it must be there.
macro_rules! wrapping {
    ($($name:ident: $input:ident => $output:ident, $member:ident from $setting:ident;)*) => {
        $(pub(super) async fn $name<S: Store, B: Blobs>(
            call: Call<'_, S, B, $input>,
        ) -> Answer<$output> {
            let document = call.required(&call.input.bucket, Setting::$setting).await?;
            answer($output { $member: Some(document) })
        })*
    };
}

/// Operations whose output is the document itself, or empty.
macro_rules! defaulting {
    ($($name:ident: $input:ident => $output:ident, $setting:ident;)*) => {
        $(pub(super) async fn $name<S: Store, B: Blobs>(
            call: Call<'_, S, B, $input>,
        ) -> Answer<$output> {
            let document = call.optional(&call.input.bucket, Setting::$setting).await?;
            answer(document.unwrap_or_default())
        })*
    };
}

keeping! {
    put_bucket_accelerate_configuration: PutBucketAccelerateConfigurationInput
        => PutBucketAccelerateConfigurationOutput, accelerate_configuration as ACCELERATE;
    put_bucket_logging: PutBucketLoggingInput
        => PutBucketLoggingOutput, bucket_logging_status as LOGGING;
    put_bucket_ownership_controls: PutBucketOwnershipControlsInput
        => PutBucketOwnershipControlsOutput, ownership_controls as OWNERSHIP;
    put_bucket_request_payment: PutBucketRequestPaymentInput
        => PutBucketRequestPaymentOutput, request_payment_configuration as REQUEST_PAYMENT;
    put_bucket_website: PutBucketWebsiteInput
        => PutBucketWebsiteOutput, website_configuration as WEBSITE;
    put_public_access_block: PutPublicAccessBlockInput
        => PutPublicAccessBlockOutput, public_access_block_configuration as PUBLIC_ACCESS_BLOCK;
}

forgetting! {
    delete_bucket_cors: DeleteBucketCorsInput => DeleteBucketCorsOutput, CORS;
    delete_bucket_encryption: DeleteBucketEncryptionInput
        => DeleteBucketEncryptionOutput, ENCRYPTION;
    delete_bucket_ownership_controls: DeleteBucketOwnershipControlsInput
        => DeleteBucketOwnershipControlsOutput, OWNERSHIP;
    delete_bucket_policy: DeleteBucketPolicyInput => DeleteBucketPolicyOutput, POLICY;
    delete_bucket_replication: DeleteBucketReplicationInput
        => DeleteBucketReplicationOutput, REPLICATION;
    delete_bucket_tagging: DeleteBucketTaggingInput => DeleteBucketTaggingOutput, TAGGING;
    delete_bucket_website: DeleteBucketWebsiteInput => DeleteBucketWebsiteOutput, WEBSITE;
    delete_public_access_block: DeletePublicAccessBlockInput
        => DeletePublicAccessBlockOutput, PUBLIC_ACCESS_BLOCK;
}

requiring! {
    get_bucket_cors: GetBucketCorsInput => GetBucketCorsOutput, CORS;
    get_bucket_website: GetBucketWebsiteInput => GetBucketWebsiteOutput, WEBSITE;
}

wrapping! {
    get_bucket_ownership_controls: GetBucketOwnershipControlsInput
        => GetBucketOwnershipControlsOutput, ownership_controls from OWNERSHIP;
    get_bucket_replication: GetBucketReplicationInput
        => GetBucketReplicationOutput, replication_configuration from REPLICATION;
    get_object_lock_configuration: GetObjectLockConfigurationInput
        => GetObjectLockConfigurationOutput, object_lock_configuration from OBJECT_LOCK;
    get_public_access_block: GetPublicAccessBlockInput
        => GetPublicAccessBlockOutput, public_access_block_configuration from PUBLIC_ACCESS_BLOCK;
}

defaulting! {
    get_bucket_logging: GetBucketLoggingInput => GetBucketLoggingOutput, LOGGING;
    get_bucket_notification_configuration: GetBucketNotificationConfigurationInput
        => GetBucketNotificationConfigurationOutput, NOTIFICATION;
}

pub(super) async fn get_bucket_accelerate_configuration<S: Store, B: Blobs>(
    call: Call<'_, S, B, GetBucketAccelerateConfigurationInput>,
) -> Answer<GetBucketAccelerateConfigurationOutput> {
    let put: Option<AccelerateConfiguration> = call
        .optional(&call.input.bucket, Setting::ACCELERATE)
        .await?;
    answer(GetBucketAccelerateConfigurationOutput {
        status: put.and_then(|put| put.status),
        request_charged: None,
    })
}

pub(super) async fn get_bucket_request_payment<S: Store, B: Blobs>(
    call: Call<'_, S, B, GetBucketRequestPaymentInput>,
) -> Answer<GetBucketRequestPaymentOutput> {
    let put = call
        .optional(&call.input.bucket, Setting::REQUEST_PAYMENT)
        .await?;
    let first = || GetBucketRequestPaymentOutput {
        payer: Some(Payer::from_static(Payer::BUCKET_OWNER)),
    };
    answer(put.unwrap_or_else(first))
}

pub(super) async fn put_bucket_cors<S: Store, B: Blobs>(
    call: Call<'_, S, B, PutBucketCorsInput>,
) -> Answer<PutBucketCorsOutput> {
    let configuration = &call.input.cors_configuration;
    cors::check(configuration)?;
    let text = document::write(configuration)?;
    call.put(&call.input.bucket, Setting::CORS, text).await?;
    answer(PutBucketCorsOutput {})
}
