//! Rewrites a filter that looks at the call's number alone into a short one that searches instead of comparing with
//! each number in turn.
//!
//! The kernel runs a new filter once for every system call it has, to learn which need no filter at all later. With a
//! comparison for each of 360 calls that takes most of a millisecond, for every sandbox; searched, a few dozen
//! microseconds. What the short filter answers is found by running the long one, so the list in `seccomp/` stays the
//! only source.

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

/// A run of numbers with the same answer.
struct Run {
    first: u32,
    answer: u32,
}

/// Returns a short filter with the answers of `long`, which must not look at arguments: `None` if it does.
pub(super) fn compact(long: &[sock_filter]) -> Option<BpfProgram> {
    let arch = audit_arch();
    let mut runs: Vec<Run> = Vec::new();
    for number in 0..=NUMBERS {
        let answer = run(long, Call { number, arch })?;
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
    program.extend(search(&runs));
    Some(program)
}

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
        return vec![op(RETURN, run.answer)];
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

/// Runs a filter as the kernel would. `None` if it does anything that needs more than the number and architecture.
fn run(program: &[sock_filter], call: Call) -> Option<u32> {
    let (mut at, mut value) = (0_usize, 0_u32);
    loop {
        let step = program.get(at)?;
        at += 1;
        let taken = match step.code {
            LOAD if step.k == NUMBER_OFFSET => {
                value = call.number;
                continue;
            }
            LOAD if step.k == ARCH_OFFSET => {
                value = call.arch;
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
    fn a_filter_that_looks_at_arguments_is_left_alone() {
        let first_argument = [op(LOAD, 16), op(RETURN, 0)];

        assert!(compact(&first_argument).is_none());
    }
}
