//! Every runtime identifier that AWS has had, as data. Dates as AWS published them in October 2026.

#![expect(clippy::inconsistent_digit_grouping, reason = "the numbers are dates")]

use std::fmt;

/// A runtime by AWS's identifier.
#[derive(Debug, PartialEq, Eq)]
pub struct Runtime {
    /// For example `python3.12`.
    pub identifier: &'static str,
    pub family: Family,
    /// What the interpreter's version must begin with: `3.12`, `20`. Empty for runtimes without interpreter.
    pub version: &'static str,
    /// Machines it runs on.
    pub machines: &'static [Machine],
    /// When its support ends.
    pub deprecated: Option<Date>,
    /// From when on no function can be created with it.
    pub blocks_create: Option<Date>,
    /// From when on no function that has it can be updated.
    pub blocks_update: Option<Date>,
}

/// Runtimes that are started alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    Python,
    Node,
    Java,
    Ruby,
    DotNet,
    Go,
    /// A program named `bootstrap` that the function brings.
    Provided,
    /// A runtime image of the customer.
    Custom,
}

/// AWS's names of machine architectures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    X86_64,
    Arm64,
}

/// A calendar day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    pub year: u16,
    pub month: u8,
    pub day: u8,
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl Runtime {
    /// Whether functions can still be created with it on that day.
    pub fn allows_create(&self, today: Date) -> bool {
        self.blocks_create.is_none_or(|day| today < day)
    }

    /// Whether functions that have it can still be updated on that day.
    pub fn allows_update(&self, today: Date) -> bool {
        self.blocks_update.is_none_or(|day| today < day)
    }

    /// Whether we have what it takes to run it, given an interpreter.
    pub fn has_bootstrap(&self) -> bool {
        matches!(
            self.family,
            Family::Python | Family::Node | Family::Provided
        )
    }
}

/// Finds a runtime by its identifier.
pub fn find(identifier: &str) -> Option<&'static Runtime> {
    CATALOGUE
        .iter()
        .find(|runtime| runtime.identifier == identifier)
}

const BOTH: &[Machine] = &[Machine::X86_64, Machine::Arm64];
const X86: &[Machine] = &[Machine::X86_64];

/// `20280430` as a day.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the parts of a written date fit"
)]
const fn day(digits: u32) -> Option<Date> {
    if digits == 0 {
        return None;
    }
    let (year, month, day) = (digits / 10_000, digits / 100 % 100, digits % 100);
    Some(Date {
        year: year as u16,
        month: month as u8,
        day: day as u8,
    })
}

/// One row: identifier, family, version, machines, and the days of deprecation, create and update block (0: none).
const fn row(
    identifier: &'static str,
    family: Family,
    version: &'static str,
    machines: &'static [Machine],
    days: [u32; 3],
) -> Runtime {
    Runtime {
        identifier,
        family,
        version,
        machines,
        deprecated: day(days[0]),
        blocks_create: day(days[1]),
        blocks_update: day(days[2]),
    }
}

/// The end of most deprecated runtimes, which AWS keeps moving.
const CREATE_END: u32 = 2027_07_29;
const UPDATE_END: u32 = 2027_08_31;
const UNKNOWN: [u32; 3] = [0, 0, 0];

use Family::{Custom, DotNet, Go, Java, Node, Provided, Python, Ruby};

/// All of them, newest first within a family.
#[rustfmt::skip]
pub const CATALOGUE: &[Runtime] = &[
    row("python3.15", Python, "3.15", BOTH, UNKNOWN),
    row("python3.14", Python, "3.14", BOTH, [2029_06_30, 2029_07_31, 2029_08_31]),
    row("python3.13", Python, "3.13", BOTH, [2029_06_30, 2029_07_31, 2029_08_31]),
    row("python3.12", Python, "3.12", BOTH, [2028_10_31, 2028_11_30, 2029_01_10]),
    row("python3.11", Python, "3.11", BOTH, [2027_06_30, CREATE_END, UPDATE_END]),
    row("python3.10", Python, "3.10", BOTH, [2026_10_31, CREATE_END, UPDATE_END]),
    row("python3.9", Python, "3.9", BOTH, [2025_12_15, CREATE_END, UPDATE_END]),
    row("python3.8", Python, "3.8", BOTH, [2024_10_14, CREATE_END, UPDATE_END]),
    row("python3.7", Python, "3.7", X86, [2023_12_04, 2024_01_09, UPDATE_END]),
    row("python3.6", Python, "3.6", X86, [2022_07_18, 2022_07_18, 2022_08_29]),
    row("python2.7", Python, "2.7", X86, [2021_07_15, 2021_07_15, 2022_05_30]),
    row("nodejs26.x", Node, "26", BOTH, UNKNOWN),
    row("nodejs24.x", Node, "24", BOTH, [2028_04_30, 2028_06_01, 2028_07_01]),
    row("nodejs22.x", Node, "22", BOTH, [2027_04_30, 2027_06_01, 2027_07_01]),
    row("nodejs20.x", Node, "20", BOTH, [2026_04_30, CREATE_END, UPDATE_END]),
    row("nodejs18.x", Node, "18", BOTH, [2025_09_01, CREATE_END, UPDATE_END]),
    row("nodejs16.x", Node, "16", BOTH, [2024_06_12, CREATE_END, UPDATE_END]),
    row("nodejs14.x", Node, "14", BOTH, [2023_12_04, 2024_01_09, UPDATE_END]),
    row("nodejs12.x", Node, "12", BOTH, [2023_03_31, 2023_03_31, 2023_04_30]),
    row("nodejs10.x", Node, "10", X86, [2021_07_30, 2021_07_30, 2022_02_14]),
    row("nodejs8.10", Node, "8.10", X86, [2020_03_06, 2020_02_04, 2020_03_06]),
    row("nodejs6.10", Node, "6.10", X86, [2019_08_12, 2019_07_12, 2019_08_12]),
    row("nodejs4.3", Node, "4.3", X86, [2020_03_05, 2020_02_03, 2020_03_05]),
    row("nodejs4.3-edge", Node, "4.3", X86, [2020_03_05, 2019_03_31, 2019_04_30]),
    row("nodejs", Node, "0.10", X86, [2016_08_30, 2016_09_30, 2016_10_31]),
    row("java25", Java, "25", BOTH, [2029_06_30, 2029_07_31, 2029_08_31]),
    row("java21", Java, "21", BOTH, [2029_06_30, 2029_07_31, 2029_08_31]),
    row("java17", Java, "17", BOTH, [2027_06_30, CREATE_END, UPDATE_END]),
    row("java17.al2023", Java, "17", BOTH, UNKNOWN),
    row("java11", Java, "11", BOTH, [2027_06_30, CREATE_END, UPDATE_END]),
    row("java11.al2023", Java, "11", BOTH, UNKNOWN),
    row("java8.al2", Java, "1.8", BOTH, [2027_06_30, CREATE_END, UPDATE_END]),
    row("java8.al2023", Java, "1.8", BOTH, UNKNOWN),
    row("java8", Java, "1.8", X86, [2024_01_08, 2024_02_08, UPDATE_END]),
    row("dotnet10", DotNet, "10", BOTH, [2028_11_14, 2028_12_14, 2029_01_15]),
    row("dotnet8", DotNet, "8", BOTH, [2026_11_10, CREATE_END, UPDATE_END]),
    row("dotnet6", DotNet, "6", BOTH, [2024_12_20, CREATE_END, UPDATE_END]),
    row("dotnetcore3.1", DotNet, "3.1", BOTH, [2023_04_03, 2023_04_03, 2023_05_03]),
    row("dotnetcore2.1", DotNet, "2.1", X86, [2022_01_05, 2022_01_05, 2022_04_13]),
    row("dotnetcore2.0", DotNet, "2.0", X86, [2019_05_30, 2019_04_30, 2019_05_30]),
    row("dotnetcore1.0", DotNet, "1.0", X86, [2019_06_27, 2019_06_30, 2019_07_30]),
    row("ruby4.0", Ruby, "4.0", BOTH, UNKNOWN),
    row("ruby3.4", Ruby, "3.4", BOTH, [2028_03_31, 2028_04_30, 2028_05_31]),
    row("ruby3.3", Ruby, "3.3", BOTH, [2027_03_31, CREATE_END, UPDATE_END]),
    row("ruby3.2", Ruby, "3.2", BOTH, [2026_03_31, CREATE_END, UPDATE_END]),
    row("ruby2.7", Ruby, "2.7", BOTH, [2023_12_07, 2024_01_09, UPDATE_END]),
    row("ruby2.5", Ruby, "2.5", X86, [2021_07_30, 2021_07_30, 2022_03_31]),
    row("go1.x", Go, "", X86, [2024_01_08, 2024_02_08, UPDATE_END]),
    row("provided.al2023", Provided, "", BOTH, [2029_06_30, 2029_07_31, 2029_08_31]),
    row("provided.al2", Provided, "", BOTH, [2026_07_31, CREATE_END, UPDATE_END]),
    row("provided", Provided, "", X86, [2024_01_08, 2024_02_08, UPDATE_END]),
    row("custom", Custom, "", BOTH, UNKNOWN),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_unique() {
        for (position, runtime) in CATALOGUE.iter().enumerate() {
            let first = CATALOGUE
                .iter()
                .position(|one| one.identifier == runtime.identifier);
            assert_eq!(first, Some(position), "{}", runtime.identifier);
        }
    }

    #[test]
    fn deprecated_runtime_can_be_used_until_its_block_days() {
        let python = find("python3.9").unwrap();
        let between = Date {
            year: 2027,
            month: 7,
            day: 29,
        };

        assert!(python.deprecated.unwrap() < between);
        assert!(python.allows_create(Date { day: 28, ..between }));
        assert!(!python.allows_create(between));
        assert!(python.allows_update(between));
        assert!(!python.allows_update(Date {
            month: 8,
            day: 31,
            ..between
        }));
    }

    #[test]
    fn runtime_without_dates_is_open() {
        let newest = find("nodejs26.x").unwrap();

        assert!(newest.allows_create(Date {
            year: 2040,
            month: 1,
            day: 1
        }));
        assert_eq!(find("nodejs27.x"), None);
    }
}
