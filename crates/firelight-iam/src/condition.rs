//! One line of a `Condition` block: an operator, a key and the values it is compared with.

use crate::operator::{Operator, Test};
use crate::pattern::Pattern;
use crate::request::Context;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) operator: Operator,
    pub(crate) set: Set,
    /// Whether an absent key satisfies it.
    pub(crate) if_exists: bool,
    pub(crate) key: String,
    pub(crate) values: Vec<Pattern>,
}

/// How several values of a key are taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Set {
    Plain,
    /// `ForAllValues:`
    All,
    /// `ForAnyValue:`
    Any,
}

impl Condition {
    pub(crate) fn holds(&self, context: &Context) -> bool {
        let values = context.values(&self.key);
        if self.operator.test == Test::Null {
            return self.values.iter().any(|wanted| {
                wanted
                    .text(context)
                    .is_some_and(|text| text.eq_ignore_ascii_case("true") == values.is_none())
            });
        }
        match values {
            Some(values) => self.holds_for(values, context),
            None => self.holds_for_absent(),
        }
    }

    fn holds_for(&self, values: &[String], context: &Context) -> bool {
        let satisfied = |value: &String| {
            let fits = self
                .values
                .iter()
                .any(|want| self.operator.fits(value, want, context));
            fits != self.operator.negated
        };
        match self.set {
            Set::All => values.iter().all(satisfied),
            Set::Any => values.iter().any(satisfied),
            // Not meant for keys with several values; a negated operator then needs all of them.
            Set::Plain if self.operator.negated => values.iter().all(satisfied),
            Set::Plain => values.iter().any(satisfied),
        }
    }

    fn holds_for_absent(&self) -> bool {
        match self.set {
            Set::All => true,
            Set::Any => self.if_exists,
            Set::Plain => self.if_exists || self.operator.negated,
        }
    }
}
