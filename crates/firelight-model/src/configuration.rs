//! Small settings of a function version, each a closed set of words.

use std::fmt;

/// Declares a closed set of words with AWS's spelling of each.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$word_doc])* $word),+ }

        impl $name {
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$word => $text),+ }
            }

            /// Reads AWS's spelling.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$word),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use words;

words! {
    /// Whether the function itself decides about X-Ray sampling.
    TracingMode { PassThrough = "PassThrough", Active = "Active" }
}

words! {
    /// What SnapStart applies to.
    SnapStart { None = "None", PublishedVersions = "PublishedVersions" }
}

words! {
    /// How the code of a function arrives.
    PackageType { Zip = "Zip", Image = "Image" }
}

words! {
    /// Whether one environment may serve several tenants.
    Tenancy { Shared = "SHARED", PerTenant = "PER_TENANT" }
}
