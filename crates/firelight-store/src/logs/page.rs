//! Pages: the events that one write adds to one stream, as one row.
//!
//! ```text
//!  "1795437297000 5\nhello" "1795437297004 5\nworld" …      time in ms, bytes of the message, the message
//! ```
//!
//! A busy function says three lines an invocation; a row and its index entries for each would cost more than the
//! invocation. A page spans little time, so that reading a stretch of time knows how far to look around it.

use std::borrow::Cow;

use firelight_model::WallTime;

/// The longest time between the first and the last event of a page.
pub(super) const SPAN_MS: u64 = 1000;
/// A page takes no more events once it has so many bytes.
const FULL_BYTES: usize = 256 * 1024;
/// What CloudWatch Logs counts for an event beside its message.
const EVENT_OVERHEAD_BYTES: u64 = 26;

/// A page that is being filled.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) first_ms: u64,
    pub(super) last_ms: u64,
    pub(super) events: u64,
    /// What its events count in the sum of their group.
    pub(super) stored_bytes: u64,
    pub(super) body: Vec<u8>,
}

impl Page {
    /// Begins a page with its first event.
    pub(super) fn begin(at: WallTime, message: &[u8]) -> Self {
        let mut page = Self {
            first_ms: at.epoch_ms(),
            last_ms: at.epoch_ms(),
            events: 0,
            stored_bytes: 0,
            body: Vec::new(),
        };
        page.push(at.epoch_ms(), message);
        page
    }

    /// Adds an event, or tells that it needs another page.
    pub(super) fn add(&mut self, at: WallTime, message: &[u8]) -> bool {
        let at_ms = at.epoch_ms();
        let (first, last) = (self.first_ms.min(at_ms), self.last_ms.max(at_ms));
        if last - first > SPAN_MS || self.body.len() + message.len() > FULL_BYTES {
            return false;
        }
        (self.first_ms, self.last_ms) = (first, last);
        self.push(at_ms, message);
        true
    }

    fn push(&mut self, at_ms: u64, message: &[u8]) {
        // A page is text; bytes that are none are replaced.
        let message = match std::str::from_utf8(message) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(message),
        };
        self.events += 1;
        self.stored_bytes += message.len() as u64 + EVENT_OVERHEAD_BYTES;
        push_number(&mut self.body, at_ms);
        self.body.push(b' ');
        push_number(&mut self.body, message.len() as u64);
        self.body.push(b'\n');
        self.body.extend_from_slice(message.as_bytes());
    }
}

/// Writes a number without going through the formatter, which costs more than the number.
fn push_number(to: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        if number == 0 {
            break;
        }
    }
    to.extend_from_slice(&digits[start..]);
}

/// The events of a page: when each happened, and what. Ends early at a page that is damaged.
pub(super) fn events(body: &[u8]) -> impl Iterator<Item = (u64, &str)> {
    let mut rest = body;
    std::iter::from_fn(move || {
        let (at_ms, length) = head(&mut rest)?;
        let message = rest.get(..length)?;
        rest = &rest[length..];
        Some((at_ms, std::str::from_utf8(message).ok()?))
    })
}

fn head(rest: &mut &[u8]) -> Option<(u64, usize)> {
    let end = rest.iter().position(|&byte| byte == b'\n')?;
    let head = std::str::from_utf8(&rest[..end]).ok()?;
    *rest = &rest[end + 1..];
    let (at_ms, length) = head.split_once(' ')?;
    Some((at_ms.parse().ok()?, length.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> WallTime {
        WallTime::from_epoch_ms(ms)
    }

    #[test]
    fn events_are_read_as_they_were_added() {
        let mut page = Page::begin(at(1_795_437_297_000), b"one\nwith 2 lines");
        assert!(page.add(at(1_795_437_297_000), b""));
        assert!(page.add(at(1_795_437_296_999), "früher".as_bytes()));
        assert!(page.add(at(1_795_437_297_001), b"no \xff text"));

        let read: Vec<_> = events(&page.body).collect();

        assert_eq!(
            read,
            [
                (1_795_437_297_000, "one\nwith 2 lines"),
                (1_795_437_297_000, ""),
                (1_795_437_296_999, "früher"),
                (1_795_437_297_001, "no \u{fffd} text"),
            ]
        );
        assert_eq!(page.events, 4);
        assert_eq!(
            (page.first_ms, page.last_ms),
            (1_795_437_296_999, 1_795_437_297_001)
        );
    }

    #[test]
    fn a_page_spans_little_time() {
        let mut page = Page::begin(at(5_000), b"x");

        assert!(page.add(at(5_000 + SPAN_MS), b"x"));
        assert!(!page.add(at(5_001 + SPAN_MS), b"x"));
        assert!(!page.add(at(4_999), b"x"));
        assert_eq!(page.events, 2);
    }

    #[test]
    fn a_page_has_an_end() {
        let mut page = Page::begin(at(0), &vec![b'x'; FULL_BYTES]);

        assert!(!page.add(at(0), b"x"));
    }

    #[test]
    fn a_damaged_page_ends_early() {
        let mut body = Page::begin(at(1), b"whole").body;
        body.extend_from_slice(b"2 100\nnot so long");

        assert_eq!(events(&body).collect::<Vec<_>>(), [(1, "whole")]);
    }
}
