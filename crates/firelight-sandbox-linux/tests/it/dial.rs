//! Connections from outside to what listens inside.

use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use firelight_sandbox::{Sandbox, SandboxProcess};
use firelight_sandbox_linux::LinuxProcess;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::{Rig, probe};

const PORT: u16 = 8128;

pub(crate) fn probe_of_this(name: &str) -> Option<io::Result<()>> {
    match name {
        "listen" => Some(listen()),
        "full-backlog" => Some(full_backlog()),
        _ => None,
    }
}

/// Answers each connection with what it said, once.
fn listen() -> io::Result<()> {
    let listener = TcpListener::bind(("sandbox.localdomain", PORT))?;
    ready()?;
    for stream in listener.incoming() {
        let mut stream = stream?;
        let mut said = [0; 5];
        stream.read_exact(&mut said)?;
        stream.write_all(&said)?;
    }
    Ok(())
}

/// Listens, never accepts, and has filled its own queue: the next connection is begun and never made.
fn full_backlog() -> io::Result<()> {
    let socket = rustix::net::socket(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::STREAM,
        None,
    )?;
    let address = std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, PORT);
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, 0)?;
    let first = std::net::TcpStream::connect(address)?;
    ready()?;
    std::thread::park();
    drop(first);
    Ok(())
}

fn ready() -> io::Result<()> {
    io::stdout().write_all(b"ready\n")?;
    io::stdout().flush()
}

async fn until_ready(process: &mut LinuxProcess) {
    let mut stdout = std::fs::File::from(process.take_output().unwrap());
    let heard = tokio::task::spawn_blocking(move || {
        let mut line = [0; 6];
        stdout.read_exact(&mut line).map(|()| line)
    });
    assert_eq!(&heard.await.unwrap().unwrap(), b"ready\n");
}

#[tokio::test]
async fn what_listens_inside_is_reached_from_outside_through_init() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;
    let mut process = sandbox.spawn(probe("listen")).await.unwrap();
    until_ready(&mut process).await;

    let stream = sandbox.dialer()(PORT).await.unwrap();
    let mut stream = TcpStream::from_std(stream).unwrap();
    stream.write_all(b"hello").await.unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await.unwrap();

    assert_eq!(&answer, b"hello");
    rig.end(sandbox).await;
}

#[tokio::test]
async fn port_where_nobody_listens_is_refused() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;

    let refused = sandbox.dialer()(PORT).await.unwrap_err();

    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    rig.end(sandbox).await;
}

#[tokio::test]
async fn listener_that_never_accepts_keeps_only_its_own_connection_waiting() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;
    let mut stalling = sandbox.spawn(probe("full-backlog")).await.unwrap();
    until_ready(&mut stalling).await;

    let mut waiting = tokio::spawn(sandbox.dialer()(PORT));
    let mut other = sandbox.spawn(probe("exit-7")).await.unwrap();

    // Init goes on with its work.
    assert_eq!(other.wait().await, firelight_sandbox::Exit::Code(7));
    let given_up = tokio::time::timeout(Duration::from_millis(50), &mut waiting).await;
    if let Ok(made) = given_up {
        // The kernel's queue holds one more than was asked for, on some kernels.
        assert!(made.unwrap().is_ok());
    }
    rig.end(sandbox).await;
}

#[tokio::test]
async fn frozen_sandbox_is_connected_to_once_it_is_thawed() {
    let rig = Rig::new();
    if !rig.stands("freezer") {
        return rig.stop().await;
    }
    let sandbox = rig.sandbox().await;
    let mut process = sandbox.spawn(probe("listen")).await.unwrap();
    until_ready(&mut process).await;
    sandbox.freeze().await.unwrap();

    let dialing = tokio::spawn(sandbox.dialer()(PORT));
    sandbox.thaw().await.unwrap();

    assert!(dialing.await.unwrap().is_ok());
    rig.end(sandbox).await;
}

#[tokio::test]
async fn way_in_ends_with_the_sandbox() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;
    let dialer = sandbox.dialer();

    rig.end(sandbox).await;

    assert!(dialer(PORT).await.is_err());
}
