//! The payload of an invocation: within its limit, and JSON. It is checked in one pass and never built.

use bytes::Bytes;
use firelight_wire::shapes::InvocationType;
use firelight_wire::{ErrorCode, ErrorReply};
use serde::de::IgnoredAny;

use crate::body::{ReadBodyError, RequestBody};
use crate::lambda::refusals;

/// Lambda's 6 MiB.
const SYNCHRONOUS_LIMIT: usize = 6_291_456;
/// 1 MiB since 2025-10.
const ASYNCHRONOUS_LIMIT: usize = 1_048_576;
/// What InvokeAsync, which was given up before that, has ever taken.
pub(in crate::lambda) const INVOKE_ASYNC_LIMIT: usize = 262_144;
/// How Jackson, which reads the body at AWS, ends its messages.
const SOURCE: &str =
    "at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); ";

/// Reads the body. An empty one is the event `{}`.
pub(super) async fn read(body: RequestBody, kind: InvocationType) -> Result<Bytes, ErrorReply> {
    read_within(body, kind, limit(kind)).await
}

/// Returns how long the payload of an Invoke may be.
pub(in crate::lambda) fn limit(kind: InvocationType) -> usize {
    match kind {
        InvocationType::Event => ASYNCHRONOUS_LIMIT,
        InvocationType::RequestResponse | InvocationType::DryRun => SYNCHRONOUS_LIMIT,
    }
}

/// Reads the body of InvokeAsync.
pub(super) async fn read_invoke_async(body: RequestBody) -> Result<Bytes, ErrorReply> {
    read_within(body, InvocationType::Event, INVOKE_ASYNC_LIMIT).await
}

async fn read_within(
    body: RequestBody,
    kind: InvocationType,
    limit: usize,
) -> Result<Bytes, ErrorReply> {
    let payload = body
        .read(limit)
        .await
        .map_err(|error| refuse(&error, kind))?;
    if payload.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    match parse_complaint(&payload) {
        None => Ok(payload),
        Some(complaint) => {
            let text = format!(
                "Could not parse request body into json: Could not parse payload into json: {complaint}"
            );
            Err(ErrorReply::new(ErrorCode::InvalidRequestContent, text))
        }
    }
}

/// Why the payload is not JSON, if it is not. Strings that are skipped are not decoded: that is looked at apart.
fn parse_complaint(payload: &[u8]) -> Option<String> {
    match serde_json::from_slice::<IgnoredAny>(payload) {
        Ok(_) => str::from_utf8(payload)
            .err()
            .map(|error| undecodable(payload, error.valid_up_to())),
        Err(error) => Some(complaint(payload, &error)),
    }
}

fn undecodable(payload: &[u8], at: usize) -> String {
    let (before, after) = payload.split_at(at);
    let line = before.split(|&byte| byte == b'\n').count();
    let column = before
        .rsplit(|&byte| byte == b'\n')
        .next()
        .map_or(0, <[u8]>::len)
        + 1;
    let byte = after.first().copied().unwrap_or_default();
    format!("Invalid UTF-8 start byte 0x{byte:x}\n {SOURCE}line: {line}, column: {column}]")
}

fn refuse(error: &ReadBodyError, kind: InvocationType) -> ErrorReply {
    match error {
        ReadBodyError::TooLarge { actual, limit } => too_large(*actual, *limit, kind),
        ReadBodyError::NoRoom => refusals::no_room(),
        ReadBodyError::Idle | ReadBodyError::Malformed(_) | ReadBodyError::Broken(_) => {
            ErrorReply::new(
                ErrorCode::InvalidRequestContent,
                "Could not read the request body.",
            )
        }
    }
}

pub(in crate::lambda) fn too_large(actual: u64, limit: usize, kind: InvocationType) -> ErrorReply {
    let kind = kind.as_str();
    let text = format!(
        "{actual} byte payload is too large for the {kind} invocation type (limit {limit} bytes)"
    );
    ErrorReply::new(ErrorCode::RequestTooLarge, text)
}

/// Says what is wrong in Jackson's words. Clients match no more than what stands before it.
fn complaint(payload: &[u8], error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column().max(1));
    let place = format!("\n {SOURCE}line: {line}, column: {column}]");
    let byte = byte_at(payload, line, column);
    match byte {
        _ if error.is_eof() => format!("Unexpected end-of-input{place}"),
        Some(byte) if byte >= 0x80 && str::from_utf8(payload).is_err() => {
            format!("Invalid UTF-8 start byte 0x{byte:x}{place}")
        }
        Some(byte) => format!(
            "Unexpected character ({}): expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false'){place}",
            character(byte)
        ),
        None => format!("Unexpected end-of-input{place}"),
    }
}

fn byte_at(payload: &[u8], line: usize, column: usize) -> Option<u8> {
    let line = payload
        .split(|&byte| byte == b'\n')
        .nth(line.checked_sub(1)?)?;
    line.get(column - 1).or_else(|| line.last()).copied()
}

fn character(byte: u8) -> String {
    if byte.is_ascii_graphic() {
        format!("'{}' (code {byte})", char::from(byte))
    } else {
        format!("(CTRL-CHAR, code {byte})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read_bytes(payload: &'static [u8]) -> Result<Bytes, ErrorReply> {
        let body = RequestBody::Read(Bytes::from_static(payload));
        read(body, InvocationType::RequestResponse).await
    }

    #[tokio::test]
    async fn empty_body_is_an_empty_object() {
        assert_eq!(read_bytes(b"").await.unwrap(), "{}");
    }

    #[tokio::test]
    async fn payload_passes_as_it_is() {
        assert_eq!(
            read_bytes(b" {\"a\" : 1}\n").await.unwrap(),
            " {\"a\" : 1}\n"
        );
    }

    #[tokio::test]
    async fn what_is_not_json_is_refused_in_jacksons_words() {
        let error = read_bytes(b"hello").await.unwrap_err();

        assert_eq!(error.code, ErrorCode::InvalidRequestContent);
        assert!(
            error.message.starts_with(
                "Could not parse request body into json: Could not parse payload into json: Unexpected character ('h' (code 104)): expected a valid value"
            ),
            "{}",
            error.message
        );
        assert!(
            error.message.ends_with("line: 1, column: 1]"),
            "{}",
            error.message
        );
    }

    #[tokio::test]
    async fn string_that_is_not_utf8_is_refused() {
        let error = read_bytes(b"{\n\"a\":\"\x87\"}").await.unwrap_err();

        assert_eq!(error.code, ErrorCode::InvalidRequestContent);
        assert!(
            error.message.contains("Invalid UTF-8 start byte 0x87\n at"),
            "{}",
            error.message
        );
        assert!(
            error.message.ends_with("line: 2, column: 6]"),
            "{}",
            error.message
        );
    }

    #[tokio::test]
    async fn oversized_payload_names_its_size_and_the_limit() {
        let body = RequestBody::Read(Bytes::from(vec![b'1'; 6_291_556]));

        let error = read(body, InvocationType::RequestResponse)
            .await
            .unwrap_err();

        assert_eq!(error.code, ErrorCode::RequestTooLarge);
        assert_eq!(
            error.message,
            "6291556 byte payload is too large for the RequestResponse invocation type (limit 6291456 bytes)"
        );
    }
}
