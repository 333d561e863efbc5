//! Writes `shapes/*.rs`: the structures and enums, one file per group of operations.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};

use super::{FolderModule, names};
use crate::api::{Api, COMMON_GROUP, Use};
use crate::table::{Kind, Location, Member, Shape};

pub(super) const MODULE: FolderModule = FolderModule {
    head: "//! Requests, responses and what they are made of, by subject.\n",
    entry: "mod {};\npub use {}::*;\n",
};

/// Returns the source of each group.
pub(super) fn generate(api: &Api) -> Result<Vec<(String, String)>> {
    let mut groups: BTreeMap<&str, String> = BTreeMap::new();
    for (shape, used) in api.used_shapes() {
        let source = Writer { api, used }
            .source(shape)
            .context(shape.name.clone())?;
        groups.entry(&used.group).or_default().push_str(&source);
    }
    let with_macros = |source: String| format!("{}{source}", macros(&source));
    Ok(groups
        .into_iter()
        .filter(|(_, source)| !source.is_empty())
        .map(|(group, source)| (group.to_owned(), with_macros(source)))
        .collect())
}

/// A file imports only the macros it uses.
fn macros(source: &str) -> String {
    let all = ["decode", "encode", "wire_enum"];
    let is_used = |name: &&str| source.contains(&format!("{name}!"));
    let used: Vec<&str> = all.into_iter().filter(is_used).collect();
    format!("use crate::codec::{{{}}};\n\n", used.join(", "))
}

struct Writer<'a> {
    api: &'a Api,
    used: &'a Use,
}

impl Writer<'_> {
    /// Returns nothing for shapes that are a type of the language.
    fn source(&self, shape: &Shape) -> Result<String> {
        let is_event = shape
            .members
            .iter()
            .any(|member| member.location == Some(Location::Event));
        match shape.kind {
            Kind::Structure if !is_event => self.structure(shape),
            Kind::String if is_enum(self.api, shape) => Ok(enumeration(shape)),
            _ => Ok(String::new()),
        }
    }

    fn structure(&self, shape: &Shape) -> Result<String> {
        let members = self.api.typed_members(shape)?;
        let has_default = members.iter().all(|member| !member.required);
        let default = if has_default { ", Default" } else { "" };
        let mut source = format!("#[derive(Clone, Debug{default}, PartialEq)]\n");
        writeln!(source, "pub struct {} {{", shape.name)?;
        for member in &members {
            writeln!(
                source,
                "pub {}: {},",
                names::field(&member.name),
                self.type_of(member)?
            )?;
        }
        source.push_str("}\n\n");
        if self.used.input {
            source.push_str(&codec("decode", shape, members.iter().copied()));
        }
        if self.used.output {
            let in_body = members
                .iter()
                .copied()
                .filter(|member| member.location.is_none());
            source.push_str(&codec("encode", shape, in_body));
        }
        source.push_str(&self.operation_traits(shape, &members)?);
        Ok(source)
    }

    /// Ties a request to its operation and makes a response renderable.
    fn operation_traits(&self, shape: &Shape, members: &[&Member]) -> Result<String> {
        let mut source = String::new();
        let operations = &self.api.operations;
        if let Some(operation) = operations
            .iter()
            .find(|operation| operation.input == shape.name)
        {
            writeln!(source, "impl crate::Request for {} {{", shape.name)?;
            writeln!(
                source,
                "const OPERATION: crate::Operation = crate::Operation::{};",
                operation.name
            )?;
            source.push_str("}\n\n");
        }
        if operations
            .iter()
            .any(|operation| operation.output.as_ref() == Some(&shape.name))
        {
            writeln!(source, "impl crate::Response for {} {{", shape.name)?;
            source.push_str(&response_methods(members)?);
            source.push_str("}\n\n");
        }
        Ok(source)
    }

    fn type_of(&self, member: &Member) -> Result<String> {
        let of_shape = self.type_of_shape(&member.shape)?;
        Ok(if member.required {
            of_shape
        } else {
            format!("Option<{of_shape}>")
        })
    }

    fn type_of_shape(&self, name: &str) -> Result<String> {
        let shape = self.api.shape(name)?;
        Ok(match shape.kind {
            Kind::String if is_enum(self.api, shape) => self.path_to(name)?,
            Kind::String => "String".to_owned(),
            Kind::Integer => "i32".to_owned(),
            Kind::Long => "i64".to_owned(),
            Kind::Double => "f64".to_owned(),
            Kind::Boolean => "bool".to_owned(),
            Kind::Timestamp => "crate::Timestamp".to_owned(),
            Kind::Blob => "crate::Blob".to_owned(),
            Kind::List => format!("Vec<{}>", self.type_of_part(shape)?),
            Kind::Map => {
                format!(
                    "std::collections::BTreeMap<String, {}>",
                    self.type_of_part(shape)?
                )
            }
            Kind::Structure | Kind::EventStream => self.path_to(name)?,
        })
    }

    fn type_of_part(&self, shape: &Shape) -> Result<String> {
        self.type_of_shape(
            shape
                .of
                .as_deref()
                .context("a collection has a shape of elements")?,
        )
    }

    /// What is not in this file is common to several.
    fn path_to(&self, name: &str) -> Result<String> {
        let group = self.api.group_of(name)?;
        let is_here = group == self.used.group;
        ensure!(
            is_here || group == COMMON_GROUP,
            "{name} belongs to {group}"
        );
        Ok(if is_here {
            name.to_owned()
        } else {
            format!("super::{name}")
        })
    }
}

fn is_enum(api: &Api, shape: &Shape) -> bool {
    !shape.values.is_empty() && !api.is_open(&shape.name)
}

fn enumeration(shape: &Shape) -> String {
    let variants = shape
        .values
        .iter()
        .map(|value| format!("        {} = {value:?},\n", names::variant(value)));
    // rustfmt leaves the inside of this macro alone, so it is indented here.
    format!(
        "wire_enum! {{\n    {} {{\n{}    }}\n}}\n\n",
        shape.name,
        variants.collect::<String>()
    )
}

fn codec<'a>(which: &str, shape: &Shape, members: impl Iterator<Item = &'a Member>) -> String {
    let entries =
        members.map(|member| format!("{}: {:?},\n", names::field(&member.name), member.name));
    format!(
        "{which}!({} {{\n{}}});\n\n",
        shape.name,
        entries.collect::<String>()
    )
}

/// Members of a response that travel outside its body.
fn response_methods(members: &[&Member]) -> Result<String> {
    let mut source = String::new();
    let headers: Vec<_> = members
        .iter()
        .filter(|member| member.location == Some(Location::Header))
        .collect();
    if !headers.is_empty() {
        source.push_str("fn headers(&self) -> Vec<(&'static str, String)> {\nlet members = [\n");
        for member in headers {
            let field = names::field(&member.name);
            writeln!(
                source,
                "({:?}, self.{field}.clone()),",
                member.on_the_wire()
            )?;
        }
        source.push_str("];\nmembers.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()\n}\n");
    }
    if let Some(member) = members
        .iter()
        .find(|member| member.location == Some(Location::Status))
    {
        source.push_str("fn status(&self) -> Option<u16> {\n");
        writeln!(
            source,
            "self.{}?.try_into().ok()\n}}",
            names::field(&member.name)
        )?;
    }
    Ok(source)
}
