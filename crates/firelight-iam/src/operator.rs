//! Condition operators: what each compares, and how.

use std::net::IpAddr;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::pattern::{Case, Pattern};
use crate::request::Context;

/// A condition operator without `…IfExists` and `ForAll…:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operator {
    pub(crate) test: Test,
    /// Whether it is one of the `…Not…` operators.
    pub(crate) negated: bool,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    Text(Case),
    Like,
    Number(Order),
    Date(Order),
    Bool,
    Binary,
    Ip,
    Arn,
    Null,
}

/// How the request's value must stand to the policy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    /// Reads the name of an operator; names heed case.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let plain = |test| {
            Some(Self {
                test,
                negated: false,
            })
        };
        let negated = |test| {
            Some(Self {
                test,
                negated: true,
            })
        };
        match name {
            "StringEquals" => plain(Test::Text(Case::Heeded)),
            "StringNotEquals" => negated(Test::Text(Case::Heeded)),
            "StringEqualsIgnoreCase" => plain(Test::Text(Case::Ignored)),
            "StringNotEqualsIgnoreCase" => negated(Test::Text(Case::Ignored)),
            "StringLike" => plain(Test::Like),
            "StringNotLike" => negated(Test::Like),
            "Bool" => plain(Test::Bool),
            "BinaryEquals" => plain(Test::Binary),
            "IpAddress" => plain(Test::Ip),
            "NotIpAddress" => negated(Test::Ip),
            "ArnEquals" | "ArnLike" => plain(Test::Arn),
            "ArnNotEquals" | "ArnNotLike" => negated(Test::Arn),
            "Null" => plain(Test::Null),
            _ => Self::parse_ordered(name),
        }
    }

    fn parse_ordered(name: &str) -> Option<Self> {
        let (test, order): (fn(Order) -> Test, &str) = match name.strip_prefix("Numeric") {
            Some(order) => (Test::Number, order),
            None => (Test::Date, name.strip_prefix("Date")?),
        };
        let (order, negated) = match order {
            "Equals" => (Order::Equal, false),
            "NotEquals" => (Order::Equal, true),
            "LessThan" => (Order::Less, false),
            "LessThanEquals" => (Order::LessOrEqual, false),
            "GreaterThan" => (Order::Greater, false),
            "GreaterThanEquals" => (Order::GreaterOrEqual, false),
            _ => return None,
        };
        Some(Self {
            test: test(order),
            negated,
        })
    }

    /// Tells whether one value of the request fits one of the policy, leaving negation aside.
    pub(crate) fn fits(self, value: &str, wanted: &Pattern, context: &Context) -> bool {
        match self.test {
            Test::Text(case) => wanted.equals(value, case, context),
            Test::Like => wanted.matches(value, Case::Heeded, context),
            Test::Arn => wanted.matches_arn(value, context),
            test => {
                let Some(wanted) = wanted.text(context) else {
                    return false;
                };
                fits_plain(test, value, &wanted)
            }
        }
    }
}

fn fits_plain(test: Test, value: &str, wanted: &str) -> bool {
    match test {
        Test::Number(order) => compare(order, number(value), number(wanted)),
        Test::Date(order) => compare(order, date(value), date(wanted)),
        Test::Bool => value.eq_ignore_ascii_case(wanted),
        Test::Ip => in_network(value, wanted),
        _ => value == wanted,
    }
}

fn compare<T: PartialOrd>(order: Order, value: Option<T>, wanted: Option<T>) -> bool {
    let (Some(value), Some(wanted)) = (value, wanted) else {
        return false;
    };
    match order {
        Order::Equal => value == wanted,
        Order::Less => value < wanted,
        Order::LessOrEqual => value <= wanted,
        Order::Greater => value > wanted,
        Order::GreaterOrEqual => value >= wanted,
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}

/// Reads ISO 8601 in its W3C forms, or seconds since 1970.
fn date(text: &str) -> Option<Timestamp> {
    if let Ok(timestamp) = text.parse() {
        return Some(timestamp);
    }
    if let Ok(seconds) = text.parse() {
        return Timestamp::from_second(seconds).ok();
    }
    let civil = match text.parse::<Date>() {
        Ok(date) => date.to_datetime(jiff::civil::Time::midnight()),
        Err(_) => text.parse::<DateTime>().ok()?,
    };
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// Tells whether an address lies in `address/bits`; without bits it must be that address.
fn in_network(value: &str, network: &str) -> bool {
    let (base, bits) = match network.split_once('/') {
        Some((base, bits)) => (base, bits.parse::<u32>().ok()),
        None => (network, Some(128)),
    };
    let (Ok(value), Ok(base), Some(bits)) = (value.parse(), base.parse(), bits) else {
        return false;
    };
    match (value, base) {
        (IpAddr::V4(value), IpAddr::V4(base)) => {
            let shift = 32 - bits.min(32);
            shifted(value.to_bits().into(), shift) == shifted(base.to_bits().into(), shift)
        }
        (IpAddr::V6(value), IpAddr::V6(base)) => {
            let shift = 128 - bits.min(128);
            shifted(value.to_bits(), shift) == shifted(base.to_bits(), shift)
        }
        _ => false,
    }
}

fn shifted(bits: u128, by: u32) -> u128 {
    bits.checked_shr(by).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::Variables;

    fn fits(operator: &str, value: &str, wanted: &str) -> bool {
        let wanted = Pattern::parse(wanted, Variables::Expanded);
        Operator::parse(operator)
            .unwrap()
            .fits(value, &wanted, &Context::new())
    }

    #[test]
    fn numbers_and_dates_compare_by_value() {
        assert!(fits("NumericLessThan", "9", "10"));
        assert!(fits("NumericEquals", "1.0", "1"));
        assert!(!fits("NumericEquals", "x", "x"));
        assert!(fits(
            "DateGreaterThan",
            "2026-01-02T00:00:00Z",
            "2026-01-01"
        ));
        assert!(fits("DateEquals", "2026-01-01T00:00:00Z", "1767225600"));
    }

    #[test]
    fn addresses_compare_by_network() {
        assert!(fits("IpAddress", "10.1.2.3", "10.0.0.0/8"));
        assert!(fits("IpAddress", "10.1.2.3", "0.0.0.0/0"));
        assert!(fits("IpAddress", "10.1.2.3", "10.1.2.3"));
        assert!(!fits("IpAddress", "11.1.2.3", "10.0.0.0/8"));
        assert!(fits("IpAddress", "2001:db8::1", "2001:db8::/32"));
        assert!(!fits("IpAddress", "2001:db8::1", "10.0.0.0/8"));
    }

    #[test]
    fn text_equality_takes_wildcards_literally_and_like_does_not() {
        assert!(!fits("StringEquals", "ab", "a*"));
        assert!(fits("StringEquals", "a*", "a*"));
        assert!(fits("StringLike", "ab", "a*"));
        assert!(fits("StringEqualsIgnoreCase", "AB", "ab"));
        assert!(!fits("StringEquals", "AB", "ab"));
    }

    #[test]
    fn unknown_names_are_no_operators() {
        for name in [
            "stringEquals",
            "NumericLike",
            "Date",
            "StringEqualsIfExists",
        ] {
            assert_eq!(Operator::parse(name), None, "{name}");
        }
    }
}
