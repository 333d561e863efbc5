//! What is known about a request before its handler runs.

use std::net::IpAddr;

use firelight_control::Scope;
use firelight_control::sts::Caller;
use firelight_model::{AccountId, Region, RequestId};
use jiff::Timestamp;

/// One request as its handler sees it, beside its own parameters.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// The account the request acts in.
    pub account: AccountId,
    pub region: Region,
    pub caller: Caller,
    /// Where the connection comes from.
    pub peer: IpAddr,
    /// Made once, here; the client gets it in a header, the log and the function get it too.
    pub request_id: RequestId,
    /// Scheme and authority as the client wrote them, without a trailing slash.
    pub base_url: String,
    pub received_at: Timestamp,
}

impl RequestContext {
    /// Returns where the request acts.
    pub(crate) fn scope(&self) -> Scope {
        Scope {
            account: self.account,
            region: self.region.clone(),
        }
    }
}
