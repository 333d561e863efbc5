//! nftables by netlink: the few kinds of rules that the router and the host need.
//!
//! A [`Ruleset`] is collected and then applied as one transaction: all of it or nothing.

use std::io;
use std::net::Ipv4Addr;

use crate::sys::netlink::{Message, Netlink};

/// Hooks of the IPv4 path, by the kernel's numbers.
#[derive(Clone, Copy)]
pub(super) enum Hook {
    Input = 1,
    Forward = 2,
    PostRouting = 4,
}

#[derive(Clone, Copy)]
pub(super) enum Policy {
    Drop = 0,
    Accept = 1,
}

/// One condition or action of a rule.
#[derive(Clone, Copy)]
pub(super) enum Term<'a> {
    /// The interface it comes from, or does not come from.
    From(&'a str),
    NotFrom(&'a str),
    To(&'a str),
    NotTo(&'a str),
    /// Interfaces whose names do not begin like this.
    NotFromAny(&'a str),
    NotToAny(&'a str),
    Source(Ipv4Addr, u8),
    Destination(Ipv4Addr, u8),
    /// The destination is in a set.
    DestinationIn(&'a str),
    /// UDP (17) or TCP (6).
    Protocol(u8),
    DestinationPort(u16),
    /// A connection that was not opened from behind the interface.
    NotEstablished,
    Drop,
    Accept,
    /// Goes to the chain that a map names for the source address, if it names one.
    GoBySource(&'a str),
    Masquerade,
}

const SUBSYSTEM: u16 = 10;
const NEW_TABLE: u16 = 0;
const DELETE_TABLE: u16 = 2;
const NEW_CHAIN: u16 = 3;
const NEW_RULE: u16 = 6;
const NEW_SET: u16 = 9;
const NEW_ELEMENTS: u16 = 12;
const DELETE_ELEMENTS: u16 = 14;
const NLM_F_CREATE: u16 = 0x400;
const NLM_F_APPEND: u16 = 0x800;
/// The table goes when the socket that made it is closed. Since Linux 5.12.
const TABLE_OWNED: u32 = 2;

pub(super) struct Ruleset<'a> {
    table: &'a str,
    messages: Vec<Message>,
}

impl<'a> Ruleset<'a> {
    pub(super) fn new(table: &'a str) -> Self {
        Self {
            table,
            messages: Vec::new(),
        }
    }

    /// Removes the table of that name, if an earlier life left one that nobody owns.
    pub(super) fn delete_table(mut self, netlink: &Netlink) -> io::Result<()> {
        let mut message = message(DELETE_TABLE, 0);
        message.attribute(1, &string(self.table));
        self.messages.push(message);
        match self.apply(netlink) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        }
    }

    pub(super) fn table(&mut self) {
        let mut message = message(NEW_TABLE, NLM_F_CREATE);
        message.attribute(1, &string(self.table));
        self.messages.push(message);
    }

    pub(super) fn owned_table(&mut self) {
        let mut message = message(NEW_TABLE, NLM_F_CREATE);
        message
            .attribute(1, &string(self.table))
            .attribute(2, &TABLE_OWNED.to_be_bytes());
        self.messages.push(message);
    }

    pub(super) fn chain(
        &mut self,
        name: &str,
        kind: &str,
        hook: Hook,
        priority: i32,
        policy: Policy,
    ) {
        let mut message = message(NEW_CHAIN, NLM_F_CREATE);
        message
            .attribute(1, &string(self.table))
            .attribute(3, &string(name));
        message.nest(4, |hooks| {
            hooks.attribute(1, &(hook as u32).to_be_bytes());
            hooks.attribute(2, &priority.to_be_bytes());
        });
        message
            .attribute(5, &(policy as u32).to_be_bytes())
            .attribute(7, &string(kind));
        self.messages.push(message);
    }

    /// Adds a chain that only other rules lead to.
    pub(super) fn side_chain(&mut self, name: &str) {
        let mut message = message(NEW_CHAIN, NLM_F_CREATE);
        message
            .attribute(1, &string(self.table))
            .attribute(3, &string(name));
        self.messages.push(message);
    }

    /// Adds a map from addresses to chains, for [`Term::GoBySource`]. It is the only map of its transaction.
    pub(super) fn map(&mut self, name: &str) {
        const MAP: u32 = 8;
        const VERDICT: u32 = 0xffff_ff00;
        const ONLY_ONE: u32 = 1;
        let mut message = self.addresses(name, MAP, ONLY_ONE);
        message.attribute(6, &VERDICT.to_be_bytes());
        self.messages.push(message);
    }

    /// Adds a set of addresses, for [`Term::DestinationIn`]. It is the only set of its transaction.
    pub(super) fn set(&mut self, name: &str) {
        const PLAIN: u32 = 0;
        const ONLY_ONE: u32 = 2;
        let message = self.addresses(name, PLAIN, ONLY_ONE);
        self.messages.push(message);
    }

    fn addresses(&self, name: &str, flags: u32, number: u32) -> Message {
        const ADDRESS: u32 = 7;
        let mut message = message(NEW_SET, NLM_F_CREATE);
        message
            .attribute(1, &string(self.table))
            .attribute(2, &string(name))
            .attribute(3, &flags.to_be_bytes())
            .attribute(4, &ADDRESS.to_be_bytes())
            .attribute(5, &4_u32.to_be_bytes())
            .attribute(10, &number.to_be_bytes());
        message
    }

    /// Adds an address to a set.
    pub(super) fn include(&mut self, set: &str, address: Ipv4Addr) {
        let message = self.element(NEW_ELEMENTS, NLM_F_CREATE, set, address, |_| {});
        self.messages.push(message);
    }

    /// Takes every address out of a set.
    pub(super) fn empty(&mut self, set: &str) {
        let mut message = message(DELETE_ELEMENTS, 0);
        message
            .attribute(1, &string(self.table))
            .attribute(2, &string(set));
        self.messages.push(message);
    }

    /// Has the map lead packets from this address to a chain.
    pub(super) fn lead(&mut self, map: &str, from: Ipv4Addr, chain: &str) {
        const GO: i32 = -4;
        let message = self.element(NEW_ELEMENTS, NLM_F_CREATE, map, from, |element| {
            element.nest(2, |data| {
                data.nest(2, |verdict| {
                    verdict
                        .attribute(1, &GO.to_be_bytes())
                        .attribute(2, &string(chain));
                });
            });
        });
        self.messages.push(message);
    }

    /// Has the map forget an address.
    pub(super) fn forget(&mut self, map: &str, from: Ipv4Addr) {
        let message = self.element(DELETE_ELEMENTS, 0, map, from, |_| {});
        self.messages.push(message);
    }

    fn element(
        &self,
        kind: u16,
        flags: u16,
        map: &str,
        address: Ipv4Addr,
        fill: impl FnOnce(&mut Message),
    ) -> Message {
        let mut message = message(kind, flags);
        message
            .attribute(1, &string(self.table))
            .attribute(2, &string(map));
        message.nest(3, |elements| {
            elements.nest(1, |element| {
                element.nest(1, |key| {
                    key.attribute(1, &address.octets());
                });
                fill(element);
            });
        });
        message
    }

    pub(super) fn rule(&mut self, chain: &str, terms: &[Term<'_>]) {
        let mut message = message(NEW_RULE, NLM_F_CREATE | NLM_F_APPEND);
        message
            .attribute(1, &string(self.table))
            .attribute(2, &string(chain));
        message.nest(4, |list| {
            for term in terms {
                add_term(list, *term);
            }
        });
        self.messages.push(message);
    }

    /// Applies everything collected as one transaction.
    pub(super) fn apply(self, netlink: &Netlink) -> io::Result<()> {
        let edge = |kind| {
            let [high, low] = SUBSYSTEM.to_be_bytes();
            Message::unacknowledged(kind, 0, &[0, 0, high, low])
        };
        netlink.transaction(edge(0x10), self.messages, edge(0x11))
    }
}

fn message(kind: u16, flags: u16) -> Message {
    const IPV4: u8 = 2;
    Message::new((SUBSYSTEM << 8) | kind, flags, &[IPV4, 0, 0, 0])
}

fn string(text: &str) -> Vec<u8> {
    [text.as_bytes(), b"\0"].concat()
}

fn add_term(list: &mut Message, term: Term<'_>) {
    const IN_INTERFACE: u32 = 6;
    const OUT_INTERFACE: u32 = 7;
    const LAYER_4_PROTOCOL: u32 = 16;
    match term {
        Term::From(name) => interface(list, IN_INTERFACE, Comparison::Equal, name),
        Term::NotFrom(name) => interface(list, IN_INTERFACE, Comparison::NotEqual, name),
        Term::To(name) => interface(list, OUT_INTERFACE, Comparison::Equal, name),
        Term::NotTo(name) => interface(list, OUT_INTERFACE, Comparison::NotEqual, name),
        Term::NotFromAny(start) => interfaces(list, IN_INTERFACE, start),
        Term::NotToAny(start) => interfaces(list, OUT_INTERFACE, start),
        Term::Source(network, prefix) => address(list, SOURCE, network, prefix),
        Term::Destination(network, prefix) => address(list, DESTINATION, network, prefix),
        Term::DestinationIn(set) => {
            load_payload(list, NETWORK_HEADER, DESTINATION, 4);
            look_up(list, set, None);
        }
        Term::Protocol(number) => {
            load_meta(list, LAYER_4_PROTOCOL);
            compare(list, Comparison::Equal, &[number]);
        }
        Term::DestinationPort(port) => {
            load_payload(list, TRANSPORT_HEADER, 2, 2);
            compare(list, Comparison::Equal, &port.to_be_bytes());
        }
        Term::NotEstablished => not_established(list),
        Term::Drop => verdict(list, 0),
        Term::Accept => verdict(list, 1),
        Term::GoBySource(map) => go_by_source(list, map),
        Term::Masquerade => expression(list, "masq", |_| {}),
    }
}

#[derive(Clone, Copy)]
enum Comparison {
    Equal = 0,
    NotEqual = 1,
}

const NETWORK_HEADER: u32 = 1;
const TRANSPORT_HEADER: u32 = 2;
/// Where the addresses are in the network header.
const SOURCE: u32 = 12;
const DESTINATION: u32 = 16;
/// The one register that every comparison here uses.
const REGISTER: [u8; 4] = 1_u32.to_be_bytes();

fn expression(list: &mut Message, name: &str, data: impl FnOnce(&mut Message)) {
    const LIST_ELEMENT: u16 = 1;
    list.nest(LIST_ELEMENT, |element| {
        element.attribute(1, &string(name));
        element.nest(2, data);
    });
}

fn load_meta(list: &mut Message, key: u32) {
    expression(list, "meta", |data| {
        data.attribute(1, &REGISTER)
            .attribute(2, &key.to_be_bytes());
    });
}

fn load_payload(list: &mut Message, base: u32, offset: u32, length: u32) {
    expression(list, "payload", |data| {
        data.attribute(1, &REGISTER)
            .attribute(2, &base.to_be_bytes())
            .attribute(3, &offset.to_be_bytes())
            .attribute(4, &length.to_be_bytes());
    });
}

fn compare(list: &mut Message, comparison: Comparison, value: &[u8]) {
    expression(list, "cmp", |data| {
        data.attribute(1, &REGISTER)
            .attribute(2, &(comparison as u32).to_be_bytes());
        data.nest(3, |inner| {
            inner.attribute(1, value);
        });
    });
}

fn mask(list: &mut Message, mask: [u8; 4]) {
    expression(list, "bitwise", |data| {
        data.attribute(1, &REGISTER)
            .attribute(2, &REGISTER)
            .attribute(3, &4_u32.to_be_bytes());
        data.nest(4, |inner| {
            inner.attribute(1, &mask);
        });
        data.nest(5, |inner| {
            inner.attribute(1, &[0; 4]);
        });
    });
}

fn interface(list: &mut Message, key: u32, comparison: Comparison, name: &str) {
    let mut padded = [0; 16];
    padded[..name.len()].copy_from_slice(name.as_bytes());
    load_meta(list, key);
    compare(list, comparison, &padded);
}

/// Compares only as many bytes as `start` has.
fn interfaces(list: &mut Message, key: u32, start: &str) {
    load_meta(list, key);
    compare(list, Comparison::NotEqual, start.as_bytes());
}

fn address(list: &mut Message, offset: u32, network: Ipv4Addr, prefix: u8) {
    let bits = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
    load_payload(list, NETWORK_HEADER, offset, 4);
    mask(list, bits.to_be_bytes());
    compare(list, Comparison::Equal, &network.octets());
}

fn not_established(list: &mut Message) {
    const STATE: u32 = 0;
    /// The bits of "established" and "related", in the host's byte order as the kernel keeps them.
    const OPEN: u32 = 2 | 4;
    expression(list, "ct", |data| {
        data.attribute(1, &REGISTER)
            .attribute(2, &STATE.to_be_bytes());
    });
    mask(list, OPEN.to_ne_bytes());
    compare(list, Comparison::Equal, &[0; 4]);
}

fn go_by_source(list: &mut Message, map: &str) {
    const VERDICT_REGISTER: u32 = 0;
    load_payload(list, NETWORK_HEADER, SOURCE, 4);
    look_up(list, map, Some(VERDICT_REGISTER));
}

/// Goes on only with what the set contains; of a map, what it maps to goes to a register.
fn look_up(list: &mut Message, set: &str, to: Option<u32>) {
    expression(list, "lookup", |data| {
        data.attribute(1, &string(set)).attribute(2, &REGISTER);
        if let Some(register) = to {
            data.attribute(3, &register.to_be_bytes());
        }
    });
}

fn verdict(list: &mut Message, code: u32) {
    expression(list, "immediate", |data| {
        data.attribute(1, &0_u32.to_be_bytes());
        data.nest(2, |inner| {
            inner.nest(2, |verdict| {
                verdict.attribute(1, &code.to_be_bytes());
            });
        });
    });
}
