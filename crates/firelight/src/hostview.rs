//! What this host has that the commands choose from or report on: interpreters.

use std::collections::BTreeMap;
use std::path::PathBuf;

use firelight_model::RuntimeIdentifier;
use firelight_runtimes::catalogue::CATALOGUE;
use firelight_runtimes::{Date, Family, Inventory, MappingError, Runtime, SearchPaths};

/// Searches the host for interpreters, and adds those that the configuration maps.
pub fn inventory(
    runtimes: &BTreeMap<RuntimeIdentifier, PathBuf>,
) -> Result<Inventory, MappingError> {
    let path = std::env::var_os("PATH");
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let mut inventory = Inventory::discover(&SearchPaths::usual(path.as_deref(), home));
    for (identifier, program) in runtimes {
        inventory.map(identifier.as_str(), program)?;
    }
    Ok(inventory)
}

/// Returns the runtimes that functions can be created with on this host, newest first within a family.
pub fn usable(inventory: &Inventory, today: Date) -> Vec<&'static Runtime> {
    let is_usable = |runtime: &&'static Runtime| {
        runtime.has_bootstrap()
            && runtime.allows_create(today)
            && inventory.interpreter_for(runtime).is_ok()
    };
    CATALOGUE.iter().filter(is_usable).collect()
}

/// Returns the day by this machine's clock.
pub fn today() -> Date {
    let now = jiff::Zoned::now();
    let number = |value: i8| value.unsigned_abs();
    Date {
        year: now.year().unsigned_abs(),
        month: number(now.month()),
        day: number(now.day()),
    }
}

/// Returns the families that Firelight has a bootstrap for and this host an interpreter, or should.
pub const FAMILIES: [(Family, &str, &str); 2] = [
    (Family::Python, "Python", "python3"),
    (Family::Node, "Node.js", "nodejs"),
];
