//! Control groups of sandboxes, on version 1, version 2 and hosts that mix them.
//!
//! ```text
//!  <hierarchy>/<launcher's own place>/firelight-<instance>/<sandbox number>
//! ```
//!
//! Where each controller lives is found once at start ([`layout`]). Each sandbox then gets one directory in every
//! hierarchy that is used ([`Group`]): one on version 2, up to four on version 1. On a mixed host the version 2 tree
//! is used for what it does without controllers: entering at birth, freezing, CPU time.
//!
//! Deliberately absent: waiting. What the kernel does late (freezing, removing) is waited for by the caller.

mod group;
mod layout;
mod mounts;
mod sweep;

pub(crate) use group::{Files, Group, Keeper, quota_and_period_us};
pub(crate) use layout::Layout;
pub(crate) use sweep::sweep;
