//! Web pages that call the API: which of them may, and what their browser has to be told.
//!
//! ```text
//!  no Origin ───────────────────► no page: nothing to do here
//!  Origin ──► welcome? ── no ───► refused
//!                      └─ yes ──► preflight answered; every answer may be read by the page
//! ```
//!
//! A page that signs its requests was given a key, so every origin is welcome, as at AWS. Where signatures are not looked
//! at, that proof is missing: any page a developer has open could give orders to the daemon on the same machine. There only
//! pages of this machine are welcome.
//!
//! Deliberately absent: function URLs and buckets, which have rules of their own.

use std::net::IpAddr;

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, ORIGIN,
};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, Uri};

use crate::authentication::Authentication;
use crate::body::{Response, ResponseBody};
use crate::error::ApiError;

const ANY: HeaderValue = HeaderValue::from_static("*");
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
/// How long a browser may remember the answer to a preflight: two days.
const MAX_AGE_SECONDS: u32 = 172_800;

/// The web page that a request comes from.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    origin: HeaderValue,
    /// What the browser asks before it lets the page send a request: whether these headers may be in it.
    preflight: Option<Option<HeaderValue>>,
    is_welcome: bool,
}

impl Page {
    /// Returns the page behind a request; `None` where there is none.
    pub(crate) fn behind(request: &Parts, authentication: Authentication) -> Option<Self> {
        let headers = &request.headers;
        let origin = headers.get(ORIGIN)?.clone();
        let asks_first = request.method == Method::OPTIONS
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        let is_welcome = authentication == Authentication::Required || is_of_this_machine(&origin);
        Some(Self {
            preflight: asks_first.then(|| headers.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned()),
            origin,
            is_welcome,
        })
    }

    /// Answers a preflight, and refuses a page that is not welcome; `None` lets the request pass.
    pub(crate) fn answer(&self) -> Result<Option<Response>, ApiError> {
        self.check_welcome()?;
        Ok(self
            .preflight
            .as_ref()
            .map(|headers| permit(headers.clone())))
    }

    /// Refuses a page that may not even send a request.
    pub(crate) fn check_welcome(&self) -> Result<(), ApiError> {
        match self.is_welcome {
            true => Ok(()),
            false => Err(self.refusal()),
        }
    }

    /// Lets the page read an answer.
    pub(crate) fn let_read(&self, answer: &mut HeaderMap) {
        if self.is_welcome {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, ANY);
        }
    }

    fn refusal(&self) -> ApiError {
        let origin = String::from_utf8_lossy(self.origin.as_bytes());
        let text = format!(
            "Pages of '{origin}' may not call this API, which takes requests without a signature. \
             Serve the page from this machine, such as http://localhost."
        );
        ApiError::new(StatusCode::FORBIDDEN, "AccessDeniedException", text).with_upper_message()
    }
}

fn permit(headers: Option<HeaderValue>) -> Response {
    let mut response = Response::new(ResponseBody::empty());
    let answer = response.headers_mut();
    answer.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    answer.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECONDS.into());
    if let Some(headers) = headers {
        answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers);
    }
    response
}

/// Tells whether a page was loaded from a server on this machine. The origin `null` may be any page.
fn is_of_this_machine(origin: &HeaderValue) -> bool {
    let uri = Uri::try_from(origin.as_bytes()).ok();
    let Some(host) = uri.as_ref().and_then(Uri::host) else {
        return false;
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address = host.parse::<IpAddr>();
    let host = host.to_ascii_lowercase();
    address.is_ok_and(|address| address.is_loopback())
        || host == "localhost"
        || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_loopback_hosts_are_of_this_machine() {
        for (origin, expected) in [
            ("http://localhost:3000", true),
            ("https://LOCALHOST", true),
            ("http://app.localhost:8080", true),
            ("http://127.0.0.1:5173", true),
            ("http://[::1]:5173", true),
            ("http://evil.example", false),
            ("http://localhost.evil.example", false),
            ("http://127.0.0.1.evil.example", false),
            ("http://evil.example:80@localhost.evil.example", false),
            ("http://192.168.1.7", false),
            ("null", false),
            ("", false),
        ] {
            let found = is_of_this_machine(&HeaderValue::from_static(origin));

            assert_eq!(found, expected, "{origin}");
        }
    }
}
