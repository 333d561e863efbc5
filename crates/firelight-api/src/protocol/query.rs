//! The query protocol: a form with `Action` and `Version` in, XML out.

use percent_encoding::percent_decode_str;

use super::answer;
use super::xml::Xml;
use crate::body::Response;
use crate::error::{ApiError, Fault};

/// The parameters of one call. Lists are written `Name.member.1=…`.
#[derive(Debug, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a form; bytes that are no UTF-8 become replacement characters.
    pub(crate) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let decode = |text: &str| {
            let blanks = text.replace('+', " ");
            percent_decode_str(&blanks).decode_utf8_lossy().into_owned()
        };
        Self(
            pairs
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(name, value)| (decode(name), decode(value)))
                .collect(),
        )
    }

    /// Returns a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(key, _)| key == name)?;
        Some(value)
    }

    /// Returns a parameter that the call cannot do without.
    pub(crate) fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.get(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| null_member(name))
    }

    /// Returns a parameter that is a number.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u32>, ApiError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let malformed = |_| {
            let text = format!("Invalid integer value for {name}: '{text}'");
            ApiError::bad_request("MalformedInput", text)
        };
        text.parse().map(Some).map_err(malformed)
    }

    /// Returns a list of plain values.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        (1..)
            .map_while(|index| self.get(&format!("{name}.member.{index}")))
            .collect()
    }

    /// Returns a list of structures, of each the members named.
    pub(crate) fn structures<const N: usize>(
        &self,
        name: &str,
        members: [&str; N],
    ) -> Vec<[Option<&str>; N]> {
        let structure = |index: usize| {
            members.map(|member| self.get(&format!("{name}.member.{index}.{member}")))
        };
        (1..)
            .map(structure)
            .take_while(|values| values.iter().any(Option::is_some))
            .collect()
    }
}

/// The error for an action that is not offered, or none at all.
pub(crate) fn unknown_action(action: Option<&str>, version: &str) -> ApiError {
    match action {
        Some(action) => {
            let text = format!("Could not find operation {action} for version {version}");
            ApiError::bad_request("InvalidAction", text)
        }
        None => ApiError::bad_request("MissingAction", "The request must contain an Action."),
    }
}

/// The error for a member left out.
fn null_member(name: &str) -> ApiError {
    let mut path = name.to_owned();
    if let Some(first) = path.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    let text = format!(
        "1 validation error detected: Value null at '{path}' failed to satisfy constraint: \
         Member must not be null"
    );
    ApiError::bad_request("ValidationError", text)
}

/// Answers an action: `fill` writes the members of its result.
pub(crate) fn query_answer(
    action: &str,
    namespace: &str,
    request_id: &str,
    fill: impl FnOnce(&mut Xml),
) -> Response {
    let mut xml = Xml::default();
    xml.root(&format!("{action}Response"), namespace, |xml| {
        xml.element(&format!("{action}Result"), fill);
        metadata(xml, request_id);
    });
    answer("text/xml", xml.into_string())
}

/// Answers an action that returns nothing.
pub(crate) fn query_answer_empty(action: &str, namespace: &str, request_id: &str) -> Response {
    let mut xml = Xml::default();
    xml.root(&format!("{action}Response"), namespace, |xml| {
        metadata(xml, request_id)
    });
    answer("text/xml", xml.into_string())
}

fn metadata(xml: &mut Xml, request_id: &str) {
    xml.element("ResponseMetadata", |xml| xml.text("RequestId", request_id));
}

pub(super) fn error(error: &ApiError, namespace: &str, request_id: &str) -> Response {
    let kind = if error.status.is_server_error() || error.fault == Some(Fault::Service) {
        "Receiver"
    } else {
        "Sender"
    };
    let mut xml = Xml::default();
    xml.root("ErrorResponse", namespace, |xml| {
        xml.element("Error", |xml| {
            xml.text("Type", kind);
            xml.text("Code", &error.code);
            xml.text("Message", &error.message);
        });
        xml.text("RequestId", request_id);
    });
    answer("text/xml", xml.into_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_gives_lists_and_structures_in_order() {
        let form = Form::parse(
            "Action=TagRole&Tags.member.1.Key=a&Tags.member.1.Value=1+2&Tags.member.2.Key=b%26\
             &Names.member.1=x&Names.member.2=y",
        );

        assert_eq!(form.get("Action"), Some("TagRole"));
        assert_eq!(form.list("Names"), ["x", "y"]);
        assert_eq!(
            form.structures("Tags", ["Key", "Value"]),
            [[Some("a"), Some("1 2")], [Some("b&"), None]]
        );
    }
}
