//! Regions and the partitions they belong to.

use std::str::FromStr;

use crate::text::text_type;

text_type! {
    /// An AWS region name such as `us-east-1`.
    Region
}

/// The text does not have the form of a region name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a region name")]
pub struct RegionError {
    pub text: String,
}

impl FromStr for Region {
    type Err = RegionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_region(text) {
            Ok(Self(text.into()))
        } else {
            Err(RegionError {
                text: text.to_owned(),
            })
        }
    }
}

/// Matches AWS's `(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}`.
fn is_region(text: &str) -> bool {
    let mut parts: Vec<&str> = text.split('-').collect();
    if parts.first() == Some(&"eusc") {
        parts.remove(0);
    }
    let is_infix = |part: &str| part == "gov" || (part.starts_with("iso") && part.len() <= 4);
    match parts.as_slice() {
        [country, place, number] => is_tail(country, place, number),
        [country, infix, place, number] => is_infix(infix) && is_tail(country, place, number),
        _ => false,
    }
}

fn is_tail(country: &str, place: &str, number: &str) -> bool {
    let is_lower = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase());
    let is_digit = number.len() == 1 && number.bytes().all(|b| b.is_ascii_digit());
    country.len() == 2 && is_lower(country) && is_lower(place) && is_digit
}

/// The family of regions that an ARN names in its second field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Partition {
    Aws,
    China,
    UsGov,
    Iso,
    IsoB,
    IsoE,
    IsoF,
    Eusc,
}

impl Partition {
    /// Returns the partition that a region belongs to.
    pub fn of(region: &Region) -> Self {
        let prefixes = [
            ("cn-", Self::China),
            ("us-gov-", Self::UsGov),
            ("us-iso-", Self::Iso),
            ("us-isob-", Self::IsoB),
            ("eu-isoe-", Self::IsoE),
            ("us-isof-", Self::IsoF),
            ("eusc-", Self::Eusc),
        ];
        let found = prefixes
            .iter()
            .find(|(prefix, _)| region.as_str().starts_with(prefix));
        found.map_or(Self::Aws, |(_, partition)| *partition)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::China => "aws-cn",
            Self::UsGov => "aws-us-gov",
            Self::Iso => "aws-iso",
            Self::IsoB => "aws-iso-b",
            Self::IsoE => "aws-iso-e",
            Self::IsoF => "aws-iso-f",
            Self::Eusc => "aws-eusc",
        }
    }
}

impl std::fmt::Display for Partition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_of_every_partition_are_accepted() {
        for (text, partition) in [
            ("us-east-1", "aws"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("us-isob-east-1", "aws-iso-b"),
            ("eusc-de-east-1", "aws-eusc"),
        ] {
            let region: Region = text.parse().unwrap();
            assert_eq!(Partition::of(&region).as_str(), partition);
        }
    }

    #[test]
    fn texts_that_are_no_region_are_refused() {
        for text in [
            "",
            "local",
            "us-east",
            "us-east-11",
            "US-east-1",
            "us-x-east-1",
            "us--1",
        ] {
            assert!(text.parse::<Region>().is_err(), "{text}");
        }
    }
}
