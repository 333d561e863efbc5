//! The query of an event: decoded, several values of one key joined by commas.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

/// Returns the parameters of a raw query string.
pub(super) fn parameters(query: &str) -> BTreeMap<String, String> {
    let mut parameters = BTreeMap::<String, String>::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decoded(value);
        parameters
            .entry(decoded(key))
            .and_modify(|values| {
                values.push(',');
                values.push_str(&value);
            })
            .or_insert(value);
    }
    parameters
}

/// An escape that is none stays as it is.
fn decoded(text: &str) -> String {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(query: &str) -> Vec<(String, String)> {
        parameters(query).into_iter().collect()
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn values_of_one_key_are_joined_in_their_order() {
        assert_eq!(
            pairs("b=x&a=2&b=y&a=1"),
            [pair("a", "2,1"), pair("b", "x,y")]
        );
    }

    #[test]
    fn keys_and_values_are_decoded() {
        assert_eq!(pairs("a%20b=c+d%26%C3%A9"), [pair("a b", "c d&é")]);
        assert_eq!(pairs("a=%zz%"), [pair("a", "%zz%")]);
    }

    #[test]
    fn key_without_a_value_has_an_empty_one() {
        assert_eq!(pairs("a&b=&&"), [pair("a", ""), pair("b", "")]);
        assert_eq!(pairs(""), []);
    }
}
