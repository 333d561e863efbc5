//! Connections to the inside of a sandbox: init begins them, the daemon waits for them and looks at what it got.
//!
//! Init shares its walls with the function, so the descriptor may be anything. Only a stream socket that is connected
//! to the port asked for is taken.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Weak;

use rustix::net::SocketType;
use rustix::net::sockopt::{socket_error, socket_type};

use super::sandbox::Inner;

/// Asks init of a sandbox that may be gone.
pub(super) async fn dial(sandbox: Weak<Inner>, port: u16) -> io::Result<TcpStream> {
    let begun = match sandbox.upgrade() {
        Some(sandbox) => sandbox.connect(port).await?,
        None => return Err(io::ErrorKind::NotConnected.into()),
    };
    let stream = checked(begun)?;
    stream.writable().await?;
    if let Err(error) = socket_error(&stream)? {
        return Err(error.into());
    }
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    if stream.peer_addr()? != wanted {
        return Err(io::ErrorKind::InvalidData.into());
    }
    stream.into_std()
}

fn checked(socket: OwnedFd) -> io::Result<tokio::net::TcpStream> {
    if socket_type(&socket)? != SocketType::STREAM {
        return Err(io::ErrorKind::InvalidData.into());
    }
    // Blocking, it could hold a thread of the daemon.
    rustix::io::ioctl_fionbio(&socket, true)?;
    tokio::net::TcpStream::from_std(TcpStream::from(socket))
}
