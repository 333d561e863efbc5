//! The plain invocation, which says nothing but the name of a function: most are, and nothing in them can be wrong.
//!
//! Anything else goes through the table of constraints, which builds a document to check it. That costs ten times as
//! much as this look.

use firelight_wire::Labels;
use firelight_wire::shapes::InvocationRequest;
use http::HeaderName;
use http::request::Parts;

/// Headers that carry members of the operation begin like this, and nothing else does but those of signatures.
const PREFIX: &str = "x-amz-";
/// What signed requests carry.
const OF_SIGNATURES: [&str; 3] = ["x-amz-date", "x-amz-content-sha256", "x-amz-security-token"];
const LONGEST_NAME: usize = 64;

/// Reads a plain invocation; `None` if it says anything that has to be checked.
pub(super) fn members(request: &Parts, labels: &Labels<'_>) -> Option<InvocationRequest> {
    let name = labels.get("FunctionName")?;
    let plain = is_plain_name(name)
        && request.uri.query().is_none()
        && !request.headers.keys().any(carries_member);
    plain.then(|| InvocationRequest {
        function_name: name.to_owned(),
        invocation_type: None,
        log_type: None,
        client_context: None,
        durable_execution_name: None,
        qualifier: None,
        tenant_id: None,
    })
}

fn is_plain_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !name.is_empty() && name.len() <= LONGEST_NAME && name.bytes().all(fits)
}

fn carries_member(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.starts_with(PREFIX) && !OF_SIGNATURES.contains(&name)
}

#[cfg(test)]
mod tests {
    use firelight_wire::{RequestParts, parse, route};
    use http::Request;

    use super::*;

    fn parts(uri: &str, headers: &[(&'static str, &'static str)]) -> Parts {
        let mut request = Request::post(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn plain(request: &Parts) -> Option<InvocationRequest> {
        let (path, query) = (request.uri.path(), request.uri.query());
        members(request, &route("POST", path, query).unwrap().labels)
    }

    /// The table's answer to the same request.
    fn checked(request: &Parts) -> InvocationRequest {
        let (path, query) = (request.uri.path(), request.uri.query());
        let labels = route("POST", path, query).unwrap().labels;
        let header = |name: &str| request.headers.get(name)?.to_str().ok();
        let parts = RequestParts {
            labels: &labels,
            query,
            header: &header,
            body: b"",
        };
        parse(&parts).unwrap()
    }

    #[test]
    fn a_plain_invocation_is_read_as_the_table_reads_it() {
        let signed = [("x-amz-date", "20261123T000000Z"), ("host", "localhost")];
        let request = parts("/2015-03-31/functions/re-size_2/invocations", &signed);

        assert_eq!(plain(&request), Some(checked(&request)));
    }

    #[test]
    fn whatever_says_more_is_left_to_the_table() {
        let path = "/2015-03-31/functions/resize/invocations";
        for (name, value) in [
            ("x-amz-invocation-type", "Event"),
            ("x-amz-log-type", "Tail"),
            ("x-amz-client-context", "e30="),
            ("x-amz-tenant-id", "blue"),
            ("x-amz-durable-execution-name", "a"),
        ] {
            assert_eq!(plain(&parts(path, &[(name, value)])), None, "{name}");
        }
        assert_eq!(plain(&parts(&format!("{path}?Qualifier=1"), &[])), None);
        for name in ["resize:1", "a%20b", &"x".repeat(65)] {
            let uri = format!("/2015-03-31/functions/{name}/invocations");
            assert_eq!(plain(&parts(&uri, &[])), None, "{name}");
        }
    }
}
