//! The STS API: who am I, and sessions.

use firelight_control::sts::{AssumeRole, AssumeRoleError, AssumedRole, Sts, TemporaryCredentials};
use http::StatusCode;

use crate::body::Response;
use crate::context::RequestContext;
use crate::error::ApiError;
use crate::protocol::query::{Form, query_answer, unknown_action};
use crate::protocol::xml::Xml;
use crate::time::iso_seconds;

pub(crate) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
pub(crate) const VERSION: &str = "2011-06-15";

/// Answers an action of STS. The keys are those that conditions of trust policies see.
pub(crate) fn handle(
    sts: &Sts,
    context: &RequestContext,
    keys: firelight_iam::Context,
    form: &Form,
) -> Result<Response, ApiError> {
    let request_id = context.request_id.to_string();
    let answer =
        |action, fill: &dyn Fn(&mut Xml)| Ok(query_answer(action, NAMESPACE, &request_id, fill));
    match form.get("Action") {
        Some("GetCallerIdentity") => answer("GetCallerIdentity", &|xml| {
            write_caller_identity(xml, context)
        }),
        Some("AssumeRole") => {
            let assumed = sts.assume_role(&context.caller, keys, &assume_role_input(form)?)?;
            answer("AssumeRole", &|xml| write_assumed_role(xml, &assumed))
        }
        Some("GetSessionToken") => {
            let seconds = form.number("DurationSeconds")?;
            let credentials = sts.session_token(&context.caller, seconds)?;
            answer("GetSessionToken", &|xml| {
                write_credentials(xml, &credentials)
            })
        }
        Some("GetAccessKeyInfo") => {
            form.required("AccessKeyId")?;
            answer("GetAccessKeyInfo", &|xml| {
                xml.text("Account", context.account.as_str())
            })
        }
        action => Err(unknown_action(action, VERSION)),
    }
}

fn assume_role_input(form: &Form) -> Result<AssumeRole, ApiError> {
    let arns = form.structures("PolicyArns", ["arn"]);
    Ok(AssumeRole {
        role_arn: form.required("RoleArn")?.to_owned(),
        session_name: form.required("RoleSessionName")?.to_owned(),
        seconds: form.number("DurationSeconds")?,
        policy: form.get("Policy").map(str::to_owned),
        policy_arns: arns
            .into_iter()
            .filter_map(|[arn]| arn.map(str::to_owned))
            .collect(),
        external_id: form.get("ExternalId").map(str::to_owned),
    })
}

fn write_caller_identity(xml: &mut Xml, context: &RequestContext) {
    xml.text("Arn", &context.caller.arn());
    xml.text("UserId", &context.caller.user_id());
    xml.text("Account", context.account.as_str());
}

fn write_assumed_role(xml: &mut Xml, assumed: &AssumedRole) {
    xml.element("AssumedRoleUser", |xml| {
        xml.text("AssumedRoleId", &assumed.caller.user_id());
        xml.text("Arn", &assumed.caller.arn());
    });
    write_credentials(xml, &assumed.credentials);
    if let Some(percent) = assumed.packed_policy_percent {
        xml.text("PackedPolicySize", &percent.to_string());
    }
}

fn write_credentials(xml: &mut Xml, credentials: &TemporaryCredentials) {
    xml.element("Credentials", |xml| {
        xml.text("AccessKeyId", &credentials.access_key_id);
        xml.text("SecretAccessKey", &credentials.secret_access_key);
        xml.text("SessionToken", &credentials.session_token);
        xml.text(
            "Expiration",
            &iso_seconds(credentials.expires_epoch_seconds),
        );
    });
}

impl From<AssumeRoleError> for ApiError {
    fn from(error: AssumeRoleError) -> Self {
        let text = error.to_string();
        match error {
            AssumeRoleError::Validation(_) => Self::bad_request("ValidationError", text),
            AssumeRoleError::AccessDenied { .. } => {
                Self::new(StatusCode::FORBIDDEN, "AccessDenied", text)
            }
            AssumeRoleError::MalformedPolicy(_) => {
                Self::bad_request("MalformedPolicyDocument", text)
            }
            AssumeRoleError::PackedPolicyTooLarge { .. } => {
                Self::bad_request("PackedPolicyTooLarge", text)
            }
        }
    }
}
