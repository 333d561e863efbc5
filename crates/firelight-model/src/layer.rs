//! Layer names and ARNs, and the rules for a function's list of layers.

use std::fmt;
use std::str::FromStr;

use crate::arn::is_partition;
use crate::text::{is_word, text_type};
use crate::{AccountId, Partition, Region};

text_type! {
    /// The bare name of a layer: 1 to 64 letters, digits, `-` or `_`.
    LayerName
}

/// The text names no layer or layer version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} does not name a layer")]
pub struct LayerArnError {
    pub text: String,
}

fn error(text: &str) -> LayerArnError {
    LayerArnError {
        text: text.to_owned(),
    }
}

impl FromStr for LayerName {
    type Err = LayerArnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = is_word(text, "-_") && text.len() <= 140;
        if fits {
            Ok(Self(text.into()))
        } else {
            Err(error(text))
        }
    }
}

/// The ARN of a layer, all its versions together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LayerArn {
    pub region: Region,
    pub account: AccountId,
    pub name: LayerName,
}

impl LayerArn {
    pub fn version(&self, number: u64) -> LayerVersionArn {
        LayerVersionArn {
            layer: self.clone(),
            number,
        }
    }
}

impl fmt::Display for LayerArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            region,
            account,
            name,
        } = self;
        write!(
            f,
            "arn:{}:lambda:{region}:{account}:layer:{name}",
            Partition::of(region)
        )
    }
}

impl FromStr for LayerArn {
    type Err = LayerArnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split(':').collect();
        let ["arn", partition, "lambda", region, account, "layer", name] = parts.as_slice() else {
            return Err(error(text));
        };
        if !is_partition(partition) {
            return Err(error(text));
        }
        Ok(Self {
            region: region.parse().map_err(|_| error(text))?,
            account: account.parse().map_err(|_| error(text))?,
            name: name.parse().map_err(|_| error(text))?,
        })
    }
}

/// The ARN of one version of a layer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LayerVersionArn {
    pub layer: LayerArn,
    pub number: u64,
}

impl fmt::Display for LayerVersionArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.layer, self.number)
    }
}

impl FromStr for LayerVersionArn {
    type Err = LayerArnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (layer, number) = text.rsplit_once(':').ok_or_else(|| error(text))?;
        Ok(Self {
            layer: layer.parse().map_err(|_| error(text))?,
            number: number.parse().map_err(|_| error(text))?,
        })
    }
}

/// A list of layers that a function cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayerListError {
    #[error("a function has at most 5 layers")]
    TooMany,
    #[error("{first} and {second} are versions of the same layer")]
    SameLayer {
        first: LayerVersionArn,
        second: LayerVersionArn,
    },
    #[error("layers must be in region {region}")]
    OtherRegion { region: Region },
}

/// Checks a function's list of layers, in AWS's order of checks.
pub fn check_layers(layers: &[LayerVersionArn], region: &Region) -> Result<(), LayerListError> {
    if layers.len() > 5 {
        return Err(LayerListError::TooMany);
    }
    if layers.iter().any(|arn| arn.layer.region != *region) {
        return Err(LayerListError::OtherRegion {
            region: region.clone(),
        });
    }
    for (index, second) in layers.iter().enumerate() {
        if let Some(first) = layers[..index]
            .iter()
            .find(|first| first.layer == second.layer)
        {
            let (first, second) = (first.clone(), second.clone());
            return Err(LayerListError::SameLayer { first, second });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arn(name: &str, number: u64) -> LayerVersionArn {
        format!("arn:aws:lambda:us-east-1:123456789012:layer:{name}:{number}")
            .parse()
            .unwrap()
    }

    #[test]
    fn a_layer_version_survives_its_text() {
        let arn = arn("deps", 3);
        assert_eq!(
            arn.to_string(),
            "arn:aws:lambda:us-east-1:123456789012:layer:deps:3"
        );
        assert_eq!(arn.layer.name.as_str(), "deps");
        assert!(
            "arn:aws:lambda:us-east-1:123456789012:layer:deps"
                .parse::<LayerVersionArn>()
                .is_err()
        );
    }

    #[test]
    fn five_layers_fit_and_each_only_once() {
        let region = "us-east-1".parse().unwrap();
        let layers: Vec<_> = ["a", "b", "c", "d", "e", "f"]
            .map(|name| arn(name, 1))
            .into();
        assert_eq!(check_layers(&layers[..5], &region), Ok(()));
        assert_eq!(check_layers(&layers, &region), Err(LayerListError::TooMany));
        let (first, second) = (arn("a", 1), arn("a", 2));
        let same = check_layers(&[first.clone(), second.clone()], &region);
        assert_eq!(same, Err(LayerListError::SameLayer { first, second }));
    }

    #[test]
    fn layers_stand_in_the_region_of_the_function() {
        let region: Region = "eu-west-1".parse().unwrap();
        let error = check_layers(&[arn("a", 1)], &region).unwrap_err();
        assert_eq!(error, LayerListError::OtherRegion { region });
    }
}
