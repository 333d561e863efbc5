//! The allowed edges between our crates: ARCHITECTURE.md lists them, `cargo metadata` has them.
//!
//! The list is the block that begins with ```` ```edges ````: a crate, a colon, and the crates of
//! ours it may depend on, without the `firelight-` of their names. Development dependencies do
//! not count: a test may set crates against each other that never meet in the product.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::files;

type Edges = BTreeMap<String, BTreeSet<String>>;

fn allowed() -> Result<Edges> {
    let text = std::fs::read_to_string(files::root().join("ARCHITECTURE.md"))?;
    parse_block(&text)
}

fn parse_block(document: &str) -> Result<Edges> {
    let (_, block) = document
        .split_once("```edges\n")
        .context("there is no ```edges block")?;
    let (block, _) = block
        .split_once("```")
        .context("the ```edges block has no end")?;
    let lines = block.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| {
            let (name, uses) = line
                .split_once(':')
                .with_context(|| format!("no colon: {line}"))?;
            let uses = uses.split_whitespace().map(str::to_owned).collect();
            Ok((short_name(name.trim()), uses))
        })
        .collect()
}

fn actual() -> Result<Edges> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(files::root())
        .output()
        .context("could not run cargo metadata")?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let mut edges = Edges::new();
    for package in list(&metadata, "packages").filter(|package| is_product(package)) {
        let uses = list(package, "dependencies").filter(|used| used["kind"] != "dev");
        let uses = uses.filter_map(|used| our_name(&used["name"])).collect();
        edges.extend(our_name(&package["name"]).map(|name| (name, uses)));
    }
    Ok(edges)
}

/// Test packages and xtask stand outside `crates`.
fn is_product(package: &Value) -> bool {
    package["manifest_path"]
        .as_str()
        .is_some_and(|path| path.contains("/crates/"))
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

fn our_name(name: &Value) -> Option<String> {
    let name = name.as_str()?;
    name.starts_with("firelight").then(|| short_name(name))
}

fn short_name(name: &str) -> String {
    name.strip_prefix("firelight-").unwrap_or(name).to_owned()
}

/// Returns one complaint per edge or crate that is in one of the two only.
fn complaints(allowed: &Edges, actual: &Edges) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, uses) in actual {
        match allowed.get(name) {
            None => complaints.push(format!("{name} is not in the list")),
            Some(allowed) => complaints.extend(
                uses.difference(allowed)
                    .map(|used| format!("{name} must not use {used}")),
            ),
        }
    }
    let gone = allowed.keys().filter(|name| !actual.contains_key(*name));
    complaints.extend(gone.map(|name| format!("{name} is in the list but not in the workspace")));
    complaints
}

#[test]
fn crates_use_only_what_architecture_allows() {
    let complaints = complaints(&allowed().unwrap(), &actual().unwrap());

    assert!(
        complaints.is_empty(),
        "ARCHITECTURE.md and Cargo.toml differ: {complaints:#?}"
    );
}

#[test]
fn a_forbidden_edge_an_unlisted_crate_and_a_gone_one_are_told() {
    let allowed = parse_block("x\n```edges\nfirelight-api: model wire\nold: model\n```\n").unwrap();
    let actual = parse_block("```edges\napi: model store\nnew:\n```").unwrap();

    assert_eq!(
        complaints(&allowed, &actual),
        [
            "api must not use store",
            "new is not in the list",
            "old is in the list but not in the workspace",
        ]
    );
}
