//! Writes `schemas/*.rs` and `patterns.rs`: the descriptors of what travels in requests.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result, bail};

use super::{FolderModule, names};
use crate::api::Api;
use crate::overrides::Constraint;
use crate::table::{Kind, Location, Member, Shape};

pub(super) const MODULE: FolderModule = FolderModule {
    head: "//! Descriptors of requests, by subject.\n",
    entry: "pub(crate) mod {};\n",
};

/// Returns the source of each group.
pub(super) fn generate(api: &Api) -> Result<Vec<(String, String)>> {
    let mut groups: BTreeMap<&str, String> = BTreeMap::new();
    for (shape, used) in api.used_shapes().filter(|(_, used)| used.input) {
        if !is_raw_payload(api, shape)? {
            let writer = Writer {
                api,
                group: &used.group,
            };
            let source = writer.source(shape).context(shape.name.clone())?;
            groups.entry(&used.group).or_default().push_str(&source);
        }
    }
    Ok(groups
        .into_iter()
        .map(|(group, source)| (group.to_owned(), with_imports(&source)))
        .collect())
}

/// A file imports only what it uses.
fn with_imports(source: &str) -> String {
    let mut imports = String::new();
    if source.contains("patterns::") {
        imports.push_str("use crate::generated::patterns;\n");
    }
    let all = ["Member", "Rule", "Shape"];
    let used = all
        .into_iter()
        .filter(|name| source.contains(&format!("{name}::")));
    let used: Vec<&str> = used.collect();
    format!(
        "{imports}use crate::schema::{{{}}};\n\n{source}",
        used.join(", ")
    )
}

/// Returns the source of `patterns.rs`: one static per shape with a pattern.
pub(super) fn patterns(api: &Api) -> Result<String> {
    let mut source = String::from("use crate::pattern::Pattern;\n\n");
    let mut all = Vec::new();
    for (shape, _) in api.used_shapes().filter(|(_, used)| used.input) {
        if let Some(text) = api.pattern_text(shape) {
            let constant = names::constant(&shape.name);
            let pattern = pattern(api, &shape.name, text);
            writeln!(
                source,
                "pub(crate) static {constant}: Pattern = {pattern};\n"
            )?;
            all.push(format!("&{constant}"));
        }
    }
    writeln!(
        source,
        "#[cfg(test)]\npub(crate) static ALL: &[&Pattern] = &[{}];",
        all.join(", ")
    )?;
    Ok(source)
}

fn pattern(api: &Api, shape: &str, text: &str) -> String {
    let Some(matcher) = api.matcher(shape) else {
        return format!("Pattern::new({})", raw(text));
    };
    let unless = matcher.unless.as_deref();
    let unless = unless
        .map(|unless| format!(".unless({})", raw(unless)))
        .unwrap_or_default();
    format!(
        "Pattern::matched_by({}, {}){unless}",
        raw(text),
        raw(&matcher.matches)
    )
}

/// Returns a literal in which backslashes need no escape.
fn raw(text: &str) -> String {
    if text.contains('"') {
        format!("r#\"{text}\"#")
    } else {
        format!("r\"{text}\"")
    }
}

/// Raw payloads stay bytes, so a blob that only occurs as one has no descriptor.
fn is_raw_payload(api: &Api, shape: &Shape) -> Result<bool> {
    if shape.kind != Kind::Blob {
        return Ok(false);
    }
    for (user, _) in api.used_shapes().filter(|(_, used)| used.input) {
        if api
            .typed_members(user)?
            .iter()
            .any(|member| member.shape == shape.name)
        {
            return Ok(false);
        }
    }
    Ok(true)
}

struct Writer<'a> {
    api: &'a Api,
    group: &'a str,
}

impl Writer<'_> {
    fn source(&self, shape: &Shape) -> Result<String> {
        let constant = names::constant(&shape.name);
        let base = self.base(shape)?;
        let constraints = self.constraints(shape)?;
        Ok(format!(
            "pub(crate) static {constant}: Shape = {base}{constraints};\n\n"
        ))
    }

    fn base(&self, shape: &Shape) -> Result<String> {
        Ok(match shape.kind {
            Kind::String => "Shape::string()".to_owned(),
            Kind::Integer => "Shape::integer()".to_owned(),
            Kind::Long => "Shape::long()".to_owned(),
            Kind::Double => "Shape::double()".to_owned(),
            Kind::Boolean => "Shape::boolean()".to_owned(),
            Kind::Timestamp => "Shape::timestamp()".to_owned(),
            Kind::Blob => "Shape::blob()".to_owned(),
            Kind::List => {
                let is_nullable = self.api.has_nullable_elements(&shape.name);
                let list = if is_nullable { "nullable_list" } else { "list" };
                format!("Shape::{list}({})", self.part(shape.of.as_deref())?)
            }
            Kind::Map => {
                let key = self.part(shape.key.as_deref())?;
                format!("Shape::map({key}, {})", self.part(shape.of.as_deref())?)
            }
            Kind::Structure => self.structure(shape)?,
            Kind::EventStream => bail!("no request is an event stream"),
        })
    }

    fn structure(&self, shape: &Shape) -> Result<String> {
        let mut source = format!("Shape::structure({:?}, &[\n", shape.name);
        for member in self.api.typed_members(shape)? {
            writeln!(source, "{},", self.member(shape, member)?)?;
        }
        source.push_str("])");
        Ok(source)
    }

    fn member(&self, shape: &Shape, member: &Member) -> Result<String> {
        let (name, of) = (&member.name, self.part(Some(&member.shape))?);
        let place = match member.location {
            None if shape.payload.as_ref() == Some(name) => "payload",
            None => "body",
            Some(Location::Uri) => "label",
            Some(Location::Query) => "query",
            Some(Location::Header) => "header",
            Some(location) => bail!("{name} is at {location:?}, which no request has"),
        };
        let mut source = format!("Member::{place}({name:?}, {of})");
        if let Some(wire_name) = &member.wire_name {
            write!(source, ".named({wire_name:?})")?;
        }
        if member.required {
            source.push_str(".required()");
        }
        if let Some(shown) = self.api.shown_as(&shape.name, name) {
            write!(source, ".shown_as({shown:?})")?;
        }
        let unchecked = self.api.unchecked(&shape.name, name);
        if !unchecked.is_empty() {
            let rules: Vec<&str> = unchecked.into_iter().map(rule).collect();
            write!(source, ".unchecked(&[{}])", rules.join(", "))?;
        }
        Ok(source)
    }

    fn constraints(&self, shape: &Shape) -> Result<String> {
        let mut source = String::new();
        if let Some(min) = shape.min {
            write!(source, ".min({min})")?;
        }
        if let Some(max) = shape.max {
            write!(source, ".max({max})")?;
        }
        if shape.pattern.is_some() {
            write!(
                source,
                ".pattern(&patterns::{})",
                names::constant(&shape.name)
            )?;
        }
        if !shape.values.is_empty() {
            write!(source, ".values(&{:?})", shape.values)?;
        }
        if shape.sensitive {
            source.push_str(".sensitive()");
        }
        Ok(source)
    }

    /// Returns a reference to the descriptor of a part, here or in the common file.
    fn part(&self, name: Option<&str>) -> Result<String> {
        let name = name.context("the shape of a part is missing")?;
        let group = self.api.group_of(name)?;
        let constant = names::constant(name);
        let is_here = group == self.group;
        Ok(if is_here {
            format!("&{constant}")
        } else {
            format!("&super::{group}::{constant}")
        })
    }
}

fn rule(constraint: Constraint) -> &'static str {
    match constraint {
        Constraint::Enum => "Rule::Enum",
        Constraint::Pattern => "Rule::Pattern",
        Constraint::Min => "Rule::Min",
        Constraint::Max => "Rule::Max",
    }
}
