//! The few netlink messages that sandboxes' networks need, written by hand: links, addresses, routes, transactions.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_EXCL: u16 = 0x200;
const NLM_F_CREATE: u16 = 0x400;
const NLMSG_ERROR: u16 = 2;

/// A message under construction: a header, a fixed part, then attributes that may nest.
pub(crate) struct Message {
    bytes: Vec<u8>,
}

impl Message {
    pub(crate) fn new(kind: u16, flags: u16, fixed: &[u8]) -> Self {
        let mut bytes = vec![0; 16];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&(flags | NLM_F_REQUEST | NLM_F_ACK).to_ne_bytes());
        bytes.extend_from_slice(fixed);
        Self { bytes }
    }

    /// A message whose only answer is an error.
    pub(crate) fn unacknowledged(kind: u16, flags: u16, fixed: &[u8]) -> Self {
        let mut message = Self::new(kind, flags, fixed);
        message.bytes[6..8].copy_from_slice(&(flags | NLM_F_REQUEST).to_ne_bytes());
        message
    }

    fn without_acknowledgement(mut self) -> Self {
        let flags = u16::from_ne_bytes([self.bytes[6], self.bytes[7]]) & !NLM_F_ACK;
        self.bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
        self
    }

    pub(crate) fn create(kind: u16, fixed: &[u8]) -> Self {
        Self::new(kind, NLM_F_CREATE | NLM_F_EXCL, fixed)
    }

    pub(crate) fn attribute(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        let start = self.open(kind);
        self.bytes.extend_from_slice(value);
        self.close(start);
        self
    }

    /// Adds an attribute whose value is made of attributes.
    pub(crate) fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) -> &mut Self {
        let start = self.open(kind);
        fill(self);
        self.close(start);
        self
    }

    fn open(&mut self, kind: u16) -> usize {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0, 0]);
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        start
    }

    fn close(&mut self, start: usize) {
        let length = u16::try_from(self.bytes.len() - start).expect("attributes are small");
        self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        while !self.bytes.len().is_multiple_of(4) {
            self.bytes.push(0);
        }
    }

    fn finish(mut self) -> Vec<u8> {
        let length = u32::try_from(self.bytes.len()).expect("messages are small");
        self.bytes[0..4].copy_from_slice(&length.to_ne_bytes());
        self.bytes
    }
}

/// A netlink socket in the network namespace of the process that opened it.
pub(crate) struct Netlink {
    socket: OwnedFd,
}

impl Netlink {
    pub(crate) fn route() -> io::Result<Self> {
        Self::open(None)
    }

    pub(crate) fn netfilter() -> io::Result<Self> {
        Self::open(Some(rustix::net::netlink::NETFILTER))
    }

    fn open(protocol: Option<rustix::net::Protocol>) -> io::Result<Self> {
        let (family, flags) = (AddressFamily::NETLINK, SocketFlags::CLOEXEC);
        let socket = rustix::net::socket_with(family, SocketType::RAW, flags, protocol)?;
        Ok(Self { socket })
    }

    /// Sends messages between a first and a last one as one transaction. The last of them is acknowledged, so that no
    /// number of messages fills the socket; an error comes before that, whichever message it is about.
    pub(crate) fn transaction(
        &self,
        first: Message,
        messages: Vec<Message>,
        last: Message,
    ) -> io::Result<()> {
        let last_of_ours = messages.len().saturating_sub(1);
        let messages = messages.into_iter().enumerate().map(|(at, message)| {
            if at == last_of_ours {
                message
            } else {
                message.without_acknowledgement()
            }
        });
        let all = std::iter::once(first)
            .chain(messages)
            .chain(std::iter::once(last));
        let bytes: Vec<u8> = all.flat_map(Message::finish).collect();
        rustix::net::send(&self.socket, &bytes, SendFlags::empty())?;
        let mut answer = [0_u8; 4096];
        let (length, _) = rustix::net::recv(&self.socket, &mut answer, RecvFlags::empty())?;
        verdict(&answer[..length])
    }

    /// Sends one message and waits for the kernel's verdict.
    pub(crate) fn request(&self, message: Message) -> io::Result<()> {
        rustix::net::send(&self.socket, &message.finish(), SendFlags::empty())?;
        let mut answer = [0_u8; 4096];
        let (length, _) = rustix::net::recv(&self.socket, &mut answer, RecvFlags::empty())?;
        verdict(&answer[..length])
    }

    pub(crate) fn set_up(&self, index: u32) -> io::Result<()> {
        const RTM_NEWLINK: u16 = 16;
        const IFF_UP: u32 = 1;
        let mut fixed = [0_u8; 16];
        fixed[4..8].copy_from_slice(&index.to_ne_bytes());
        fixed[8..12].copy_from_slice(&IFF_UP.to_ne_bytes());
        fixed[12..16].copy_from_slice(&IFF_UP.to_ne_bytes());
        self.request(Message::new(RTM_NEWLINK, 0, &fixed))
    }

    pub(crate) fn add_address(&self, index: u32, address: IpAddr, prefix: u8) -> io::Result<()> {
        const RTM_NEWADDR: u16 = 20;
        const IFA_ADDRESS: u16 = 1;
        const IFA_LOCAL: u16 = 2;
        let (family, octets) = match address {
            IpAddr::V4(v4) => (2_u8, v4.octets().to_vec()),
            IpAddr::V6(v6) => (10_u8, v6.octets().to_vec()),
        };
        let mut fixed = [0_u8; 8];
        fixed[0] = family;
        fixed[1] = prefix;
        fixed[4..8].copy_from_slice(&index.to_ne_bytes());
        let mut message = Message::create(RTM_NEWADDR, &fixed);
        message
            .attribute(IFA_LOCAL, &octets)
            .attribute(IFA_ADDRESS, &octets);
        self.request(message)
    }

    /// Makes a pair of interfaces, one here, the other in the network namespace `there`.
    pub(crate) fn add_veth(
        &self,
        here: End<'_>,
        there: End<'_>,
        namespace: BorrowedFd<'_>,
    ) -> io::Result<()> {
        const RTM_NEWLINK: u16 = 16;
        const IFLA_LINKINFO: u16 = 18;
        const IFLA_INFO_KIND: u16 = 1;
        const IFLA_INFO_DATA: u16 = 2;
        const VETH_INFO_PEER: u16 = 1;
        const IFLA_NET_NS_FD: u16 = 28;
        let mut message = Message::create(RTM_NEWLINK, &here.fixed());
        message.attribute(IFLA_IFNAME, &here.name_bytes());
        message.nest(IFLA_LINKINFO, |info| {
            info.attribute(IFLA_INFO_KIND, b"veth");
            info.nest(IFLA_INFO_DATA, |data| {
                data.nest(VETH_INFO_PEER, |peer| {
                    peer.bytes.extend_from_slice(&there.fixed());
                    peer.attribute(IFLA_IFNAME, &there.name_bytes());
                    peer.attribute(IFLA_NET_NS_FD, &namespace.as_raw_fd().to_ne_bytes());
                });
            });
        });
        self.request(message)
    }

    /// Deletes an interface. Slow: the kernel waits for everybody who may still use it.
    pub(crate) fn delete_link(&self, name: &str) -> io::Result<()> {
        const RTM_DELLINK: u16 = 17;
        let end = End { name, index: 0 };
        let mut message = Message::new(RTM_DELLINK, 0, &end.fixed());
        message.attribute(IFLA_IFNAME, &end.name_bytes());
        self.request(message)
    }

    pub(crate) fn index_of(&self, name: &str) -> io::Result<u32> {
        Ok(rustix::net::netdevice::name_to_index(&self.socket, name)?)
    }

    pub(crate) fn add_default_route(&self, index: u32, gateway: Ipv4Addr) -> io::Result<()> {
        self.add_route(index, Ipv4Addr::UNSPECIFIED, 0, gateway)
    }

    pub(crate) fn add_route(
        &self,
        index: u32,
        network: Ipv4Addr,
        prefix: u8,
        gateway: Ipv4Addr,
    ) -> io::Result<()> {
        const RTM_NEWROUTE: u16 = 24;
        const RTA_DST: u16 = 1;
        const RTA_OIF: u16 = 4;
        const RTA_GATEWAY: u16 = 5;
        // family inet, table main, protocol static, scope universe, type unicast
        let fixed = [2_u8, prefix, 0, 0, 254, 4, 0, 1, 0, 0, 0, 0];
        let mut message = Message::create(RTM_NEWROUTE, &fixed);
        if prefix > 0 {
            message.attribute(RTA_DST, &network.octets());
        }
        message
            .attribute(RTA_GATEWAY, &gateway.octets())
            .attribute(RTA_OIF, &index.to_ne_bytes());
        self.request(message)
    }
}

impl From<OwnedFd> for Netlink {
    /// Takes a netlink socket that another process has opened.
    fn from(socket: OwnedFd) -> Self {
        Self { socket }
    }
}

impl AsFd for Netlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Says when an IPv4 address of this network namespace comes or goes.
pub(crate) struct AddressChanges(OwnedFd);

impl AddressChanges {
    pub(crate) fn watch() -> io::Result<Self> {
        const RTMGRP_IPV4_IFADDR: u32 = 0x10;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (family, kind) = (AddressFamily::NETLINK, SocketType::RAW);
        let socket = rustix::net::socket_with(family, kind, flags, None)?;
        rustix::net::bind(&socket, &SocketAddrNetlink::new(0, RTMGRP_IPV4_IFADDR))?;
        Ok(Self(socket))
    }

    /// Tells whether there were changes since it was asked last.
    pub(crate) fn are_there(&self) -> bool {
        let mut any = false;
        let mut buffer = [0_u8; 4096];
        loop {
            match rustix::net::recv(&self.0, &mut buffer, RecvFlags::empty()) {
                // More than the socket holds are as good as any: which ones they were does not matter.
                Ok(_) | Err(rustix::io::Errno::NOBUFS) => any = true,
                Err(_) => return any,
            }
        }
    }
}

impl AsFd for AddressChanges {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

const IFLA_IFNAME: u16 = 3;

/// One end of a pair of interfaces. With index zero the kernel chooses one.
#[derive(Clone, Copy)]
pub(crate) struct End<'a> {
    pub(crate) name: &'a str,
    pub(crate) index: u32,
}

impl End<'_> {
    fn fixed(self) -> [u8; 16] {
        let mut fixed = [0_u8; 16];
        fixed[4..8].copy_from_slice(&self.index.to_ne_bytes());
        fixed
    }

    fn name_bytes(self) -> Vec<u8> {
        [self.name.as_bytes(), b"\0"].concat()
    }
}

/// Reads the error code of an acknowledgement; zero is success.
fn verdict(answer: &[u8]) -> io::Result<()> {
    let short = || io::Error::new(io::ErrorKind::InvalidData, "short netlink answer");
    let kind = answer.get(4..6).ok_or_else(short)?;
    let code = answer.get(16..20).ok_or_else(short)?;
    if u16::from_ne_bytes([kind[0], kind[1]]) != NLMSG_ERROR {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "unexpected netlink answer",
        ));
    }
    match i32::from_ne_bytes([code[0], code[1], code[2], code[3]]) {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(-code)),
    }
}
