//! What the metered usage would have cost on AWS.
//!
//! Pure: rows of the meter and a price list in, sums out. Money is a floating-point number of US dollars, as these
//! are estimates for a person and not invoices.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What AWS asks, on a date, in one region.
#[derive(Clone, Copy, Debug)]
pub struct PriceList {
    /// When these prices were looked up.
    pub date: &'static str,
    pub region: &'static str,
    pub usd_per_request: f64,
    pub usd_per_gb_second_x86: f64,
    pub usd_per_gb_second_arm: f64,
    pub free_requests_per_month: f64,
    pub free_gb_seconds_per_month: f64,
}

/// The list prices of on-demand functions: the first tier, which ends at 6 billion GB-seconds a month.
pub const PRICES: PriceList = PriceList {
    date: "2026-11-23",
    region: "us-east-1",
    usd_per_request: 0.20 / 1_000_000.0,
    usd_per_gb_second_x86: 0.000_016_666_7,
    usd_per_gb_second_arm: 0.000_013_333_4,
    free_requests_per_month: 1_000_000.0,
    free_gb_seconds_per_month: 400_000.0,
};

/// One row of the meter: a function with one memory size, in one month.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct UsageRow {
    pub function: String,
    pub architecture: String,
    pub requests: u64,
    pub billed_ms: u64,
    /// Billed milliseconds times configured megabytes.
    pub mb_ms: u64,
    pub init_ms: u64,
    pub sent_bytes: u64,
    pub received_bytes: u64,
    pub errors: u64,
    pub cold_starts: u64,
    pub month: String,
}

/// What one function used in one month, and its list price.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FunctionUsage {
    pub month: String,
    pub function: String,
    pub architecture: String,
    pub requests: u64,
    pub errors: u64,
    pub cold_starts: u64,
    pub billed_ms: u64,
    pub init_ms: u64,
    /// Through the environments' way out.
    pub sent_bytes: u64,
    pub received_bytes: u64,
    pub gb_seconds: f64,
    pub aws_usd: f64,
}

/// What everything together used in one month.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct MonthUsage {
    pub requests: u64,
    pub billed_ms: u64,
    pub gb_seconds: f64,
    /// By the price list alone.
    pub aws_usd: f64,
    /// With the free tier, which an account has once a month over all its functions.
    pub aws_usd_after_free_tier: f64,
}

/// Sums the meter's rows by month, function and architecture.
pub fn by_function(rows: &[UsageRow], prices: &PriceList) -> Vec<FunctionUsage> {
    let mut sums: BTreeMap<(&str, &str, &str), FunctionUsage> = BTreeMap::new();
    for row in rows {
        let sum = sums
            .entry((&row.month, &row.function, &row.architecture))
            .or_default();
        sum.requests += row.requests;
        sum.errors += row.errors;
        sum.cold_starts += row.cold_starts;
        sum.billed_ms += row.billed_ms;
        sum.init_ms += row.init_ms;
        sum.sent_bytes += row.sent_bytes;
        sum.received_bytes += row.received_bytes;
        sum.gb_seconds += gb_seconds(row.mb_ms);
    }
    sums.into_iter()
        .map(|((month, function, architecture), sum)| FunctionUsage {
            month: month.to_owned(),
            function: function.to_owned(),
            architecture: architecture.to_owned(),
            aws_usd: count(sum.requests) * prices.usd_per_request
                + sum.gb_seconds * gb_second_price(architecture, prices),
            ..sum
        })
        .collect()
}

/// Sums functions of one month.
pub fn total(functions: &[FunctionUsage], prices: &PriceList) -> MonthUsage {
    let mut total = MonthUsage::default();
    for function in functions {
        total.requests += function.requests;
        total.billed_ms += function.billed_ms;
        total.gb_seconds += function.gb_seconds;
        total.aws_usd += function.aws_usd;
    }
    total.aws_usd_after_free_tier = after_free_tier(&total, prices);
    total
}

/// The free GB-seconds are taken from both architectures alike, in proportion to their use.
fn after_free_tier(total: &MonthUsage, prices: &PriceList) -> f64 {
    let requests = count(total.requests);
    let paid_requests = (requests - prices.free_requests_per_month).max(0.0);
    let duration_usd = total.aws_usd - requests * prices.usd_per_request;
    let paid_gb_seconds = (total.gb_seconds - prices.free_gb_seconds_per_month).max(0.0);
    let paid_share = if total.gb_seconds > 0.0 {
        paid_gb_seconds / total.gb_seconds
    } else {
        0.0
    };
    paid_requests * prices.usd_per_request + duration_usd * paid_share
}

fn gb_second_price(architecture: &str, prices: &PriceList) -> f64 {
    if architecture == "arm64" {
        prices.usd_per_gb_second_arm
    } else {
        prices.usd_per_gb_second_x86
    }
}

fn gb_seconds(mb_ms: u64) -> f64 {
    count(mb_ms) / 1024.0 / 1000.0
}

#[expect(
    clippy::cast_precision_loss,
    reason = "an estimate in dollars needs no 53rd bit"
)]
fn count(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(function: &str, architecture: &str, requests: u64, mb_ms: u64) -> UsageRow {
        UsageRow {
            function: function.to_owned(),
            architecture: architecture.to_owned(),
            requests,
            billed_ms: mb_ms / 1024,
            mb_ms,
            init_ms: 0,
            sent_bytes: 10,
            received_bytes: 20,
            errors: 0,
            cold_starts: 1,
            month: "2026-11".to_owned(),
        }
    }

    fn is_about(value: f64, expected: f64) -> bool {
        (value - expected).abs() < 1e-9 + expected.abs() * 1e-9
    }

    #[test]
    fn a_million_requests_of_one_gigabyte_second_cost_the_list_price() {
        let rows = [row("f", "x86_64", 1_000_000, 1024 * 1000 * 1_000_000)];

        let functions = by_function(&rows, &PRICES);

        assert!(is_about(functions[0].gb_seconds, 1_000_000.0));
        assert!(is_about(functions[0].aws_usd, 0.20 + 16.6667));
    }

    #[test]
    fn rows_of_one_function_are_summed_and_architectures_are_kept_apart() {
        let rows = [
            row("f", "x86_64", 1, 1024),
            row("f", "x86_64", 2, 1024),
            row("f", "arm64", 4, 0),
        ];

        let functions = by_function(&rows, &PRICES);

        let requests: Vec<_> = functions
            .iter()
            .map(|f| (&*f.architecture, f.requests))
            .collect();
        assert_eq!(requests, [("arm64", 4), ("x86_64", 3)]);
    }

    #[test]
    fn usage_inside_the_free_tier_costs_nothing() {
        let rows = [row("f", "x86_64", 1_000_000, 1024 * 1000 * 400_000)];

        let total = total(&by_function(&rows, &PRICES), &PRICES);

        assert!(total.aws_usd > 6.0);
        assert!(is_about(total.aws_usd_after_free_tier, 0.0));
    }

    #[test]
    fn only_what_exceeds_the_free_tier_is_paid() {
        let rows = [row("f", "x86_64", 3_000_000, 1024 * 1000 * 500_000)];

        let total = total(&by_function(&rows, &PRICES), &PRICES);

        assert!(is_about(
            total.aws_usd_after_free_tier,
            2.0 * 0.20 + 100_000.0 * 0.000_016_666_7
        ));
    }

    #[test]
    fn no_usage_costs_nothing() {
        assert_eq!(total(&[], &PRICES), MonthUsage::default());
    }
}
