//! Cross-origin rules of a function URL: preflight requests are answered here, actual answers get their headers here.
//!
//! Only a request from an origin that is allowed sees any of these headers; for others the browser then refuses.

use firelight_control::records::qualified::CorsRecord;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method};

use crate::body::{Response, ResponseBody};

const ANY: &str = "*";

/// The rules, as they are configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cors {
    allow_credentials: bool,
    allow_headers: Vec<String>,
    allow_methods: Vec<String>,
    allow_origins: Vec<String>,
    expose_headers: Vec<String>,
    max_age_seconds: Option<u32>,
}

impl From<CorsRecord> for Cors {
    fn from(record: CorsRecord) -> Self {
        Self {
            allow_credentials: record.allow_credentials.unwrap_or(false),
            allow_headers: record.allow_headers.unwrap_or_default(),
            allow_methods: record.allow_methods.unwrap_or_default(),
            allow_origins: record.allow_origins.unwrap_or_default(),
            expose_headers: record.expose_headers.unwrap_or_default(),
            max_age_seconds: record.max_age_seconds,
        }
    }
}

impl Cors {
    /// Answers a preflight request; `None` if the request is no such thing.
    pub(super) fn preflight(&self, request: &Parts) -> Option<Response> {
        let headers = &request.headers;
        let asks = request.method == Method::OPTIONS
            && headers.contains_key(ORIGIN)
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        asks.then(|| {
            let mut response = Response::new(ResponseBody::empty());
            if let Some(origin) = self.allowed_origin(headers) {
                self.permit(origin, response.headers_mut());
                self.announce(response.headers_mut());
            }
            response
        })
    }

    /// Puts the rules over whatever the function said about them.
    pub(super) fn apply(&self, request_headers: &HeaderMap, answer: &mut HeaderMap) {
        if let Some(origin) = self.allowed_origin(request_headers) {
            self.permit(origin, answer);
            put_list(answer, ACCESS_CONTROL_EXPOSE_HEADERS, &self.expose_headers);
        }
    }

    /// Returns what the answer says about the origin of a request, if it is allowed.
    fn allowed_origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        if self.allow_origins.iter().any(|allowed| allowed == ANY) {
            return Some(HeaderValue::from_static(ANY));
        }
        let text = origin.to_str().ok()?;
        let listed = self
            .allow_origins
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(text));
        listed.then(|| origin.clone())
    }

    fn permit(&self, origin: HeaderValue, answer: &mut HeaderMap) {
        if origin != ANY {
            // The answer differs by origin, which caches must know.
            answer.append(VARY, HeaderValue::from_static("Origin"));
        }
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if self.allow_credentials {
            let yes = HeaderValue::from_static("true");
            answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
        }
    }

    fn announce(&self, answer: &mut HeaderMap) {
        put_list(answer, ACCESS_CONTROL_ALLOW_METHODS, &self.allow_methods);
        put_list(answer, ACCESS_CONTROL_ALLOW_HEADERS, &self.allow_headers);
        if let Some(seconds) = self.max_age_seconds {
            answer.insert(ACCESS_CONTROL_MAX_AGE, seconds.into());
        }
    }
}

fn put_list(answer: &mut HeaderMap, name: HeaderName, words: &[String]) {
    // The words were checked when the URL was configured; what no header can hold is left out.
    if let (false, Ok(list)) = (words.is_empty(), HeaderValue::try_from(words.join(","))) {
        answer.insert(name, list);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    fn rules(origins: &[&str]) -> Cors {
        Cors {
            allow_credentials: true,
            allow_headers: words(&["x-a", "x-b"]),
            allow_methods: words(&["GET", "PUT"]),
            allow_origins: words(origins),
            expose_headers: words(&["x-c"]),
            max_age_seconds: Some(60),
        }
    }

    fn request(method: &str, headers: &[(&str, &str)]) -> Parts {
        let request = http::Request::builder().method(method).uri("/");
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        request.body(()).unwrap().into_parts().0
    }

    fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
        headers.get(name).map(|value| value.to_str().unwrap())
    }

    #[test]
    fn preflight_of_an_allowed_origin_is_told_everything() {
        let request = request(
            "OPTIONS",
            &[
                ("origin", "https://a.example"),
                ("access-control-request-method", "PUT"),
            ],
        );

        let answer = rules(&["https://a.example"]).preflight(&request).unwrap();

        assert_eq!(answer.status(), 200);
        let told = |name: &str| header(answer.headers(), name);
        assert_eq!(
            told("access-control-allow-origin"),
            Some("https://a.example")
        );
        assert_eq!(told("access-control-allow-methods"), Some("GET,PUT"));
        assert_eq!(told("access-control-allow-headers"), Some("x-a,x-b"));
        assert_eq!(told("access-control-max-age"), Some("60"));
        assert_eq!(told("access-control-allow-credentials"), Some("true"));
        assert_eq!(told("vary"), Some("Origin"));
    }

    #[test]
    fn preflight_of_another_origin_is_answered_without_a_word() {
        let request = request(
            "OPTIONS",
            &[
                ("origin", "https://b.example"),
                ("access-control-request-method", "PUT"),
            ],
        );

        let answer = rules(&["https://a.example"]).preflight(&request).unwrap();

        assert_eq!((answer.status().as_u16(), answer.headers().len()), (200, 0));
    }

    #[test]
    fn options_that_asks_for_no_permission_is_left_to_the_function() {
        let rules = rules(&["*"]);

        assert!(rules.preflight(&request("OPTIONS", &[])).is_none());
        assert!(
            rules
                .preflight(&request("OPTIONS", &[("origin", "https://a.example")]))
                .is_none()
        );
    }

    #[test]
    fn answer_to_an_allowed_origin_says_what_the_url_says_not_the_function() {
        let request = request("GET", &[("origin", "https://a.example")]);
        let mut answer = HeaderMap::new();
        answer.insert(
            "access-control-allow-origin",
            HeaderValue::from_static("null"),
        );

        rules(&["*"]).apply(&request.headers, &mut answer);

        assert_eq!(header(&answer, "access-control-allow-origin"), Some("*"));
        assert_eq!(
            header(&answer, "access-control-expose-headers"),
            Some("x-c")
        );
        assert_eq!(header(&answer, "vary"), None);
    }

    #[test]
    fn answer_to_a_request_of_the_same_origin_stays_as_it_is() {
        let mut answer = HeaderMap::new();

        rules(&["*"]).apply(&request("GET", &[]).headers, &mut answer);

        assert!(answer.is_empty());
    }
}
