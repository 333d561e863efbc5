//! From the parts of an HTTP request to a typed, checked request.
//!
//! ```text
//!  body ─► JSON object ─► conforms? ──no──► Serialization
//!            ▲                  │yes
//!  labels, query, headers ──────┴─► holds its constraints? ──no──► Validation
//!                                          │yes
//!                                          ▼ typed request
//! ```

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::codec::Decode;
use crate::conform::{conform, from_text, json_of, object_of};
use crate::error::RequestError;
use crate::generated::operations::Operation;
use crate::query::{query_value, query_values};
use crate::router::Labels;
use crate::schema::{Kind, Member, Place, Shape};
use crate::validate::validate;

/// What an operation takes.
pub trait Request: Decode {
    const OPERATION: Operation;
}

/// The parts of an HTTP request that carry members.
pub struct RequestParts<'a> {
    pub labels: &'a Labels<'a>,
    /// The raw query string.
    pub query: Option<&'a str>,
    /// Looks a header up by its name, ignoring case.
    pub header: &'a (dyn Fn(&str) -> Option<&'a str> + Sync),
    /// The body; not looked at where the payload is raw.
    pub body: &'a [u8],
}

/// Reads and checks a request of an operation.
pub fn parse<T: Request>(parts: &RequestParts<'_>) -> Result<T, RequestError> {
    let request = checked(T::OPERATION.info().input, parts)?;
    T::decode(Value::Object(request))
        // The constraint check has seen every member, so what is left is a blob.
        .ok_or_else(|| RequestError::Serialization("A blob is not valid base64".to_owned()))
}

/// Checks a request of an operation that nobody handles yet, as if somebody did.
pub fn check(operation: Operation, parts: &RequestParts<'_>) -> Result<(), RequestError> {
    checked(operation.info().input, parts).map(drop)
}

fn checked(shape: &Shape, parts: &RequestParts<'_>) -> Result<Map<String, Value>, RequestError> {
    let mut request = body_members(shape, parts)?;
    for member in shape.members() {
        place_member(&mut request, member, parts)?;
    }
    validate(shape, &request)?;
    Ok(request)
}

/// Returns the members of the body, which are none where it is empty or a raw payload.
fn body_members(
    shape: &Shape,
    parts: &RequestParts<'_>,
) -> Result<Map<String, Value>, RequestError> {
    let is_json = shape
        .members()
        .iter()
        .any(|member| matches!(member.place, Place::Body));
    if !is_json || parts.body.is_empty() {
        return Ok(Map::new());
    }
    let mut body = Value::Object(object_of(parts.body)?);
    conform(shape, &mut body)?;
    match body {
        Value::Object(members) => Ok(members),
        _ => Ok(Map::new()),
    }
}

/// Puts a member that travels outside the body into the request, over what the body says.
fn place_member(
    request: &mut Map<String, Value>,
    member: &Member,
    parts: &RequestParts<'_>,
) -> Result<(), RequestError> {
    let name = member.wire_name;
    let value = match member.place {
        Place::Body => return Ok(()),
        Place::Payload => payload(member.shape, parts.body)?,
        Place::Label => scalar(member.shape, parts.labels.get(name).map(Cow::Borrowed))?,
        Place::Header => scalar(member.shape, (parts.header)(name).map(Cow::Borrowed))?,
        Place::Query => query_member(member.shape, parts.query, name)?,
    };
    match value {
        Some(value) => request.insert(member.name.to_owned(), value),
        None => request.remove(member.name),
    };
    Ok(())
}

fn payload(shape: &Shape, body: &[u8]) -> Result<Option<Value>, RequestError> {
    if body.is_empty() {
        return Ok(None);
    }
    let mut value = json_of(body)?;
    conform(shape, &mut value)?;
    Ok(Some(value))
}

fn query_member(
    shape: &Shape,
    query: Option<&str>,
    key: &str,
) -> Result<Option<Value>, RequestError> {
    let Kind::List { element, .. } = shape.kind else {
        return scalar(shape, query_value(query, key));
    };
    let values = query_values(query, key).map(|text| from_text(element, &text));
    let values: Vec<Value> = values.collect::<Result<_, _>>()?;
    Ok((!values.is_empty()).then_some(Value::Array(values)))
}

fn scalar(shape: &Shape, text: Option<Cow<'_, str>>) -> Result<Option<Value>, RequestError> {
    text.map(|text| from_text(shape, &text)).transpose()
}
