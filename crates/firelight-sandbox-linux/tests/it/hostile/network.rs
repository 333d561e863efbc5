//! Reaching what is not the function's: the daemon, the host, the metadata address, the local network.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use super::{assert_all_refused, attempt};
use crate::rig::{Rig, probe as probe_program, run};

#[tokio::test]
async fn without_egress_nothing_outside_is_reached() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;
    let daemon = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut program = probe_program("network-reach");
    program.variables = vec![(
        "DAEMON".into(),
        daemon.local_addr().unwrap().to_string().into(),
    )];

    let outcome = run(&sandbox, program).await;

    assert_all_refused(&outcome.output, &["ENETUNREACH", "ECONNREFUSED"], 16);
    daemon.set_nonblocking(true).unwrap();
    assert_eq!(
        daemon.accept().unwrap_err().kind(),
        io::ErrorKind::WouldBlock
    );
    rig.end(sandbox).await;
}

pub(super) fn probe(name: &str) -> Option<io::Result<()>> {
    (name == "network-reach").then(reach)
}

fn reach() -> io::Result<()> {
    let daemon = std::env::var("DAEMON").unwrap_or_default();
    // The daemon by every address that means "this host".
    let port = daemon.rsplit(':').next().unwrap_or_default();
    let here = [
        "0.0.0.0",
        "127.1.2.3",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
    ];
    for address in here.map(|address| format!("{address}:{port}")) {
        try_to_connect(&address)?;
    }
    for address in [
        daemon.as_str(),
        "169.254.169.254:80",
        "169.254.170.2:80",
        "10.0.0.1:80",
        "172.17.0.1:80",
        "192.168.1.1:80",
        "1.1.1.1:443",
        "[fd00::1]:80",
        "[::ffff:169.254.169.254]:80",
        "[2606:4700::1]:443",
    ] {
        try_to_connect(address)?;
    }
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    attempt("udp", socket.send_to(b"x", "1.1.1.1:53"));
    attempt(
        "broadcast",
        socket
            .set_broadcast(true)
            .and_then(|()| socket.send_to(b"x", "255.255.255.255:67")),
    );
    Ok(())
}

fn try_to_connect(address: &str) -> io::Result<()> {
    let target: SocketAddr = address.parse().map_err(io::Error::other)?;
    let connected = TcpStream::connect_timeout(&target, Duration::from_secs(2));
    attempt(address, connected);
    Ok(())
}
