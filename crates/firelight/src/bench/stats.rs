//! Samples, and what is told of them.

use std::time::Duration;

use serde::Serialize;

/// One measured quantity.
#[derive(Clone, Debug, Serialize)]
pub struct Metric {
    pub name: String,
    pub unit: &'static str,
    pub min: f64,
    pub p50: f64,
    pub p99: f64,
    pub n: usize,
}

impl Metric {
    /// Summarises durations in microseconds.
    pub fn of_durations(name: &str, samples: &[Duration]) -> Self {
        let values = samples
            .iter()
            .map(|sample| sample.as_secs_f64() * 1e6)
            .collect();
        Self::of(name, "us", values)
    }

    /// Summarises any values; there must be one at least.
    pub fn of(name: &str, unit: &'static str, mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self {
            name: name.to_owned(),
            unit,
            min: values.first().copied().unwrap_or(f64::NAN),
            p50: percentile(&values, 50),
            p99: percentile(&values, 99),
            n: values.len(),
        }
    }
}

/// The value that `percent` of the sorted values do not exceed.
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let metric = Metric::of("m", "us", (1..=100).rev().map(f64::from).collect());

        assert_eq!(
            (metric.min, metric.p50, metric.p99, metric.n),
            (1.0, 50.0, 99.0, 100)
        );
    }
}
