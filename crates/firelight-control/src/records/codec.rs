//! How checked types of the domain stand in a record: as the text or the number they were made of.
//!
//! Used as `#[serde(with = "…")]`. Reading runs the constructor again, so a record that breaks a rule of the domain is
//! an error and not a value.

/// A type that is written by `Display` and read by `FromStr`.
pub(crate) mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<T: Display, S: Serializer>(
        value: &T,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(crate) fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// The same for a value that may be absent.
pub(crate) mod optional_text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<T: Display, S: Serializer>(
        value: &Option<T>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => to.collect_str(value),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, T, D>(from: D) -> Result<Option<T>, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| text.parse().map_err(D::Error::custom))
            .transpose()
    }
}

/// Declares the codec of a type that is made of a number.
macro_rules! number_codec {
    ($name:ident: $number:ty => $type:ty, $make:expr, $number_of:expr) => {
        pub(crate) mod $name {
            use serde::de::Error;
            use serde::{Deserialize, Deserializer, Serialize, Serializer};

            use super::*;

            pub(crate) fn serialize<S: Serializer>(
                value: &$type,
                to: S,
            ) -> Result<S::Ok, S::Error> {
                let number: $number = $number_of(*value);
                number.serialize(to)
            }

            pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
                from: D,
            ) -> Result<$type, D::Error> {
                $make(<$number>::deserialize(from)?).map_err(D::Error::custom)
            }
        }
    };
}

use firelight_model::{
    EnvironmentConcurrency, EphemeralStorage, FunctionTimeout, MemorySize, VersionNumber, WallTime,
    Weight,
};

number_codec!(memory_mb: u32 => MemorySize, MemorySize::from_mb, MemorySize::mb);
number_codec!(
    timeout_seconds: u32 => FunctionTimeout, FunctionTimeout::from_seconds, FunctionTimeout::seconds
);
number_codec!(storage_mb: u32 => EphemeralStorage, EphemeralStorage::from_mb, EphemeralStorage::mb);
number_codec!(
    version_number: u64 => VersionNumber,
    |number| VersionNumber::new(number).ok_or("versions count from 1"),
    VersionNumber::get
);
number_codec!(
    epoch_ms: u64 => WallTime,
    |number| Ok::<_, String>(WallTime::from_epoch_ms(number)),
    WallTime::epoch_ms
);
number_codec!(
    concurrency: u16 => EnvironmentConcurrency,
    |number| EnvironmentConcurrency::new(number).ok_or("concurrency lies between 1 and 1600"),
    EnvironmentConcurrency::get
);
number_codec!(
    weight: f64 => Weight,
    |number| Weight::new(number).ok_or("a weight lies between 0 and 1"),
    Weight::get
);
