//! `cargo xtask import-model FILE`: a botocore service model becomes the compact table.
//!
//! The file is `botocore/data/lambda/2015-03-31/service-2.json` of the botocore package on PyPI,
//! unpacked (newer packages ship it gzipped). Names, types, constraints and bindings are taken;
//! documentation text is not.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::table::{Kind, Location, Member, Operation, Shape, Table};

/// Reads a service model and returns its table.
pub(crate) fn read_model(path: &Path) -> Result<Table> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("could not read {} (is it still gzipped?)", path.display()))?;
    table_of(&serde_json::from_str(&text)?)
}

fn table_of(model: &Value) -> Result<Table> {
    let mut table = Table::default();
    for (name, operation) in entries(model, "operations")? {
        table
            .operations
            .push(operation_of(name, operation).context(name.clone())?);
    }
    for (name, shape) in entries(model, "shapes")? {
        table
            .shapes
            .push(shape_of(name, shape).context(name.clone())?);
    }
    table.operations.sort_by(|a, b| a.name.cmp(&b.name));
    table.shapes.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(table)
}

fn operation_of(name: &str, operation: &Value) -> Result<Operation> {
    let http = &operation["http"];
    Ok(Operation {
        name: name.to_owned(),
        method: text(http, "method")?,
        uri: text(http, "requestUri")?,
        status: number(http, "responseCode")?,
        input: text(&operation["input"], "shape")?,
        output: operation
            .get("output")
            .map(|output| text(output, "shape"))
            .transpose()?,
        errors: list(operation, "errors")
            .map(|error| text(error, "shape"))
            .collect::<Result<_>>()?,
    })
}

fn shape_of(name: &str, shape: &Value) -> Result<Shape> {
    let required: Vec<&str> = list(shape, "required").filter_map(Value::as_str).collect();
    let mut members = Vec::new();
    for (member_name, member) in shape["members"].as_object().into_iter().flatten() {
        members.push(member_of(member_name, member, &required)?);
    }
    let element = if shape["type"] == "map" {
        &shape["value"]
    } else {
        &shape["member"]
    };
    Ok(Shape {
        name: name.to_owned(),
        kind: kind_of(shape)?,
        error: status_of(shape)?,
        members,
        payload: optional_text(shape, "payload"),
        of: optional_text(element, "shape"),
        key: optional_text(&shape["key"], "shape"),
        min: bound(shape, "min"),
        max: bound(shape, "max"),
        pattern: optional_text(shape, "pattern"),
        values: list(shape, "enum")
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        sensitive: shape["sensitive"] == true,
    })
}

fn member_of(name: &str, member: &Value, required: &[&str]) -> Result<Member> {
    let location = match member["location"].as_str() {
        None if member["eventpayload"] == true => Some(Location::Event),
        None => None,
        Some("uri") => Some(Location::Uri),
        Some("querystring") => Some(Location::Query),
        Some("header") => Some(Location::Header),
        Some("statusCode") => Some(Location::Status),
        Some(other) => bail!("member {name} has the unknown location {other}"),
    };
    Ok(Member {
        name: name.to_owned(),
        shape: text(member, "shape")?,
        required: required.contains(&name),
        location,
        wire_name: optional_text(member, "locationName").filter(|wire_name| wire_name != name),
    })
}

fn kind_of(shape: &Value) -> Result<Kind> {
    if shape["eventstream"] == true {
        return Ok(Kind::EventStream);
    }
    serde_json::from_value(shape["type"].clone()).context("unknown type of shape")
}

fn status_of(shape: &Value) -> Result<Option<u16>> {
    if shape["exception"] != true {
        return Ok(None);
    }
    number(&shape["error"], "httpStatusCode").map(Some)
}

fn entries<'a>(
    model: &'a Value,
    key: &str,
) -> Result<impl Iterator<Item = (&'a String, &'a Value)>> {
    Ok(model[key]
        .as_object()
        .with_context(|| format!("the model has no {key}"))?
        .iter())
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

fn text(value: &Value, key: &str) -> Result<String> {
    optional_text(value, key).with_context(|| format!("{key} is missing"))
}

fn optional_text(value: &Value, key: &str) -> Option<String> {
    value[key].as_str().map(str::to_owned)
}

fn number(value: &Value, key: &str) -> Result<u16> {
    let number = value[key]
        .as_u64()
        .with_context(|| format!("{key} is missing"))?;
    Ok(u16::try_from(number)?)
}

/// Bounds of doubles are whole numbers too, written `1.0`.
#[expect(
    clippy::cast_possible_truncation,
    reason = "bounds are small whole numbers"
)]
fn bound(shape: &Value, key: &str) -> Option<i64> {
    shape[key]
        .as_i64()
        .or_else(|| shape[key].as_f64().map(|bound| bound as i64))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_model_becomes_a_table_without_its_documentation() {
        let model = json!({
            "operations": {"GetThing": {
                "name": "GetThing",
                "http": {"method": "GET", "requestUri": "/things/{Id}", "responseCode": 200},
                "input": {"shape": "GetThingRequest"},
                "errors": [{"shape": "NoThing"}],
                "documentation": "<p>Gets it.</p>",
            }},
            "shapes": {
                "GetThingRequest": {"type": "structure", "required": ["Id"], "members": {
                    "Id": {"shape": "Id", "location": "uri", "locationName": "Id"},
                    "Log": {"shape": "Id", "location": "header", "locationName": "X-Log"},
                }},
                "Id": {"type": "string", "min": 1, "max": 8, "documentation": "<p>An id.</p>"},
                "NoThing": {"type": "structure", "members": {}, "exception": true,
                    "error": {"httpStatusCode": 404, "senderFault": true}},
                "Weight": {"type": "double", "min": 0.0, "max": 1.0},
            },
        });

        let text = table_of(&model).unwrap().to_text().unwrap();

        let expected = r#"{
"operations": [
{"name":"GetThing","method":"GET","uri":"/things/{Id}","status":200,"input":"GetThingRequest","errors":["NoThing"]}
],
"shapes": [
{"name":"GetThingRequest","kind":"structure","members":[{"name":"Id","shape":"Id","required":true,"in":"uri"},{"name":"Log","shape":"Id","in":"header","as":"X-Log"}]},
{"name":"Id","kind":"string","min":1,"max":8},
{"name":"NoThing","kind":"structure","error":404},
{"name":"Weight","kind":"double","min":0,"max":1}
]
}
"#;
        assert_eq!(text, expected);
    }
}
