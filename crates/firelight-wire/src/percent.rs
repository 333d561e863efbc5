//! Percent-decoding of path labels and query strings.

use std::borrow::Cow;

/// Decodes a path segment; without escapes it is not copied.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    Cow::Owned(decode_escapes(text, |byte| byte))
}

/// Decodes a part of a query string, where `+` is a space.
pub(crate) fn decode_query(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(decode_escapes(
        text,
        |byte| if byte == b'+' { b' ' } else { byte },
    ))
}

/// Bytes that are no UTF-8 become replacement characters, which no pattern of a name accepts.
fn decode_escapes(text: &str, plain: impl Fn(u8) -> u8) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        if let Some(byte) = escape_at(bytes, index) {
            decoded.push(byte);
            index += 3;
        } else {
            decoded.push(plain(bytes[index]));
            index += 1;
        }
    }
    match String::from_utf8(decoded) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }
}

fn escape_at(bytes: &[u8], index: usize) -> Option<u8> {
    let [b'%', high, low] = *bytes.get(index..index + 3)? else {
        return None;
    };
    Some(hex(high)? << 4 | hex(low)?)
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded_and_stray_percent_signs_kept() {
        assert_eq!(decode("abc%2B%2f%3D"), "abc+/=");
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%zz%4"), "%zz%4");
    }

    #[test]
    fn a_plus_is_a_space_only_in_a_query() {
        assert_eq!(decode("a+b%20c"), "a+b c");
        assert_eq!(decode_query("a+b%20c"), "a b c");
    }

    #[test]
    fn text_without_escapes_is_not_copied() {
        assert!(matches!(decode("resize"), Cow::Borrowed("resize")));
    }

    #[test]
    fn bytes_that_are_no_utf8_become_replacement_characters() {
        assert_eq!(decode("%FF"), "\u{FFFD}");
    }
}
