//! IAM policies: documents and the decision whether a request is allowed. Pure.
//!
//! ```text
//!  text ──Policy::parse──► Policy ─┐
//!                                  ├──► decide ──► Decision
//!  principal, action, resource, ───┘
//!  condition keys: Request
//! ```
//!
//! An explicit deny anywhere wins; otherwise something must allow. Which policies apply to a
//! principal is gathered by the caller.
//!
//! Deliberately absent: storage, clocks, the network, and what any action means.

mod condition;
mod decide;
mod document;
mod operator;
mod parse;
mod pattern;
mod principal;
mod public;
mod request;

pub use decide::{Decision, Denial, PolicySet, PolicySource, decide, decide_trust};
pub use document::{DocumentKind, Effect, Policy};
pub use parse::MalformedPolicy;
pub use principal::Principal;
pub use request::{Context, Request};
