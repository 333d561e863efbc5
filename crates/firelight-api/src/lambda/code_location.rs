//! Where a package can be downloaded: a URL of ours that is good for ten minutes.
//!
//! ```text
//!  GetFunction ──► session named after the package ──► presigned URL ──► GET ──► session checked ──► package
//! ```
//!
//! The URL is presigned like any other request, with the key of a session that no role can have and that names the one
//! package it is for. So nothing is stored for it, and any machine can serve it.

use std::time::Duration;

use firelight_control::OpenCodeError;
use firelight_control::sts::{Caller, Identity, Session};
use firelight_model::CodeSha256;
use firelight_wire::{ErrorCode, ErrorReply};
use futures_util::StreamExt;
use http::Uri;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http_body::Frame;
use http_body_util::StreamBody;
use tokio_util::io::ReaderStream;

use super::call::Call;
use super::{Lambda, refusals, response};
use crate::body::{Response, ResponseBody};
use crate::context::RequestContext;
use crate::error::ApiError;
use crate::sigv4::{Signer, SigningCredentials, SigningTime};

/// Beside the dated paths of the API, so that it cannot be taken for one of them.
const PREFIX: &str = "/firelight-code/";

/// How long a URL is good.
const LIFE: Duration = Duration::from_secs(600);

/// No role has this id: those are made of random letters behind four fixed ones.
const ROLE_ID: &str = "firelight-code-location";

/// Makes the URL of a package.
pub(super) fn url(call: &Call<'_>, sha256: CodeSha256) -> String {
    let RequestContext {
        base_url,
        region,
        received_at,
        ..
    } = call.context;
    let plain = format!("{base_url}{PREFIX}{sha256}");
    let Ok(uri) = plain.parse::<Uri>() else {
        return plain;
    };
    let Some(credentials) = credentials(call, sha256) else {
        return plain;
    };
    let signer = Signer {
        credentials: &credentials,
        region: region.as_str(),
        service: "lambda",
        time: SigningTime::from_timestamp(*received_at),
    };
    signer.presign(&http::Method::GET, &uri, LIFE)
}

fn credentials(call: &Call<'_>, sha256: CodeSha256) -> Option<SigningCredentials> {
    let life = i64::try_from(LIFE.as_secs()).ok()?;
    let caller = Caller {
        account: call.context.account,
        identity: Identity::AssumedRole {
            role_name: ROLE_ID.to_owned(),
            role_id: ROLE_ID.to_owned(),
            session_name: sha256.to_hex(),
        },
        access_key_id: String::new(),
        source_function: None,
        session_policies: Vec::new(),
    };
    let session = Session::new(&caller, call.context.received_at.as_second() + life)?;
    let sealed = call.lambda.sessions.seal(&session, rand::random());
    Some(SigningCredentials {
        access_key_id: sealed.access_key_id,
        secret_access_key: sealed.secret_access_key,
        session_token: Some(sealed.session_token),
    })
}

/// Returns the package that a request downloads, if it is such a request.
pub(super) fn digest_of(request: &Parts) -> Option<CodeSha256> {
    CodeSha256::from_hex(request.uri.path().strip_prefix(PREFIX)?).ok()
}

/// Answers a download.
pub(super) async fn download(
    lambda: &Lambda,
    context: &RequestContext,
    sha256: CodeSha256,
) -> Result<Response, ApiError> {
    if !may_download(&context.caller, sha256) {
        let text = "The URL is not good for this package.";
        return Ok(response(
            ErrorReply::new(ErrorCode::AccessDenied, text).reply(),
        ));
    }
    match lambda.control.open_code(sha256).await {
        Ok((file, size)) => Ok(package(file, size)),
        Err(error @ OpenCodeError::Missing { .. }) => {
            Ok(response(refusals::missing(error.to_string()).reply()))
        }
        Err(error @ OpenCodeError::Unreadable { .. }) => Err(ApiError::internal_from(&error)),
    }
}

fn may_download(caller: &Caller, sha256: CodeSha256) -> bool {
    let Identity::AssumedRole {
        role_id,
        session_name,
        ..
    } = &caller.identity
    else {
        return false;
    };
    role_id == ROLE_ID && *session_name == sha256.to_hex()
}

fn package(file: std::fs::File, size: u64) -> Response {
    let chunks = ReaderStream::new(tokio::fs::File::from_std(file));
    let frames = chunks.map(|chunk| chunk.map(Frame::data));
    let mut response = Response::new(ResponseBody::stream(StreamBody::new(frames)));
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        http::HeaderValue::from_static("application/zip"),
    );
    headers.insert(CONTENT_LENGTH, http::HeaderValue::from(size));
    response
}
