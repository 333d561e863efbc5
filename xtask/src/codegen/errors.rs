//! Writes `errors.rs`: the exceptions of the model and those that only the service has.

use std::collections::BTreeMap;

use super::names;
use crate::api::Api;

struct Rendering<'a> {
    status: u16,
    message_key: &'a str,
    has_type: bool,
}

/// Returns the source of `errors.rs`.
pub(super) fn generate(api: &Api) -> String {
    let errors = renderings(api);
    let variants: Vec<&str> = errors.keys().map(|name| names::error(name)).collect();
    let all = variants.iter().map(|variant| format!("Self::{variant},"));
    let infos = errors.iter().map(|(name, error)| {
        format!(
            "Self::{} => &ErrorInfo {{ name: {name:?}, status: {}, message_key: {:?}, has_type: {} }},\n",
            names::error(name),
            error.status,
            error.message_key,
            error.has_type,
        )
    });
    format!(
        "use crate::error::ErrorInfo;\n\n\
         /// The exceptions of the Lambda API, without the word.\n\
         #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]\n\
         pub enum ErrorCode {{ {} }}\n\n\
         impl ErrorCode {{\n\
         /// Every exception, in the order of the names.\n\
         pub const ALL: &[Self] = &[{}];\n\n\
         pub(crate) fn info(self) -> &'static ErrorInfo {{\nmatch self {{\n{}}}\n}}\n}}\n",
        variants.join(", "),
        all.collect::<String>(),
        infos.collect::<String>(),
    )
}

fn renderings(api: &Api) -> BTreeMap<&str, Rendering<'_>> {
    let mut errors = BTreeMap::new();
    for shape in api.exceptions() {
        let has = |member: &str| shape.members.iter().any(|known| known.name == member);
        let message_key = if has("Message") { "Message" } else { "message" };
        let status = shape.error.unwrap_or_default();
        let rendering = Rendering {
            status,
            message_key,
            has_type: has("Type"),
        };
        errors.insert(shape.name.as_str(), rendering);
    }
    for error in &api.overrides.error {
        let rendering = Rendering {
            status: error.status,
            message_key: &error.message_key,
            has_type: error.type_member,
        };
        errors.insert(error.name.as_str(), rendering);
    }
    errors
}
