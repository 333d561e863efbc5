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

        impl std::str::FromStr for $name {
            type Err = crate::configuration::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::from_name(text)
                    .ok_or_else(|| crate::configuration::UnknownWord { text: text.to_owned() })
            }
        }
    };
}

pub(crate) use words;

/// The text is none of the words of a closed set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not one of the known words")]
pub struct UnknownWord {
    pub text: String,
}

/// How many invocations one environment may run at once, between 1 and 1,600.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvironmentConcurrency(u16);

impl EnvironmentConcurrency {
    /// What every function has that did not ask for more.
    pub const ONE: Self = Self(1);
    /// What a function that runs on a capacity provider has unless it says otherwise.
    pub const OF_MANAGED_INSTANCES: Self = Self(16);
    pub const MAX: u16 = 1_600;

    pub fn new(invocations: u16) -> Option<Self> {
        (1..=Self::MAX)
            .contains(&invocations)
            .then_some(Self(invocations))
    }

    pub fn get(self) -> u16 {
        self.0
    }

    /// Whether an environment may ever have two invocations.
    pub fn is_shared(self) -> bool {
        self > Self::ONE
    }
}

words! {
    /// Whether the function itself decides about X-Ray sampling.
    TracingMode { PassThrough = "PassThrough", Active = "Active" }
}

words! {
    /// What SnapStart applies to.
    SnapStart { None = "None", PublishedVersions = "PublishedVersions" }
}

words! {
    /// What happens when a function is found to invoke itself without end.
    RecursiveLoop { Terminate = "Terminate", Allow = "Allow" }
}

words! {
    /// Who may call a function URL.
    UrlAuthType { None = "NONE", AwsIam = "AWS_IAM" }
}

words! {
    /// How a function URL hands the answer on.
    InvokeMode { Buffered = "BUFFERED", ResponseStream = "RESPONSE_STREAM" }
}

words! {
    /// When a function gets a newer release of its runtime.
    RuntimeUpdateMode { Auto = "Auto", FunctionUpdate = "FunctionUpdate", Manual = "Manual" }
}

words! {
    /// How the code of a function arrives.
    PackageType { Zip = "Zip", Image = "Image" }
}

words! {
    /// Whether one environment may serve several tenants.
    Tenancy { Shared = "SHARED", PerTenant = "PER_TENANT" }
}
