//! Rewrites a filter into one that searches for the call's number instead of comparing with each number in turn.
//!
//! The kernel runs a new filter once for every system call it has, to learn which need no filter at all later. With a
//! comparison for each of 360 calls that takes most of a millisecond, for every sandbox; searched, a few dozen
//! microseconds. What the rewritten filter answers is found by running the long one, so the list in `seccomp/` stays
//! the only source. Calls whose arguments the long one looks at are still left to it: it follows behind the search.

use seccompiler::{BpfProgram, sock_filter};

/// Numbers up to here are rewritten; beyond are x32 and calls of kernels to come, which the list cannot name.
const NUMBERS: u32 = 640;

const LOAD: u16 = 0x20;
const JUMP: u16 = 0x05;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_GREATER: u16 = 0x25;
const JUMP_IF_AT_LEAST: u16 = 0x35;
const JUMP_IF_ANY_BIT: u16 = 0x45;
const AND: u16 = 0x54;
const RETURN: u16 = 0x06;
const KILL_PROCESS: u32 = 0x8000_0000;

/// What a filter sees of a call: its number and its architecture.
#[derive(Clone, Copy)]
struct Call {
    number: u32,
    arch: u32,
}

/// What a filter says to a call's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Return(u32),
    /// It depends on arguments, or on what is not understood here.
    Depends,
}

/// A run of numbers with the same answer.
struct Run {
    first: u32,
    answer: Answer,
}

/// Returns a filter with the answers of `long`. `None` if even those to numbers beyond the list are not known.
pub(super) fn compact(long: &[sock_filter]) -> Option<BpfProgram> {
    let arch = audit_arch();
    let mut runs: Vec<Run> = Vec::new();
    for number in 0..=NUMBERS {
        let answer = run(long, Call { number, arch });
        if runs.last().is_none_or(|last| last.answer != answer) {
            runs.push(Run {
                first: number,
                answer,
            });
        }
    }
    let mut program = vec![
        op(LOAD, ARCH_OFFSET),
        jump(JUMP_IF_EQUAL, arch, 1, 0),
        op(RETURN, KILL_PROCESS),
        op(LOAD, NUMBER_OFFSET),
    ];
    let last = runs.last()?.answer;
    program.extend(search(&runs));
    let is_whole = runs.iter().all(|run| run.answer != Answer::Depends);
    lead_to_end(&mut program);
    if !is_whole {
        program.extend_from_slice(long);
    }
    (last != Answer::Depends).then_some(program)
}

/// Has every call that the search did not decide go on behind it.
fn lead_to_end(program: &mut [sock_filter]) {
    let end = program.len();
    for (at, step) in program.iter_mut().enumerate() {
        if *step == UNDECIDED {
            step.k = u32::try_from(end - at - 1).expect("the filter is short");
        }
    }
}

/// A jump whose target is not known yet; no real one reaches so far.
const UNDECIDED: sock_filter = sock_filter {
    code: JUMP,
    jt: 0,
    jf: 0,
    k: u32::MAX,
};

const NUMBER_OFFSET: u32 = 0;
const ARCH_OFFSET: u32 = 4;

#[cfg(target_arch = "x86_64")]
const fn audit_arch() -> u32 {
    0xc000_003e
}

#[cfg(target_arch = "aarch64")]
const fn audit_arch() -> u32 {
    0xc000_00b7
}

/// A binary search over the runs. The last one reaches to the end of all numbers.
fn search(runs: &[Run]) -> BpfProgram {
    if let [run] = runs {
        return vec![match run.answer {
            Answer::Return(value) => op(RETURN, value),
            Answer::Depends => UNDECIDED,
        }];
    }
    let (lower, upper) = runs.split_at(runs.len() / 2);
    let (below, above) = (search(lower), search(upper));
    // A conditional jump reaches 255 instructions, which a half may exceed; an unconditional one reaches all.
    let distance = u32::try_from(below.len()).expect("the filter is short");
    let mut program = vec![
        jump(JUMP_IF_AT_LEAST, upper[0].first, 0, 1),
        op(JUMP, distance),
    ];
    program.extend(below);
    program.extend(above);
    program
}

fn op(code: u16, k: u32) -> sock_filter {
    jump(code, k, 0, 0)
}

fn jump(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

/// Runs a filter as the kernel would, as long as it looks at the number and the architecture alone.
fn run(program: &[sock_filter], call: Call) -> Answer {
    decide(program, call, |_| None).map_or(Answer::Depends, Answer::Return)
}

/// Runs a filter with the words of the call's arguments that are known, by their offset.
fn decide(
    program: &[sock_filter],
    call: Call,
    argument: impl Fn(u32) -> Option<u32>,
) -> Option<u32> {
    let (mut at, mut value) = (0_usize, 0_u32);
    loop {
        let step = program.get(at)?;
        at += 1;
        let taken = match step.code {
            LOAD => {
                value = match step.k {
                    NUMBER_OFFSET => call.number,
                    ARCH_OFFSET => call.arch,
                    offset => argument(offset)?,
                };
                continue;
            }
            AND => {
                value &= step.k;
                continue;
            }
            JUMP => {
                at += usize::try_from(step.k).ok()?;
                continue;
            }
            RETURN => return Some(step.k),
            JUMP_IF_EQUAL => value == step.k,
            JUMP_IF_GREATER => value > step.k,
            JUMP_IF_AT_LEAST => value >= step.k,
            JUMP_IF_ANY_BIT => value & step.k != 0,
            _ => return None,
        };
        at += usize::from(if taken { step.jt } else { step.jf });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_filter_answers_every_number_and_architecture_like_the_long_one() {
        let long = super::super::tests::known();

        let short = compact(&long).expect("the list of known calls looks at numbers alone");

        assert!(
            short.len() < long.len() / 3,
            "{} of {}",
            short.len(),
            long.len()
        );
        let special = [0x4000_0000, 0x4000_0027, 0x7fff_ffff, u32::MAX];
        for number in (0..5_000).chain(special) {
            for arch in [audit_arch(), 0x4000_0003, 0] {
                let call = Call { number, arch };
                assert_eq!(run(&short, call), run(&long, call), "{number} {arch:#x}");
            }
        }
    }

    #[test]
    fn calls_whose_arguments_matter_are_answered_like_by_the_long_filter() {
        let long = super::super::tests::refused();
        let short = compact(&long).expect("the list of refusals names numbers of today");

        let mut asked = 0;
        for number in (0..5_000).chain([0x4000_0000, 0x7fff_ffff, u32::MAX]) {
            for arch in [audit_arch(), 0x4000_0003, 0] {
                let call = Call { number, arch };
                asked += u32::from(run(&long, call) == Answer::Depends);
                for word in [0, 1, 2, 9, 16, 17, 38, 0x1000_0000, 0x7e02_0000, u32::MAX] {
                    let answer = decide(&long, call, |_| Some(word));
                    assert!(answer.is_some(), "{number}");
                    assert_eq!(
                        decide(&short, call, |_| Some(word)),
                        answer,
                        "{number} {word}"
                    );
                }
            }
        }
        assert!(asked > 3, "{asked}");
    }

    #[test]
    fn a_filter_of_which_no_end_is_known_is_left_alone() {
        let first_argument = [op(LOAD, 16), op(RETURN, 0)];

        assert!(compact(&first_argument).is_none());
    }
}
