//! Which runtimes can be started before it is known for which function.

use std::collections::BTreeMap;
use std::path::Path;

use firelight_runtimes::catalogue::find;
use firelight_runtimes::{
    Ahead, Bootstrap, Family, FunctionFacts, Ground, Interpreter, Layout, Refusal, Runtime, ahead,
    plan,
};
use firelight_sandbox::WAITING_VARIABLE;

use crate::function::interpreters;
use crate::plan::{facts, own};

const PYTHON: &str = "python3.11";
const NODE: &str = "nodejs20.x";

fn decide(
    identifier: &str,
    interpreter: &Interpreter,
    facts: &FunctionFacts<'_>,
) -> Result<Ahead, Refusal> {
    decide_with(
        find(identifier).unwrap(),
        Bootstrap::Ours(interpreter),
        facts,
        false,
    )
}

fn decide_with(
    runtime: &Runtime,
    bootstrap: Bootstrap<'_>,
    facts: &FunctionFacts<'_>,
    brings_libraries: bool,
) -> Result<Ahead, Refusal> {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::install(folder.path()).unwrap();
    let plan = plan(runtime, bootstrap, &Ground::default(), &layout, facts);
    ahead(runtime, bootstrap, &plan, facts, brings_libraries)
}

/// The two languages whose bootstraps can wait, where this host has them.
fn both() -> impl Iterator<Item = (&'static str, &'static Interpreter)> {
    [(PYTHON, Family::Python), (NODE, Family::Node)]
        .into_iter()
        .filter_map(|(identifier, family)| Some((identifier, *interpreters(family).first()?)))
}

#[test]
fn functions_that_differ_in_what_is_told_later_share_a_start() {
    for (identifier, interpreter) in both() {
        let (one, other) = (
            own(&[("TABLE", "a"), ("PATH", "/tmp")]),
            own(&[("TZ", ":UTC")]),
        );
        let first = decide(identifier, interpreter, &facts(&one)).unwrap();

        let mut other = facts(&other);
        other.handler = "other.handler";
        other.function_name = "other";

        let second = decide(identifier, interpreter, &other).unwrap();
        assert_eq!(
            (first.mounts.len(), first.process),
            (second.mounts.len(), second.process)
        );
    }
}

#[test]
fn a_waiting_start_has_the_variables_that_matter_then_and_room_for_the_rest() {
    for (identifier, interpreter) in both() {
        let ahead = decide(identifier, interpreter, &facts(&BTreeMap::new())).unwrap();

        let variables = &ahead.process.variables;
        let names: Vec<_> = variables
            .iter()
            .map(|(name, _)| name.to_str().unwrap())
            .collect();
        let language = match identifier {
            PYTHON => &["LANG", "LC_CTYPE", "LD_LIBRARY_PATH", "PYTHONPATH", "TZ"][..],
            _ => &["LANG", "LD_LIBRARY_PATH", "NODE_PATH", "TZ"],
        };
        assert_eq!(
            names,
            [language, &["AWS_LAMBDA_RUNTIME_API", WAITING_VARIABLE]].concat()
        );
        let size: usize = variables
            .iter()
            .map(|(name, value)| name.len() + value.len() + 2)
            .sum();
        assert_eq!(size, 12 * 1024);
    }
}

#[test]
fn a_heap_of_another_size_is_another_start() {
    for (identifier, interpreter) in both().filter(|(identifier, _)| *identifier == NODE) {
        let none = BTreeMap::new();
        let mut larger = facts(&none);
        larger.memory_mb *= 2;

        let one = decide(identifier, interpreter, &facts(&none)).unwrap();
        let other = decide(identifier, interpreter, &larger).unwrap();

        assert_ne!(one.process.arguments, other.process.arguments);
    }
}

#[test]
fn each_refusal_has_its_reason() {
    for (identifier, interpreter) in both() {
        let refused = |pairs: &[(&str, &str)]| {
            decide(identifier, interpreter, &facts(&own(pairs))).unwrap_err()
        };
        let of_variable = |name: &str| Refusal::Variable {
            name: name.to_owned(),
        };
        let language = if identifier == PYTHON {
            "PYTHONHASHSEED"
        } else {
            "NODE_OPTIONS"
        };

        assert_eq!(refused(&[(language, "1")]), of_variable(language));
        for name in [
            "TZ",
            "LANG",
            "LC_ALL",
            "LD_PRELOAD",
            "LD_LIBRARY_PATH",
            "OPENSSL_CONF",
        ] {
            assert_eq!(refused(&[(name, "x")]), of_variable(name));
        }
        assert_eq!(
            refused(&[("AWS_LAMBDA_EXEC_WRAPPER", "/opt/w")]),
            Refusal::Wrapper
        );
        let long = "x".repeat(12 * 1024);
        assert_eq!(refused(&[("LONG", &long)]), Refusal::VariablesTooLarge);
        let none = BTreeMap::new();
        let (runtime, ours) = (find(identifier).unwrap(), Bootstrap::Ours(interpreter));
        let refusal = decide_with(runtime, ours, &facts(&none), true);
        assert_eq!(refusal, Err(Refusal::BringsLibraries));
    }
}

#[test]
fn a_bootstrap_of_the_function_is_never_started_ahead() {
    let none = BTreeMap::new();
    let brought = Bootstrap::Brought(Path::new("/var/task/bootstrap"));

    let refusal = decide_with(
        find("provided.al2023").unwrap(),
        brought,
        &facts(&none),
        false,
    );

    assert_eq!(refusal, Err(Refusal::BringsBootstrap));
}
