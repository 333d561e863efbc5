//! Writes `operations.rs` and `routes.rs`: the enum of operations and what leads to each.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Result, ensure};

use super::names;
use crate::api::Api;
use crate::table::Operation;

/// Returns the source of `operations.rs`.
pub(super) fn enumeration(api: &Api) -> Result<String> {
    let mut source =
        String::from("use crate::generated::schemas;\nuse crate::operation::OperationInfo;\n\n");
    let variants: Vec<&str> = api
        .operations
        .iter()
        .map(|operation| operation.name.as_str())
        .collect();
    source.push_str("/// The operations of the Lambda API.\n");
    source.push_str("#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]\n");
    writeln!(source, "pub enum Operation {{ {} }}\n", variants.join(", "))?;
    source.push_str("impl Operation {\n/// All operations, by name.\n");
    let all: Vec<String> = variants
        .iter()
        .map(|variant| format!("Self::{variant}"))
        .collect();
    writeln!(source, "pub const ALL: &[Self] = &[{}];\n", all.join(", "))?;
    source.push_str(
        "pub(crate) fn info(self) -> &'static OperationInfo {\n&INFOS[self as usize]\n}\n}\n\n",
    );
    source.push_str("/// In the order of the variants.\n");
    writeln!(
        source,
        "static INFOS: [OperationInfo; {}] = [",
        api.operations.len()
    )?;
    for operation in &api.operations {
        writeln!(source, "{},", info(api, operation)?)?;
    }
    source.push_str("];\n");
    Ok(source)
}

fn info(api: &Api, operation: &Operation) -> Result<String> {
    let group = api.group_of(&operation.input)?;
    Ok(format!(
        "OperationInfo {{ name: {:?}, method: {:?}, uri: {:?}, status: {}, input: &schemas::{group}::{} }}",
        operation.name,
        operation.method,
        operation.uri,
        operation.status,
        names::constant(&operation.input),
    ))
}

/// Returns the source of `routes.rs`.
pub(super) fn routes(api: &Api) -> Result<String> {
    let mut templates: BTreeMap<&str, Vec<&Operation>> = BTreeMap::new();
    for operation in &api.operations {
        let path = operation.uri.split('?').next().unwrap_or_default();
        templates.entry(path).or_default().push(operation);
    }
    let mut source = String::from(
        "use crate::generated::operations::Operation;\nuse crate::router::{Route, Template};\n\n\
         /// Returns the template that a path has, given its segments.\n\
         pub(crate) fn template_of(segments: &[&str]) -> Option<&'static Template> {\n\
         Some(match segments {\n",
    );
    for (path, operations) in templates {
        writeln!(
            source,
            "{} => &{},",
            pattern(path)?,
            template(path, operations)?
        )?;
    }
    source.push_str("_ => return None,\n})\n}\n");
    Ok(source)
}

/// Returns the slice pattern of a path: `/functions/{Name}` is `["functions", _]`.
fn pattern(path: &str) -> Result<String> {
    ensure!(
        !path.contains("+}"),
        "labels of several segments are not supported: {path}"
    );
    let segments = segments(path).map(|segment| match label(segment) {
        Some(_) => "_".to_owned(),
        None => format!("{segment:?}"),
    });
    Ok(format!("[{}]", segments.collect::<Vec<_>>().join(", ")))
}

fn template(path: &str, mut operations: Vec<&Operation>) -> Result<String> {
    let mut labels = String::new();
    for (index, segment) in segments(path).enumerate() {
        if let Some(name) = label(segment) {
            write!(labels, "({name:?}, {index}), ")?;
        }
    }
    // Those with a condition go first, or their sibling without one would always win.
    operations.sort_by_key(|operation| !operation.uri.contains('?'));
    let routes: Vec<String> = operations.into_iter().map(route).collect();
    Ok(format!(
        "Template {{ labels: &[{labels}], routes: &[{}] }}",
        routes.join(", ")
    ))
}

fn route(operation: &Operation) -> String {
    let condition = operation
        .uri
        .split_once('?')
        .and_then(|(_, query)| query.split_once('='));
    format!(
        "Route {{ method: {:?}, condition: {condition:?}, operation: Operation::{} }}",
        operation.method, operation.name
    )
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.trim_matches('/').split('/')
}

fn label(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}
