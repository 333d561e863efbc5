//! Reading query strings: keys may repeat, values are percent-encoded.

use std::borrow::Cow;

use crate::percent;

/// Returns all values of a key, decoded, in their order.
pub fn query_values<'a>(query: Option<&'a str>, key: &str) -> impl Iterator<Item = Cow<'a, str>> {
    let pairs = query.unwrap_or_default().split('&');
    pairs.filter_map(move |pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (percent::decode_query(name) == key).then(|| percent::decode_query(value))
    })
}

/// Returns the first value of a key, decoded.
pub fn query_value<'a>(query: Option<&'a str>, key: &str) -> Option<Cow<'a, str>> {
    query_values(query, key).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_key_gives_all_its_values_in_order() {
        let query = Some("tagKeys=a&other=x&tagKeys=b%26c");

        assert_eq!(
            query_values(query, "tagKeys").collect::<Vec<_>>(),
            ["a", "b&c"]
        );
    }

    #[test]
    fn a_key_without_a_value_is_empty_and_an_absent_one_is_none() {
        assert_eq!(
            query_value(Some("Qualifier"), "Qualifier").as_deref(),
            Some("")
        );
        assert_eq!(
            query_value(Some("Qualifier=%24LATEST"), "Qualifier").as_deref(),
            Some("$LATEST")
        );
        assert_eq!(query_value(Some("a=b"), "Qualifier"), None);
        assert_eq!(query_value(None, "Qualifier"), None);
    }
}
