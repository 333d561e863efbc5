//! The REPORT line of a log tail: what an invocation took.

use serde::Serialize;

/// What the platform reported about one invocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    pub duration_ms: f64,
    pub billed_ms: u64,
    pub memory_mb: u64,
    pub max_memory_mb: u64,
    /// Present on a cold start.
    pub init_ms: Option<f64>,
}

impl Report {
    /// Finds the last REPORT line of a log tail. A function may print a line of the same look before it.
    pub fn of_log_tail(tail: &str) -> Option<Self> {
        let line = tail
            .lines()
            .rfind(|line| line.starts_with("REPORT RequestId: "))?;
        let mut report = Self::default();
        for field in line.split('\t') {
            let Some((name, value)) = field.split_once(": ") else {
                continue;
            };
            let number = value.split(' ').next().unwrap_or(value);
            match name {
                "Duration" => report.duration_ms = number.parse().ok()?,
                "Billed Duration" => report.billed_ms = number.parse().ok()?,
                "Memory Size" => report.memory_mb = number.parse().ok()?,
                "Max Memory Used" => report.max_memory_mb = number.parse().ok()?,
                "Init Duration" => report.init_ms = number.parse().ok(),
                _ => {}
            }
        }
        Some(report)
    }

    /// Says it in a line for a person.
    pub fn summary(&self) -> String {
        let start = match self.init_ms {
            Some(init) => format!("cold start, init {init:.2} ms"),
            None => "warm start".to_owned(),
        };
        format!(
            "{start} | {:.2} ms, billed {} ms | {} of {} MB",
            self.duration_ms, self.billed_ms, self.max_memory_mb, self.memory_mb
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLD: &str = "START RequestId: a Version: $LATEST\nEND RequestId: a\n\
        REPORT RequestId: a\tDuration: 3.01 ms\tBilled Duration: 114 ms\tMemory Size: 128 MB\t\
        Max Memory Used: 36 MB\tInit Duration: 110.10 ms\t\n";

    #[test]
    fn every_field_is_read() {
        let report = Report::of_log_tail(COLD).unwrap();

        assert_eq!(
            report,
            Report {
                duration_ms: 3.01,
                billed_ms: 114,
                memory_mb: 128,
                max_memory_mb: 36,
                init_ms: Some(110.10)
            }
        );
        assert_eq!(
            report.summary(),
            "cold start, init 110.10 ms | 3.01 ms, billed 114 ms | 36 of 128 MB"
        );
    }

    #[test]
    fn a_line_the_function_printed_is_not_taken_for_the_report() {
        let tail = format!("REPORT RequestId: fake\tDuration: 1.00 ms\t\n{COLD}");

        assert_eq!(Report::of_log_tail(&tail), Report::of_log_tail(COLD));
    }

    #[test]
    fn a_warm_start_has_no_init() {
        let warm = COLD.replace("\tInit Duration: 110.10 ms", "");

        assert_eq!(Report::of_log_tail(&warm).unwrap().init_ms, None);
    }

    #[test]
    fn a_tail_that_was_cut_before_the_report_has_none() {
        assert_eq!(Report::of_log_tail("some output\n"), None);
    }
}
