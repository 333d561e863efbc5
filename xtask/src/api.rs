//! The Lambda API as the generators see it: the table with the overrides applied, by group.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::files;
use crate::overrides::{Constraint, Matcher, Overrides};
use crate::table::{Kind, Member, Operation, Shape, Table};

/// The file of shapes that operations of several groups use.
pub(crate) const COMMON_GROUP: &str = "common";

/// Everything the generators ask about the API.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) operations: Vec<Operation>,
    pub(crate) groups: Vec<Group>,
    pub(crate) overrides: Overrides,
    shapes: BTreeMap<String, Shape>,
    uses: BTreeMap<String, Use>,
}

/// The operations on one subject.
#[derive(Debug, Deserialize)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) operations: Vec<String>,
}

#[derive(Deserialize)]
struct Groups {
    group: Vec<Group>,
}

/// How operations use a shape.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) input: bool,
    pub(crate) output: bool,
    /// The group of the operations, or the common one if they are of several.
    pub(crate) group: String,
}

impl Api {
    /// Loads the committed table, overrides and groups.
    pub(crate) fn load() -> Result<Self> {
        let table = Table::load(&files::data("lambda-api.json"))?;
        let overrides = Overrides::load(&files::data("overrides.toml"))?;
        let groups: Groups = toml::from_str(&std::fs::read_to_string(files::data("groups.toml"))?)?;
        let shapes = table
            .shapes
            .into_iter()
            .map(|shape| (shape.name.clone(), shape))
            .collect();
        let mut api = Self {
            operations: table.operations,
            groups: groups.group,
            overrides,
            shapes,
            uses: BTreeMap::new(),
        };
        api.apply_statuses()?;
        api.apply_enums()?;
        api.check_names()?;
        api.uses = api.all_uses()?;
        Ok(api)
    }

    fn apply_statuses(&mut self) -> Result<()> {
        for change in &self.overrides.status {
            let operation = self
                .operations
                .iter_mut()
                .find(|operation| operation.name == change.operation)
                .with_context(|| format!("there is no operation {}", change.operation))?;
            operation.status = change.status;
        }
        Ok(())
    }

    fn apply_enums(&mut self) -> Result<()> {
        for change in &self.overrides.enums {
            let shape = self
                .shapes
                .get_mut(&change.shape)
                .with_context(|| format!("there is no shape {}", change.shape))?;
            if !change.values.is_empty() {
                let model: BTreeSet<_> = shape.values.iter().collect();
                let ours: BTreeSet<_> = change.values.iter().collect();
                ensure!(
                    model == ours,
                    "{} has other values in the model",
                    change.shape
                );
                shape.values.clone_from(&change.values);
            }
            shape.values.extend(change.add.iter().cloned());
        }
        Ok(())
    }

    /// An override that names nothing would rot unseen.
    fn check_names(&self) -> Result<()> {
        let members = self
            .overrides
            .unchecked
            .iter()
            .map(|unchecked| &unchecked.member);
        for path in members.chain(self.overrides.shown_as.iter().map(|shown| &shown.member)) {
            let (shape, member) = path
                .split_once('.')
                .context("a member is Structure.Member")?;
            let is_known = self
                .shape(shape)?
                .members
                .iter()
                .any(|known| known.name == member);
            ensure!(is_known, "there is no member {path}");
        }
        let open = self
            .overrides
            .open
            .iter()
            .chain(&self.overrides.nullable_elements);
        let mut shapes: Vec<&String> = open.map(|shape| &shape.shape).collect();
        shapes.extend(self.overrides.pattern_text.iter().map(|text| &text.shape));
        shapes.extend(self.overrides.matcher.iter().map(|matcher| &matcher.shape));
        shapes
            .into_iter()
            .try_for_each(|shape| self.shape(shape).map(drop))
    }

    /// Returns a shape by name.
    pub(crate) fn shape(&self, name: &str) -> Result<&Shape> {
        self.shapes
            .get(name)
            .with_context(|| format!("there is no shape {name}"))
    }

    /// Returns an operation by name.
    pub(crate) fn operation(&self, name: &str) -> Result<&Operation> {
        let found = self
            .operations
            .iter()
            .find(|operation| operation.name == name);
        found.with_context(|| format!("there is no operation {name}"))
    }

    /// Returns the exceptions of the model.
    pub(crate) fn exceptions(&self) -> impl Iterator<Item = &Shape> {
        self.shapes.values().filter(|shape| shape.error.is_some())
    }

    /// Returns true if values outside the enum are legal, so that it stays a string.
    pub(crate) fn is_open(&self, shape: &str) -> bool {
        self.overrides.open.iter().any(|open| open.shape == shape)
    }

    /// Returns true if the element constraints of a list do not end with the null check.
    pub(crate) fn has_nullable_elements(&self, shape: &str) -> bool {
        self.overrides
            .nullable_elements
            .iter()
            .any(|list| list.shape == shape)
    }

    /// Returns the constraints that are not checked for a member.
    pub(crate) fn unchecked(&self, shape: &str, member: &str) -> Vec<Constraint> {
        let path = format!("{shape}.{member}");
        let of_member = self
            .overrides
            .unchecked
            .iter()
            .filter(|unchecked| unchecked.member == path);
        of_member.map(|unchecked| unchecked.constraint).collect()
    }

    /// Returns the name a member has in messages, if it is not its own.
    pub(crate) fn shown_as(&self, shape: &str, member: &str) -> Option<&str> {
        let path = format!("{shape}.{member}");
        let shown = self
            .overrides
            .shown_as
            .iter()
            .find(|shown| shown.member == path)?;
        Some(&shown.name)
    }

    /// Returns a pattern as messages show it.
    pub(crate) fn pattern_text<'a>(&'a self, shape: &'a Shape) -> Option<&'a str> {
        let text = self
            .overrides
            .pattern_text
            .iter()
            .find(|text| text.shape == shape.name);
        text.map(|text| text.text.as_str())
            .or(shape.pattern.as_deref())
    }

    /// Returns the hand-written matcher of a pattern with look-around.
    pub(crate) fn matcher(&self, shape: &str) -> Option<&Matcher> {
        self.overrides
            .matcher
            .iter()
            .find(|matcher| matcher.shape == shape)
    }

    /// Returns the members of a structure that its Rust type has.
    ///
    /// A raw payload stays with the front door as bytes, so it is no member.
    pub(crate) fn typed_members<'a>(&self, shape: &'a Shape) -> Result<Vec<&'a Member>> {
        let mut members = Vec::new();
        for member in &shape.members {
            let is_payload = shape.payload.as_deref() == Some(&member.name);
            let is_structure = self.shape(&member.shape)?.kind == Kind::Structure;
            if !is_payload || is_structure {
                members.push(member);
            }
        }
        Ok(members)
    }

    /// Returns the shapes that operations use, by name.
    pub(crate) fn used_shapes(&self) -> impl Iterator<Item = (&Shape, &Use)> {
        self.uses
            .iter()
            .filter_map(|(name, used)| Some((self.shapes.get(name)?, used)))
    }

    /// Returns the group in whose file a shape stands.
    pub(crate) fn group_of(&self, shape: &str) -> Result<&str> {
        let used = self
            .uses
            .get(shape)
            .with_context(|| format!("no operation uses {shape}"))?;
        Ok(&used.group)
    }

    fn all_uses(&self) -> Result<BTreeMap<String, Use>> {
        let mut uses = BTreeMap::new();
        for group in &self.groups {
            for name in &group.operations {
                let operation = self.operation(name)?;
                self.mark(&operation.input, &group.name, Direction::Input, &mut uses)?;
                if let Some(output) = &operation.output {
                    self.mark(output, &group.name, Direction::Output, &mut uses)?;
                }
            }
        }
        Ok(uses)
    }

    fn mark(
        &self,
        name: &str,
        group: &str,
        direction: Direction,
        uses: &mut BTreeMap<String, Use>,
    ) -> Result<()> {
        let first = || Use {
            group: group.to_owned(),
            ..Use::default()
        };
        let used = uses.entry(name.to_owned()).or_insert_with(first);
        if used.group != group {
            COMMON_GROUP.clone_into(&mut used.group);
        }
        match direction {
            Direction::Input => used.input = true,
            Direction::Output => used.output = true,
        }
        let shape = self.shape(name)?;
        let members = shape.members.iter().map(|member| &member.shape);
        for part in members.chain(&shape.of).chain(&shape.key) {
            self.mark(part, group, direction, uses)?;
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Input,
    Output,
}

impl Group {
    /// Fails unless the groups hold every operation exactly once.
    pub(crate) fn check_complete(groups: &[Self], operations: &[Operation]) -> Result<()> {
        let mut grouped: Vec<&str> = groups
            .iter()
            .flat_map(|group| &group.operations)
            .map(String::as_str)
            .collect();
        grouped.sort_unstable();
        let all: Vec<&str> = operations
            .iter()
            .map(|operation| operation.name.as_str())
            .collect();
        if grouped != all {
            bail!("groups.toml does not hold each operation of the table once");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_91_operations_are_in_the_table_and_in_one_group_each() {
        let api = Api::load().unwrap();

        assert_eq!(api.operations.len(), 91);
        Group::check_complete(&api.groups, &api.operations).unwrap();
    }

    #[test]
    fn each_operation_has_an_input_of_its_own() {
        let api = Api::load().unwrap();

        let inputs: BTreeSet<_> = api
            .operations
            .iter()
            .map(|operation| &operation.input)
            .collect();

        assert_eq!(inputs.len(), api.operations.len());
    }

    #[test]
    fn recorded_statuses_win_over_the_model() {
        let api = Api::load().unwrap();

        assert_eq!(api.operation("DeleteFunction").unwrap().status, 204);
    }
}
