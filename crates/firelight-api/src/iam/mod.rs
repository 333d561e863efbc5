//! The IAM API: actions to operations, records to XML.

mod access_keys;
mod entities;
mod entity_policies;
mod error;
mod groups;
mod paging;
mod policies;
mod write;

use firelight_control::iam::{EntityKind, Iam, Tag};
use firelight_model::AccountId;

use crate::body::Response;
use crate::context::RequestContext;
use crate::error::ApiError;
use crate::protocol::query::{Form, query_answer, query_answer_empty, unknown_action};
use crate::protocol::xml::Xml;

pub(crate) const NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";
pub(crate) const VERSION: &str = "2010-05-08";

/// One call of IAM.
pub(crate) struct Call<'a> {
    iam: &'a Iam,
    context: &'a RequestContext,
    form: &'a Form,
    action: &'a str,
}

/// Answers an action of IAM.
pub(crate) async fn handle(
    iam: &Iam,
    context: &RequestContext,
    form: &Form,
) -> Result<Response, ApiError> {
    let action = form
        .get("Action")
        .ok_or_else(|| unknown_action(None, VERSION))?;
    let call = Call {
        iam,
        context,
        form,
        action,
    };
    if let Some(answer) = call.entities().await {
        return answer;
    }
    if let Some(answer) = call.groups().await {
        return answer;
    }
    if let Some(answer) = call.entity_policies().await {
        return answer;
    }
    if let Some(answer) = call.policies().await {
        return answer;
    }
    if let Some(answer) = call.access_keys().await {
        return answer;
    }
    Err(unknown_action(Some(action), VERSION))
}

impl Call<'_> {
    fn account(&self) -> AccountId {
        self.context.account
    }

    fn answer(&self, fill: impl FnOnce(&mut Xml)) -> Result<Response, ApiError> {
        let request_id = self.context.request_id.to_string();
        Ok(query_answer(self.action, NAMESPACE, &request_id, fill))
    }

    fn done(&self) -> Result<Response, ApiError> {
        let request_id = self.context.request_id.to_string();
        Ok(query_answer_empty(self.action, NAMESPACE, &request_id))
    }

    /// Returns the name of the role, user or group the call is about.
    fn name(&self, kind: EntityKind) -> Result<&str, ApiError> {
        self.form.required(name_member(kind))
    }

    fn tags(&self) -> Vec<Tag> {
        let tags = self.form.structures("Tags", ["Key", "Value"]);
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        tags.into_iter()
            .map(|[key, value]| Tag {
                key: text(key),
                value: text(value),
            })
            .collect()
    }

    fn tag_keys(&self) -> Vec<String> {
        self.form
            .list("TagKeys")
            .into_iter()
            .map(str::to_owned)
            .collect()
    }
}

fn name_member(kind: EntityKind) -> &'static str {
    match kind {
        EntityKind::Role => "RoleName",
        EntityKind::User => "UserName",
        EntityKind::Group => "GroupName",
    }
}
