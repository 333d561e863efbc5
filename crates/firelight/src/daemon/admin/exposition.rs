//! The text format in which monitoring systems read metrics (Prometheus, version 0.0.4).

use std::fmt::{Display, Write};

use firelight_invoke::{BOUNDS_MS, Histogram};

/// The media type of the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a number of a family means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Names and values that tell one number of a family from another.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

/// The text, family by family.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
    family: &'static str,
}

impl Exposition {
    /// Begins a family; what follows belongs to it.
    pub fn family(&mut self, name: &'static str, kind: Kind, help: &str) {
        self.family = name;
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {}", kind.name()));
    }

    pub fn sample(&mut self, labels: Labels<'_>, value: impl Display) {
        self.named("", labels, None, value);
    }

    /// Writes the classes of a histogram, each with all that are below it.
    pub fn histogram(&mut self, labels: Labels<'_>, histogram: &Histogram) {
        let mut below = 0;
        for (class, count) in histogram.classes.iter().enumerate() {
            below += count;
            let bound = BOUNDS_MS.get(class).map(|bound| seconds(*bound));
            let bound = bound.unwrap_or_else(|| "+Inf".to_owned());
            self.named("_bucket", labels, Some(("le", &bound)), below);
        }
        self.named("_sum", labels, None, histogram.sum.as_secs_f64());
        self.named("_count", labels, None, below);
    }

    pub fn finish(self) -> String {
        self.text
    }

    fn named(
        &mut self,
        suffix: &str,
        labels: Labels<'_>,
        last: Option<(&str, &str)>,
        value: impl Display,
    ) {
        let all = labels.iter().copied().chain(last);
        let all: Vec<String> = all
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
            .collect();
        let family = self.family;
        if all.is_empty() {
            self.line(format_args!("{family}{suffix} {value}"));
        } else {
            self.line(format_args!(
                "{family}{suffix}{{{}}} {value}",
                all.join(",")
            ));
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to memory cannot fail.
        let _ = writeln!(self.text, "{line}");
    }
}

fn seconds(milliseconds: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "the bounds are small")]
    let seconds = milliseconds as f64 / 1_000.0;
    seconds.to_string()
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn family_is_named_explained_and_followed_by_its_numbers() {
        let mut text = Exposition::default();

        text.family("f_total", Kind::Counter, "Things that happened.");
        text.sample(&[], 3);
        text.sample(&[("a", "x\"\\\n"), ("b", "y")], 4);

        assert_eq!(
            text.finish(),
            "# HELP f_total Things that happened.\n# TYPE f_total counter\nf_total 3\n\
             f_total{a=\"x\\\"\\\\\\n\",b=\"y\"} 4\n"
        );
    }

    #[test]
    fn each_class_of_a_histogram_counts_those_below_it() {
        let mut classes = [0; BOUNDS_MS.len() + 1];
        (classes[0], classes[2], classes[BOUNDS_MS.len()]) = (1, 2, 4);
        let histogram = Histogram {
            classes,
            sum: Duration::from_millis(1_500),
        };
        let mut text = Exposition::default();

        text.family("d_seconds", Kind::Histogram, "How long.");
        text.histogram(&[("a", "x")], &histogram);

        let text = text.finish();
        for line in [
            "d_seconds_bucket{a=\"x\",le=\"0.001\"} 1\n",
            "d_seconds_bucket{a=\"x\",le=\"0.002\"} 1\n",
            "d_seconds_bucket{a=\"x\",le=\"0.005\"} 3\n",
            "d_seconds_bucket{a=\"x\",le=\"300\"} 3\n",
            "d_seconds_bucket{a=\"x\",le=\"+Inf\"} 7\n",
            "d_seconds_sum{a=\"x\"} 1.5\n",
            "d_seconds_count{a=\"x\"} 7\n",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
