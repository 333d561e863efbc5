//! Which AWS service a request is for.
//!
//! A signed request says so in its credential scope. The others are told by what only one service
//! has: a target header, an action of a form, or a path.

use http::Method;
use http::header::CONTENT_TYPE;
use http::request::Parts;

use crate::protocol::{JsonVersion, Protocol};
use crate::sigv4::Scope;
use crate::{iam, sts};

/// A service offered here, or the name of one that is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// Firelight's own paths under `/_firelight/`.
    Admin,
    Lambda,
    Iam,
    Logs,
    S3,
    Ssm,
    Sts,
    /// A query call that does not say which service it is for.
    UnknownQuery,
    Unknown {
        name: String,
        protocol: Protocol,
    },
}

impl Service {
    /// Tells the service from everything but the body.
    pub(crate) fn of(request: &Parts, scope: Option<&Scope>) -> Self {
        if request.uri.path().starts_with("/_firelight/") {
            return Self::Admin;
        }
        if let Some(scope) = scope {
            return Self::named(&scope.service, request);
        }
        if let Some(target) = target(request) {
            return Self::of_target(target, request);
        }
        if is_form(request) || request.uri.query().is_some_and(has_action) {
            return Self::UnknownQuery;
        }
        if is_dated_path(request.uri.path()) {
            Self::Lambda
        } else {
            Self::S3
        }
    }

    /// Tells the service of a query call by the version of its API.
    pub(crate) fn of_api_version(version: Option<&str>) -> Self {
        match version {
            Some(iam::VERSION) => Self::Iam,
            _ => Self::Sts,
        }
    }

    fn named(name: &str, request: &Parts) -> Self {
        match name {
            "lambda" => Self::Lambda,
            "iam" => Self::Iam,
            "logs" => Self::Logs,
            "s3" => Self::S3,
            "ssm" => Self::Ssm,
            "sts" => Self::Sts,
            name => Self::Unknown {
                name: name.to_owned(),
                protocol: guess_protocol(request),
            },
        }
    }

    fn of_target(target: &str, request: &Parts) -> Self {
        match target.split('.').next() {
            Some("Logs_20140328") => Self::Logs,
            Some("AmazonSSM") => Self::Ssm,
            name => Self::Unknown {
                name: name.unwrap_or_default().to_owned(),
                protocol: guess_protocol(request),
            },
        }
    }

    /// Returns how the service speaks.
    pub(crate) fn protocol(&self) -> Protocol {
        match self {
            Self::Admin | Self::Lambda => Protocol::RestJson,
            Self::Iam => Protocol::Query {
                namespace: iam::NAMESPACE,
            },
            Self::Sts | Self::UnknownQuery => Protocol::Query {
                namespace: sts::NAMESPACE,
            },
            Self::Logs | Self::Ssm => Protocol::Json {
                version: JsonVersion::V1_1,
            },
            Self::S3 => Protocol::S3,
            Self::Unknown { protocol, .. } => *protocol,
        }
    }
}

/// Returns the operation that a JSON request names.
pub(crate) fn target(request: &Parts) -> Option<&str> {
    request.headers.get("x-amz-target")?.to_str().ok()
}

fn guess_protocol(request: &Parts) -> Protocol {
    if target(request).is_some() {
        let old = media_type(request).is_some_and(|media| media == "application/x-amz-json-1.0");
        let version = if old {
            JsonVersion::V1_0
        } else {
            JsonVersion::V1_1
        };
        return Protocol::Json { version };
    }
    if is_form(request) {
        return Protocol::Query {
            namespace: sts::NAMESPACE,
        };
    }
    Protocol::RestJson
}

fn is_form(request: &Parts) -> bool {
    let form =
        media_type(request).is_some_and(|media| media == "application/x-www-form-urlencoded");
    request.method == Method::POST && form && request.uri.path() == "/"
}

fn media_type(request: &Parts) -> Option<String> {
    let text = request.headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(text.split(';').next()?.trim().to_ascii_lowercase())
}

fn has_action(query: &str) -> bool {
    query.split('&').any(|pair| pair.starts_with("Action="))
}

/// Lambda's paths begin with the date of an API version, which no bucket name looks like.
fn is_dated_path(path: &str) -> bool {
    let mut digits = path.bytes().skip(1);
    let date = b"0000-00-00/";
    path.len() > date.len()
        && date.iter().all(|expected| match (expected, digits.next()) {
            (b'0', Some(byte)) => byte.is_ascii_digit(),
            (expected, byte) => byte == Some(*expected),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(request: http::request::Builder) -> Service {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        Service::of(&parts, None)
    }

    #[test]
    fn unsigned_requests_are_told_apart_by_target_form_and_path() {
        let get = |uri: &str| http::Request::get(uri);

        assert_eq!(service(get("/2015-03-31/functions")), Service::Lambda);
        assert_eq!(service(get("/bucket/2015-03-31/x")), Service::S3);
        assert_eq!(
            service(get("/?Action=GetCallerIdentity")),
            Service::UnknownQuery
        );
        assert_eq!(service(get("/_firelight/health")), Service::Admin);
        let logs = get("/").header("X-Amz-Target", "Logs_20140328.GetLogEvents");
        assert_eq!(service(logs), Service::Logs);
        let form = http::Request::post("/").header(
            "content-type",
            "application/x-www-form-urlencoded; charset=utf-8",
        );
        assert_eq!(service(form), Service::UnknownQuery);
    }

    #[test]
    fn scope_decides_before_everything_else() {
        let (parts, ()) = http::Request::get("/2015-03-31/functions")
            .body(())
            .unwrap()
            .into_parts();
        let scope = Scope::parse("20260101/us-east-1/s3/aws4_request").unwrap();

        assert_eq!(Service::of(&parts, Some(&scope)), Service::S3);
    }
}
