//! The instant a request was signed, in the one form signatures use: `20150830T123600Z`.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const FORMAT: &str = "%Y%m%dT%H%M%SZ";

/// A whole second of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SigningTime(Timestamp);

impl SigningTime {
    /// Takes the second that `timestamp` falls into.
    pub fn from_timestamp(timestamp: Timestamp) -> Self {
        let second = Timestamp::from_second(timestamp.as_second());
        Self(second.unwrap_or(timestamp))
    }

    /// Reads the basic ISO 8601 form.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != "20150830T123600Z".len() {
            return None;
        }
        let civil = DateTime::strptime(FORMAT, text).ok()?;
        let zoned = civil.to_zoned(TimeZone::UTC).ok()?;
        Some(Self(zoned.timestamp()))
    }

    /// Reads the form of the HTTP `Date` header, which a few old signers use.
    pub fn parse_http_date(text: &str) -> Option<Self> {
        let zoned = jiff::fmt::rfc2822::parse(text).ok()?;
        Some(Self(zoned.timestamp()))
    }

    /// Returns the day, `YYYYMMDD`.
    pub fn date(self) -> String {
        self.0.strftime("%Y%m%d").to_string()
    }

    /// Returns the time in the extended form of ISO 8601, as errors of S3 name it.
    pub fn extended(self) -> String {
        self.0.to_string()
    }

    /// Returns the time `by` later, or the last representable one.
    pub fn later(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by).unwrap_or(Timestamp::MAX))
    }

    /// Returns the time `by` earlier, or the first representable one.
    pub fn earlier(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(by).unwrap_or(Timestamp::MIN))
    }
}

impl std::fmt::Display for SigningTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.strftime(FORMAT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_form_survives_a_round_trip() {
        let time = SigningTime::parse("20150830T123600Z").unwrap();

        assert_eq!(time.to_string(), "20150830T123600Z");
        assert_eq!(time.date(), "20150830");
        assert_eq!(
            time.later(Duration::from_secs(300)).to_string(),
            "20150830T124100Z"
        );
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            "20150830",
            "20150830T123600",
            "2015-08-30T12:36Z",
            "20151330T123600Z",
        ] {
            assert_eq!(SigningTime::parse(text), None, "{text}");
        }
    }
}
