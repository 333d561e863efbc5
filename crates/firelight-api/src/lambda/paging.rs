//! Paging: how many items an answer has, and the marker to go on with.
//!
//! A marker is opaque to clients: the operation that gave it and the last key it showed, in base64. It is good for that
//! operation only, and what no answer gave is refused instead of being taken for a key.

use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use firelight_wire::{ErrorReply, Operation};

use super::refusals;

/// What a listing of functions, versions and aliases has at most.
pub(super) const FUNCTIONS: usize = 50;

/// What other listings have at most.
pub(super) const OTHERS: usize = 100;

/// Returns how many items to answer: what is asked for, up to the most there can be.
pub(super) fn limit(max_items: Option<i32>, most: usize) -> usize {
    let asked = max_items.and_then(|items| usize::try_from(items).ok());
    asked.unwrap_or(most).clamp(1, most)
}

/// Makes the marker that leads behind a key.
pub(super) fn next(operation: Operation, key: Option<String>) -> Option<String> {
    let token = |key| BASE64_URL_SAFE_NO_PAD.encode(format!("{}\n{key}", operation.name()));
    key.map(token)
}

/// Reads a marker that an earlier answer of the same operation gave.
pub(super) fn marker<T: FromStr>(
    operation: Operation,
    marker: Option<&str>,
) -> Result<Option<T>, ErrorReply> {
    let Some(text) = marker.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let key = key(operation, text).and_then(|key| key.parse().ok());
    key.map(Some).ok_or_else(refusals::invalid_marker)
}

fn key(operation: Operation, marker: &str) -> Option<String> {
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(marker).ok()?).ok()?;
    let (name, key) = text.split_once('\n')?;
    (name == operation.name()).then(|| key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_leads_back_to_its_key_in_its_own_operation_only() {
        let given = next(Operation::ListAliases, Some("prod".to_owned()));

        let read = |operation| marker::<String>(operation, given.as_deref());

        assert_eq!(
            read(Operation::ListAliases).unwrap().as_deref(),
            Some("prod")
        );
        assert!(read(Operation::ListFunctions).is_err());
        assert!(marker::<String>(Operation::ListAliases, Some("prod")).is_err());
        assert_eq!(
            marker::<String>(Operation::ListAliases, Some("")).unwrap(),
            None
        );
    }
}
