//! Makes JSON values conform to their descriptors, with the coercions and complaints of AWS.
//!
//! AWS's framework reads `1.9` as the integer 1 and `"true"` as a boolean, saturates numbers,
//! treats null as absent and ignores unknown members. What it cannot read is a
//! SerializationException, before any constraint is looked at. The texts come from public
//! recordings of services on the same framework, the first of them from Lambda itself.

use serde_json::{Map, Value};

use crate::error::RequestError;
use crate::schema::{Kind, Place, Shape};
use crate::timestamp::Timestamp;

const LIST_FOUND: &str = "Start of list found where not expected";
const MAP_FOUND: &str = "Start of structure or map found where not expected.";

/// Makes a value from a body conform, or says why it cannot.
pub(crate) fn conform(shape: &Shape, value: &mut Value) -> Result<(), RequestError> {
    match &shape.kind {
        Kind::Structure { .. } => conform_structure(shape, value),
        Kind::List { element, .. } => conform_list(element, value),
        Kind::Map { value: of, .. } => conform_map(of, value),
        kind => conform_scalar(kind, value),
    }
}

fn conform_structure(shape: &Shape, value: &mut Value) -> Result<(), RequestError> {
    let members = match value {
        Value::Object(members) => members,
        Value::Array(_) => return Err(mismatch(LIST_FOUND)),
        _ => return Err(mismatch("Expected null")),
    };
    for member in shape.members() {
        if let (Place::Body, Some(value)) = (&member.place, members.get_mut(member.name)) {
            conform_unless_null(member.shape, value)?;
        }
    }
    Ok(())
}

fn conform_list(element: &Shape, value: &mut Value) -> Result<(), RequestError> {
    match value {
        Value::Array(items) => items
            .iter_mut()
            .try_for_each(|item| conform_unless_null(element, item)),
        Value::Object(_) => Err(mismatch(MAP_FOUND)),
        _ => Err(mismatch("Expected list or null")),
    }
}

fn conform_map(of: &Shape, value: &mut Value) -> Result<(), RequestError> {
    match value {
        Value::Object(entries) => entries
            .values_mut()
            .try_for_each(|value| conform_unless_null(of, value)),
        Value::Array(_) => Err(mismatch(LIST_FOUND)),
        _ => Err(mismatch("Expected map or null")),
    }
}

fn conform_unless_null(shape: &Shape, value: &mut Value) -> Result<(), RequestError> {
    if value.is_null() {
        Ok(())
    } else {
        conform(shape, value)
    }
}

fn conform_scalar(kind: &Kind, value: &mut Value) -> Result<(), RequestError> {
    let conforming = match (kind, &*value) {
        (_, Value::Array(_)) => return Err(mismatch(LIST_FOUND)),
        (_, Value::Object(_)) => return Err(mismatch(MAP_FOUND)),
        (Kind::String | Kind::Blob, Value::String(_))
        | (Kind::Double | Kind::Timestamp, Value::Number(_))
        | (Kind::Boolean, Value::Bool(_)) => return Ok(()),
        (Kind::Integer, Value::Number(number)) => saturated(number, i32::MIN, i32::MAX),
        (Kind::Long, Value::Number(number)) => saturated(number, i64::MIN, i64::MAX),
        (Kind::Boolean, Value::String(text)) => boolean_of(text).map(Value::Bool),
        _ => None,
    };
    *value = conforming.ok_or_else(|| cannot_convert(kind, value))?;
    Ok(())
}

/// Drops the fraction and keeps the number within its type.
#[expect(
    clippy::cast_possible_truncation,
    reason = "casts of floats saturate, which is wanted"
)]
fn saturated(
    number: &serde_json::Number,
    min: impl Into<i64>,
    max: impl Into<i64>,
) -> Option<Value> {
    let whole = number
        .as_i64()
        .or_else(|| number.as_f64().map(|number| number as i64))?;
    Some(whole.clamp(min.into(), max.into()).into())
}

fn boolean_of(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// Reads a label, query or header value, which are all text.
pub(crate) fn from_text(shape: &Shape, text: &str) -> Result<Value, RequestError> {
    let value = match shape.kind {
        Kind::Integer => text.parse::<i32>().ok().map(Value::from),
        Kind::Long => text.parse::<i64>().ok().map(Value::from),
        Kind::Boolean => boolean_of(text).map(Value::Bool),
        Kind::Timestamp => Timestamp::from_text(text).map(|time| time.epoch_seconds().into()),
        _ => Some(Value::from(text)),
    };
    value.ok_or_else(|| cannot_convert(&shape.kind, &Value::from(text)))
}

/// Reads a JSON object, as which every body comes that is not a raw payload.
pub(crate) fn object_of(body: &[u8]) -> Result<Map<String, Value>, RequestError> {
    match json_of(body)? {
        Value::Object(members) => Ok(members),
        Value::Array(_) => Err(mismatch(LIST_FOUND)),
        _ => Err(mismatch("Expected a JSON object as the request body")),
    }
}

pub(crate) fn json_of(body: &[u8]) -> Result<Value, RequestError> {
    // AWS's own text is unknown: the framework answers a broken body without any message.
    serde_json::from_slice(body)
        .map_err(|error| mismatch(&format!("Could not parse request body into json: {error}")))
}

fn mismatch(message: &str) -> RequestError {
    RequestError::Serialization(message.to_owned())
}

fn cannot_convert(kind: &Kind, value: &Value) -> RequestError {
    let found = match value {
        Value::String(_) => "STRING_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        _ => "NUMBER_VALUE",
    };
    let wanted = match (kind, value) {
        (Kind::Integer, _) => "an Integer",
        (Kind::Long, _) => "a Long",
        (Kind::Double, _) => "a Double",
        // The wrong article is AWS's; with a number it is the right one.
        (Kind::Boolean, Value::String(_)) => "an Boolean",
        (Kind::Boolean, _) => "a Boolean",
        (Kind::Timestamp, _) => "milliseconds since epoch",
        (Kind::Blob, _) => "a Blob",
        _ => "a String",
    };
    mismatch(&format!("{found} can not be converted to {wanted}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::Member;

    static TEXT: Shape = Shape::string();
    static NUMBER: Shape = Shape::integer();
    static FLAG: Shape = Shape::boolean();
    static TEXTS: Shape = Shape::list(&TEXT);
    static NUMBERS_BY_NAME: Shape = Shape::map(&TEXT, &NUMBER);
    static INNER: Shape = Shape::structure("Inner", &[Member::body("Name", &TEXT)]);
    static OUTER: Shape = Shape::structure(
        "Outer",
        &[
            Member::body("Text", &TEXT),
            Member::body("Number", &NUMBER),
            Member::body("Flag", &FLAG),
            Member::body("List", &TEXTS),
            Member::body("Map", &NUMBERS_BY_NAME),
            Member::body("Inner", &INNER),
        ],
    );

    #[track_caller]
    fn assert_refused(body: Value, message: &str) {
        let mut value = body.clone();
        let refused = conform(&OUTER, &mut value);
        assert_eq!(
            refused,
            Err(RequestError::Serialization(message.to_owned())),
            "{body}"
        );
    }

    #[test]
    fn values_of_the_wrong_type_are_refused_in_the_words_of_aws() {
        assert_refused(
            json!({"Number": "1"}),
            "STRING_VALUE can not be converted to an Integer",
        );
        assert_refused(
            json!({"Number": true}),
            "TRUE_VALUE can not be converted to an Integer",
        );
        assert_refused(
            json!({"Number": [1]}),
            "Start of list found where not expected",
        );
        assert_refused(json!({"Number": {}}), MAP_FOUND);
        assert_refused(
            json!({"Text": 1.5}),
            "NUMBER_VALUE can not be converted to a String",
        );
        assert_refused(
            json!({"Text": false}),
            "FALSE_VALUE can not be converted to a String",
        );
        assert_refused(
            json!({"Flag": "x"}),
            "STRING_VALUE can not be converted to an Boolean",
        );
        assert_refused(
            json!({"Flag": 1}),
            "NUMBER_VALUE can not be converted to a Boolean",
        );
        assert_refused(json!({"List": "x"}), "Expected list or null");
        assert_refused(json!({"List": {}}), MAP_FOUND);
        assert_refused(
            json!({"List": [1]}),
            "NUMBER_VALUE can not be converted to a String",
        );
        assert_refused(json!({"Map": []}), LIST_FOUND);
        assert_refused(
            json!({"Map": {"a": "b"}}),
            "STRING_VALUE can not be converted to an Integer",
        );
        assert_refused(json!({"Inner": "x"}), "Expected null");
        assert_refused(json!({"Inner": []}), LIST_FOUND);
        assert_refused(
            json!({"Inner": {"Name": 1}}),
            "NUMBER_VALUE can not be converted to a String",
        );
    }

    #[test]
    fn numbers_lose_their_fraction_and_stay_within_their_type() {
        let mut value = json!({"Number": 1.9, "Map": {"a": 99_999_999_999_u64, "b": -1e30}});

        conform(&OUTER, &mut value).unwrap();

        let saturated = json!({"Number": 1, "Map": {"a": i32::MAX, "b": i32::MIN}});
        assert_eq!(value, saturated);
    }

    #[test]
    fn null_is_absent_and_unknown_members_are_ignored() {
        let mut value = json!({"Number": null, "List": ["a", null], "Unknown": [1]});

        assert_eq!(conform(&OUTER, &mut value), Ok(()));
    }
}
