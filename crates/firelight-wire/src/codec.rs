//! Between JSON values and the generated types.
//!
//! A value has been made to conform to its descriptor before it is decoded, so decoding has
//! nothing to explain: it fails only where a required member is absent, which the constraint
//! check has reported before, or where base64 is broken.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Turns a conforming JSON value into a typed one.
pub trait Decode: Sized {
    /// Returns `None` if the value does not conform.
    fn decode(value: Value) -> Option<Self>;

    /// Decodes a member that may be absent.
    #[doc(hidden)]
    fn decode_member(value: Option<Value>) -> Option<Self> {
        Self::decode(value?)
    }
}

/// Whether a member is written; only an empty option is left out.
pub(crate) trait Present {
    fn is_present(&self) -> bool {
        true
    }
}

impl<T> Present for Option<T> {
    fn is_present(&self) -> bool {
        self.is_some()
    }
}

impl Present for String {}
impl Present for i32 {}
impl Present for i64 {}
impl Present for f64 {}
impl Present for bool {}
impl<T> Present for Vec<T> {}
impl<T> Present for BTreeMap<String, T> {}

impl<T: Decode> Decode for Option<T> {
    fn decode(value: Value) -> Option<Self> {
        Self::decode_member(Some(value))
    }

    fn decode_member(value: Option<Value>) -> Option<Self> {
        match value {
            None | Some(Value::Null) => Some(None),
            Some(value) => T::decode(value).map(Some),
        }
    }
}

impl Decode for String {
    fn decode(value: Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }
}

impl Decode for i32 {
    fn decode(value: Value) -> Option<Self> {
        value.as_i64()?.try_into().ok()
    }
}

impl Decode for i64 {
    fn decode(value: Value) -> Option<Self> {
        value.as_i64()
    }
}

impl Decode for f64 {
    fn decode(value: Value) -> Option<Self> {
        value.as_f64()
    }
}

impl Decode for bool {
    fn decode(value: Value) -> Option<Self> {
        value.as_bool()
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(value: Value) -> Option<Self> {
        match value {
            Value::Array(items) => items.into_iter().map(T::decode).collect(),
            _ => None,
        }
    }
}

impl<T: Decode> Decode for BTreeMap<String, T> {
    fn decode(value: Value) -> Option<Self> {
        let Value::Object(entries) = value else {
            return None;
        };
        let entries = entries.into_iter();
        entries
            .map(|(key, value)| Some((key, T::decode(value)?)))
            .collect()
    }
}

/// The members of a structure while it is decoded.
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    pub(crate) fn of(value: Value) -> Option<Self> {
        match value {
            Value::Object(members) => Some(Self(members)),
            _ => None,
        }
    }

    /// Takes one member out; an optional one may be absent.
    pub(crate) fn take<T: Decode>(&mut self, name: &str) -> Option<T> {
        T::decode_member(self.0.remove(name))
    }
}

/// Implements [`Decode`] for a structure from the names of its members.
macro_rules! decode {
    ($type:ident { $($field:ident: $name:literal),* $(,)? }) => {
        impl crate::codec::Decode for crate::shapes::$type {
            fn decode(value: serde_json::Value) -> Option<Self> {
                #[allow(unused_mut, unused_variables, clippy::allow_attributes, reason = "a structure without members")]
                let mut fields = crate::codec::Fields::of(value)?;
                Some(Self { $($field: fields.take($name)?),* })
            }
        }
    };
}

/// Implements `Serialize` for a structure from the names of its members in the body.
macro_rules! encode {
    ($type:ident { $($field:ident: $name:literal),* $(,)? }) => {
        impl serde::Serialize for crate::shapes::$type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                #[allow(unused_imports, unused_mut, clippy::allow_attributes, reason = "a structure without members")]
                use {crate::codec::Present as _, serde::ser::SerializeMap as _};
                #[allow(unused_mut, clippy::allow_attributes, reason = "a structure without members")]
                let mut members = serializer.serialize_map(None)?;
                $(if self.$field.is_present() {
                    members.serialize_entry($name, &self.$field)?;
                })*
                members.end()
            }
        }

        impl crate::codec::Present for crate::shapes::$type {}
    };
}

/// Defines an enum of wire values.
macro_rules! wire_enum {
    ($(#[$meta:meta])* $type:ident { $($variant:ident = $value:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $type { $($variant),* }

        impl $type {
            /// Returns the value on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $value),* }
            }

            /// Reads a value from the wire.
            pub fn from_wire(value: &str) -> Option<Self> {
                match value {
                    $($value => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        impl crate::codec::Decode for $type {
            fn decode(value: serde_json::Value) -> Option<Self> {
                Self::from_wire(value.as_str()?)
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl crate::codec::Present for $type {}
    };
}

pub(crate) use {decode, encode, wire_enum};
