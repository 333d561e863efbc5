//! Paging: how many items an answer has, and the marker to go on with.

use std::str::FromStr;

use firelight_wire::{ErrorCode, ErrorReply};

/// What a listing of functions, versions and aliases has at most.
pub(super) const FUNCTIONS: usize = 50;

/// What other listings have at most.
pub(super) const OTHERS: usize = 100;

/// Returns how many items to answer: what is asked for, up to the most there can be.
pub(super) fn limit(max_items: Option<i32>, most: usize) -> usize {
    let asked = max_items.and_then(|items| usize::try_from(items).ok());
    asked.unwrap_or(most).clamp(1, most)
}

/// Reads a marker that an earlier answer gave. A key of a listing is readable and not secret, so it is its own marker.
pub(super) fn marker<T: FromStr>(marker: Option<&str>) -> Result<Option<T>, ErrorReply> {
    let Some(text) = marker.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let invalid = |_| ErrorReply::new(ErrorCode::InvalidParameterValue, "Invalid marker.");
    text.parse().map(Some).map_err(invalid)
}
