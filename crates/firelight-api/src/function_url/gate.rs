//! Who may come in through a function URL.
//!
//! ```text
//!  NONE ──────────► nobody is asked ─────────► the resource policy must allow everybody
//!  AWS_IAM ──► signature ──► caller ─────────► its policies or the resource policy must allow it
//!                  └── none, or one that proves nothing: 403
//! ```
//!
//! Where signatures are not looked at, any one will do for AWS_IAM, but there must be one.

use std::net::IpAddr;

use firelight_control::sts::{Caller, CredentialBook};
use firelight_model::{AccountId, UrlAuthType};
use http::request::Parts;
use jiff::Timestamp;

use super::refusal::Refusal;
use super::target::UrlTarget;
use super::{FunctionUrls, permission};
use crate::authentication::{self, Authentication, AuthenticationError};
use crate::authorization::Occasion;
use crate::body::RequestBody;
use crate::protocol::Protocol;
use crate::sigv4::{Claim, ClaimError};

/// How callers are proven here.
pub(crate) struct Gate<'a> {
    pub(crate) authentication: Authentication,
    pub(crate) book: &'a CredentialBook,
    /// The account of signatures that name none.
    pub(crate) account: AccountId,
}

/// What a request says about its sender.
pub(super) struct Arrival<'a> {
    pub(super) request: &'a Parts,
    pub(super) claim: Result<Option<Claim>, ClaimError>,
    pub(super) body: RequestBody,
    pub(super) body_limit: usize,
    pub(super) peer: IpAddr,
    pub(super) received_at: Timestamp,
}

impl Gate<'_> {
    /// Returns the caller, and the body, which may have been read to prove it.
    pub(super) async fn admit(
        &self,
        urls: &FunctionUrls,
        target: &UrlTarget,
        arrival: Arrival<'_>,
    ) -> Result<(Caller, RequestBody), Refusal> {
        let Arrival {
            peer, received_at, ..
        } = arrival;
        let (caller, body) = match target.auth_type {
            UrlAuthType::None => (
                authentication::nobody(target.function.account),
                arrival.body,
            ),
            UrlAuthType::AwsIam => match self.authentication {
                Authentication::Required => self.prove(arrival).await?,
                Authentication::AnyCredentials => return self.assume(arrival),
            },
        };
        let occasion = Occasion {
            view: &urls.iam,
            caller: &caller,
            region: &target.function.region,
            peer,
            received_at,
        };
        if permission::allows(&urls.view, target, &occasion) {
            Ok((caller, body))
        } else {
            Err(Refusal::Forbidden)
        }
    }

    async fn prove(&self, arrival: Arrival<'_>) -> Result<(Caller, RequestBody), Refusal> {
        let Arrival {
            request,
            claim,
            body,
            body_limit,
            received_at,
            ..
        } = arrival;
        let claim = claim.map_err(|error| unproven(error.into()))?;
        authentication::prove(self.book, request, claim, body, body_limit, received_at)
            .await
            .map_err(unproven)
    }

    fn assume(&self, arrival: Arrival<'_>) -> Result<(Caller, RequestBody), Refusal> {
        let claim = arrival.claim.ok().flatten().ok_or(Refusal::Forbidden)?;
        let (account, now) = (self.account, arrival.received_at);
        let caller = authentication::assume(self.book, Some(&claim), account, now);
        Ok((caller, arrival.body))
    }
}

fn unproven(error: AuthenticationError) -> Refusal {
    match error {
        AuthenticationError::Missing => Refusal::Forbidden,
        AuthenticationError::Body(error) => Refusal::Body(error),
        error => {
            let protocol = Protocol::RestJson;
            let response = protocol.error(&error.answer(protocol), "");
            Refusal::Unproven(Box::new(response))
        }
    }
}
