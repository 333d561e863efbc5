//! Recursion detection: a counter for each function in the trace header that its events carry on.
//!
//! ```text
//!  Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1;Lineage=0c1d2e3f:4
//! ```
//!
//! Each run of a function raises its counter in the header that the function gets. The function's SDK sends the
//! header along with what it asks of Lambda, SQS, SNS or S3, and so it comes back when a loop closes.

use std::fmt::Write;

use firelight_model::FunctionArn;

/// The runs of one function in one chain after which the chain counts as a loop.
const LOOP: u32 = 16;

/// The function runs because of itself, again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the function was invoked {LOOP} times by a chain of events that it is part of")]
pub struct Recursive;

/// Passes a trace header through one more run of a function.
///
/// The header must be one that is fit to be sent on; its other parts stay as they are.
pub fn pass(trace: &str, function: &FunctionArn) -> Result<String, Recursive> {
    let function = fingerprint(function);
    let mut others = Vec::new();
    let mut lineage = Vec::new();
    let mut runs = 1;
    for part in trace.split(';').filter(|part| !part.is_empty()) {
        let Some(entries) = part.strip_prefix("Lineage=") else {
            others.push(part);
            continue;
        };
        for entry in entries.split('|') {
            match counter(entry, &function) {
                Some(count) => runs = runs.max(count.saturating_add(1)),
                None => lineage.push(entry),
            }
        }
    }
    if runs > LOOP {
        return Err(Recursive);
    }
    Ok(join(&others, &lineage, &function, runs))
}

/// Forgets the lineage, for a function whose loops are wanted.
pub fn without(trace: &str) -> String {
    let others = trace
        .split(';')
        .filter(|part| !part.is_empty() && !part.starts_with("Lineage="));
    others.collect::<Vec<_>>().join(";")
}

/// Makes a header for an event that came without one.
pub fn fresh(epoch_s: u64, random: u128) -> String {
    let (root, parent) = (random >> 32, random & u128::from(u64::MAX));
    format!("Root=1-{epoch_s:08x}-{root:024x};Parent={parent:016x};Sampled=0")
}

fn counter(entry: &str, function: &str) -> Option<u32> {
    let (hash, count) = entry.split_once(':')?;
    (hash == function).then(|| count.parse().unwrap_or(0))
}

fn join(others: &[&str], lineage: &[&str], function: &str, runs: u32) -> String {
    let mut header = others.join(";");
    if !header.is_empty() {
        header.push(';');
    }
    header.push_str("Lineage=");
    for entry in lineage {
        header.push_str(entry);
        header.push('|');
    }
    write!(header, "{function}:{runs}").expect("a string takes any text");
    header
}

/// Eight hexadecimal digits that stand for the function: FNV-1a over its ARN.
fn fingerprint(function: &FunctionArn) -> String {
    let arn = function.to_string();
    let hash = arn.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    format!("{hash:08x}")
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
            fingerprint(&function("b")),
            fingerprint(&function("a"))
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
        let header = fresh(0x5759_e988, u128::MAX);

        assert_eq!(
            header,
            "Root=1-5759e988-ffffffffffffffffffffffff;Parent=ffffffffffffffff;Sampled=0"
        );
    }
}
