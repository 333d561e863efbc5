//! The decision: an explicit deny wins, then something must allow.

use std::fmt;

use crate::document::{Effect, Policy};
use crate::principal::{Named, Principal};
use crate::request::Request;

/// The policies that apply to a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct PolicySet<'a> {
    /// Attached to the principal.
    pub identity: &'a [Policy],
    /// The principal's permission boundary.
    pub boundary: Option<&'a Policy>,
    /// Given when the session was made; `None` if none were.
    pub session: Option<&'a [Policy]>,
    /// Attached to the resource.
    pub resource: Option<&'a Policy>,
    /// The account that owns the resource.
    pub resource_account: &'a str,
}

/// Whether a request may go on.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    Allowed,
    Denied(Denial),
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// A statement denies it.
    Explicit(PolicySource),
    /// No statement of these allows it.
    NoAllow(PolicySource),
}

/// Which kind of policy decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicySource {
    Identity,
    Boundary,
    Session,
    Resource,
}

impl PolicySource {
    fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity-based policy",
            Self::Boundary => "permissions boundary",
            Self::Session => "session policy",
            Self::Resource => "resource-based policy",
        }
    }
}

impl Denial {
    /// Returns the end of AWS's sentence `User: … is not authorized to perform: … `.
    pub fn reason(self, action: &str) -> impl fmt::Display {
        match self {
            Self::Explicit(source) => {
                let article = if source == PolicySource::Identity {
                    "an"
                } else {
                    "a"
                };
                format!("with an explicit deny in {article} {}", source.name())
            }
            Self::NoAllow(source) => {
                format!("because no {} allows the {action} action", source.name())
            }
        }
    }
}

/// Decides on a request to a resource.
pub fn decide(request: &Request<'_>, policies: &PolicySet<'_>) -> Decision {
    if let Some(source) = explicit_deny(request, policies) {
        return Decision::Denied(Denial::Explicit(source));
    }
    let by_resource = named_by_resource(request, policies);
    let own_account = request.principal.account() == Some(policies.resource_account);
    match request.principal {
        Principal::Anonymous | Principal::Service { .. } => {
            require(by_resource != Named::Not, PolicySource::Resource)
        }
        _ if !own_account && by_resource == Named::Not => {
            Decision::Denied(Denial::NoAllow(PolicySource::Resource))
        }
        _ if !own_account => within_own_limits(request, policies),
        _ => in_own_account(request, policies, by_resource),
    }
}

/// Decides whether a principal may assume a role, whose trust policy is `policies.resource`.
///
/// Unlike any other resource, a role is never reached by an identity policy alone.
pub fn decide_trust(request: &Request<'_>, policies: &PolicySet<'_>) -> Decision {
    if let Some(source) = explicit_deny(request, policies) {
        return Decision::Denied(Denial::Explicit(source));
    }
    let own_account = request.principal.account() == Some(policies.resource_account);
    match (named_by_resource(request, policies), request.principal) {
        (Named::Not, _) => Decision::Denied(Denial::NoAllow(PolicySource::Resource)),
        (_, Principal::Service { .. }) => Decision::Allowed,
        (Named::Itself | Named::Exactly, _) if own_account => Decision::Allowed,
        _ => within_own_limits(request, policies),
    }
}

fn in_own_account(request: &Request<'_>, policies: &PolicySet<'_>, by_resource: Named) -> Decision {
    match by_resource {
        // A grant to this very user or session is not held back by limits that merely say nothing.
        Named::Exactly => Decision::Allowed,
        Named::Itself => within_limits(request, policies),
        _ => within_own_limits(request, policies),
    }
}

/// Requires an allow of the principal's own policies, and of its limits.
fn within_own_limits(request: &Request<'_>, policies: &PolicySet<'_>) -> Decision {
    let allowed = matches!(request.principal, Principal::Root { .. })
        || allows_any(policies.identity, request);
    match require(allowed, PolicySource::Identity) {
        Decision::Allowed => within_limits(request, policies),
        denied => denied,
    }
}

fn within_limits(request: &Request<'_>, policies: &PolicySet<'_>) -> Decision {
    let allows = |policy: &Policy| policy.has(Effect::Allow, request);
    if !policies.boundary.is_none_or(allows) {
        return Decision::Denied(Denial::NoAllow(PolicySource::Boundary));
    }
    let session = policies
        .session
        .is_none_or(|session| allows_any(session, request));
    require(session, PolicySource::Session)
}

fn explicit_deny(request: &Request<'_>, policies: &PolicySet<'_>) -> Option<PolicySource> {
    let denies = |policy: &Policy| policy.has(Effect::Deny, request);
    if policies.identity.iter().any(denies) {
        Some(PolicySource::Identity)
    } else if policies.resource.is_some_and(denies) {
        Some(PolicySource::Resource)
    } else if policies.boundary.is_some_and(denies) {
        Some(PolicySource::Boundary)
    } else if policies
        .session
        .is_some_and(|session| session.iter().any(denies))
    {
        Some(PolicySource::Session)
    } else {
        None
    }
}

fn named_by_resource(request: &Request<'_>, policies: &PolicySet<'_>) -> Named {
    policies
        .resource
        .map_or(Named::Not, |policy| policy.names(Effect::Allow, request))
}

fn allows_any(policies: &[Policy], request: &Request<'_>) -> bool {
    policies
        .iter()
        .any(|policy| policy.has(Effect::Allow, request))
}

fn require(holds: bool, source: PolicySource) -> Decision {
    if holds {
        Decision::Allowed
    } else {
        Decision::Denied(Denial::NoAllow(source))
    }
}
