//! Where and in which form a function logs.

use std::fmt;
use std::str::FromStr;

use crate::FunctionName;
use crate::configuration::words;
use crate::text::{is_word, text_type};

words! {
    /// The form of log lines.
    LogFormat { Text = "Text", Json = "JSON" }
}

words! {
    /// The lowest level of the function's own lines that is kept.
    ApplicationLogLevel {
        Trace = "TRACE", Debug = "DEBUG", Info = "INFO", Warn = "WARN", Error = "ERROR", Fatal = "FATAL",
    }
}

words! {
    /// The lowest level of the platform's lines that is kept.
    SystemLogLevel { Debug = "DEBUG", Info = "INFO", Warn = "WARN" }
}

text_type! {
    /// The name of a log group: 1 to 512 letters, digits or one of `.-_/#`.
    LogGroupName
}

/// The text cannot name a log group.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} cannot name a log group")]
pub struct LogGroupNameError {
    pub text: String,
}

impl LogGroupName {
    /// Returns the group a function logs to unless told otherwise.
    pub fn of(function: &FunctionName) -> Self {
        Self(format!("/aws/lambda/{function}").into())
    }
}

impl FromStr for LogGroupName {
    type Err = LogGroupNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_word(text, ".-_/#") && text.len() <= 512 {
            Ok(Self(text.into()))
        } else {
            Err(LogGroupNameError {
                text: text.to_owned(),
            })
        }
    }
}

/// The logging settings of a function version. Levels exist only with JSON.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LoggingConfig {
    pub group: LogGroupName,
    pub form: LogForm,
}

/// The form of log lines together with what that form can filter by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogForm {
    Text,
    Json {
        application: ApplicationLogLevel,
        system: SystemLogLevel,
    },
}

/// What a request wants to change; `None` leaves a setting as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoggingChange {
    pub format: Option<LogFormat>,
    pub application: Option<ApplicationLogLevel>,
    pub system: Option<SystemLogLevel>,
    pub group: Option<LogGroupName>,
}

/// A level was given for a form that has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("text logs have no levels")]
pub struct LevelWithText;

impl LoggingConfig {
    /// Returns what a function logs like when nobody said anything.
    pub fn of(function: &FunctionName) -> Self {
        Self {
            group: LogGroupName::of(function),
            form: LogForm::Text,
        }
    }

    pub fn format(&self) -> LogFormat {
        match self.form {
            LogForm::Text => LogFormat::Text,
            LogForm::Json { .. } => LogFormat::Json,
        }
    }

    /// Returns the level of the function's own lines; text has none.
    pub fn application_level(&self) -> Option<ApplicationLogLevel> {
        match self.form {
            LogForm::Text => None,
            LogForm::Json { application, .. } => Some(application),
        }
    }

    /// Returns the level of the platform's lines; text has none.
    pub fn system_level(&self) -> Option<SystemLogLevel> {
        match self.form {
            LogForm::Text => None,
            LogForm::Json { system, .. } => Some(system),
        }
    }

    /// Merges a change in: JSON alone fills both levels with INFO, going back to text drops them.
    pub fn merged(&self, change: &LoggingChange) -> Result<Self, LevelWithText> {
        let form = match change.format.unwrap_or(self.format()) {
            LogFormat::Text if change.application.is_some() || change.system.is_some() => {
                return Err(LevelWithText);
            }
            LogFormat::Text => LogForm::Text,
            LogFormat::Json => self.json(change),
        };
        Ok(Self {
            group: change.group.clone().unwrap_or_else(|| self.group.clone()),
            form,
        })
    }

    fn json(&self, change: &LoggingChange) -> LogForm {
        let (application, system) = match self.form {
            LogForm::Text => (ApplicationLogLevel::Info, SystemLogLevel::Info),
            LogForm::Json {
                application,
                system,
            } => (application, system),
        };
        LogForm::Json {
            application: change.application.unwrap_or(application),
            system: change.system.unwrap_or(system),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(format: Option<LogFormat>) -> LoggingChange {
        LoggingChange {
            format,
            ..LoggingChange::default()
        }
    }

    #[test]
    fn json_alone_fills_both_levels_and_text_drops_them_again() {
        let text = LoggingConfig::of(&"f".parse().unwrap());
        assert_eq!(text.group.as_str(), "/aws/lambda/f");

        let json = text.merged(&change(Some(LogFormat::Json))).unwrap();
        let (application, system) = (ApplicationLogLevel::Info, SystemLogLevel::Info);
        assert_eq!(
            json.form,
            LogForm::Json {
                application,
                system
            }
        );
        assert_eq!(json.merged(&change(Some(LogFormat::Text))).unwrap(), text);
    }

    #[test]
    fn a_level_alone_keeps_the_other_one() {
        let json = LoggingConfig {
            form: LogForm::Json {
                application: ApplicationLogLevel::Error,
                system: SystemLogLevel::Warn,
            },
            ..LoggingConfig::of(&"f".parse().unwrap())
        };

        let level = LoggingChange {
            system: Some(SystemLogLevel::Debug),
            ..LoggingChange::default()
        };
        let merged = json.merged(&level).unwrap();

        let (application, system) = (ApplicationLogLevel::Error, SystemLogLevel::Debug);
        assert_eq!(
            merged.form,
            LogForm::Json {
                application,
                system
            }
        );
    }

    #[test]
    fn a_level_with_text_is_refused() {
        let text = LoggingConfig::of(&"f".parse().unwrap());
        let level = LoggingChange {
            system: Some(SystemLogLevel::Debug),
            ..LoggingChange::default()
        };
        assert_eq!(text.merged(&level), Err(LevelWithText));
    }
}
