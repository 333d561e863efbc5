//! Wall time: shown to people and in AWS's fields, never used to measure or to decide.

use std::fmt;
use std::time::Duration;

/// Milliseconds since 1970-01-01 00:00 UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime {
    epoch_ms: u64,
}

impl WallTime {
    pub fn from_epoch_ms(epoch_ms: u64) -> Self {
        Self { epoch_ms }
    }

    pub fn epoch_ms(self) -> u64 {
        self.epoch_ms
    }

    /// The moment `passed` later, in whole milliseconds.
    pub fn after(self, passed: Duration) -> Self {
        Self::from_epoch_ms(self.epoch_ms.saturating_add(whole_ms(passed)))
    }

    /// The moment `passed` earlier, in whole milliseconds.
    pub fn before(self, passed: Duration) -> Self {
        Self::from_epoch_ms(self.epoch_ms.saturating_sub(whole_ms(passed)))
    }

    /// Returns AWS's JSON timestamp: seconds since 1970, with a fraction.
    #[expect(clippy::cast_precision_loss, reason = "exact until the year 287396")]
    pub fn epoch_seconds(self) -> f64 {
        self.epoch_ms as f64 / 1000.0
    }

    /// Renders `YYYY-MM-DDThh:mm:ss.SSSZ`, the form of log lines.
    pub fn to_iso(self) -> String {
        let mut text = String::with_capacity(24);
        self.write_date_and_time(&mut text)
            .expect("a string takes any text");
        text.push('Z');
        text
    }

    fn write_date_and_time(self, to: &mut impl fmt::Write) -> fmt::Result {
        let (year, month, day) = civil(self.epoch_ms / 86_400_000);
        let ms = self.epoch_ms % 86_400_000;
        let (hour, minute, second, ms) =
            (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000);
        write!(
            to,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}"
        )
    }
}

/// Renders AWS's string time: `YYYY-MM-DDThh:mm:ss.SSS+0000`.
impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_date_and_time(f)?;
        f.write_str("+0000")
    }
}

impl fmt::Debug for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Converts days since 1970-01-01 to year, month and day. Years begin in March here, so that the leap day is last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_instants_have_their_known_text() {
        for (epoch_ms, text) in [
            (0, "1970-01-01T00:00:00.000+0000"),
            (951_782_400_001, "2000-02-29T00:00:00.001+0000"),
            (1_700_000_000_500, "2023-11-14T22:13:20.500+0000"),
            (4_102_444_799_999, "2099-12-31T23:59:59.999+0000"),
        ] {
            assert_eq!(WallTime::from_epoch_ms(epoch_ms).to_string(), text);
        }
    }

    #[test]
    fn log_lines_end_in_z() {
        let time = WallTime::from_epoch_ms(1_700_000_000_500);
        assert_eq!(time.to_iso(), "2023-11-14T22:13:20.500Z");
    }

    #[test]
    fn epoch_seconds_keep_the_fraction() {
        assert!((WallTime::from_epoch_ms(1_500).epoch_seconds() - 1.5).abs() < f64::EPSILON);
    }
}
