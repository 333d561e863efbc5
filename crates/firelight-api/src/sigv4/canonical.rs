//! The canonical request: the one text both sides make from the same HTTP request.

use std::borrow::Cow;
use std::fmt::Write as _;

use http::HeaderMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};
use sha2::{Digest, Sha256};

use super::key::hex;

/// RFC 3986 unreserved characters stay, everything else is escaped.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
const ESCAPED_IN_PATH: &AsciiSet = &ESCAPED.remove(b'/');

/// How a service wants the path escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathRule {
    /// Dot segments removed, then the escaped path escaped again: every service but S3.
    NormalizedTwice,
    /// As above for signers that were told not to remove dot segments.
    VerbatimTwice,
    /// The object key escaped once, nothing removed: S3.
    VerbatimOnce,
    /// The path as it stands on the wire.
    AsSent,
}

impl PathRule {
    /// Returns the rule that clients of a service apply.
    pub fn of_service(service: &str) -> Self {
        if service == "s3" {
            Self::VerbatimOnce
        } else {
            Self::NormalizedTwice
        }
    }
}

/// The parts of a request that its signature covers.
pub(super) struct CanonicalRequest<'a> {
    pub method: &'a str,
    /// The path as it stands on the wire.
    pub path: &'a str,
    /// Names and values already unescaped, without the signature itself.
    pub query: Vec<(Vec<u8>, Vec<u8>)>,
    pub headers: &'a HeaderMap,
    /// Lower-case and sorted.
    pub signed_headers: &'a [String],
    pub payload_hash: &'a str,
    pub path_rule: PathRule,
}

impl CanonicalRequest<'_> {
    pub(super) fn to_text(&self) -> String {
        let path = canonical_path(self.path, self.path_rule);
        let query = canonical_query(&self.query);
        let mut text = format!("{}\n{path}\n{query}\n", self.method);
        for name in self.signed_headers {
            let _ = writeln!(text, "{name}:{}", canonical_header(self.headers, name));
        }
        let _ = write!(
            text,
            "\n{}\n{}",
            self.signed_headers.join(";"),
            self.payload_hash
        );
        text
    }
}

/// Returns the digest of a body in the form a canonical request ends with.
pub fn payload_sha256(body: &[u8]) -> String {
    sha256_hex(body)
}

pub(super) fn sha256_hex(data: &[u8]) -> String {
    hex(&Sha256::digest(data))
}

pub(super) fn escape(text: &[u8]) -> String {
    percent_encode(text, ESCAPED).to_string()
}

/// Splits a query string as it stands on the wire; a blank may be written `+`.
pub(super) fn split_query(query: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (unescape(name), unescape(value))
        })
        .collect()
}

fn unescape(text: &str) -> Vec<u8> {
    let blanks = text.replace('+', " ");
    percent_decode(blanks.as_bytes()).collect()
}

pub(super) fn canonical_query(pairs: &[(Vec<u8>, Vec<u8>)]) -> String {
    let mut escaped: Vec<_> = pairs
        .iter()
        .map(|(name, value)| (escape(name), escape(value)))
        .collect();
    escaped.sort();
    let joined: Vec<_> = escaped
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    joined.join("&")
}

fn canonical_path(path: &str, rule: PathRule) -> String {
    let path = if path.is_empty() { "/" } else { path };
    match rule {
        PathRule::NormalizedTwice => escape_path(normalize(path).as_bytes()),
        PathRule::VerbatimTwice => escape_path(path.as_bytes()),
        PathRule::VerbatimOnce => {
            let key: Cow<'_, [u8]> = percent_decode(path.as_bytes()).into();
            escape_path(&key)
        }
        PathRule::AsSent => path.to_owned(),
    }
}

fn escape_path(path: &[u8]) -> String {
    percent_encode(path, ESCAPED_IN_PATH).to_string()
}

/// Removes `.`, `..` and empty segments (RFC 3986 §5.2.4), keeping a trailing slash.
fn normalize(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            name => kept.push(name),
        }
    }
    let names_directory = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
    let tail = if names_directory && !kept.is_empty() {
        "/"
    } else {
        ""
    };
    format!("/{}{tail}", kept.join("/"))
}

/// Joins all values of a header, each trimmed and with runs of blanks made one.
fn canonical_header(headers: &HeaderMap, name: &str) -> String {
    let values: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(|value| {
            let text = String::from_utf8_lossy(value.as_bytes());
            text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
        })
        .collect();
    values.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_arn_in_a_path_is_escaped_again_except_for_s3() {
        let path = "/2015-03-31/functions/arn%3Aaws%3Af";

        assert_eq!(
            canonical_path(path, PathRule::NormalizedTwice),
            "/2015-03-31/functions/arn%253Aaws%253Af"
        );
        assert_eq!(
            canonical_path(path, PathRule::VerbatimOnce),
            "/2015-03-31/functions/arn%3Aaws%3Af"
        );
    }

    #[test]
    fn dot_segments_go_and_a_trailing_slash_stays() {
        assert_eq!(normalize("/a/./b/../c/"), "/a/c/");
        assert_eq!(normalize("//"), "/");
        assert_eq!(normalize("/.."), "/");
    }

    #[test]
    fn query_is_sorted_by_name_then_value() {
        let pairs = split_query("b=2&a=2&a=1&flag&c=%24x+y");

        assert_eq!(canonical_query(&pairs), "a=1&a=2&b=2&c=%24x%20y&flag=");
    }
}
