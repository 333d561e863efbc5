//! Who signed the policy of a form, not yet believed.

use firelight_s3::Refusal;

use super::{field, missing};
use crate::sigv2;
use crate::sigv4::{ALGORITHM, Mismatch, PolicySignature, Scope, VerifyError};

/// The signature of a form, and what it refers to.
pub(crate) struct FormClaim {
    pub(crate) access_key_id: String,
    pub(crate) session_token: Option<String>,
    policy: String,
    signature: Signature,
}

enum Signature {
    V4(PolicySignature),
    /// Base64, as it was in the second version.
    V2(String),
}

impl FormClaim {
    /// Reads the signature of a form; `None` when it has none.
    pub(super) fn read(fields: &[(String, String)]) -> Result<Option<Self>, Refusal> {
        let field = |name: &str| field(fields, name).map(str::to_owned);
        let required = |name: &'static str| {
            let found = field(&name.to_ascii_lowercase());
            found.ok_or_else(|| missing(name))
        };
        let is_v4 = ["x-amz-signature", "x-amz-credential", "x-amz-algorithm"]
            .iter()
            .any(|name| field(name).is_some());
        let is_v2 = ["awsaccesskeyid", "signature"]
            .iter()
            .any(|name| field(name).is_some());
        if !is_v4 && !is_v2 && field("policy").is_none() {
            return Ok(None);
        }
        let policy = required("Policy")?;
        let session_token = field("x-amz-security-token");
        if !is_v4 {
            return Ok(Some(Self {
                access_key_id: required("AWSAccessKeyId")?,
                session_token,
                policy,
                signature: Signature::V2(required("Signature")?),
            }));
        }
        let algorithm = required("X-Amz-Algorithm")?;
        if algorithm != ALGORITHM {
            let text = "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"";
            return Err(Refusal::invalid_argument(
                "X-Amz-Algorithm",
                &algorithm,
                text,
            ));
        }
        let credential = required("X-Amz-Credential")?;
        let date = required("X-Amz-Date")?;
        let (access_key_id, scope) = scope(&credential, &date)?;
        Ok(Some(Self {
            access_key_id,
            session_token,
            policy,
            signature: Signature::V4(PolicySignature {
                scope,
                signature: required("X-Amz-Signature")?,
            }),
        }))
    }

    /// Checks that the holder of the secret signed this policy.
    pub(crate) fn verify(&self, secret_access_key: &str) -> Result<(), VerifyError> {
        let (is_genuine, given) = match &self.signature {
            Signature::V4(given) => {
                let is_genuine = given.is_of(&self.policy, secret_access_key);
                (is_genuine, &given.signature)
            }
            Signature::V2(given) => (sigv2::is_of(&self.policy, given, secret_access_key), given),
        };
        if is_genuine {
            return Ok(());
        }
        Err(VerifyError::Mismatch(Box::new(Mismatch {
            access_key_id: self.access_key_id.clone(),
            string_to_sign: self.policy.clone(),
            signature: given.clone(),
            canonical_request: None,
        })))
    }
}

/// Returns whose key it is and what it is good for: S3, on the day of the form.
fn scope(credential: &str, date: &str) -> Result<(String, Scope), Refusal> {
    let malformed = || {
        let text = "the Credential is mal-formed; expecting \
                    \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".";
        Refusal::invalid_argument("X-Amz-Credential", credential, text)
    };
    let (access_key_id, scope) = credential.split_once('/').ok_or_else(malformed)?;
    let scope = Scope::parse(scope).ok_or_else(malformed)?;
    if scope.service != "s3" || !date.starts_with(&scope.date) {
        return Err(malformed());
    }
    Ok((access_key_id.to_owned(), scope))
}
