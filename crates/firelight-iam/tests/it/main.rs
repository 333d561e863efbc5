//! Decisions on whole policies, stated one by one and compared with another implementation.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

mod decisions;
mod differential;
mod grammar;
mod trust;
