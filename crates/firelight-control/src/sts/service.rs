//! The STS operations: sessions of roles and users.

use std::sync::Arc;

use firelight_iam::{
    Context, Decision, DocumentKind, MalformedPolicy, Policy, PolicySet, Principal, Request,
    decide_trust,
};
use firelight_model::{AccountId, FunctionArn, RoleArn, WallTime};
use sha2::{Digest, Sha256};

use super::{Caller, Identity, Session, SessionKey, TemporaryCredentials};
use crate::iam::{EntityKind, EntityRecord, IamView, Sources, entity_id};

const LAMBDA: &str = "lambda.amazonaws.com";
const DEFAULT_SECONDS: u32 = 3_600;
const MIN_SECONDS: u32 = 900;
/// A session made from a session lives one hour at most.
const MAX_CHAINED_SECONDS: u32 = 3_600;
const MAX_USER_SECONDS: u32 = 129_600;
const DEFAULT_USER_SECONDS: u32 = 43_200;
/// Session policies together; their size is told in percent of this.
const MAX_SESSION_POLICIES: usize = 2_048;

/// Whether policies decide, or are there only to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enforcement {
    On,
    Off,
}

/// The STS operations. Cheap to clone.
#[derive(Clone)]
pub struct Sts {
    sessions: SessionKey,
    view: IamView,
    sources: Arc<Sources>,
    enforcement: Enforcement,
}

/// What a role is assumed with.
#[derive(Clone, Debug, Default)]
pub struct AssumeRole {
    pub role_arn: String,
    pub session_name: String,
    pub seconds: Option<u32>,
    pub policy: Option<String>,
    pub policy_arns: Vec<String>,
    pub external_id: Option<String>,
}

/// A session that was made.
#[derive(Clone, Debug)]
pub struct AssumedRole {
    pub caller: Caller,
    pub credentials: TemporaryCredentials,
    /// How much of the allowance for session policies is used.
    pub packed_policy_percent: Option<usize>,
}

#[derive(Debug, thiserror::Error)]
pub enum AssumeRoleError {
    #[error("{0}")]
    Validation(String),
    #[error("User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role_arn}")]
    AccessDenied { caller: String, role_arn: String },
    #[error(transparent)]
    MalformedPolicy(#[from] MalformedPolicy),
    #[error("Packed policy consumes {percent}% of allotted space, please use smaller policy.")]
    PackedPolicyTooLarge { percent: usize },
}

impl Sts {
    pub fn new(
        sessions: SessionKey,
        view: IamView,
        sources: Arc<Sources>,
        enforcement: Enforcement,
    ) -> Self {
        Self {
            sessions,
            view,
            sources,
            enforcement,
        }
    }

    /// Returns whether policies decide in this installation.
    pub fn enforcement(&self) -> Enforcement {
        self.enforcement
    }

    pub fn assume_role(
        &self,
        caller: &Caller,
        keys: Context,
        input: &AssumeRole,
    ) -> Result<AssumedRole, AssumeRoleError> {
        let role_arn: RoleArn = input
            .role_arn
            .parse()
            .map_err(|_| AssumeRoleError::Validation(format!("{} is invalid", input.role_arn)))?;
        check_session_name(&input.session_name)?;
        let seconds = input.seconds.unwrap_or(DEFAULT_SECONDS);
        check_seconds(seconds, 43_200)?;
        let role = self.trusting_role(caller, &role_arn, keys, input)?;
        self.check_role_seconds(caller, role.as_deref(), seconds)?;
        let policies = self.session_policies(role_arn.account(), input)?;
        let percent = packed_percent(&policies)?;
        let session = self.role_session(&role_arn, role.as_deref(), &input.session_name, policies);
        let credentials = self.seal(&session, seconds);
        Ok(AssumedRole {
            caller: session,
            credentials,
            packed_policy_percent: percent,
        })
    }

    /// Makes a session of the caller itself; a session cannot make another.
    pub fn session_token(
        &self,
        caller: &Caller,
        seconds: Option<u32>,
    ) -> Result<TemporaryCredentials, AssumeRoleError> {
        let root = caller.identity == Identity::Root;
        let default = if root {
            DEFAULT_SECONDS
        } else {
            DEFAULT_USER_SECONDS
        };
        let seconds = seconds.unwrap_or(default);
        check_seconds(seconds, MAX_USER_SECONDS)?;
        if matches!(caller.identity, Identity::AssumedRole { .. }) {
            return Err(AssumeRoleError::Validation(
                "Cannot call GetSessionToken with session credentials".to_owned(),
            ));
        }
        Ok(self.seal(caller, seconds))
    }

    /// Makes the credentials that a function gets: those of its execution role.
    ///
    /// A role that does not exist makes a session that is allowed nothing.
    pub fn mint_role_credentials(
        &self,
        role_arn: &RoleArn,
        function: &FunctionArn,
        seconds: u32,
    ) -> TemporaryCredentials {
        let role = self
            .view
            .entity(role_arn.account(), EntityKind::Role, role_arn.role_name());
        let name = function.name.as_str();
        let session = Caller {
            source_function: Some(function.to_string()),
            ..self.role_session(role_arn, role.as_deref(), name, Vec::new())
        };
        self.seal(&session, seconds)
    }

    /// Tells whether Lambda may assume a role for a function, which is the source that trust policies can insist on.
    pub fn lambda_can_assume(&self, role_arn: &RoleArn, function: &FunctionArn) -> bool {
        let principal = Principal::Service {
            name: LAMBDA.to_owned(),
        };
        let context = Context::new()
            .with("aws:SourceArn", function.to_string())
            .with("aws:SourceAccount", function.account.to_string())
            .with("aws:PrincipalIsAWSService", "true")
            .with("aws:PrincipalServiceName", LAMBDA);
        let role = self
            .view
            .entity(role_arn.account(), EntityKind::Role, role_arn.role_name());
        role.is_some_and(|role| trusts(&role, role_arn, &principal, &[], None, &context))
    }

    /// Finds the role and checks that it trusts the caller, whose condition keys are given.
    fn trusting_role(
        &self,
        caller: &Caller,
        role_arn: &RoleArn,
        keys: Context,
        input: &AssumeRole,
    ) -> Result<Option<Arc<EntityRecord>>, AssumeRoleError> {
        let role = self
            .view
            .entity(role_arn.account(), EntityKind::Role, role_arn.role_name());
        let role = role.filter(|role| role.arn(role_arn.account()) == input.role_arn);
        if self.enforcement == Enforcement::Off {
            return Ok(role);
        }
        let context = keys.with("sts:RoleSessionName", &*input.session_name);
        let context = match &input.external_id {
            Some(id) => context.with("sts:ExternalId", &**id),
            None => context,
        };
        let principal = self.view.principal_of(caller);
        let own = self.view.policies_of(caller);
        let trusted = role.as_deref().is_some_and(|role| {
            trusts(
                role,
                role_arn,
                &principal,
                &own.identity,
                own.boundary.as_ref(),
                &context,
            )
        });
        if trusted {
            return Ok(role);
        }
        let (caller, role_arn) = (caller.arn(), input.role_arn.clone());
        Err(AssumeRoleError::AccessDenied { caller, role_arn })
    }

    fn check_role_seconds(
        &self,
        caller: &Caller,
        role: Option<&EntityRecord>,
        seconds: u32,
    ) -> Result<(), AssumeRoleError> {
        let chained = matches!(caller.identity, Identity::AssumedRole { .. });
        if chained && seconds > MAX_CHAINED_SECONDS {
            return Err(AssumeRoleError::Validation(
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed \
                 by role chaining"
                    .to_owned(),
            ));
        }
        let max = role
            .and_then(|role| role.role.as_ref())
            .map(|role| role.max_session_seconds);
        if max.is_some_and(|max| seconds > max) {
            return Err(AssumeRoleError::Validation(
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// Gathers the documents that narrow the session; named policies are taken as they are now.
    fn session_policies(
        &self,
        account: AccountId,
        input: &AssumeRole,
    ) -> Result<Vec<String>, AssumeRoleError> {
        let mut policies = Vec::new();
        if let Some(policy) = &input.policy {
            Policy::parse(policy, DocumentKind::Identity)?;
            policies.push(policy.clone());
        }
        for arn in &input.policy_arns {
            let document = self.view.policy_document(account, arn);
            policies.push(document.ok_or_else(|| {
                AssumeRoleError::Validation(format!("PolicyArns: {arn} does not exist"))
            })?);
        }
        Ok(policies)
    }

    fn role_session(
        &self,
        role_arn: &RoleArn,
        role: Option<&EntityRecord>,
        session_name: &str,
        session_policies: Vec<String>,
    ) -> Caller {
        let role_name = role_arn.role_name().to_owned();
        let role_id = role.map_or_else(|| unknown_role_id(role_arn), |role| role.id.clone());
        let session_name = session_name.to_owned();
        Caller {
            account: role_arn.account(),
            identity: Identity::AssumedRole {
                role_name,
                role_id,
                session_name,
            },
            access_key_id: String::new(),
            source_function: None,
            session_policies,
        }
    }

    fn seal(&self, caller: &Caller, seconds: u32) -> TemporaryCredentials {
        let now = epoch_seconds((self.sources.now)());
        let session = Session::new(caller, now + i64::from(seconds));
        let session = session.unwrap_or_else(|| Session::nobody(caller.account));
        let random = (self.sources.random)();
        let mut bytes = [0; 10];
        bytes.copy_from_slice(&random[..10]);
        self.sessions.seal(&session, bytes)
    }
}

fn trusts(
    role: &EntityRecord,
    role_arn: &RoleArn,
    principal: &Principal,
    identity: &[Policy],
    boundary: Option<&Policy>,
    context: &Context,
) -> bool {
    let trust = role.role.as_ref().map(|role| &role.trust_policy);
    let Some(Ok(trust)) = trust.map(|text| Policy::parse(text, DocumentKind::Trust)) else {
        return false;
    };
    let account = role_arn.account().to_string();
    let resource = role.arn(role_arn.account());
    let request = Request {
        principal,
        action: "sts:AssumeRole",
        resource: &resource,
        context,
    };
    let policies = PolicySet {
        identity,
        boundary,
        session: None,
        resource: Some(&trust),
        resource_account: &account,
    };
    decide_trust(&request, &policies) == Decision::Allowed
}

fn check_session_name(name: &str) -> Result<(), AssumeRoleError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    let constraint = if !name.chars().all(fits) {
        "Member must satisfy regular expression pattern: [\\w+=,.@-]*"
    } else if name.len() < 2 {
        "Member must have length greater than or equal to 2"
    } else if name.len() > 64 {
        "Member must have length less than or equal to 64"
    } else {
        return Ok(());
    };
    Err(AssumeRoleError::Validation(constraint_text(
        name,
        "roleSessionName",
        constraint,
    )))
}

fn check_seconds(seconds: u32, max: u32) -> Result<(), AssumeRoleError> {
    let constraint = if seconds < MIN_SECONDS {
        format!("Member must have value greater than or equal to {MIN_SECONDS}")
    } else if seconds > max {
        format!("Member must have value less than or equal to {max}")
    } else {
        return Ok(());
    };
    let text = constraint_text(&seconds.to_string(), "durationSeconds", &constraint);
    Err(AssumeRoleError::Validation(text))
}

fn constraint_text(value: &str, member: &str, constraint: &str) -> String {
    format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: \
         {constraint}"
    )
}

fn packed_percent(policies: &[String]) -> Result<Option<usize>, AssumeRoleError> {
    let size: usize = policies.iter().map(String::len).sum();
    let percent = size.div_ceil(MAX_SESSION_POLICIES / 100);
    match percent {
        0 => Ok(None),
        1..=100 => Ok(Some(percent)),
        _ => Err(AssumeRoleError::PackedPolicyTooLarge { percent }),
    }
}

/// Returns an id for a role that is not there: always the same, and never one that was given.
fn unknown_role_id(role_arn: &RoleArn) -> String {
    let digest = Sha256::digest(role_arn.to_string());
    let mut seed = [0; 16];
    seed.copy_from_slice(&digest[..16]);
    entity_id("AROA", seed)
}

fn epoch_seconds(time: WallTime) -> i64 {
    i64::try_from(time.epoch_ms() / 1000).unwrap_or(i64::MAX)
}
