//! Constraint checks over a conforming request, with all violations in AWS's one message.
//!
//! Lists and maps of simple values complain once, with all constraints of their elements; lists
//! of structures go on into each element (`filters.1.member.pattern`).

use serde_json::{Map, Value};

use crate::constraint::{listed, violated};
use crate::error::RequestError;
use crate::schema::{Kind, Member, Rule, Shape};
use crate::show::{lower_camel, subject};

/// Checks all members of a request.
pub(crate) fn validate(shape: &Shape, request: &Map<String, Value>) -> Result<(), RequestError> {
    let mut violations = Violations(Vec::new());
    violations.check_members(None, shape.members(), request);
    violations.into_result()
}

struct Violations(Vec<String>);

/// Where a value stands; written out only when something is wrong with it.
struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

enum Step<'a> {
    Member(&'a Member),
    /// Counted from zero here, from one in messages.
    Element(usize),
    Entry(&'a str),
}

impl Violations {
    fn into_result(self) -> Result<(), RequestError> {
        let count = self.0.len();
        if count == 0 {
            return Ok(());
        }
        let errors = if count == 1 { "error" } else { "errors" };
        let all = self.0.join("; ");
        Err(RequestError::Validation(format!(
            "{count} validation {errors} detected: {all}"
        )))
    }

    fn add(&mut self, path: &Path<'_>, subject: &str, constraint: &str) {
        let path = path.to_text();
        self.0.push(format!(
            "{subject} at '{path}' failed to satisfy constraint: {constraint}"
        ));
    }

    fn check_members(
        &mut self,
        parent: Option<&Path<'_>>,
        members: &'static [Member],
        values: &Map<String, Value>,
    ) {
        for member in members {
            let path = Path {
                parent,
                step: Step::Member(member),
            };
            match values.get(member.name).filter(|value| !value.is_null()) {
                Some(value) => self.check(&path, member.shape, value, member.unchecked),
                None if member.is_required => {
                    self.add(&path, "Value null", "Member must not be null");
                }
                None => {}
            }
        }
    }

    fn check(&mut self, path: &Path<'_>, shape: &'static Shape, value: &Value, unchecked: &[Rule]) {
        for constraint in violated(shape, value, unchecked) {
            self.add(path, &subject(shape, value), &constraint.to_string());
        }
        match (&shape.kind, value) {
            (Kind::Structure { members, .. }, Value::Object(values)) => {
                self.check_members(Some(path), members, values);
            }
            (
                Kind::List {
                    element,
                    nullable_elements,
                },
                Value::Array(items),
            ) => {
                self.check_elements(path, element, items);
                if !is_nested(element) && items.iter().any(|item| is_wrong(element, item)) {
                    let constraints = listed(element, *nullable_elements);
                    let constraint = format!("Member must satisfy constraint: {constraints}");
                    self.add(path, &subject(shape, value), &constraint);
                }
            }
            (Kind::Map { key, value: of }, Value::Object(entries)) => {
                self.check_keys(path, shape, key, value, entries);
                self.check_values(path, shape, of, value, entries);
            }
            _ => {}
        }
    }

    fn check_elements(&mut self, path: &Path<'_>, element: &'static Shape, items: &[Value]) {
        if !is_nested(element) {
            return;
        }
        for (index, item) in items.iter().enumerate() {
            let path = Path {
                parent: Some(path),
                step: Step::Element(index),
            };
            self.check_nested(&path, element, item);
        }
    }

    fn check_keys(
        &mut self,
        path: &Path<'_>,
        shape: &Shape,
        key: &'static Shape,
        map: &Value,
        entries: &Map<String, Value>,
    ) {
        // Keys are not JSON values of their own, so each is made one; maps are small.
        if entries
            .keys()
            .any(|name| is_wrong(key, &Value::from(name.as_str())))
        {
            let constraint = format!("Map keys must satisfy constraint: {}", listed(key, false));
            self.add(path, &subject(shape, map), &constraint);
        }
    }

    fn check_values(
        &mut self,
        path: &Path<'_>,
        shape: &Shape,
        of: &'static Shape,
        map: &Value,
        entries: &Map<String, Value>,
    ) {
        if is_nested(of) {
            for (key, value) in entries {
                let path = Path {
                    parent: Some(path),
                    step: Step::Entry(key),
                };
                self.check_nested(&path, of, value);
            }
        } else if entries.values().any(|value| is_wrong(of, value)) {
            let constraint = format!("Map value must satisfy constraint: {}", listed(of, false));
            self.add(path, &subject(shape, map), &constraint);
        }
    }

    fn check_nested(&mut self, path: &Path<'_>, shape: &'static Shape, value: &Value) {
        if value.is_null() {
            self.add(path, "Value null", "Member must not be null");
        } else {
            self.check(path, shape, value, &[]);
        }
    }
}

/// Elements that are collections themselves are reported one by one.
fn is_nested(shape: &Shape) -> bool {
    matches!(
        shape.kind,
        Kind::Structure { .. } | Kind::List { .. } | Kind::Map { .. }
    )
}

fn is_wrong(shape: &'static Shape, value: &Value) -> bool {
    value.is_null() || violated(shape, value, &[]).next().is_some()
}

impl Path<'_> {
    fn to_text(&self) -> String {
        let step = match &self.step {
            Step::Member(member) => member
                .shown_as
                .map_or_else(|| lower_camel(member.name), str::to_owned),
            Step::Element(index) => format!("{}.member", index + 1),
            Step::Entry(key) => format!("{key}.member"),
        };
        match self.parent {
            Some(parent) => format!("{}.{step}", parent.to_text()),
            None => step,
        }
    }
}
