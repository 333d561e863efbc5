//! A policy document after it was read: statements that can be asked.

use crate::condition::Condition;
use crate::parse::{MalformedPolicy, parse};
use crate::pattern::Pattern;
use crate::principal::{Named, PrincipalClause, any_action};
use crate::request::Request;

/// Where a document is attached, which decides what it must and may contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentKind {
    /// To a user or role, or as a boundary or session policy: names no principal.
    Identity,
    /// To a resource: names principals.
    Resource,
    /// To a role, saying who may assume it: names principals and no resource.
    Trust,
}

/// What a matching statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Allow,
    Deny,
}

/// A policy document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub(crate) statements: Vec<Statement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) effect: Effect,
    pub(crate) principal: PrincipalClause,
    pub(crate) action: ActionClause,
    pub(crate) resource: ResourceClause,
    pub(crate) conditions: Vec<Condition>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ActionClause {
    In(Vec<Pattern>),
    NotIn(Vec<Pattern>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ResourceClause {
    /// The resource is the one the document is attached to.
    Absent,
    In(Vec<Pattern>),
    NotIn(Vec<Pattern>),
}

impl Policy {
    /// Reads a document as strictly as AWS does.
    pub fn parse(text: &str, kind: DocumentKind) -> Result<Self, MalformedPolicy> {
        parse(text, kind)
    }

    /// Returns the policy that says nothing, and so allows nothing.
    pub fn nothing() -> Self {
        Self {
            statements: Vec::new(),
        }
    }

    /// Returns the policy that says what both say.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.statements.extend(other.statements);
        self
    }

    /// Tells whether a decision by this policy can depend on condition keys.
    pub fn heeds_keys(&self) -> bool {
        self.statements.iter().any(Statement::heeds_keys)
    }

    /// Returns how closely the matching statements of one effect name the principal.
    pub(crate) fn names(&self, effect: Effect, request: &Request<'_>) -> Named {
        let of_effect = self
            .statements
            .iter()
            .filter(|statement| statement.effect == effect);
        of_effect
            .map(|statement| statement.names(request))
            .max()
            .unwrap_or(Named::Not)
    }

    pub(crate) fn has(&self, effect: Effect, request: &Request<'_>) -> bool {
        self.names(effect, request) != Named::Not
    }
}

impl Statement {
    fn heeds_keys(&self) -> bool {
        let resources: &[Pattern] = match &self.resource {
            ResourceClause::Absent => &[],
            ResourceClause::In(patterns) | ResourceClause::NotIn(patterns) => patterns,
        };
        !self.conditions.is_empty() || resources.iter().any(Pattern::has_variable)
    }

    fn names(&self, request: &Request<'_>) -> Named {
        let named = self.principal.names(request.principal);
        let applies = named != Named::Not
            && self.action.covers(request.action)
            && self.resource.covers(request)
            && self
                .conditions
                .iter()
                .all(|condition| condition.holds(request.context));
        if applies { named } else { Named::Not }
    }
}

impl ActionClause {
    fn covers(&self, action: &str) -> bool {
        match self {
            Self::In(patterns) => any_action(patterns, action),
            Self::NotIn(patterns) => !any_action(patterns, action),
        }
    }
}

impl ResourceClause {
    fn covers(&self, request: &Request<'_>) -> bool {
        let any = |patterns: &[Pattern]| {
            patterns
                .iter()
                .any(|pattern| pattern.matches_arn(request.resource, request.context))
        };
        match self {
            Self::Absent => true,
            Self::In(patterns) => any(patterns),
            Self::NotIn(patterns) => !any(patterns),
        }
    }
}
