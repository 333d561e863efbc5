//! How an alias divides its invocations between two versions.

use crate::{Version, VersionNumber};

/// A share of the invocations, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Weight(f64);

impl Weight {
    /// Returns `None` outside 0 to 1 and for what is no number.
    pub fn new(weight: f64) -> Option<Self> {
        (0.0..=1.0).contains(&weight).then_some(Self(weight))
    }

    pub fn get(self) -> f64 {
        self.0
    }
}

/// A random number drawn for one invocation, from 0 up to but excluding 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw(f64);

impl Draw {
    /// Makes a draw of 64 random bits.
    pub fn from_random(bits: u64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit an f64 exactly")]
        let numerator = (bits >> 11) as f64;
        Self(numerator / 9_007_199_254_740_992.0)
    }
}

/// Where an alias points: one version, or two with a weight for the second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AliasRoute {
    main: Version,
    additional: Option<(VersionNumber, Weight)>,
}

/// The versions cannot be routed to together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    #[error("version {version} is both the main and the additional version")]
    SameVersion { version: VersionNumber },
    #[error("$LATEST cannot share an alias with another version")]
    LatestWithAnother,
}

impl AliasRoute {
    pub fn to(main: Version) -> Self {
        Self {
            main,
            additional: None,
        }
    }

    pub fn shared(
        main: Version,
        additional: VersionNumber,
        weight: Weight,
    ) -> Result<Self, RouteError> {
        match main {
            Version::Latest => Err(RouteError::LatestWithAnother),
            Version::Number(number) if number == additional => Err(RouteError::SameVersion {
                version: additional,
            }),
            Version::Number(_) => Ok(Self {
                main,
                additional: Some((additional, weight)),
            }),
        }
    }

    pub fn main(&self) -> Version {
        self.main
    }

    pub fn additional(&self) -> Option<(VersionNumber, Weight)> {
        self.additional
    }

    /// Tells whether the alias can lead to `version`.
    pub fn leads_to(&self, version: VersionNumber) -> bool {
        self.main == Version::Number(version)
            || self.additional.is_some_and(|(number, _)| number == version)
    }

    /// Chooses the version that serves one invocation.
    pub fn choose(&self, draw: Draw) -> Version {
        match self.additional {
            Some((number, weight)) if draw.0 < weight.0 => Version::Number(number),
            _ => self.main,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(number: u64) -> VersionNumber {
        VersionNumber::new(number).unwrap()
    }

    #[test]
    fn the_weight_is_the_share_of_the_additional_version() {
        let main = Version::Number(number(1));
        let route = AliasRoute::shared(main, number(2), Weight::new(0.25).unwrap()).unwrap();

        let draws = (0..1024_u64).map(|step| Draw::from_random(step << 54));
        let chosen = draws.filter(|&draw| route.choose(draw) == Version::Number(number(2)));

        assert_eq!(chosen.count(), 256);
    }

    #[test]
    fn weights_of_zero_and_one_are_never_and_always() {
        let (one, main) = (number(2), Version::Number(number(1)));
        let never = AliasRoute::shared(main, one, Weight::new(0.0).unwrap()).unwrap();
        let always = AliasRoute::shared(main, one, Weight::new(1.0).unwrap()).unwrap();
        assert_eq!(never.choose(Draw::from_random(0)), main);
        assert_eq!(
            always.choose(Draw::from_random(u64::MAX)),
            Version::Number(one)
        );
    }

    #[test]
    fn impossible_routes_are_refused() {
        let half = Weight::new(0.5).unwrap();
        let same = AliasRoute::shared(Version::Number(number(1)), number(1), half);
        assert_eq!(same, Err(RouteError::SameVersion { version: number(1) }));
        let latest = AliasRoute::shared(Version::Latest, number(1), half);
        assert_eq!(latest, Err(RouteError::LatestWithAnother));
        assert!(Weight::new(1.1).is_none() && Weight::new(-0.1).is_none());
        assert!(Weight::new(f64::NAN).is_none());
    }
}
