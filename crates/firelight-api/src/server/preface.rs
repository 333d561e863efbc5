//! Which HTTP a client speaks, told from its first bytes, which stay where they are.
//!
//! Looking is cheaper than taking: a connection that was handed bytes already taken from its socket reads the rest of
//! the head into a buffer of twice the size, and keeps that as long as its request waits.

use std::io;

use rustix::net::{RecvFlags, recv};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// How the preface of HTTP/2 begins (RFC 9113, section 3.4). No method does: these bytes tell.
const HTTP_2: &[u8; 3] = b"PRI";

/// A version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    Http1,
    Http2,
}

/// Waits until the client's first bytes tell.
pub(super) async fn version(stream: &TcpStream) -> io::Result<Version> {
    stream
        .async_io(Interest::READABLE, || {
            let mut first = [0; HTTP_2.len()];
            let (_, seen) = recv(stream, &mut first[..], RecvFlags::PEEK)?;
            // More bytes wake this up again; those that are here do not.
            told_by(&first[..seen]).ok_or_else(|| io::ErrorKind::WouldBlock.into())
        })
        .await
}

/// Tells from the first bytes, as soon as there are enough. None at all is the end of the connection.
fn told_by(first: &[u8]) -> Option<Version> {
    match first {
        b"" => Some(Version::Http1),
        first if first == HTTP_2 => Some(Version::Http2),
        first if HTTP_2.starts_with(first) => None,
        _ => Some(Version::Http1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preface_of_http_2_is_told_from_methods_that_begin_alike() {
        assert_eq!(told_by(b"PRI"), Some(Version::Http2));
        for first in ["POS", "PUT", "GET", "PR ", "\r\n"] {
            assert_eq!(told_by(first.as_bytes()), Some(Version::Http1), "{first}");
        }
        assert_eq!(told_by(b"PR"), None);
        assert_eq!(told_by(b""), Some(Version::Http1));
    }
}
