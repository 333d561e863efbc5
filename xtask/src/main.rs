//! Development tasks: `cargo xtask codegen | import-model | compat`.
//!
//! ```text
//!  botocore model ──import-model──► data/lambda-api.json ─┐
//!                    data/overrides.toml, data/groups.toml ┴─codegen──► crates/firelight-wire/src/generated
//!                                docs/compat/status.toml ────compat───► docs/compat/operations.md
//! ```
//!
//! Everything generated is committed; tests here fail when it drifts from its source.

mod api;
mod codegen;
mod compat;
#[cfg(test)]
mod edges;
mod files;
mod import;
mod overrides;
mod table;

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::files::Mode;

const USAGE: &str = "usage: cargo xtask codegen [--check]
       cargo xtask compat [--check]
       cargo xtask import-model SERVICE_2_JSON";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["codegen"] => codegen::run(Mode::Write),
        ["codegen", "--check"] => codegen::run(Mode::Check),
        ["compat"] => compat::run(Mode::Write),
        ["compat", "--check"] => compat::run(Mode::Check),
        ["import-model", file] => import_model(Path::new(file)),
        _ => bail!(USAGE),
    }
}

fn import_model(file: &Path) -> Result<()> {
    let table = import::read_model(file)?;
    let target = files::data("lambda-api.json");
    std::fs::write(&target, table.to_text()?)
        .with_context(|| format!("could not write {}", target.display()))
}
