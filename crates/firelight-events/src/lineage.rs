//! Recursion detection: a counter for each function in the trace header that its events carry on.
//!
//! ```text
//!  Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1;Lineage=0c1d2e3f:4
//! ```
//!
//! Each run of a function raises its counter in the header that the function gets. The function's SDK sends the
//! header along with what it asks of Lambda, SQS, SNS or S3, and so it comes back when a loop closes.

use std::fmt::{self, Write};

use firelight_model::FunctionArn;

/// The runs of one function in one chain after which the chain counts as a loop.
const LOOP: u32 = 16;
/// What one run adds to a header at most: the name of the part, a fingerprint and a number.
const LONGEST_ADDITION: usize = "Lineage=01234567:4294967295".len();

/// The function runs because of itself, again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the function was invoked {LOOP} times by a chain of events that it is part of")]
pub struct Recursive;

/// Passes a trace header through one more run of a function.
///
/// The header must be one that is fit to be sent on; its other parts stay as they are.
pub fn pass(trace: &str, function: &FunctionArn) -> Result<String, Recursive> {
    let function = Fingerprint::of(function);
    let mut header = String::with_capacity(trace.len() + LONGEST_ADDITION);
    let mut lineage = String::new();
    let mut runs = 1;
    for part in trace.split(';').filter(|part| !part.is_empty()) {
        let Some(entries) = part.strip_prefix("Lineage=") else {
            header.push_str(part);
            header.push(';');
            continue;
        };
        for entry in entries.split('|') {
            match function.counter(entry) {
                Some(count) => runs = runs.max(count.saturating_add(1)),
                None => {
                    lineage.push_str(entry);
                    lineage.push('|');
                }
            }
        }
    }
    if runs > LOOP {
        return Err(Recursive);
    }
    write!(header, "Lineage={lineage}{function}:{runs}").expect("a string takes any text");
    Ok(header)
}

/// Forgets the lineage, for a function whose loops are wanted.
pub fn without(trace: &str) -> String {
    let others = trace
        .split(';')
        .filter(|part| !part.is_empty() && !part.starts_with("Lineage="));
    others.collect::<Vec<_>>().join(";")
}

/// Makes a header for an event that came without one. `sampled` is whether its trace is recorded.
pub fn fresh(epoch_s: u64, random: u128, sampled: bool) -> String {
    let (root, parent) = (random >> 32, random & u128::from(u64::MAX));
    format!(
        "Root=1-{epoch_s:08x}-{root:024x};Parent={parent:016x};Sampled={}",
        u8::from(sampled)
    )
}

/// Stands for a function: FNV-1a over its ARN, written as eight hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fingerprint(u32);

impl Fingerprint {
    fn of(function: &FunctionArn) -> Self {
        let mut fingerprint = Self(0x811c_9dc5);
        write!(fingerprint, "{function}").expect("a hash takes any text");
        fingerprint
    }

    /// Returns the runs that an entry counts, if it is this function's.
    fn counter(self, entry: &str) -> Option<u32> {
        let (hash, count) = entry.split_once(':')?;
        let is_mine = hash.len() == 8 && u32::from_str_radix(hash, 16) == Ok(self.0);
        is_mine.then(|| count.parse().unwrap_or(0))
    }
}

impl Write for Fingerprint {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = text.bytes().fold(self.0, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        Ok(())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str) -> FunctionArn {
        FunctionArn {
            region: "eu-west-1".parse().unwrap(),
            account: "000000000000".parse().unwrap(),
            name: name.parse().unwrap(),
        }
    }

    #[test]
    fn the_seventeenth_run_of_a_chain_is_refused() {
        let mut trace = "Root=1-00000000-000000000000000000000000;Sampled=1".to_owned();
        for _ in 0..16 {
            trace = pass(&trace, &function("loop")).unwrap();
        }

        assert_eq!(pass(&trace, &function("loop")), Err(Recursive));
    }

    #[test]
    fn each_function_of_a_chain_has_its_own_counter_and_the_rest_stays() {
        let a = pass("Root=1-2-3;Sampled=1", &function("a")).unwrap();
        let b = pass(&a, &function("b")).unwrap();
        let a = pass(&b, &function("a")).unwrap();

        let lineage = format!(
            "Lineage={}:1|{}:2",
            Fingerprint::of(&function("b")),
            Fingerprint::of(&function("a"))
        );
        assert_eq!(a, format!("Root=1-2-3;Sampled=1;{lineage}"));
    }

    #[test]
    fn a_forgotten_lineage_begins_anew() {
        let trace = pass("Root=1-2-3", &function("a")).unwrap();

        assert_eq!(without(&trace), "Root=1-2-3");
    }

    #[test]
    fn hostile_headers_do_no_harm() {
        for trace in [
            "",
            ";;;",
            "Lineage=",
            "Lineage=|:|x",
            "Lineage=a:99999999999999",
        ] {
            let passed = pass(trace, &function("a")).unwrap();
            assert!(passed.ends_with(":1"), "{trace:?} became {passed:?}");
        }
    }

    #[test]
    fn a_fresh_header_has_the_lengths_of_aws() {
        let header = fresh(0x5759_e988, u128::MAX, false);

        assert_eq!(
            header,
            "Root=1-5759e988-ffffffffffffffffffffffff;Parent=ffffffffffffffff;Sampled=0"
        );
    }
}
