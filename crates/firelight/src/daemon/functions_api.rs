//! The API as functions reach it: at an address of the sandboxes' own network, where nothing else of this host is.
//!
//! Every request there is authenticated and authorized as at the front door: in `serve` the function's role decides.

use std::io;
use std::net::{IpAddr, SocketAddr};

use firelight_sandbox_linux::LinuxDriver;
use tokio::net::TcpListener;

use crate::config::{Network, ServerConfig};

/// Takes the listener that the launcher bound, if functions are to reach the API.
pub fn take(config: &ServerConfig, driver: &LinuxDriver) -> io::Result<Option<TcpListener>> {
    let listener = driver.take_api_listener().filter(|_| config.egress.api);
    listener
        .map(|listener| {
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener)
        })
        .transpose()
}

/// Returns what the functions' SDKs are told. In the host's own network it is the address that everybody uses.
pub fn url(config: &ServerConfig, api: Option<&TcpListener>, own: SocketAddr) -> Option<String> {
    let address = match config.sandbox.network {
        Network::Internet => api?.local_addr().ok()?,
        Network::Host if config.egress.api => reachable(own),
        Network::Host | Network::None => return None,
    };
    Some(format!("http://{address}"))
}

/// A daemon on every interface is reached through loopback.
pub fn reachable(mut listens: SocketAddr) -> SocketAddr {
    if listens.ip().is_unspecified() {
        listens.set_ip(match listens {
            SocketAddr::V4(_) => IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
        });
    }
    listens
}
