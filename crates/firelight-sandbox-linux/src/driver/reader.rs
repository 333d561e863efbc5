//! A packet socket as tokio sees it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::wire::{self, Packet};

#[derive(Debug)]
pub(super) struct PacketSocket {
    fd: AsyncFd<OwnedFd>,
}

impl PacketSocket {
    pub(super) fn new(fd: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&fd, true)?;
        // SAFETY: the descriptor is owned by the `AsyncFd` until it is dropped, and never exchanged for another.
        let fd = unsafe { AsyncFd::register(fd) }?;
        Ok(Self { fd })
    }

    /// Sends one packet whole. Cancel-safe: it is sent or not.
    pub(super) async fn send(&self, bytes: &[u8]) -> io::Result<()> {
        self.fd
            .async_io(Interest::WRITABLE, |fd| wire::send(fd, bytes, &[]))
            .await
    }

    /// Sends one packet if there is room for it at once.
    pub(super) fn try_send(&self, bytes: &[u8]) -> io::Result<()> {
        wire::send(self.fd.get_ref(), bytes, &[])
    }

    /// Receives one packet; `None` when the other end is closed. Cancel-safe.
    pub(super) async fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<Packet>> {
        self.fd
            .async_io(Interest::READABLE, |fd| wire::receive(fd, buffer))
            .await
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.get_ref().as_fd()
    }
}
