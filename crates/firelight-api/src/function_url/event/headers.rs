//! The headers of an event: those of the client, and those that the edge adds.

use std::collections::BTreeMap;

use http::header::{COOKIE, HOST, HeaderMap};
use http::request::Parts;

use super::Circumstances;

const PLAIN_PORT: &str = "80";

/// Returns the headers that the function gets, several values of one joined by commas.
pub(super) fn of<'a>(request: &'a Parts, facts: &Circumstances<'_>) -> BTreeMap<&'a str, String> {
    let mut headers = BTreeMap::new();
    for name in request.headers.keys().filter(|name| passes(name.as_str())) {
        let values = request.headers.get_all(name).iter();
        let values: Vec<_> = values
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        headers.insert(name.as_str(), values.join(","));
    }
    headers.insert("x-amzn-trace-id", facts.trace.to_owned());
    headers.insert("x-forwarded-for", facts.peer.to_string());
    headers.insert("x-forwarded-port", port(&request.headers).to_owned());
    headers.insert("x-forwarded-proto", "http".to_owned());
    headers
}

/// Returns the cookies one by one.
pub(super) fn cookies(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(COOKIE).iter();
    let texts = values.map(|value| String::from_utf8_lossy(value.as_bytes()));
    let mut cookies = Vec::new();
    for text in texts {
        let parts = text.split(';').map(str::trim);
        cookies.extend(parts.filter(|part| !part.is_empty()).map(str::to_owned));
    }
    cookies
}

/// What only the edge may say is not taken from a client, and what is about the connection ends at the edge. Cookies
/// have a place of their own in the event.
fn passes(name: &str) -> bool {
    let edge = name.starts_with("x-amzn-") || name.starts_with("x-forwarded-");
    let connection = matches!(
        name,
        "connection" | "keep-alive" | "proxy-connection" | "te" | "trailer" | "transfer-encoding"
    );
    !edge && !connection && name != "forwarded" && name != "cookie"
}

/// Returns the port that the client asked for.
fn port(headers: &HeaderMap) -> &str {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let port = host.and_then(|host| host.rsplit_once(':'));
    let port = port.map(|(_, port)| port);
    port.filter(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
        .unwrap_or(PLAIN_PORT)
}

#[cfg(test)]
mod tests {
    use firelight_model::RequestId;
    use jiff::Timestamp;

    use super::super::UrlId;
    use super::*;

    fn seen(given: &[(&str, &str)]) -> BTreeMap<String, String> {
        let request = given
            .iter()
            .fold(http::Request::get("/"), |request, (name, value)| {
                request.header(*name, *value)
            });
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let facts = Circumstances {
            id: &UrlId::parse("id").unwrap(),
            domain: "d",
            path: "/",
            owner: "123456789012".parse().unwrap(),
            caller: None,
            peer: "192.0.2.7".parse().unwrap(),
            request_id: RequestId::from_random([0; 16]),
            received_at: Timestamp::UNIX_EPOCH,
            trace: "Root=1-a-b",
        };
        let headers = of(&parts, &facts);
        headers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    #[test]
    fn what_is_about_the_connection_ends_at_the_edge() {
        let seen = seen(&[
            ("connection", "keep-alive"),
            ("te", "trailers"),
            ("via", "1.1 p"),
        ]);

        assert!(!seen.contains_key("connection") && !seen.contains_key("te"));
        assert_eq!(seen["via"], "1.1 p");
    }

    #[test]
    fn names_are_lower_cased_values_kept_and_joined() {
        let seen = seen(&[("X-Custom", "Foo"), ("x-custom", "bar, baz")]);

        assert_eq!(seen["x-custom"], "Foo,bar, baz");
    }

    #[test]
    fn what_the_edge_says_cannot_be_forged() {
        let seen = seen(&[
            ("x-forwarded-for", "203.0.113.1"),
            ("x-forwarded-host", "evil.example"),
            ("forwarded", "for=203.0.113.1"),
            ("x-amzn-tls-version", "TLSv1.3"),
            ("x-amzn-trace-id", "Root=forged"),
        ]);

        let names: Vec<&str> = seen.keys().map(String::as_str).collect();
        let edge = [
            "x-amzn-trace-id",
            "x-forwarded-for",
            "x-forwarded-port",
            "x-forwarded-proto",
        ];
        assert_eq!(names, edge);
        assert_eq!(seen["x-forwarded-for"], "192.0.2.7");
        assert_eq!(seen["x-amzn-trace-id"], "Root=1-a-b");
    }

    #[test]
    fn port_is_that_of_the_host_header() {
        assert_eq!(seen(&[("host", "h:4566")])["x-forwarded-port"], "4566");
        assert_eq!(seen(&[("host", "h")])["x-forwarded-port"], "80");
        assert_eq!(seen(&[("host", "[::1]")])["x-forwarded-port"], "80");
    }

    #[test]
    fn cookies_of_all_cookie_headers_stand_apart() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, "a=1; b=2".parse().unwrap());
        headers.append(COOKIE, "c=3;".parse().unwrap());

        assert_eq!(cookies(&headers), ["a=1", "b=2", "c=3"]);
        assert!(!seen(&[("cookie", "a=1")]).contains_key("cookie"));
    }
}
