//! Where records and dead letters go, and the credentials that sign for them.

use std::net::SocketAddr;
use std::sync::Arc;

use firelight_api::deliver::{
    EndpointAddress, NoTls, RoleCredentials, ServiceEndpoint, ServiceEndpoints, SignedBy,
    SignedDeliveries,
};
use firelight_api::sigv4::SigningCredentials;
use firelight_control::Control;
use firelight_control::sts::Sts;

use super::functions_api::reachable;
use crate::config::{EndpointsConfig, Place};

/// How long the credentials of one call are good: longer than any call takes.
const CREDENTIAL_SECONDS: u32 = 900;

/// Makes the client of other services; `own` is where this daemon listens.
pub fn open(
    config: &EndpointsConfig,
    own: SocketAddr,
    control: Control,
    sts: Sts,
) -> Result<SignedDeliveries, NoTls> {
    let own: EndpointAddress = format!("http://{}", reachable(own))
        .parse()
        .expect("a socket address stands in a URL");
    let endpoint = |place: &Option<Place>| {
        Some(match place.as_ref()? {
            Place::Own => ServiceEndpoint {
                address: own.clone(),
                signed_by: SignedBy::ExecutionRole,
            },
            Place::At(address, key) => ServiceEndpoint {
                address: address.clone(),
                signed_by: SignedBy::Key(key.clone()),
            },
        })
    };
    let endpoints = ServiceEndpoints {
        sqs: endpoint(&config.sqs),
        sns: endpoint(&config.sns),
        events: endpoint(&config.events),
        s3: endpoint(&config.s3),
    };
    SignedDeliveries::new(endpoints, role_credentials(control, sts))
}

fn role_credentials(control: Control, sts: Sts) -> RoleCredentials {
    Arc::new(move |function| {
        let view = control.view();
        let role = &view.function(function)?.latest.role;
        let minted = sts.mint_role_credentials(role, function, CREDENTIAL_SECONDS);
        Some(SigningCredentials {
            access_key_id: minted.access_key_id,
            secret_access_key: minted.secret_access_key,
            session_token: Some(minted.session_token),
        })
    })
}
