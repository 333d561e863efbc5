//! State and last update status as they stand in a record.

use firelight_model::{LastUpdate, LifeCycle, Reason, State};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
struct Stored {
    state: Phase,
    #[serde(default)]
    last_update: Option<Phase>,
}

/// A word, and why if there is a reason.
#[derive(Serialize, Deserialize)]
struct Phase {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

impl Phase {
    fn new(name: &str, reason: Option<&Reason>) -> Self {
        Self {
            name: name.to_owned(),
            code: reason.map(|reason| reason.code.clone()),
            text: reason.map(|reason| reason.text.clone()),
        }
    }

    fn reason(self) -> Reason {
        Reason {
            code: self.code.unwrap_or_default(),
            text: self.text.unwrap_or_default(),
        }
    }

    fn state(self) -> Result<State, String> {
        match self.name.as_str() {
            "Active" => Ok(State::Active),
            "Pending" => Ok(State::Pending(self.reason())),
            "Inactive" => Ok(State::Inactive(self.reason())),
            "Failed" => Ok(State::Failed(self.reason())),
            other => Err(format!("{other:?} is no state")),
        }
    }

    fn last_update(self) -> Result<LastUpdate, String> {
        match self.name.as_str() {
            "Successful" => Ok(LastUpdate::Successful),
            "InProgress" => Ok(LastUpdate::InProgress(self.reason())),
            "Failed" => Ok(LastUpdate::Failed(self.reason())),
            other => Err(format!("{other:?} is no last update status")),
        }
    }
}

pub(crate) fn serialize<S: Serializer>(cycle: &LifeCycle, to: S) -> Result<S::Ok, S::Error> {
    let update = cycle.last_update.as_ref();
    Stored {
        state: Phase::new(cycle.state.name(), cycle.state.reason()),
        last_update: update.map(|update| Phase::new(update.name(), update.reason())),
    }
    .serialize(to)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<LifeCycle, D::Error> {
    let stored = Stored::deserialize(from)?;
    let update = stored.last_update.map(Phase::last_update).transpose();
    Ok(LifeCycle {
        state: stored.state.state().map_err(D::Error::custom)?,
        last_update: update.map_err(D::Error::custom)?,
    })
}
