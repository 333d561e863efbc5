//! Who is calling: identities, temporary credentials, and the access keys that prove them.
//!
//! ```text
//!  AssumeRole ──► SessionKey::seal ──► (key id, secret, token) ──► client ──► request
//!                                                                               │
//!                 Caller ◄── SessionKey::open ◄──────── key id, token ◄─────────┘
//! ```
//!
//! A session is not stored: its token carries it, sealed with a secret of the installation, so any
//! node can check it without a read. Its secret is derived from its key id, so it need not travel.
//! What a session may do is looked up by the role's id at each request: a role that was deleted
//! leaves sessions that may do nothing.

mod caller;
mod credentials;
mod service;
mod session;

pub use caller::{Caller, Identity};
pub use credentials::{CredentialBook, Holder, LookUpError, RootKey, UserKeys};
pub use service::{AssumeRole, AssumeRoleError, AssumedRole, Enforcement, Sts};
pub(crate) use session::base32;
pub use session::{OpenSessionError, Session, SessionKey, TemporaryCredentials};
