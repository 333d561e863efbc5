//! What the writer of an object chooses from fixed sets: its storage class, its canned list and its encryption.
//!
//! Deliberately absent: any effect. Content lies as it is whatever is chosen; only keys that the client brings are
//! refused, since whoever sends one relies on nobody reading the object without it.

use http::{HeaderMap, HeaderValue};

use crate::refusal::Refusal;

const STORAGE_CLASS: &str = "x-amz-storage-class";
const ACL: &str = "x-amz-acl";
pub(super) const CUSTOMER_KEY: &str = "x-amz-server-side-encryption-customer-algorithm";
pub(super) const ENCRYPTION: &str = "x-amz-server-side-encryption";
pub(super) const KMS_KEY: &str = "x-amz-server-side-encryption-aws-kms-key-id";
pub(super) const BUCKET_KEY: &str = "x-amz-server-side-encryption-bucket-key-enabled";

const STORAGE_CLASSES: [&str; 8] = [
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER",
    "DEEP_ARCHIVE",
    "GLACIER_IR",
];

const ACLS: [&str; 7] = [
    "private",
    "public-read",
    "public-read-write",
    "authenticated-read",
    "aws-exec-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
];

pub(super) const ENCRYPTIONS: [&str; 3] = ["AES256", "aws:kms", "aws:kms:dsse"];

/// Checks that everything chosen can be chosen.
pub(super) fn check(headers: &HeaderMap) -> Result<(), Refusal> {
    let given = |name| headers.get(name).map(text);
    let class = given(STORAGE_CLASS);
    if let Some(class) = class.filter(|class| !STORAGE_CLASSES.contains(class)) {
        return Err(Refusal::invalid_storage_class(class));
    }
    if let Some(acl) = given(ACL).filter(|acl| !ACLS.contains(acl)) {
        return Err(Refusal::invalid_argument(ACL, acl, ""));
    }
    check_encryption(headers)
}

fn check_encryption(headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.contains_key(CUSTOMER_KEY) {
        return Err(Refusal::not_implemented(CUSTOMER_KEY));
    }
    let encryption = headers.get(ENCRYPTION).map(text);
    if let Some(unknown) = encryption.filter(|given| !ENCRYPTIONS.contains(given)) {
        let text = "The encryption method specified is not supported";
        return Err(Refusal::invalid_argument(ENCRYPTION, unknown, text));
    }
    let is_kms = encryption.is_some_and(|given| given.starts_with("aws:kms"));
    match headers.get(KMS_KEY).map(text) {
        Some(key) if !is_kms => {
            let text = "Server Side Encryption with AWS KMS managed key requires HTTP header \
                        x-amz-server-side-encryption : aws:kms";
            Err(Refusal::invalid_argument(KMS_KEY, key, text))
        }
        _ => Ok(()),
    }
}

/// Returns the value of a header; what is no text is none of the choices.
fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(headers: &[(&'static str, &'static str)]) -> Option<(String, String)> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_static(value));
        }
        let refusal = check(&map).err()?;
        Some((refusal.code.into_owned(), refusal.message))
    }

    #[test]
    fn what_can_be_chosen_is_let_through() {
        assert_eq!(refused(&[]), None);
        assert_eq!(refused(&[(STORAGE_CLASS, "GLACIER_IR")]), None);
        assert_eq!(refused(&[(ACL, "bucket-owner-full-control")]), None);
        assert_eq!(refused(&[(ENCRYPTION, "AES256")]), None);
        assert_eq!(refused(&[(ENCRYPTION, "aws:kms"), (KMS_KEY, "k")]), None);
    }

    #[test]
    fn what_is_no_choice_is_refused_in_the_words_of_s3() {
        for (name, value, code) in [
            (STORAGE_CLASS, "standard", "InvalidStorageClass"),
            (ACL, "public", "InvalidArgument"),
            (ENCRYPTION, "aes256", "InvalidArgument"),
            (KMS_KEY, "k", "InvalidArgument"),
            (CUSTOMER_KEY, "AES256", "NotImplemented"),
        ] {
            let found = refused(&[(name, value)]).map(|(code, _)| code);

            assert_eq!(found.as_deref(), Some(code), "{name}: {value}");
        }
    }
}
