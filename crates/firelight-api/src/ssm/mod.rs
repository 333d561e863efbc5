//! The SSM API, as far as it is about parameters.

mod describe;
mod error;
mod get;
mod labels;
mod put;
mod shape;
mod tags;

use firelight_control::ssm::{Place, Ssm};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::body::Response;
use crate::context::RequestContext;
use crate::error::ApiError;
use crate::protocol::{JsonVersion, json_answer, json_input, unknown_operation};

type Answer = Result<Response, ApiError>;

/// One call of the SSM API.
pub(crate) struct Call<'a> {
    ssm: &'a Ssm,
    context: &'a RequestContext,
    body: &'a [u8],
}

/// Answers an operation of the SSM API.
pub(crate) async fn handle(
    ssm: &Ssm,
    context: &RequestContext,
    operation: &str,
    body: &[u8],
) -> Answer {
    let call = Call { ssm, context, body };
    match operation {
        "PutParameter" => call.put_parameter().await,
        "DeleteParameter" => call.delete_parameter().await,
        "DeleteParameters" => call.delete_parameters().await,
        "GetParameter" => call.get_parameter().await,
        "GetParameters" => call.get_parameters().await,
        "GetParametersByPath" => call.get_parameters_by_path().await,
        "GetParameterHistory" => call.get_parameter_history().await,
        "DescribeParameters" => call.describe_parameters().await,
        "LabelParameterVersion" => call.label_parameter_version().await,
        "UnlabelParameterVersion" => call.unlabel_parameter_version().await,
        "AddTagsToResource" => call.add_tags_to_resource().await,
        "RemoveTagsFromResource" => call.remove_tags_from_resource().await,
        "ListTagsForResource" => call.list_tags_for_resource().await,
        operation => Err(unknown_operation(operation)),
    }
}

impl Call<'_> {
    fn input<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        json_input(self.body)
    }

    fn answer(&self, output: &impl Serialize) -> Answer {
        json_answer(JsonVersion::V1_1, output)
    }

    fn place(&self) -> Place<'_> {
        Place {
            account: self.context.account,
            region: &self.context.region,
        }
    }

    fn arn(&self, name: &str) -> String {
        let RequestContext {
            account, region, ..
        } = self.context;
        let name = name.trim_start_matches('/');
        format!("arn:aws:ssm:{region}:{account}:parameter/{name}")
    }
}
