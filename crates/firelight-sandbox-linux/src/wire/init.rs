//! What the daemon asks of a sandbox's init, and what init reports.
//!
//! The daemon treats every [`Event`] as coming from the function: init lives behind the same walls as the code it
//! starts.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use firelight_sandbox::ProcessSpec;

use super::codec::{Decoder, Encoder, Malformed};

/// A task for init. `process` numbers are chosen by the daemon and never reused in one sandbox.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Spawn {
        process: u32,
        program: PathBuf,
        arguments: Vec<OsString>,
        variables: Vec<(OsString, OsString)>,
        directory: PathBuf,
    },
    Signal {
        process: u32,
        signal: i32,
    },
    KillAll {
        ticket: u32,
    },
    /// Start a program that waits to be told what for. One in a sandbox's life, before anything else.
    Prepare {
        program: PathBuf,
        arguments: Vec<OsString>,
        variables: Vec<(OsString, OsString)>,
        directory: PathBuf,
    },
    /// Tell the program that waits. It is a process like any other from then on.
    Claim {
        process: u32,
        variables: Vec<(OsString, OsString)>,
        directory: PathBuf,
    },
    /// Begin a connection to a port of the sandbox's own loopback.
    Connect {
        ticket: u32,
        port: u16,
    },
}

/// Which step of starting a program failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpawnFault {
    /// Entering its directory.
    Directory,
    /// Executing it.
    Exec,
    /// Anything before that: out of descriptors or processes.
    Prepare,
    /// No program waits, or none that can be used.
    Waiting,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Code(i32),
    Signal(i32),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Comes with a descriptor: the read end of the pipe for its output.
    Spawned {
        process: u32,
    },
    SpawnFailed {
        process: u32,
        fault: SpawnFault,
        errno: i32,
    },
    Exited {
        process: u32,
        ended: Ended,
    },
    KilledAll {
        ticket: u32,
    },
    /// The program that was prepared waits.
    Prepared,
    /// The program that was prepared will not do: it cannot be started, ended, or printed something.
    Unprepared,
    /// Comes with one descriptor: a socket whose connection was begun.
    Connecting {
        ticket: u32,
    },
    NotConnecting {
        ticket: u32,
        errno: i32,
    },
}

impl Task {
    pub(crate) fn spawn(number: u32, process: ProcessSpec) -> Self {
        Self::Spawn {
            process: number,
            program: process.program,
            arguments: process.arguments,
            variables: process.variables,
            directory: process.directory,
        }
    }

    pub(crate) fn claim(number: u32, process: ProcessSpec) -> Self {
        Self::Claim {
            process: number,
            variables: process.variables,
            directory: process.directory,
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Spawn {
                process,
                program,
                arguments,
                variables,
                directory,
            } => {
                let mut encoder = Encoder::new(0);
                encoder.u32(*process).path(program);
                encoder.list(arguments, |encoder, argument| {
                    encoder.text(argument);
                });
                encode_place(&mut encoder, variables, directory)
            }
            Self::Signal { process, signal } => Encoder::new(1).u32(*process).i32(*signal).finish(),
            Self::KillAll { ticket } => Encoder::new(2).u32(*ticket).finish(),
            Self::Prepare {
                program,
                arguments,
                variables,
                directory,
            } => {
                let mut encoder = Encoder::new(3);
                encoder.path(program);
                encoder.list(arguments, |encoder, argument| {
                    encoder.text(argument);
                });
                encode_place(&mut encoder, variables, directory)
            }
            Self::Claim {
                process,
                variables,
                directory,
            } => {
                let mut encoder = Encoder::new(4);
                encoder.u32(*process);
                encode_place(&mut encoder, variables, directory)
            }
            Self::Connect { ticket, port } => {
                Encoder::new(5).u32(*ticket).u32(u32::from(*port)).finish()
            }
        }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut decoder = Decoder::new(bytes);
        let task = match decoder.u8()? {
            0 => Self::Spawn {
                process: decoder.u32()?,
                program: decoder.path()?,
                arguments: decoder.list(Decoder::text)?,
                variables: decode_variables(&mut decoder)?,
                directory: decoder.path()?,
            },
            1 => Self::Signal {
                process: decoder.u32()?,
                signal: decoder.i32()?,
            },
            2 => Self::KillAll {
                ticket: decoder.u32()?,
            },
            3 => Self::Prepare {
                program: decoder.path()?,
                arguments: decoder.list(Decoder::text)?,
                variables: decode_variables(&mut decoder)?,
                directory: decoder.path()?,
            },
            4 => Self::Claim {
                process: decoder.u32()?,
                variables: decode_variables(&mut decoder)?,
                directory: decoder.path()?,
            },
            5 => Self::Connect {
                ticket: decoder.u32()?,
                port: u16::try_from(decoder.u32()?).map_err(|_| Malformed("no port"))?,
            },
            _ => return Err(Malformed("unknown task")),
        };
        decoder.finish()?;
        Ok(task)
    }
}

/// Ends a message with where a program finds itself: its variables and its directory.
fn encode_place(
    encoder: &mut Encoder,
    variables: &[(OsString, OsString)],
    directory: &Path,
) -> Vec<u8> {
    encode_variables(encoder, variables);
    encoder.path(directory).finish()
}

pub(super) fn encode_variables(encoder: &mut Encoder, variables: &[(OsString, OsString)]) {
    encoder.list(variables, |encoder, (name, value)| {
        encoder.text(name).text(value);
    });
}

pub(super) fn decode_variables(
    decoder: &mut Decoder<'_>,
) -> Result<Vec<(OsString, OsString)>, Malformed> {
    decoder.list(|decoder| Ok((decoder.text()?, decoder.text()?)))
}

impl Event {
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Spawned { process } => Encoder::new(0).u32(*process).finish(),
            Self::SpawnFailed {
                process,
                fault,
                errno,
            } => {
                let fault = match fault {
                    SpawnFault::Directory => 0,
                    SpawnFault::Exec => 1,
                    SpawnFault::Prepare => 2,
                    SpawnFault::Waiting => 3,
                };
                Encoder::new(1).u32(*process).u8(fault).i32(*errno).finish()
            }
            Self::Exited { process, ended } => {
                let (kind, value) = match ended {
                    Ended::Code(code) => (0, *code),
                    Ended::Signal(signal) => (1, *signal),
                };
                Encoder::new(2).u32(*process).u8(kind).i32(value).finish()
            }
            Self::KilledAll { ticket } => Encoder::new(3).u32(*ticket).finish(),
            Self::Prepared => Encoder::new(4).finish(),
            Self::Unprepared => Encoder::new(5).finish(),
            Self::Connecting { ticket } => Encoder::new(6).u32(*ticket).finish(),
            Self::NotConnecting { ticket, errno } => {
                Encoder::new(7).u32(*ticket).i32(*errno).finish()
            }
        }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut decoder = Decoder::new(bytes);
        let event = match decoder.u8()? {
            0 => Self::Spawned {
                process: decoder.u32()?,
            },
            1 => Self::SpawnFailed {
                process: decoder.u32()?,
                fault: match decoder.u8()? {
                    0 => SpawnFault::Directory,
                    1 => SpawnFault::Exec,
                    2 => SpawnFault::Prepare,
                    3 => SpawnFault::Waiting,
                    _ => return Err(Malformed("unknown spawn fault")),
                },
                errno: decoder.i32()?,
            },
            2 => Self::Exited {
                process: decoder.u32()?,
                ended: match (decoder.u8()?, decoder.i32()?) {
                    (0, code) => Ended::Code(code),
                    (1, signal) => Ended::Signal(signal),
                    _ => return Err(Malformed("unknown kind of exit")),
                },
            },
            3 => Self::KilledAll {
                ticket: decoder.u32()?,
            },
            4 => Self::Prepared,
            5 => Self::Unprepared,
            6 => Self::Connecting {
                ticket: decoder.u32()?,
            },
            7 => Self::NotConnecting {
                ticket: decoder.u32()?,
                errno: decoder.i32()?,
            },
            _ => return Err(Malformed("unknown event")),
        };
        decoder.finish()?;
        Ok(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spawn_survives_the_wire_with_every_byte_of_its_variables() {
        let task = Task::Spawn {
            process: 3,
            program: "/var/task/bootstrap".into(),
            arguments: vec!["bootstrap".into(), "".into()],
            variables: vec![("A".into(), "=\n\u{ff}".into())],
            directory: "/var/task".into(),
        };

        assert_eq!(Task::decode(&task.encode()), Ok(task));
    }

    #[test]
    fn what_a_waiting_program_is_told_survives_the_wire() {
        let task = Task::Claim {
            process: 3,
            variables: vec![("A".into(), "=\n\u{ff}".into())],
            directory: "/var/task".into(),
        };

        assert_eq!(Task::decode(&task.encode()), Ok(task));
    }

    #[test]
    fn an_unknown_event_is_refused() {
        assert_eq!(Event::decode(&[9]), Err(Malformed("unknown event")));
    }
}
