//! From method, path and query to an operation and its path labels.
//!
//! A path is split on `/` as it stands and its labels are decoded afterwards, because clients
//! escape every `/` that belongs to a label.

use std::borrow::Cow;
use std::fmt;

use crate::generated::operations::Operation;
use crate::generated::routes::template_of;
use crate::percent;
use crate::query::query_values;

/// The deepest template of the API has fewer segments, so a longer path is unknown.
const MOST_SEGMENTS: usize = 8;
const MOST_LABELS: usize = 3;

/// All operations on one path template.
pub(crate) struct Template {
    /// Names of the labels with the segments they are in.
    pub(crate) labels: &'static [(&'static str, usize)],
    /// Those with a condition stand first.
    pub(crate) routes: &'static [Route],
}

/// One operation on a template.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    /// A query parameter that tells it from its sibling.
    pub(crate) condition: Option<(&'static str, &'static str)>,
    pub(crate) operation: Operation,
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routed<'a> {
    pub operation: Operation,
    pub labels: Labels<'a>,
}

/// The labels of a path, decoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels<'a> {
    entries: [Option<(&'static str, Cow<'a, str>)>; MOST_LABELS],
}

/// Why a request leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteError {
    UnknownPath,
    /// The path is known, but not with this method.
    WrongMethod,
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownPath => "no operation has this path",
            Self::WrongMethod => "no operation has this path with this method",
        })
    }
}

impl std::error::Error for RouteError {}

/// Finds the operation of a request; the path is the raw one, without the query.
pub fn route<'a>(
    method: &str,
    path: &'a str,
    query: Option<&str>,
) -> Result<Routed<'a>, RouteError> {
    let mut segments = [""; MOST_SEGMENTS];
    let segments = split(path, &mut segments).ok_or(RouteError::UnknownPath)?;
    let template = template_of(segments).ok_or(RouteError::UnknownPath)?;
    let found = template
        .routes
        .iter()
        .find(|route| route.serves(method, query));
    let operation = found.ok_or(RouteError::WrongMethod)?.operation;
    Ok(Routed {
        operation,
        labels: Labels::of(template, segments),
    })
}

/// Splits a path; one slash at its end does not count.
fn split<'a, 'b>(
    path: &'a str,
    segments: &'b mut [&'a str; MOST_SEGMENTS],
) -> Option<&'b [&'a str]> {
    let path = path.strip_prefix('/')?;
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut count = 0;
    for segment in path.split('/') {
        *segments.get_mut(count)? = segment;
        count += 1;
    }
    Some(&segments[..count])
}

impl Route {
    fn serves(&self, method: &str, query: Option<&str>) -> bool {
        let meets_condition = |(key, wanted)| query_values(query, key).any(|value| value == wanted);
        self.method == method && self.condition.is_none_or(meets_condition)
    }
}

impl<'a> Labels<'a> {
    fn of(template: &Template, segments: &[&'a str]) -> Self {
        let mut labels = Self::default();
        for (entry, (name, segment)) in labels.entries.iter_mut().zip(template.labels) {
            *entry = Some((name, percent::decode(segments[*segment])));
        }
        labels
    }

    /// Returns the value of a label.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self
            .entries
            .iter()
            .flatten()
            .find(|(known, _)| *known == name)?;
        Some(&found.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(method: &str, path: &str, query: Option<&str>) -> Result<Operation, RouteError> {
        route(method, path, query).map(|routed| routed.operation)
    }

    /// Fills a template with a label of each kind of character that clients escape.
    fn filled(uri: &str) -> String {
        let fill = |segment: &str| {
            if segment.starts_with('{') {
                "arn%3Aaws%3A%2Fx".to_owned()
            } else {
                segment.to_owned()
            }
        };
        uri.split('/').map(fill).collect::<Vec<_>>().join("/")
    }

    #[test]
    fn a_request_made_from_each_template_routes_back() {
        for operation in Operation::ALL {
            let info = operation.info();
            let (path, query) = match info.uri.split_once('?') {
                Some((path, query)) => (filled(path), Some(query)),
                None => (filled(info.uri), None),
            };

            for path in [path.clone(), format!("{path}/")] {
                let routed = route(info.method, &path, query).unwrap();

                assert_eq!(routed.operation, *operation, "{path}");
                for label in info.uri.split(['{', '}']).skip(1).step_by(2) {
                    assert_eq!(routed.labels.get(label), Some("arn:aws:/x"), "{path}");
                }
            }
        }
    }

    #[test]
    fn the_query_tells_siblings_apart() {
        let layers = "/2018-10-31/layers";
        let provisioned = "/2019-09-30/functions/f/provisioned-concurrency";
        let by_arn = Some("find=LayerVersion&Arn=a");

        assert_eq!(operation("GET", layers, None), Ok(Operation::ListLayers));
        assert_eq!(
            operation("GET", layers, by_arn),
            Ok(Operation::GetLayerVersionByArn)
        );
        assert_eq!(
            operation("GET", provisioned, Some("Qualifier=1")),
            Ok(Operation::GetProvisionedConcurrencyConfig)
        );
        assert_eq!(
            operation("GET", provisioned, Some("List=ALL")),
            Ok(Operation::ListProvisionedConcurrencyConfigs)
        );
    }

    #[test]
    fn a_wrong_method_is_told_from_an_unknown_path() {
        let functions = "/2015-03-31/functions";

        assert_eq!(
            operation("PATCH", functions, None),
            Err(RouteError::WrongMethod)
        );
        assert_eq!(
            operation("GET", "/2015-03-31/function", None),
            Err(RouteError::UnknownPath)
        );
        assert_eq!(operation("GET", "/", None), Err(RouteError::UnknownPath));
        assert_eq!(operation("GET", "", None), Err(RouteError::UnknownPath));
        assert_eq!(
            operation("GET", "/a/b/c/d/e/f/g/h/i/j", None),
            Err(RouteError::UnknownPath)
        );
    }

    #[test]
    fn a_label_without_escapes_is_not_copied() {
        let routed = route("POST", "/2015-03-31/functions/resize/invocations", None).unwrap();

        let label = &routed.labels.entries[0];
        assert!(matches!(
            label,
            Some(("FunctionName", Cow::Borrowed("resize")))
        ));
    }
}
