//! Reading parameters: by name, by path, by filters.

use firelight_store::Prefix;

use super::record::{ParameterRecord, ParameterVersion};
use super::{PARAMETER, Place, Ssm, SsmError, id, key};

/// How many records are read at once.
const BATCH: u32 = 200;

/// A parameter as it is asked for: a name or ARN, perhaps with a version or a label behind a colon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    pub name: String,
    pub choice: Choice,
}

/// Which version of a parameter is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    Newest,
    Version(u64),
    Label(String),
}

impl Choice {
    fn parse(text: &str) -> Self {
        match text.parse() {
            Ok(number) => Self::Version(number),
            Err(_) => Self::Label(text.to_owned()),
        }
    }

    /// Returns what stands behind the colon.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Newest => None,
            Self::Version(number) => Some(number.to_string()),
            Self::Label(label) => Some(label.clone()),
        }
    }
}

/// Which parameters under a path are wanted.
#[derive(Clone, Debug)]
pub struct PathQuery {
    pub path: String,
    /// Whether those deeper down count, too.
    pub recursive: bool,
    pub filter: ParameterFilter,
    pub after: Option<String>,
    pub limit: usize,
}

/// What a parameter must be like; everything empty lets all through.
#[derive(Clone, Debug, Default)]
pub struct ParameterFilter {
    pub names: Vec<String>,
    pub name_begins_with: Vec<String>,
    pub name_contains: Vec<String>,
    pub kinds: Vec<String>,
}

/// A part of a list.
#[derive(Debug)]
pub struct ParameterPage {
    pub parameters: Vec<ParameterRecord>,
    /// Pass it as `after` to read on; `None` at the end.
    pub next: Option<String>,
}

impl Selector {
    /// Reads what a client writes to name a parameter.
    pub fn parse(text: &str) -> Self {
        let name = match text.split_once(":parameter/") {
            Some((arn, name)) if arn.starts_with("arn:") => name,
            _ => text,
        };
        let (name, choice) = match name.split_once(':') {
            Some((name, choice)) => (name, Choice::parse(choice)),
            None => (name, Choice::Newest),
        };
        Self {
            name: name.to_owned(),
            choice,
        }
    }

    fn pick(self, record: &ParameterRecord) -> Result<ParameterVersion, SsmError> {
        let mut versions = record.versions.iter();
        let found = match &self.choice {
            Choice::Newest => record.newest(),
            Choice::Version(number) => versions.find(|version| version.number == *number),
            Choice::Label(label) => versions.find(|version| version.labels.contains(label)),
        };
        let missing = || SsmError::VersionNotFound {
            name: record.name.clone(),
            selector: self.choice.text().unwrap_or_default(),
        };
        found.cloned().ok_or_else(missing)
    }
}

impl ParameterFilter {
    fn lets_through(&self, record: &ParameterRecord) -> bool {
        let name = record.name.as_str();
        let kind = record
            .newest()
            .map(|newest| format!("{:?}", newest.kind))
            .unwrap_or_default();
        let any = |wanted: &[String], fits: &dyn Fn(&String) -> bool| {
            wanted.is_empty() || wanted.iter().any(fits)
        };
        any(&self.names, &|wanted| wanted == name)
            && any(&self.name_begins_with, &|wanted| {
                name.starts_with(&**wanted)
            })
            && any(&self.name_contains, &|wanted| name.contains(&**wanted))
            && any(&self.kinds, &|wanted| *wanted == kind)
    }
}

impl Ssm {
    /// Returns a parameter with the version asked for.
    pub async fn get(
        &self,
        place: Place<'_>,
        selector: Selector,
    ) -> Result<(ParameterRecord, ParameterVersion), SsmError> {
        let (_, record) = self
            .stored(place, &selector.name)
            .await?
            .ok_or(SsmError::NotFound)?;
        let version = selector.pick(&record)?;
        Ok((record, version))
    }

    /// Returns the parameters under a path.
    pub async fn list(
        &self,
        place: Place<'_>,
        query: &PathQuery,
    ) -> Result<ParameterPage, SsmError> {
        let path = query.path.trim_matches('/');
        let under = if path.is_empty() {
            String::new()
        } else {
            format!("{path}/")
        };
        let prefix = id(place, &under);
        let range = Prefix::ids(place.account, PARAMETER, &prefix);
        let mut after = query.after.as_deref().map(|name| key(place, name));
        let mut parameters: Vec<ParameterRecord> = Vec::new();
        loop {
            let page = self.store.list(&range, after.as_ref(), BATCH).await?;
            for found in page.records {
                let rest = &found.key.id()[prefix.len()..];
                if !query.recursive && rest.contains('/') {
                    continue;
                }
                let record: ParameterRecord = serde_json::from_slice(&found.value.body)?;
                if !query.filter.lets_through(&record) {
                    continue;
                }
                if parameters.len() == query.limit {
                    let next = parameters.last().map(|last| last.name.clone());
                    return Ok(ParameterPage { parameters, next });
                }
                parameters.push(record);
            }
            after = page.next;
            if after.is_none() {
                return Ok(ParameterPage {
                    parameters,
                    next: None,
                });
            }
        }
    }
}
