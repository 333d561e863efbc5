//! Which version of a runtime a deployment takes when none is named: the function's own if it has one of the
//! family, else the newest that this host can run.

use std::collections::BTreeMap;
use std::path::PathBuf;

use firelight_model::RuntimeIdentifier;
use firelight_runtimes::{Family, Runtime, catalogue};

use crate::failure::{Exit, Failure};
use crate::hostview;

pub fn choose(
    family: Family,
    current: Option<&str>,
    mapped: &BTreeMap<RuntimeIdentifier, PathBuf>,
) -> Result<String, Failure> {
    if let Some(kept) = current.filter(|current| is_of(family, current)) {
        return Ok(kept.to_owned());
    }
    let inventory = hostview::inventory(mapped)
        .map_err(|error| Failure::because(Exit::Usage, "could not choose a runtime", &error))?;
    let usable = hostview::usable(&inventory, hostview::today());
    newest(family, &usable)
        .map(str::to_owned)
        .ok_or_else(|| missing(family))
}

fn is_of(family: Family, identifier: &str) -> bool {
    catalogue::find(identifier).is_some_and(|runtime| runtime.family == family)
}

fn newest(family: Family, usable: &[&'static Runtime]) -> Option<&'static str> {
    usable
        .iter()
        .find(|runtime| runtime.family == family)
        .map(|runtime| runtime.identifier)
}

fn missing(family: Family) -> Failure {
    let package = hostview::FAMILIES
        .iter()
        .find(|(known, ..)| *known == family);
    let package = package.map_or("its interpreter", |(_, _, package)| package);
    Failure::new(
        Exit::HostLacks,
        format!("this host has no {family:?} that a runtime wants"),
    )
    .with_remedy(format!(
        "apt-get install {package}, or name a runtime with --runtime if the daemon runs elsewhere"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime(identifier: &str) -> &'static Runtime {
        catalogue::find(identifier).unwrap()
    }

    #[test]
    fn the_newest_usable_runtime_of_the_family_is_taken() {
        let usable = [
            runtime("python3.13"),
            runtime("python3.11"),
            runtime("nodejs20.x"),
        ];

        assert_eq!(newest(Family::Python, &usable), Some("python3.13"));
        assert_eq!(newest(Family::Node, &usable), Some("nodejs20.x"));
        assert_eq!(newest(Family::Provided, &usable), None);
    }

    #[test]
    fn a_function_keeps_its_runtime_within_the_family() {
        let kept = choose(Family::Python, Some("python3.8"), &BTreeMap::new()).unwrap();

        assert_eq!(kept, "python3.8");
    }

    #[test]
    fn a_missing_interpreter_comes_with_what_to_install() {
        let failure = missing(Family::Node);

        assert_eq!(failure.exit, Exit::HostLacks);
        assert!(
            failure
                .remedy
                .unwrap()
                .starts_with("apt-get install nodejs")
        );
    }
}
