//! What a benchmark run found: metrics and ratios, as a table for people and as JSON for programs.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::stats::Metric;

#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub metrics: Vec<Metric>,
    pub ratios: BTreeMap<String, f64>,
    /// What was not measured, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

impl Report {
    pub fn metric(&mut self, metric: Metric) {
        self.metrics.push(metric);
    }

    /// Adds a quantity that was read once.
    pub fn note(&mut self, name: &str, unit: &'static str, value: f64) {
        self.metrics.push(Metric::of(name, unit, vec![value]));
    }

    pub fn ratio(&mut self, name: &str, value: f64) {
        self.ratios.insert(name.to_owned(), value);
    }

    /// Says why something that was asked for is not there.
    pub fn remark(&mut self, remark: impl Into<String>) {
        self.remarks.push(remark.into());
    }

    /// The table for people.
    pub fn table(&self) -> String {
        let mut table = String::new();
        for Metric {
            name,
            unit,
            min,
            p50,
            p99,
            n,
        } in &self.metrics
        {
            // Writing to a string cannot fail.
            let _ = writeln!(
                table,
                "{name:<28} min {min:>11.2}  p50 {p50:>11.2}  p99 {p99:>11.2} {unit:<4} n {n}"
            );
        }
        for (name, value) in &self.ratios {
            let _ = writeln!(table, "{name:<28} {value:.3}");
        }
        for remark in &self.remarks {
            let _ = writeln!(table, "{remark}");
        }
        table
    }
}
