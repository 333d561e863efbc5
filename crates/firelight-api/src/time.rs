//! Times in the forms that XML answers use.

use firelight_model::WallTime;

/// Writes `2026-01-02T03:04:05Z`.
pub(crate) fn iso_seconds(epoch_seconds: i64) -> String {
    let ms = u64::try_from(epoch_seconds)
        .unwrap_or(0)
        .saturating_mul(1000);
    iso_of_ms(ms)
}

/// Writes the second that a millisecond lies in.
pub(crate) fn iso_of_ms(epoch_ms: u64) -> String {
    let mut text = WallTime::from_epoch_ms(epoch_ms).to_iso();
    if let Some(dot) = text.find('.') {
        text.truncate(dot);
        text.push('Z');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_cut_off() {
        assert_eq!(iso_of_ms(1_999), "1970-01-01T00:00:01Z");
        assert_eq!(iso_seconds(-1), "1970-01-01T00:00:00Z");
    }
}
