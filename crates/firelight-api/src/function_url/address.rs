//! Which requests are for a function URL, and for which one.
//!
//! ```text
//!  http://<id>.lambda-url.<region>.<suffix>:4566/path      by host, as at AWS
//!  http://localhost:4566/_firelight/url/<id>/path          by path, where no name can be made to resolve
//! ```

use std::fmt;

use firelight_model::Region;
use http::header::HOST;
use http::request::Parts;

/// What function URLs end in at AWS; a client that resolves such a name to this machine is served too.
const AWS_SUFFIX: &str = "on.aws";
const PATH_FORM: &str = "/_firelight/url/";
/// A DNS label is no longer.
const LONGEST_ID: usize = 63;

/// The id of a function URL: the first label of its host name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct UrlId(String);

impl UrlId {
    /// Reads an id in any case, as host names come.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let fits = !text.is_empty()
            && text.len() <= LONGEST_ID
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        fits.then(|| Self(text.to_ascii_lowercase()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UrlId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Under which domain the URLs of this installation stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlDomain {
    suffix: String,
}

impl UrlDomain {
    pub fn new(suffix: impl Into<String>) -> Self {
        Self {
            suffix: suffix.into().to_ascii_lowercase(),
        }
    }

    /// Returns the host name of a URL.
    pub(super) fn host_name(&self, id: &UrlId, region: &Region) -> String {
        format!("{id}.lambda-url.{region}.{}", self.suffix)
    }

    /// Returns a URL as it is shown to a client that reached us at `base_url`: with its scheme and its port.
    pub(crate) fn url(&self, id: &str, region: &Region, base_url: &str) -> String {
        let (scheme, authority) = base_url.split_once("://").unwrap_or(("http", base_url));
        let port = authority.rsplit_once(':').map(|(_, port)| port);
        let port = port.filter(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{scheme}://{id}.lambda-url.{region}.{}{port}/", self.suffix)
    }

    fn serves(&self, suffix: &str) -> bool {
        suffix == self.suffix || suffix == AWS_SUFFIX
    }
}

impl Default for UrlDomain {
    /// Names under `localhost` lead to this machine everywhere without any set-up.
    fn default() -> Self {
        Self::new("localhost")
    }
}

/// The URL that a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UrlRequest {
    pub(super) id: UrlId,
    form: Form,
}

/// How the request names it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    Host { name: String },
    Path,
}

impl UrlRequest {
    /// Returns the part of the request's path that the function gets to see.
    pub(super) fn path<'a>(&self, request: &'a Parts) -> &'a str {
        let path = request.uri.path();
        match self.form {
            Form::Host { .. } => path,
            Form::Path => match path.match_indices('/').nth(3) {
                Some((begin, _)) => &path[begin..],
                None => "/",
            },
        }
    }

    /// Returns the host name of the URL, whatever name the client used.
    pub(super) fn domain(&self, domain: &UrlDomain, region: &Region) -> String {
        match &self.form {
            Form::Host { name } => name.clone(),
            Form::Path => domain.host_name(&self.id, region),
        }
    }
}

/// Tells which function URL a request is for, if it is for one.
pub(crate) fn matches(request: &Parts, domain: &UrlDomain) -> Option<UrlRequest> {
    by_host(request, domain).or_else(|| by_path(request.uri.path()))
}

fn by_host(request: &Parts, domain: &UrlDomain) -> Option<UrlRequest> {
    let name = host_name(request)?;
    let (id, rest) = name.split_once(".lambda-url.")?;
    let (region, suffix) = rest.split_once('.')?;
    region.parse::<Region>().ok()?;
    let id = UrlId::parse(id).filter(|_| domain.serves(suffix))?;
    let form = Form::Host { name };
    Some(UrlRequest { id, form })
}

fn by_path(path: &str) -> Option<UrlRequest> {
    let rest = path.strip_prefix(PATH_FORM)?;
    let id = UrlId::parse(rest.split('/').next()?)?;
    let form = Form::Path;
    Some(UrlRequest { id, form })
}

/// Returns the host that the client asked for, without its port.
fn host_name(request: &Parts) -> Option<String> {
    let host = request.headers.get(HOST)?.to_str().ok()?;
    let name = host.split(':').next()?;
    Some(name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(host: &str, target: &str) -> Parts {
        let request = http::Request::get(target).header(HOST, host);
        request.body(()).unwrap().into_parts().0
    }

    fn found(host: &str, target: &str) -> Option<(String, String)> {
        let parts = parts(host, target);
        let url = matches(&parts, &UrlDomain::default())?;
        Some((url.id.to_string(), url.path(&parts).to_owned()))
    }

    fn pair(id: &str, path: &str) -> Option<(String, String)> {
        Some((id.to_owned(), path.to_owned()))
    }

    #[test]
    fn host_names_under_the_suffix_and_aws_s_own_are_function_urls() {
        let local = "abc123.lambda-url.us-east-1.localhost:4566";

        assert_eq!(found(local, "/a/b?c=d"), pair("abc123", "/a/b"));
        assert_eq!(
            found("ABC.Lambda-Url.eu-west-3.on.aws", "/"),
            pair("abc", "/")
        );
        assert_eq!(found("abc.lambda-url.us-east-1.example.com", "/"), None);
        assert_eq!(found("abc.lambda-url.nowhere.localhost", "/"), None);
        assert_eq!(found("a.b.lambda-url.us-east-1.localhost", "/"), None);
    }

    #[test]
    fn suffix_is_a_matter_of_configuration() {
        let parts = parts("abc.lambda-url.us-east-1.fn.example.com", "/");

        let domain = UrlDomain::new("fn.Example.com");

        assert!(matches(&parts, &domain).is_some());
        assert!(matches(&parts, &UrlDomain::default()).is_none());
    }

    #[test]
    fn path_form_hides_its_prefix_from_the_function() {
        let host = "localhost:4566";

        assert_eq!(
            found(host, "/_firelight/url/abc/x/y?z"),
            pair("abc", "/x/y")
        );
        assert_eq!(found(host, "/_firelight/url/abc/"), pair("abc", "/"));
        assert_eq!(found(host, "/_firelight/url/abc"), pair("abc", "/"));
        assert_eq!(found(host, "/_firelight/url/"), None);
        assert_eq!(found(host, "/_firelight/health"), None);
    }

    #[test]
    fn domain_of_the_path_form_is_the_host_name_of_the_url() {
        let parts = parts("localhost:4566", "/_firelight/url/abc/");
        let domain = UrlDomain::default();
        let region = "eu-central-1".parse().unwrap();

        let url = matches(&parts, &domain).unwrap();

        assert_eq!(
            url.domain(&domain, &region),
            "abc.lambda-url.eu-central-1.localhost"
        );
    }
}
