//! What the daemon orders from the launcher.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use firelight_sandbox::{
    Egress, Limits, ListenAt, Overlay, ProcessSpec, ReadOnlyMount, SandboxId, SandboxSpec,
    WaitingProgram,
};

use super::codec::{Decoder, Encoder, Malformed};
use super::init::{decode_variables, encode_variables};
use crate::disk::Capacity;
use crate::net::{EgressNetwork, EgressRules, Ipv4Network};

/// The first message to a launcher: everything it must know, and the bounds it holds the daemon to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Begin {
    pub(crate) instance: String,
    pub(crate) state_dir: PathBuf,
    pub(crate) image_dir: PathBuf,
    pub(crate) allowed_sources: Vec<PathBuf>,
    pub(crate) first_host_id: u32,
    pub(crate) blank_sandboxes: u32,
    pub(crate) listen_at: ListenAt,
    pub(crate) host_name: String,
    /// What most sandboxes' `/tmp` holds.
    pub(crate) tmp: Capacity,
    pub(crate) daemon_pid: u32,
    pub(crate) host_network: bool,
    /// The network that sandboxes with egress get their addresses from.
    pub(crate) egress_network: Option<EgressNetwork>,
}

/// An order to the launcher. A ticket is chosen by the daemon and names the answer; a number names a sandbox.
#[derive(Debug)]
pub(crate) enum Order {
    Begin(Begin),
    Launch {
        ticket: u64,
        spec: SandboxSpec,
        first: Option<First>,
    },
    Destroy {
        ticket: u64,
        number: u64,
    },
    /// Keep these programs waiting, instead of those of the order before.
    KeepWaiting {
        wanted: Vec<Waiting>,
    },
}

/// The first process of a sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct First {
    pub(crate) process: ProcessSpec,
    /// The program that becomes this process, by the daemon's number for it, if one waits. Otherwise, or if none does,
    /// the process is spawned.
    pub(crate) waiting: Option<u64>,
    pub(crate) begins: Begins,
}

/// When the first process begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begins {
    /// As soon as its sandbox has an owner.
    AtOnce,
    /// When the daemon says so.
    WhenTold,
}

/// The number of the process that a launch begins with, in its sandbox.
pub(crate) const FIRST_PROCESS: u32 = 1;

/// A program to keep waiting, by the daemon's number for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) number: u64,
    pub(crate) program: WaitingProgram,
    pub(crate) count: u32,
}

impl Order {
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Begin(begin) => encode_begin(begin),
            Self::Launch {
                ticket,
                spec,
                first,
            } => {
                let mut encoder = Encoder::new(1);
                encoder.u64(*ticket);
                encode_spec(&mut encoder, spec);
                encoder.list(first.as_slice(), encode_first).finish()
            }
            Self::Destroy { ticket, number } => Encoder::new(2).u64(*ticket).u64(*number).finish(),
            Self::KeepWaiting { wanted } => Encoder::new(3).list(wanted, encode_waiting).finish(),
        }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut decoder = Decoder::new(bytes);
        let order = match decoder.u8()? {
            0 => Self::Begin(decode_begin(&mut decoder)?),
            1 => Self::Launch {
                ticket: decoder.u64()?,
                spec: decode_spec(&mut decoder)?,
                first: decoder.list(decode_first)?.pop(),
            },
            2 => Self::Destroy {
                ticket: decoder.u64()?,
                number: decoder.u64()?,
            },
            3 => Self::KeepWaiting {
                wanted: decoder.list(decode_waiting)?,
            },
            _ => return Err(Malformed("unknown order")),
        };
        decoder.finish()?;
        Ok(order)
    }
}

fn encode_begin(begin: &Begin) -> Vec<u8> {
    let mut encoder = Encoder::new(0);
    encoder
        .bytes(begin.instance.as_bytes())
        .path(&begin.state_dir)
        .path(&begin.image_dir)
        .list(&begin.allowed_sources, |encoder, source| {
            encoder.path(source);
        })
        .u32(begin.first_host_id)
        .u32(begin.blank_sandboxes);
    encode_address(&mut encoder, begin.listen_at);
    encoder
        .bytes(begin.host_name.as_bytes())
        .u64(begin.tmp.bytes)
        .u64(begin.tmp.inodes)
        .u32(begin.daemon_pid)
        .u8(u8::from(begin.host_network))
        .list(begin.egress_network.as_slice(), encode_network)
        .finish()
}

fn decode_begin(decoder: &mut Decoder<'_>) -> Result<Begin, Malformed> {
    Ok(Begin {
        instance: decoder.string()?,
        state_dir: decoder.path()?,
        image_dir: decoder.path()?,
        allowed_sources: decoder.list(Decoder::path)?,
        first_host_id: decoder.u32()?,
        blank_sandboxes: decoder.u32()?,
        listen_at: decode_address(decoder)?,
        host_name: decoder.string()?,
        tmp: Capacity {
            bytes: decoder.u64()?,
            inodes: decoder.u64()?,
        },
        daemon_pid: decoder.u32()?,
        host_network: decoder.u8()? != 0,
        egress_network: decoder.list(decode_network)?.pop(),
    })
}

fn encode_network(encoder: &mut Encoder, network: &EgressNetwork) {
    encoder
        .u32(network.address.to_bits())
        .u8(u8::from(network.api));
    encode_rules(encoder, &network.rules);
    encoder.list(&network.policies, encode_rules);
}

fn decode_network(decoder: &mut Decoder<'_>) -> Result<EgressNetwork, Malformed> {
    Ok(EgressNetwork {
        address: Ipv4Addr::from_bits(decoder.u32()?),
        api: decoder.u8()? != 0,
        rules: decode_rules(decoder)?,
        policies: decoder.list(decode_rules)?,
    })
}

fn encode_rules(encoder: &mut Encoder, rules: &EgressRules) {
    for networks in [&rules.allow, &rules.deny] {
        encoder.list(networks, |encoder, network| {
            encoder
                .u32(network.address().to_bits())
                .u8(network.prefix());
        });
    }
}

fn decode_rules(decoder: &mut Decoder<'_>) -> Result<EgressRules, Malformed> {
    Ok(EgressRules {
        allow: decoder.list(decode_ipv4_network)?,
        deny: decoder.list(decode_ipv4_network)?,
    })
}

fn decode_ipv4_network(decoder: &mut Decoder<'_>) -> Result<Ipv4Network, Malformed> {
    let address = Ipv4Addr::from_bits(decoder.u32()?);
    Ipv4Network::around(address, decoder.u8()?).ok_or(Malformed("no such prefix"))
}

fn encode_spec(encoder: &mut Encoder, spec: &SandboxSpec) {
    encoder.u128(spec.id.bits());
    encode_mounts(encoder, &spec.mounts);
    encoder.list(&spec.overlays, |encoder, overlay| {
        encoder
            .list(&overlay.sources, |encoder, source| {
                encoder.path(source);
            })
            .path(&overlay.target);
    });
    encode_limits(encoder, &spec.limits);
    encode_address(encoder, spec.listen_at);
    encode_egress(encoder, spec.egress);
    encoder.bytes(spec.host_name.as_bytes());
}

fn decode_spec(decoder: &mut Decoder<'_>) -> Result<SandboxSpec, Malformed> {
    Ok(SandboxSpec {
        id: SandboxId::from_random(decoder.u128()?),
        mounts: decode_mounts(decoder)?,
        overlays: decoder.list(|decoder| {
            Ok(Overlay {
                sources: decoder.list(Decoder::path)?,
                target: decoder.path()?,
            })
        })?,
        limits: decode_limits(decoder)?,
        listen_at: decode_address(decoder)?,
        egress: decode_egress(decoder)?,
        host_name: decoder.string()?,
    })
}

fn encode_first(encoder: &mut Encoder, first: &First) {
    encode_process(encoder, &first.process);
    encoder.list(first.waiting.as_slice(), |encoder, number| {
        encoder.u64(*number);
    });
    encoder.u8(u8::from(first.begins == Begins::AtOnce));
}

fn decode_first(decoder: &mut Decoder<'_>) -> Result<First, Malformed> {
    Ok(First {
        process: decode_process(decoder)?,
        waiting: decoder.list(Decoder::u64)?.pop(),
        begins: match decoder.u8()? {
            0 => Begins::WhenTold,
            _ => Begins::AtOnce,
        },
    })
}

fn encode_process(encoder: &mut Encoder, process: &ProcessSpec) {
    encoder.path(&process.program);
    encoder.list(&process.arguments, |encoder, argument| {
        encoder.text(argument);
    });
    encode_variables(encoder, &process.variables);
    encoder.path(&process.directory);
}

fn decode_process(decoder: &mut Decoder<'_>) -> Result<ProcessSpec, Malformed> {
    Ok(ProcessSpec {
        program: decoder.path()?,
        arguments: decoder.list(Decoder::text)?,
        variables: decode_variables(decoder)?,
        directory: decoder.path()?,
    })
}

fn encode_waiting(encoder: &mut Encoder, waiting: &Waiting) {
    let program = &waiting.program;
    encoder.u64(waiting.number).u32(waiting.count);
    encode_mounts(encoder, &program.mounts);
    encode_process(encoder, &program.process);
    encode_address(encoder, program.listen_at);
    encode_egress(encoder, program.egress);
    encoder.bytes(program.host_name.as_bytes());
    encode_limits(encoder, &program.limits);
}

fn decode_waiting(decoder: &mut Decoder<'_>) -> Result<Waiting, Malformed> {
    Ok(Waiting {
        number: decoder.u64()?,
        count: decoder.u32()?,
        program: WaitingProgram {
            mounts: decode_mounts(decoder)?,
            process: decode_process(decoder)?,
            listen_at: decode_address(decoder)?,
            egress: decode_egress(decoder)?,
            host_name: decoder.string()?,
            limits: decode_limits(decoder)?,
        },
    })
}

fn encode_mounts(encoder: &mut Encoder, mounts: &[ReadOnlyMount]) {
    encoder.list(mounts, |encoder, mount| {
        encoder.path(&mount.source).path(&mount.target);
    });
}

fn decode_mounts(decoder: &mut Decoder<'_>) -> Result<Vec<ReadOnlyMount>, Malformed> {
    decoder.list(|decoder| {
        Ok(ReadOnlyMount {
            source: decoder.path()?,
            target: decoder.path()?,
        })
    })
}

fn encode_egress(encoder: &mut Encoder, egress: Egress) {
    match egress {
        Egress::None => encoder.u8(0),
        Egress::Nat => encoder.u8(1),
        Egress::Host => encoder.u8(2),
        Egress::NatUnder(policy) => encoder.u8(3).u32(policy.into()),
    };
}

fn decode_egress(decoder: &mut Decoder<'_>) -> Result<Egress, Malformed> {
    Ok(match decoder.u8()? {
        0 => Egress::None,
        1 => Egress::Nat,
        2 => Egress::Host,
        3 => {
            let policy = decoder.u32()?.try_into();
            Egress::NatUnder(policy.map_err(|_| Malformed("no such policy"))?)
        }
        _ => return Err(Malformed("unknown egress")),
    })
}

fn encode_limits(encoder: &mut Encoder, limits: &Limits) {
    encoder
        .u64(limits.memory_bytes)
        .u32(limits.milli_cpus)
        .u32(limits.processes)
        .u32(limits.open_files)
        .u64(limits.tmp_bytes)
        .u64(limits.tmp_inodes);
}

fn decode_limits(decoder: &mut Decoder<'_>) -> Result<Limits, Malformed> {
    Ok(Limits {
        memory_bytes: decoder.u64()?,
        milli_cpus: decoder.u32()?,
        processes: decoder.u32()?,
        open_files: decoder.u32()?,
        tmp_bytes: decoder.u64()?,
        tmp_inodes: decoder.u64()?,
    })
}

fn encode_address(encoder: &mut Encoder, listen_at: ListenAt) {
    match listen_at.0.ip() {
        IpAddr::V4(v4) => encoder.bytes(&v4.octets()),
        IpAddr::V6(v6) => encoder.bytes(&v6.octets()),
    };
    encoder.u32(u32::from(listen_at.0.port()));
}

fn decode_address(decoder: &mut Decoder<'_>) -> Result<ListenAt, Malformed> {
    let octets = decoder.bytes()?;
    let ip = match octets.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(octets).map_err(|_| Malformed("address"))?),
        16 => IpAddr::from(<[u8; 16]>::try_from(octets).map_err(|_| Malformed("address"))?),
        _ => return Err(Malformed("address of unknown length")),
    };
    let port = u16::try_from(decoder.u32()?).map_err(|_| Malformed("port out of range"))?;
    Ok(ListenAt(SocketAddr::new(ip, port)))
}
