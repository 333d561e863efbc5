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
mod news;
mod order;

pub(crate) use channel::{MAX_PACKET, Packet, pair, receive, send};
pub(crate) use codec::{Decoder, Encoder, Malformed};
pub(crate) use init::{Ended, Event, SpawnFault, Task};
pub(crate) use news::{Fault, FdTag, News};
pub(crate) use order::{Begin, Begins, FIRST_PROCESS, First, Order, Waiting};

#[cfg(test)]
mod tests {
    use super::*;

    /// Damages a message in every way of one kind: each prefix of it, and each byte replaced by extremes.
    fn damaged(message: &[u8]) -> impl Iterator<Item = Vec<u8>> {
        let prefixes = (0..message.len()).map(|length| message[..length].to_vec());
        let replaced = (0..message.len()).flat_map(|at| {
            [0, 1, 0x7f, 0x80, 0xff].map(|byte| {
                let mut copy = message.to_vec();
                copy[at] = byte;
                copy
            })
        });
        prefixes.chain(replaced)
    }

    #[test]
    fn a_damaged_message_is_refused_or_understood_but_never_a_panic() {
        let task = Task::Spawn {
            process: 1,
            program: "/var/task/bootstrap".into(),
            arguments: vec!["bootstrap".into()],
            variables: vec![("A".into(), "1".into())],
            directory: "/var/task".into(),
        };
        let begin = Order::Begin(Begin {
            instance: "one".into(),
            state_dir: "/state".into(),
            image_dir: "/images".into(),
            allowed_sources: vec!["/data".into()],
            first_host_id: 1,
            blank_sandboxes: 1,
            listen_at: firelight_sandbox::ListenAt(([127, 0, 0, 1], 9001).into()),
            host_name: "sandbox".into(),
            tmp: crate::disk::Capacity {
                bytes: 1 << 20,
                inodes: 64,
            },
            daemon_pid: 1,
            host_network: false,
            egress_network: None,
        });
        let mut refused = 0;
        for message in damaged(&task.encode()) {
            refused += usize::from(Task::decode(&message).is_err());
        }
        for message in damaged(&begin.encode()) {
            refused += usize::from(Order::decode(&message).is_err());
        }
        for message in damaged(
            &Event::Exited {
                process: 1,
                ended: Ended::Code(0),
            }
            .encode(),
        ) {
            refused += usize::from(Event::decode(&message).is_err());
        }
        assert!(refused > 100, "{refused}");
    }
}
