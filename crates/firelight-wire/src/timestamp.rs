//! Points in time: epoch seconds in JSON (with a fraction), ISO 8601 in query strings.

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::codec::{Decode, Present};

/// A point in time with millisecond precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    pub epoch_ms: i64,
}

impl Timestamp {
    /// Reads what a query string carries: ISO 8601, or epoch seconds.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        text.parse()
            .ok()
            .and_then(Self::from_epoch_seconds)
            .or_else(|| from_iso_8601(text))
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked to fit just before"
    )]
    fn from_epoch_seconds(seconds: f64) -> Option<Self> {
        let epoch_ms = (seconds * 1_000.0).round();
        let fits = epoch_ms.abs() < 9.0e15;
        fits.then_some(Self {
            epoch_ms: epoch_ms as i64,
        })
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "epoch milliseconds stay below 2^53"
    )]
    pub(crate) fn epoch_seconds(self) -> f64 {
        self.epoch_ms as f64 / 1_000.0
    }
}

impl Decode for Timestamp {
    fn decode(value: Value) -> Option<Self> {
        Self::from_epoch_seconds(value.as_f64()?)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.epoch_ms % 1_000 == 0 {
            return serializer.serialize_i64(self.epoch_ms / 1_000);
        }
        serializer.serialize_f64(self.epoch_seconds())
    }
}

impl Present for Timestamp {}

/// Reads `2023-11-14T22:13:20Z`, with an optional fraction and offset.
fn from_iso_8601(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once(['T', 't'])?;
    let days = days_of(date)?;
    let (clock, offset_minutes) = split_offset(time)?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let [hours, minutes, seconds] = fields(clock, ':')?;
    let within_a_day = hours < 24 && minutes < 60 && seconds < 61;
    let seconds = days * 86_400 + hours * 3_600 + (minutes - offset_minutes) * 60 + seconds;
    within_a_day.then_some(Timestamp {
        epoch_ms: seconds * 1_000 + milliseconds(fraction)?,
    })
}

fn split_offset(time: &str) -> Option<(&str, i64)> {
    if let Some(clock) = time.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let at = time.rfind(['+', '-'])?;
    let (clock, offset) = time.split_at(at);
    let [hours, minutes] = fields(&offset[1..], ':')?;
    let minutes = hours * 60 + minutes;
    Some((
        clock,
        if offset.starts_with('-') {
            -minutes
        } else {
            minutes
        },
    ))
}

/// Counts days since 1970 of a Gregorian date, with years that begin in March.
fn days_of(date: &str) -> Option<i64> {
    let [year, month, day] = fields(date, '-')?;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468)
}

fn milliseconds(fraction: &str) -> Option<i64> {
    if !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let three: String = fraction.chars().chain("000".chars()).take(3).collect();
    three.parse().ok()
}

/// Splits exactly `N` short numbers without signs.
fn fields<const N: usize>(text: &str, separator: char) -> Option<[i64; N]> {
    let mut numbers = [0; N];
    let mut parts = text.split(separator);
    for number in &mut numbers {
        let part = parts.next()?;
        let is_number = part.len() <= 4 && part.bytes().all(|digit| digit.is_ascii_digit());
        *number = is_number.then(|| part.parse().ok())??;
    }
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch_ms(text: &str) -> Option<i64> {
        Timestamp::from_text(text).map(|timestamp| timestamp.epoch_ms)
    }

    #[test]
    fn iso_8601_is_read_with_fraction_and_offset() {
        assert_eq!(epoch_ms("2023-11-14T22:13:20Z"), Some(1_700_000_000_000));
        assert_eq!(epoch_ms("2023-11-14T22:13:20.5Z"), Some(1_700_000_000_500));
        assert_eq!(
            epoch_ms("2023-11-15T00:13:20+02:00"),
            Some(1_700_000_000_000)
        );
        assert_eq!(epoch_ms("2024-02-29T00:00:00Z"), Some(1_709_164_800_000));
        assert_eq!(epoch_ms("1970-01-01T00:00:00Z"), Some(0));
    }

    #[test]
    fn epoch_seconds_are_read_too_and_nonsense_is_not() {
        assert_eq!(epoch_ms("1700000000.5"), Some(1_700_000_000_500));
        assert_eq!(epoch_ms("yesterday"), None);
        assert_eq!(epoch_ms("2023-13-01T00:00:00Z"), None);
        assert_eq!(epoch_ms("2023-01-01T24:00:00Z"), None);
        assert_eq!(epoch_ms("1e300"), None);
        assert_eq!(epoch_ms("NaN"), None);
    }

    #[test]
    fn json_carries_epoch_seconds_with_a_fraction_only_where_there_is_one() {
        let json = |epoch_ms| serde_json::to_string(&Timestamp { epoch_ms }).unwrap();

        assert_eq!(json(1_700_000_000_000), "1700000000");
        assert_eq!(json(1_700_000_000_500), "1700000000.5");
    }
}
