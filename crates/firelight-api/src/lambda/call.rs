//! One call of an operation, as its handler sees it.

use bytes::Bytes;
use firelight_control::{Origin, Scope};
use firelight_model::{FunctionReference, FunctionTarget, Qualifier};
use firelight_wire::{ErrorReply, Operation, Reply, Request, RequestParts, Routed, parse};
use http::request::Parts;

use super::Lambda;
use super::refusals;
use crate::context::RequestContext;
use crate::function_url::UrlDomain;

/// What every handler answers.
pub(super) type Answer = Result<Reply, ErrorReply>;

/// A routed call.
pub(super) struct Call<'a> {
    pub(super) lambda: &'a Lambda,
    pub(super) url_domain: &'a UrlDomain,
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

    pub(super) fn origin(&self) -> Origin {
        Origin {
            request_id: self.context.request_id,
        }
    }

    pub(super) fn scope(&self) -> Scope {
        Scope {
            account: self.context.account,
            region: self.context.region.clone(),
        }
    }

    /// Returns the URL that a function URL's id makes.
    pub(super) fn function_url(&self, id: &str) -> String {
        self.url_domain
            .url(id, &self.context.region, &self.context.base_url)
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
        if target.arn.account == *account {
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
