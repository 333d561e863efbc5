//! One call of an operation, as its handler sees it.

use bytes::Bytes;
use firelight_control::{Origin, Scope};
use firelight_model::{FunctionReference, FunctionTarget, Qualifier};
use firelight_wire::{ErrorReply, Operation, Reply, Request, RequestParts, Routed, parse};
use http::request::Parts;
use serde_json::Value;

use super::Lambda;
use super::refusals;
use crate::authorization::Authorizer;
use crate::context::RequestContext;
use crate::function_url::UrlDomain;

/// What every handler answers.
pub(super) type Answer = Result<Reply, ErrorReply>;

/// A routed call.
pub(super) struct Call<'a> {
    pub(super) lambda: &'a Lambda,
    pub(super) url_domain: &'a UrlDomain,
    /// For what an answer shows only to who may see it; the call itself is allowed.
    pub(super) authorizer: Authorizer<'a>,
    pub(super) context: &'a RequestContext,
    pub(super) request: &'a Parts,
    pub(super) routed: &'a Routed<'a>,
    pub(super) body: Bytes,
}

impl Call<'_> {
    pub(super) fn operation(&self) -> Operation {
        self.routed.operation
    }

    /// Reads and checks the request.
    pub(super) fn parse<T: Request>(&self) -> Result<T, ErrorReply> {
        let header = |name: &str| self.request.headers.get(name)?.to_str().ok();
        let parts = RequestParts {
            labels: &self.routed.labels,
            query: self.request.uri.query(),
            header: &header,
            body: &self.body,
        };
        Ok(parse(&parts)?)
    }

    /// Answers with a JSON value, where the domain keeps what it shows in the API's own form.
    pub(super) fn json_reply(&self, body: &Value) -> Reply {
        let mut reply = self.operation().empty_reply();
        let media_type = "application/json".to_owned();
        reply.headers.push(("Content-Type", media_type));
        reply.body = body.to_string().into_bytes();
        reply
    }

    pub(super) fn origin(&self) -> Origin {
        Origin {
            request_id: self.context.request_id,
        }
    }

    pub(super) fn scope(&self) -> Scope {
        self.context.scope()
    }

    /// Returns the URL that a function URL's id makes.
    pub(super) fn function_url(&self, id: &str) -> String {
        self.url_domain
            .url(id, &self.context.region, &self.context.base_url)
    }

    /// Settles which function a request names that is about the whole of it.
    pub(super) fn whole_function(&self, name: &str) -> Result<FunctionTarget, ErrorReply> {
        let target = self.target(name, None)?;
        match target.qualifier {
            None => Ok(target),
            Some(_) => Err(refusals::functions_only()),
        }
    }

    /// Settles which function a request changes whose `$LATEST` may be named.
    pub(super) fn latest_of(&self, name: &str) -> Result<FunctionTarget, ErrorReply> {
        let target = self.target(name, None)?;
        match target.qualifier {
            None | Some(Qualifier::Latest) => Ok(target),
            Some(_) => Err(refusals::functions_only()),
        }
    }

    /// Settles which function a request names, and with which qualifier.
    pub(super) fn target(
        &self,
        function_name: &str,
        qualifier: Option<&str>,
    ) -> Result<FunctionTarget, ErrorReply> {
        let reference: FunctionReference = function_name.parse().map_err(refusals::reference)?;
        let qualifier: Option<Qualifier> = qualifier
            .map(|text| text.parse().map_err(refusals::qualifier))
            .transpose()?;
        let reference = reference
            .with_qualifier(qualifier)
            .map_err(refusals::reference)?;
        let RequestContext {
            account, region, ..
        } = self.context;
        let target = reference
            .locate(*account, region)
            .map_err(refusals::other_region)?;
        // A function of another account was opened by its policy before, if the path names it.
        let is_open = self.routed.labels.get("FunctionName").is_some()
            || self.routed.labels.get("ResourceArn").is_some();
        if target.arn.account == *account || is_open {
            Ok(target)
        } else {
            let (caller, operation) = (&self.context.caller, self.operation());
            Err(refusals::foreign_account(
                caller,
                operation,
                &target.arn.to_string(),
            ))
        }
    }
}
