//! The trace header of an invocation: the caller's, or a new one.

/// Returns the header that the function gets. A caller's header keeps its root, parent and sampling decision.
pub(crate) fn header(given: Option<&str>, now_seconds: i64, random: u128) -> String {
    given
        .filter(|header| has_root(header))
        .map_or_else(|| new(now_seconds, random), str::to_owned)
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

fn new(now_seconds: i64, random: u128) -> String {
    let parent = random >> 96;
    let root = random & ((1 << 96) - 1);
    let parent = (parent << 32) | (root & 0xffff_ffff);
    format!("Root=1-{now_seconds:08x}-{root:024x};Parent={parent:016x};Sampled=0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_header_is_passed_on() {
        let given = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

        assert_eq!(header(Some(given), 0, 0), given);
    }

    #[test]
    fn missing_or_malformed_header_is_made_anew() {
        let random = 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef;
        let fresh = "Root=1-65e1f000-89abcdef0123456789abcdef;Parent=0123456789abcdef;Sampled=0";

        assert_eq!(header(None, 0x65e1_f000, random), fresh);
        assert_eq!(header(Some("nonsense"), 0x65e1_f000, random), fresh);
    }
}
