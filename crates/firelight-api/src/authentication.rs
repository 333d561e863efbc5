//! Proving who sent a request.
//!
//! ```text
//!  no claim ─────────────────────────────► refused, or the account itself (dev)
//!  claim ──► time ──► key's holder ──► body read ──► signature ──► caller
//! ```
//!
//! What the caller may do is not decided here.

mod answer;
mod s3;

use firelight_control::sts::{Caller, CredentialBook, Holder, Identity, LookUpError};
use firelight_model::AccountId;
use http::request::Parts;
use jiff::Timestamp;

use crate::body::{ReadBodyError, RequestBody};
use crate::s3::FormClaim;
use crate::sigv2::UrlClaim;
use crate::sigv4::{ChunkSeed, Claim, ClaimError, Payload, SigningTime, SkewError, VerifyError};

pub(crate) use self::answer::body_error;

/// Whether requests must be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// Every request is signed with a known key (`firelight serve`).
    Required,
    /// Signatures are not looked at. A known key acts as its holder, a key id of twelve digits as
    /// that account, anything else as the configured account (`firelight dev`).
    AnyCredentials,
}

/// A request that is not what it claims to be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthenticationError {
    #[error("the request is not signed")]
    Missing,
    #[error(transparent)]
    Claim(#[from] ClaimError),
    #[error(transparent)]
    Skew(#[from] SkewError),
    #[error("the access key {access_key_id} is of no use")]
    Key {
        access_key_id: String,
        #[source]
        source: LookUpError,
    },
    #[error("could not read the signed body")]
    Body(#[from] ReadBodyError),
    #[error(transparent)]
    Verify(#[from] VerifyError),
}

/// Returns the caller of a signed request and its body, which is read to check the signature.
pub(crate) async fn prove(
    book: &CredentialBook,
    request: &Parts,
    claim: Option<Claim>,
    body: RequestBody,
    body_limit: usize,
    now: Timestamp,
) -> Result<(Caller, RequestBody), AuthenticationError> {
    let claim = claim.ok_or(AuthenticationError::Missing)?;
    claim.check_time(SigningTime::from_timestamp(now))?;
    let token = claim.session_token.as_deref();
    let holder = book
        .look_up(&claim.access_key_id, token, now.as_second())
        .map_err(|source| AuthenticationError::Key {
            access_key_id: claim.access_key_id.clone(),
            source,
        })?;
    let bytes = body.read(body_limit).await?;
    claim.verify(request, Payload::Bytes(&bytes), &holder.secret_access_key)?;
    Ok((holder.caller, RequestBody::Read(bytes)))
}

/// Returns the caller of a signed request whose body is read, and compared, later; `None` if it is not signed.
pub(crate) fn prove_head(
    book: &CredentialBook,
    request: &Parts,
    claim: Option<Claim>,
    now: Timestamp,
) -> Result<Option<(Caller, Option<ChunkSeed>)>, AuthenticationError> {
    let Some(claim) = claim else {
        return Ok(prove_url(book, request, now)?.map(|caller| (caller, None)));
    };
    claim.check_time(SigningTime::from_timestamp(now))?;
    let holder = holder(
        book,
        &claim.access_key_id,
        claim.session_token.as_deref(),
        now,
    )?;
    claim.verify(request, Payload::NotRead, &holder.secret_access_key)?;
    let seed = claim.chunk_seed(&holder.secret_access_key);
    Ok(Some((holder.caller, Some(seed))))
}

/// Returns the caller of a URL that was signed the old way; `None` if it was not signed.
fn prove_url(
    book: &CredentialBook,
    request: &Parts,
    now: Timestamp,
) -> Result<Option<Caller>, AuthenticationError> {
    let Some(claim) = UrlClaim::read(request) else {
        return Ok(None);
    };
    if claim.expires_epoch_seconds < now.as_second() {
        let until = Timestamp::from_second(claim.expires_epoch_seconds).unwrap_or(Timestamp::MIN);
        return Err(SkewError::UrlExpired {
            life: None,
            until: SigningTime::from_timestamp(until),
            now: SigningTime::from_timestamp(now),
        }
        .into());
    }
    let holder = holder(
        book,
        &claim.access_key_id,
        claim.session_token.as_deref(),
        now,
    )?;
    let host = request
        .headers
        .get(http::header::HOST)
        .and_then(|host| host.to_str().ok());
    let host = host.map(|host| host.rsplit_once(':').map_or(host, |(host, _)| host));
    let bucket = host.and_then(firelight_s3::bucket_of);
    claim.verify(request, bucket, &holder.secret_access_key)?;
    Ok(Some(holder.caller))
}

/// Returns who signed the policy of a form.
pub(crate) fn prove_form(
    book: &CredentialBook,
    claim: &FormClaim,
    now: Timestamp,
) -> Result<Caller, AuthenticationError> {
    let token = claim.session_token.as_deref();
    let holder = holder(book, &claim.access_key_id, token, now)?;
    claim.verify(&holder.secret_access_key)?;
    Ok(holder.caller)
}

fn holder(
    book: &CredentialBook,
    access_key_id: &str,
    session_token: Option<&str>,
    now: Timestamp,
) -> Result<Holder, AuthenticationError> {
    let access_key_id = access_key_id.to_owned();
    book.look_up(&access_key_id, session_token, now.as_second())
        .map_err(|source| AuthenticationError::Key {
            access_key_id,
            source,
        })
}

/// Returns the caller that is nobody, for what may be open to everybody.
pub(crate) fn nobody(account: AccountId) -> Caller {
    Caller {
        account,
        identity: Identity::Anonymous,
        access_key_id: String::new(),
        source_function: None,
        session_policies: Vec::new(),
    }
}

/// Returns whom a request acts as where signatures are not looked at.
pub(crate) fn assume(
    book: &CredentialBook,
    claim: Option<&Claim>,
    configured: AccountId,
    now: Timestamp,
) -> Caller {
    let key = claim.map(|claim| (&*claim.access_key_id, claim.session_token.as_deref()));
    assume_key(book, key, configured, now)
}

/// Returns whom a key with its session token acts as where signatures are not looked at.
pub(crate) fn assume_key(
    book: &CredentialBook,
    key: Option<(&str, Option<&str>)>,
    configured: AccountId,
    now: Timestamp,
) -> Caller {
    let Some((access_key_id, token)) = key else {
        return Caller::root(configured, "");
    };
    if let Ok(holder) = book.look_up(access_key_id, token, now.as_second()) {
        return holder.caller;
    }
    let account = access_key_id.parse().unwrap_or(configured);
    Caller::root(account, access_key_id)
}
