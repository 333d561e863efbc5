//! The one call of the IAM API that the commands make.

use http::Method;
use http::header::CONTENT_TYPE;

use super::{Call, CallError, Client, encode};

/// Lets Lambda run functions as the role.
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

impl Client {
    /// Makes a role that Lambda may assume, unless there is one of that name.
    pub async fn ensure_function_role(&self, name: &str) -> Result<(), CallError> {
        let form = format!(
            "Action=CreateRole&Version=2010-05-08&RoleName={}&AssumeRolePolicyDocument={}",
            encode(name),
            encode(TRUST)
        );
        let mut call = Call::new("iam", Method::POST, "/")
            .with_header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        call.body = form.into();
        match self.send(call).await {
            Err(CallError::Refused { code, .. }) if code == "EntityAlreadyExists" => Ok(()),
            answer => answer.map(drop),
        }
    }
}
