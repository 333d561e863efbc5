//! The trace header of an invocation: the caller's, or a new one.
//!
//! AWS's header is taken first. A caller that knows only W3C trace context sends `traceparent`, whose trace, parent and
//! sampling decision become AWS's header: both have 128 bits for a trace and 64 for a parent.

use firelight_events::lineage;
use http::HeaderMap;

/// Returns the header that the function gets. A caller's trace keeps its root, parent and sampling decision.
pub(crate) fn of(headers: &HeaderMap, now_seconds: i64, random: u128, sampled: bool) -> String {
    given(headers).unwrap_or_else(|| fresh(now_seconds, random, sampled))
}

/// Returns the trace that a request came with.
pub(crate) fn given(headers: &HeaderMap) -> Option<String> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let own = text("x-amzn-trace-id").filter(|header| has_root(header));
    own.map(str::to_owned)
        .or_else(|| text("traceparent").and_then(from_traceparent))
}

/// Reads `00-<32 hex>-<16 hex>-<2 hex>`. Later versions of it may have more behind.
fn from_traceparent(header: &str) -> Option<String> {
    let mut parts = header.split('-');
    let (version, trace, parent, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let fits = |text: &str, length| {
        let is_hex = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        text.len() == length && text.bytes().all(is_hex)
    };
    let is_known =
        fits(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
    let has_ids = fits(trace, 32) && fits(parent, 16) && !is_zero(trace) && !is_zero(parent);
    if !is_known || !has_ids || !fits(flags, 2) {
        return None;
    }
    let sampled = u8::from_str_radix(flags, 16).ok()? & 1;
    let (time, id) = trace.split_at(8);
    Some(format!(
        "Root=1-{time}-{id};Parent={parent};Sampled={sampled}"
    ))
}

fn is_zero(hex: &str) -> bool {
    hex.bytes().all(|byte| byte == b'0')
}

/// Whether the header has the form `Root=1-8hex-24hex…`, and no more than AWS takes.
fn has_root(header: &str) -> bool {
    const LONGEST: usize = 8192;
    let root = header
        .split(';')
        .find_map(|part| part.trim().strip_prefix("Root="));
    let parts = root
        .and_then(|root| root.strip_prefix("1-"))
        .and_then(|rest| rest.split_once('-'));
    let Some((time, id)) = parts else {
        return false;
    };
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    header.len() <= LONGEST && time.len() == 8 && id.len() == 24 && hex(time) && hex(id)
}

/// Makes the header of a request that came without one. `sampled` is whether its trace is recorded.
pub(crate) fn fresh(now_seconds: i64, random: u128, sampled: bool) -> String {
    lineage::fresh(u64::try_from(now_seconds).unwrap_or(0), random, sampled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (name.parse().unwrap(), value.parse().unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    const OWN: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    const W3C: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn callers_header_is_passed_on_and_goes_before_a_traceparent() {
        let both = headers(&[("x-amzn-trace-id", OWN), ("traceparent", W3C)]);

        assert_eq!(of(&both, 0, 0, false), OWN);
    }

    #[test]
    fn traceparent_becomes_the_header() {
        let expected = "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1";

        assert_eq!(of(&headers(&[("traceparent", W3C)]), 0, 0, false), expected);
        let later = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more";
        assert_eq!(
            of(&headers(&[("traceparent", later)]), 0, 0, false),
            expected
        );
    }

    #[test]
    fn missing_or_malformed_header_is_made_anew() {
        let random = 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef;
        let fresh = "Root=1-65e1f000-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=0";

        assert_eq!(of(&HeaderMap::new(), 0x65e1_f000, random, false), fresh);
        for (name, value) in [
            ("x-amzn-trace-id", "nonsense"),
            (
                "traceparent",
                "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            ),
            (
                "traceparent",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            ),
            (
                "traceparent",
                "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            ),
            (
                "traceparent",
                "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            ),
            ("traceparent", "é-x"),
        ] {
            let mut malformed = HeaderMap::new();
            let name: http::HeaderName = name.parse().unwrap();
            malformed.insert(
                name,
                http::HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
            assert_eq!(of(&malformed, 0x65e1_f000, random, false), fresh, "{value}");
        }
    }
}
