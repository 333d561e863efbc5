//! The terminal: results on standard output, everything meant for a waiting person on standard error.
//!
//! With `--json` a command writes exactly one JSON document (or one per line, where it streams) to standard output,
//! and a failure is a JSON document on standard error. Spinners appear only where a person watches.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::failure::{Exit, Failure};

/// Where a command writes.
#[derive(Clone, Copy, Debug)]
pub struct Terminal {
    json: bool,
}

impl Terminal {
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Tells whether the result is wanted as JSON.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Writes the result: the document, or the lines a person reads.
    pub fn result(&self, document: &Value, lines: impl FnOnce() -> String) -> io::Result<()> {
        if self.json {
            self.document(document)
        } else {
            self.lines(&lines())
        }
    }

    /// Writes one JSON document, indented.
    pub fn document(&self, document: &Value) -> io::Result<()> {
        self.lines(&format!("{document:#}"))
    }

    /// Writes text and ends the last line.
    pub fn lines(&self, text: &str) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        if !text.ends_with('\n') {
            out.write_all(b"\n")?;
        }
        out.flush()
    }

    /// Writes a remark that is not part of the result.
    pub fn note(&self, text: &str) {
        // A remark that cannot be shown must not fail the command.
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Shows that something takes time, for as long as the value lives.
    pub fn wait_for(&self, what: &str) -> Waiting {
        if self.json || !io::stderr().is_terminal() {
            return Waiting(ProgressBar::hidden());
        }
        let bar = ProgressBar::new_spinner().with_message(what.to_owned());
        bar.set_style(
            ProgressStyle::with_template("{spinner} {msg} {elapsed:.dim}").expect("valid"),
        );
        bar.enable_steady_tick(Duration::from_millis(80));
        Waiting(bar)
    }

    /// Says why a command failed, unless it failed because nobody listens any more.
    pub fn report(&self, failure: &Failure) {
        if failure.exit == Exit::ReaderLeft {
            return;
        }
        let text = if self.json {
            failure_document(failure)
        } else {
            failure_text(failure)
        };
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

/// A spinner; it goes away when dropped.
#[derive(Debug)]
pub struct Waiting(ProgressBar);

impl Waiting {
    /// Says what is being waited for now.
    pub fn now(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn failure_text(failure: &Failure) -> String {
    let mut text = format!("error: {}\n", failure.what);
    for reason in &failure.why {
        let _ = writeln!(
            text,
            "  why: {}",
            reason.trim_end().replace('\n', "\n       ")
        );
    }
    if let Some(remedy) = &failure.remedy {
        let _ = writeln!(text, "  try: {}", remedy.replace('\n', "\n       "));
    }
    text
}

fn failure_document(failure: &Failure) -> String {
    let document = json!({ "error": {
        "what": failure.what,
        "why": failure.why,
        "try": failure.remedy,
        "exit_code": failure.exit as u8,
    }});
    format!("{document:#}\n")
}

/// Lays out rows under a heading, each column as wide as its widest cell.
pub fn table<const N: usize>(heading: [&str; N], rows: &[[String; N]]) -> String {
    let widths: [usize; N] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells
            .chain([heading[column].len()])
            .max()
            .unwrap_or_default()
    });
    let heading = heading.map(str::to_owned);
    std::iter::once(&heading)
        .chain(rows)
        .fold(String::new(), |mut text, row| {
            let line: Vec<String> = row
                .iter()
                .zip(widths)
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            text.push_str(line.join("  ").trim_end());
            text.push('\n');
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            ["a".to_owned(), "1".to_owned()],
            ["long name".to_owned(), "2".to_owned()],
        ];

        let text = table(["NAME", "N"], &rows);

        assert_eq!(text, "NAME       N\na          1\nlong name  2\n");
    }

    #[test]
    fn a_failure_says_what_why_and_what_to_do() {
        let failure = Failure::new(Exit::NotFound, "could not invoke \"f\"")
            .with_why("Function not found")
            .with_remedy("firelight ls");

        assert_eq!(
            failure_text(&failure),
            "error: could not invoke \"f\"\n  why: Function not found\n  try: firelight ls\n"
        );
    }
}
