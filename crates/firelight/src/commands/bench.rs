//! `firelight bench`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::args::BenchArgs;
use crate::bench::{self, Comparison, Suite};
use crate::failure::{Exit, Failure, Outcome};
use crate::terminal::Terminal;

pub fn run(args: &BenchArgs, terminal: &Terminal) -> Outcome {
    let (suites, file) = resolve(&args.words, terminal.is_json())?;
    let comparison = if args.compare {
        Comparison::Sandboxes
    } else {
        Comparison::None
    };
    let report = bench::run(&suites, comparison).map_err(|error| {
        Failure::new(Exit::Failure, "the benchmark did not run to its end")
            .with_why(format!("{error:#}"))
    })?;
    let json = serde_json::to_value(&report).expect("a report is names and numbers");
    match file {
        Some(path) => {
            write(&path, &format!("{json:#}\n"))?;
            terminal.lines(&report.table())?;
        }
        None => terminal.result(&json, || report.table())?,
    }
    Ok(Exit::Success)
}

/// Tells suites from the file, which may follow `--json`.
fn resolve(words: &[String], json: bool) -> Result<(Vec<Suite>, Option<PathBuf>), Failure> {
    let (mut suites, mut file) = (Vec::new(), None);
    for word in words {
        match Suite::named(word) {
            Some(suite) => suites.push(suite),
            None if json && file.is_none() => file = Some(PathBuf::from(word)),
            None => {
                let known = Suite::ALL.map(Suite::name).join(", ");
                let what = format!("there is no suite {word}; the suites are {known}");
                return Err(Failure::new(Exit::Usage, what));
            }
        }
    }
    if suites.is_empty() {
        suites.extend(Suite::ALL);
    }
    Ok((suites, file))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| {
        Failure::because(
            Exit::Failure,
            format!("could not write {}", path.display()),
            &error,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn without_a_suite_all_run() {
        assert_eq!(resolve(&[], false).unwrap(), (Suite::ALL.to_vec(), None));
    }

    #[test]
    fn word_after_json_that_is_no_suite_is_the_file() {
        let (suites, file) = resolve(&words(&["warm", "out.json"]), true).unwrap();

        assert_eq!((suites, file), (vec![Suite::Warm], Some("out.json".into())));
    }

    #[test]
    fn unknown_suite_is_wrong_usage() {
        assert_eq!(
            resolve(&words(&["hot"]), false).unwrap_err().exit,
            Exit::Usage
        );
    }
}
