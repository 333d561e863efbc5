//! Taking the bytes out of `{"data": "<base64>"}`.

/// Returns the decoded bytes of the member `data`.
pub fn data(event: &[u8]) -> Result<Vec<u8>, String> {
    let text = std::str::from_utf8(event).map_err(|_| "the event is not text")?;
    let after_key = text
        .split_once("\"data\"")
        .ok_or("the event has no member data")?
        .1;
    let value = after_key
        .trim_start()
        .strip_prefix(':')
        .ok_or("data has no value")?
        .trim_start();
    let string = value.strip_prefix('"').ok_or("data is not a string")?;
    let (base64, _) = string
        .split_once('"')
        .ok_or("the string of data has no end")?;
    decode(base64).ok_or_else(|| "data is not base64".to_owned())
}

/// Decodes standard base64, with or without padding. JSON may write a slash as `\/`.
fn decode(base64: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(base64.len() * 3 / 4);
    let (mut bits, mut held) = (0_u32, 0);
    for character in base64
        .trim_end_matches('=')
        .bytes()
        .filter(|byte| *byte != b'\\')
    {
        bits = bits << 6 | value(character)?;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    // What is left of the last character must be nothing.
    (held < 6 && bits & ((1 << held) - 1) == 0).then_some(bytes)
}

fn value(character: u8) -> Option<u32> {
    Some(u32::from(match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}
