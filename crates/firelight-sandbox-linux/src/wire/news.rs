//! What the launcher tells the daemon.

use super::codec::{Decoder, Encoder, Malformed};
use crate::laps::Laps;

/// What the launcher tells the daemon.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// The launcher stands; `walls` is its table of what holds and what does not. Comes with the sockets at which
    /// sandboxes reach the daemon: the one of the API if it has one, then the two of the relay of names if there is
    /// one.
    Ready {
        walls: Vec<u8>,
        api: bool,
    },
    /// Comes with one descriptor for each tag.
    Launched {
        ticket: u64,
        number: u64,
        laps: Laps,
        /// Whether the program that was to wait in it did.
        waited: bool,
        tags: Vec<FdTag>,
    },
    LaunchFailed {
        ticket: u64,
        fault: Fault,
    },
    /// Nothing of the sandbox is left.
    Destroyed {
        ticket: u64,
    },
    /// So many programs wait now.
    Waiting {
        count: u32,
    },
    /// Something went wrong that no single call can be blamed for.
    Notice {
        text: String,
    },
}

/// Why something failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    InvalidSpec { reason: String },
    Exhausted { reason: String },
    WallMissing { wall: String, reason: String },
    Step { step: String, errno: i32 },
}

/// What a descriptor of a new sandbox is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum FdTag {
    Control = 0,
    Listener = 1,
    MemoryUsage = 2,
    MemoryPeak = 3,
    MemoryEvents = 4,
    CpuNanoseconds = 5,
    CpuStat = 6,
    CpuQuotaV1 = 7,
    CpuMaxV2 = 8,
    FreezerV1 = 9,
    FreezeV2 = 10,
    FreezeEventsV2 = 11,
    Traffic = 12,
    MemoryStat = 13,
}

impl FdTag {
    const ALL: [Self; 14] = [
        Self::Control,
        Self::Listener,
        Self::MemoryUsage,
        Self::MemoryPeak,
        Self::MemoryEvents,
        Self::CpuNanoseconds,
        Self::CpuStat,
        Self::CpuQuotaV1,
        Self::CpuMaxV2,
        Self::FreezerV1,
        Self::FreezeV2,
        Self::FreezeEventsV2,
        Self::Traffic,
        Self::MemoryStat,
    ];

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, Malformed> {
        let index = usize::from(decoder.u8()?);
        Self::ALL
            .get(index)
            .copied()
            .ok_or(Malformed("unknown descriptor tag"))
    }
}

impl News {
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Ready { walls, api } => Encoder::new(0).bytes(walls).u8(u8::from(*api)).finish(),
            Self::Launched {
                ticket,
                number,
                laps,
                waited,
                tags,
            } => {
                let mut encoder = Encoder::new(1);
                encoder.u64(*ticket).u64(*number);
                laps.encode(&mut encoder);
                encoder
                    .u8(u8::from(*waited))
                    .list(tags, |encoder, tag| {
                        encoder.u8(*tag as u8);
                    })
                    .finish()
            }
            Self::LaunchFailed { ticket, fault } => {
                let mut encoder = Encoder::new(2);
                encoder.u64(*ticket);
                encode_fault(&mut encoder, fault);
                encoder.finish()
            }
            Self::Destroyed { ticket } => Encoder::new(3).u64(*ticket).finish(),
            Self::Notice { text } => Encoder::new(4).bytes(text.as_bytes()).finish(),
            Self::Waiting { count } => Encoder::new(5).u32(*count).finish(),
        }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut decoder = Decoder::new(bytes);
        let news = match decoder.u8()? {
            0 => Self::Ready {
                walls: decoder.bytes()?.to_vec(),
                api: decoder.u8()? != 0,
            },
            1 => Self::Launched {
                ticket: decoder.u64()?,
                number: decoder.u64()?,
                laps: Laps::decode(&mut decoder)?,
                waited: decoder.u8()? != 0,
                tags: decoder.list(FdTag::decode)?,
            },
            2 => Self::LaunchFailed {
                ticket: decoder.u64()?,
                fault: decode_fault(&mut decoder)?,
            },
            3 => Self::Destroyed {
                ticket: decoder.u64()?,
            },
            4 => Self::Notice {
                text: decoder.string()?,
            },
            5 => Self::Waiting {
                count: decoder.u32()?,
            },
            _ => return Err(Malformed("unknown news")),
        };
        decoder.finish()?;
        Ok(news)
    }
}

fn encode_fault(encoder: &mut Encoder, fault: &Fault) {
    match fault {
        Fault::InvalidSpec { reason } => encoder.u8(0).bytes(reason.as_bytes()),
        Fault::Exhausted { reason } => encoder.u8(1).bytes(reason.as_bytes()),
        Fault::WallMissing { wall, reason } => encoder
            .u8(2)
            .bytes(wall.as_bytes())
            .bytes(reason.as_bytes()),
        Fault::Step { step, errno } => encoder.u8(3).bytes(step.as_bytes()).i32(*errno),
    };
}

fn decode_fault(decoder: &mut Decoder<'_>) -> Result<Fault, Malformed> {
    Ok(match decoder.u8()? {
        0 => Fault::InvalidSpec {
            reason: decoder.string()?,
        },
        1 => Fault::Exhausted {
            reason: decoder.string()?,
        },
        2 => Fault::WallMissing {
            wall: decoder.string()?,
            reason: decoder.string()?,
        },
        3 => Fault::Step {
            step: decoder.string()?,
            errno: decoder.i32()?,
        },
        _ => return Err(Malformed("unknown fault")),
    })
}
