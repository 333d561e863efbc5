//! The messages between daemon, launcher and init, and how they travel.
//!
//! ```text
//!  daemon ◄── Order / News ──► launcher          daemon ◄── Task / Event ──► init (one per sandbox)
//!                                 └── Setup ──► init, while it still builds its sandbox
//! ```
//!
//! Every message is one packet of a `SOCK_SEQPACKET` socket, at most [`MAX_PACKET`] bytes, with at most
//! 16 descriptors beside it. Both ends are always the same binary, so the encoding has no versions; it is
//! decoded as if the sender were hostile all the same: every length is checked against what is there.

mod channel;
mod codec;
mod init;
mod launcher;

pub(crate) use channel::{MAX_PACKET, Packet, pair, receive, send};
pub(crate) use codec::{Decoder, Encoder, Malformed};
pub(crate) use init::{Ended, Event, SpawnFault, Task};
pub(crate) use launcher::{Begin, Fault, FdTag, News, Order};
