//! Which web pages may use a bucket from a browser: its CORS rules, checked when they are put and asked when a page comes.
//!
//! Deliberately absent: what a page may do. That is for signatures and policies to say, as for everybody else.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use s3s::dto::{CORSConfiguration, CORSRule};

use crate::document;
use crate::refusal::Refusal;

const METHODS: [&str; 5] = ["GET", "PUT", "HEAD", "POST", "DELETE"];
const MAX_RULES: usize = 100;
const VARIES_BY: HeaderValue = HeaderValue::from_static(
    "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
);

/// The rules of a bucket.
#[derive(Clone, Debug)]
pub struct CorsRules(Vec<CORSRule>);

/// What a page is about to do, or does.
#[derive(Clone, Copy, Debug)]
pub struct PageRequest<'a> {
    pub origin: &'a str,
    pub method: &'a str,
    /// The headers that it asks for beforehand, as the browser lists them.
    pub asked_headers: Option<&'a str>,
}

impl CorsRules {
    /// Tells whether these are methods that rules can name.
    #[must_use]
    pub fn knows_method(method: &str) -> bool {
        METHODS.contains(&method)
    }

    /// Reads the rules as they were put.
    ///
    /// # Errors
    /// The document is not one of ours.
    pub(crate) fn read(text: &str) -> Result<Self, Refusal> {
        let configuration: CORSConfiguration = document::read(text)?;
        Ok(Self(configuration.cors_rules))
    }

    /// Returns the headers that open an answer to the page; `None` if no rule lets it in.
    #[must_use]
    pub fn allow(&self, request: &PageRequest<'_>) -> Option<HeaderMap> {
        let (rule, origin) = self
            .0
            .iter()
            .find_map(|rule| Some((rule, matching_origin(rule, request)?)))?;
        Some(opening(rule, origin, request))
    }
}

/// Returns which of a rule's origins the page has, if the rule allows all else, too.
fn matching_origin<'a>(rule: &'a CORSRule, request: &PageRequest<'_>) -> Option<&'a str> {
    let has_method = rule.allowed_methods.iter().any(|it| it == request.method);
    let allowed = rule.allowed_headers.as_deref().unwrap_or_default();
    let has_header = |name: &str| {
        let mut patterns = allowed.iter();
        patterns.any(|pattern| matches(&pattern.to_ascii_lowercase(), &name.to_ascii_lowercase()))
    };
    let has_headers = names(request.asked_headers.unwrap_or_default()).all(has_header);
    let mut origins = rule.allowed_origins.iter();
    origins
        .find(|pattern| matches(pattern, request.origin))
        .filter(|_| has_method && has_headers)
        .map(String::as_str)
}

fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
}

/// Compares with a pattern of at most one star.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => {
            text.len() >= head.len() + tail.len() && text.starts_with(head) && text.ends_with(tail)
        }
    }
}

fn opening(rule: &CORSRule, origin: &str, request: &PageRequest<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut set = |name: HeaderName, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(name, value);
        }
    };
    if origin == "*" {
        set(ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    } else {
        set(ACCESS_CONTROL_ALLOW_ORIGIN, request.origin);
        set(ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
    }
    set(
        ACCESS_CONTROL_ALLOW_METHODS,
        &rule.allowed_methods.join(", "),
    );
    let asked: Vec<String> = names(request.asked_headers.unwrap_or_default())
        .map(str::to_ascii_lowercase)
        .collect();
    if !asked.is_empty() {
        set(ACCESS_CONTROL_ALLOW_HEADERS, &asked.join(", "));
    }
    if let Some(exposed) = rule.expose_headers.as_ref().filter(|it| !it.is_empty()) {
        set(ACCESS_CONTROL_EXPOSE_HEADERS, &exposed.join(", "));
    }
    if let Some(seconds) = rule.max_age_seconds {
        set(ACCESS_CONTROL_MAX_AGE, &seconds.to_string());
    }
    headers.insert(VARY, VARIES_BY);
    headers
}

/// Refuses rules that S3 does not take.
pub(crate) fn check(configuration: &CORSConfiguration) -> Result<(), Refusal> {
    let rules = &configuration.cors_rules;
    if rules.is_empty() || rules.len() > MAX_RULES {
        return Err(Refusal::malformed_xml());
    }
    rules.iter().try_for_each(check_rule)
}

fn check_rule(rule: &CORSRule) -> Result<(), Refusal> {
    if rule.allowed_origins.is_empty() || rule.allowed_methods.is_empty() {
        return Err(Refusal::malformed_xml());
    }
    let mut methods = rule.allowed_methods.iter();
    if let Some(method) = methods.find(|method| !CorsRules::knows_method(method)) {
        return Err(Refusal::invalid_request(format!(
            "Found unsupported HTTP method in CORS config. Unsupported method is {method}"
        )));
    }
    let headers = rule.allowed_headers.as_deref().unwrap_or_default();
    check_stars("AllowedOrigin", &rule.allowed_origins)?;
    check_stars("AllowedHeader", headers)?;
    let mut exposed = rule.expose_headers.iter().flatten();
    match exposed.find(|name| name.contains('*')) {
        Some(name) => Err(Refusal::invalid_request(format!(
            "ExposeHeader \"{name}\" contains wildcard. We currently do not support wildcard for \
             ExposeHeader."
        ))),
        None => Ok(()),
    }
}

fn check_stars(element: &str, patterns: &[String]) -> Result<(), Refusal> {
    let mut patterns = patterns.iter();
    match patterns.find(|pattern| pattern.matches('*').count() > 1) {
        Some(pattern) => Err(Refusal::invalid_request(format!(
            "{element} \"{pattern}\" can not have more than one wildcard."
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(origins: &[&str], methods: &[&str], headers: &[&str]) -> CORSRule {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        CORSRule {
            allowed_headers: Some(owned(headers)),
            allowed_methods: owned(methods),
            allowed_origins: owned(origins),
            expose_headers: Some(vec!["ETag".to_owned(), "x-amz-meta-a".to_owned()]),
            id: None,
            max_age_seconds: Some(3000),
        }
    }

    fn allow(rule: CORSRule, origin: &str, method: &str, headers: &str) -> Option<HeaderMap> {
        CorsRules(vec![rule]).allow(&PageRequest {
            origin,
            method,
            asked_headers: Some(headers),
        })
    }

    #[test]
    fn origin_method_and_every_header_must_be_allowed() {
        let rule = || {
            rule(
                &["http://*.example.com", "https://app"],
                &["GET", "PUT"],
                &["x-amz-*", "Content-Type"],
            )
        };
        for (origin, method, headers, expected) in [
            ("https://app", "PUT", "content-type, X-Amz-Date", true),
            ("http://a.example.com", "GET", "", true),
            ("http://a.example.com.evil", "GET", "", false),
            ("http://example.com", "GET", "", false),
            ("https://APP", "GET", "", false),
            ("https://app", "DELETE", "", false),
            ("https://app", "PUT", "content-type,authorization", false),
        ] {
            let found = allow(rule(), origin, method, headers).is_some();
            assert_eq!(found, expected, "{origin} {method} {headers}");
        }
    }

    #[test]
    fn page_that_is_named_may_bring_credentials_and_any_page_may_not() {
        let named = allow(
            rule(&["https://a"], &["GET"], &["*"]),
            "https://a",
            "GET",
            "X-B,c",
        );
        let any = allow(rule(&["*"], &["GET"], &[]), "https://a", "GET", "").unwrap();

        let named = named.unwrap();
        assert_eq!(named[ACCESS_CONTROL_ALLOW_ORIGIN], "https://a");
        assert_eq!(named[ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
        assert_eq!(named[ACCESS_CONTROL_ALLOW_HEADERS], "x-b, c");
        assert_eq!(named[ACCESS_CONTROL_EXPOSE_HEADERS], "ETag, x-amz-meta-a");
        assert_eq!(named[ACCESS_CONTROL_MAX_AGE], "3000");
        assert_eq!(any[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(!any.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS));
        assert!(!any.contains_key(ACCESS_CONTROL_ALLOW_HEADERS));
    }

    #[test]
    fn rules_that_mean_nothing_are_refused() {
        let refusal = |rule: CORSRule| {
            let cors_rules = vec![rule];
            check(&CORSConfiguration { cors_rules }).unwrap_err()
        };
        let exposing = CORSRule {
            expose_headers: Some(vec!["x-*".to_owned()]),
            ..rule(&["*"], &["GET"], &[])
        };

        for (rule, code, words) in [
            (rule(&[], &["GET"], &[]), "MalformedXML", ""),
            (
                rule(&["*"], &["PATCH"], &[]),
                "InvalidRequest",
                "Unsupported method is PATCH",
            ),
            (
                rule(&["*.a.*"], &["GET"], &[]),
                "InvalidRequest",
                "AllowedOrigin \"*.a.*\" can not have more than one wildcard.",
            ),
            (
                exposing,
                "InvalidRequest",
                "ExposeHeader \"x-*\" contains wildcard.",
            ),
        ] {
            let refusal = refusal(rule);
            assert_eq!(refusal.code, code);
            assert!(refusal.message.contains(words), "{}", refusal.message);
        }
    }
}
