//! How a refusal gets through `s3s`, whose errors have no place for further elements: in a private header.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use s3s::{S3Error, S3ErrorCode};

use super::Refusal;

/// Carries the message and the further elements of an error through `s3s`.
const CARRIER: HeaderName = HeaderName::from_static("x-firelight-refusal");

impl Refusal {
    /// Reads a refusal, or an error of `s3s` itself, out of an answer of `s3s`.
    pub(crate) fn read(status: StatusCode, headers: &mut HeaderMap, body: &str) -> Self {
        let refusal = match headers.remove(CARRIER) {
            Some(carried) => Self::carried(status, carried.to_str().unwrap_or_default()),
            None => Self::of_protocol(status, body),
        };
        headers.remove(http::header::CONTENT_TYPE);
        headers.remove(http::header::CONTENT_LENGTH);
        refusal.with_headers(std::mem::take(headers))
    }

    fn carried(status: StatusCode, text: &str) -> Self {
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let mut fields = text.split('&').filter_map(|field| field.split_once('='));
        let mut next = || {
            fields
                .next()
                .map(|(name, value)| (decode(name), decode(value)))
        };
        let (code, message) = next().unwrap_or_default();
        let mut refusal = Self::new(status, code, message);
        refusal.members.extend(std::iter::from_fn(next));
        refusal
    }

    fn of_protocol(status: StatusCode, body: &str) -> Self {
        let code = element(body, "Code").unwrap_or_else(|| "InvalidRequest".to_owned());
        let message = element(body, "Message").unwrap_or_else(|| message_of(&code).to_owned());
        Self::new(status, code, message)
    }

    fn carrier(&self) -> HeaderValue {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let first = (self.code.as_ref(), self.message.as_str());
        let members = self
            .members
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let fields: Vec<String> = std::iter::once(first)
            .chain(members)
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect();
        HeaderValue::try_from(fields.join("&")).expect("percent-encoding leaves plain characters")
    }
}

/// Returns the text of the first element of a name in a small document of `s3s`.
fn element(body: &str, name: &str) -> Option<String> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"");
    Some(text.replace("&apos;", "'").replace("&amp;", "&"))
}

/// The text of a code for which `s3s` has none.
fn message_of(code: &str) -> &'static str {
    match code {
        "InvalidBucketName" => "The specified bucket is not valid.",
        "InvalidURI" => "Couldn't parse the specified URI.",
        "KeyTooLongError" => "Your key is too long",
        "MalformedXML" => {
            "The XML you provided was not well-formed or did not validate against our published schema"
        }
        "MethodNotAllowed" => "The specified method is not allowed against this resource.",
        "MissingRequestBodyError" => "Request Body is empty",
        "NotImplemented" => "A header you provided implies functionality that is not implemented",
        _ => "The request is not valid.",
    }
}

impl From<Refusal> for S3Error {
    fn from(refusal: Refusal) -> Self {
        if let Some(source) = &refusal.source {
            tracing::error!(
                error = &**source as &dyn std::error::Error,
                "an S3 request failed"
            );
        }
        let code = S3ErrorCode::Custom(refusal.code.as_ref().into());
        let mut error = Self::new(code);
        error.set_status_code(refusal.status);
        let mut headers: HeaderMap = refusal.headers.iter().cloned().collect();
        headers.insert(CARRIER, refusal.carrier());
        error.set_headers(headers);
        error
    }
}
