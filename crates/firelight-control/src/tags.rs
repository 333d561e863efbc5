//! Tags of functions.

use std::collections::BTreeMap;

use firelight_model::{FunctionArn, TagError, Tags};
use firelight_store::Txn;

use crate::control::{Control, Decision, Origin, StoreTrouble};
use crate::functions::FindError;
use crate::records::function::FunctionRecord;
use crate::records::{encode, key};
use crate::view::Tables;

/// The tags of a function stay as they are.
#[derive(Debug, thiserror::Error)]
pub enum TagFunctionError {
    #[error(transparent)]
    Find(#[from] FindError),
    #[error(transparent)]
    Tags(#[from] TagError),
    #[error("could not store the tags")]
    Store(#[from] StoreTrouble),
}

impl Control {
    /// Returns the tags of a function.
    pub fn function_tags(&self, arn: &FunctionArn) -> Result<BTreeMap<String, String>, FindError> {
        Ok(self.function(arn)?.function.record.tags.clone())
    }

    /// Adds tags to a function, overwriting those that are there.
    pub async fn tag_function(
        &self,
        origin: &Origin,
        arn: &FunctionArn,
        added: &BTreeMap<String, String>,
    ) -> Result<(), TagFunctionError> {
        let add = |tags: &Tags| tags.with(added.clone());
        self.change(Some(origin), |tables| decide(tables, arn, add))
            .await
    }

    /// Removes tags from a function by key.
    pub async fn untag_function(
        &self,
        origin: &Origin,
        arn: &FunctionArn,
        keys: &[String],
    ) -> Result<(), TagFunctionError> {
        let remove = |tags: &Tags| Ok(tags.without(keys));
        self.change(Some(origin), |tables| decide(tables, arn, remove))
            .await
    }
}

fn decide(
    tables: &Tables,
    arn: &FunctionArn,
    change: impl Fn(&Tags) -> Result<Tags, TagError>,
) -> Result<Decision<()>, TagFunctionError> {
    let function = &tables.find(arn)?.function;
    let old = Tags::new(function.record.tags.clone())?;
    let new = change(&old)?;
    if new == old {
        return Ok(Decision::nothing(()));
    }
    let mut record = FunctionRecord::clone(&function.record);
    record.tags = new.as_map().clone();
    Ok(Decision::commit(
        Txn::new().replace(key::function(arn), function.rev, encode(&record)),
        (),
    ))
}
