//! Descriptors of shapes: what parsing and constraint checks walk over.
//!
//! They are statics written by the generator with the constructors below, so that a shape reads
//! like its definition and costs no code.

use crate::pattern::Pattern;

/// One shape with its constraints.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) kind: Kind,
    pub(crate) min: Option<i64>,
    pub(crate) max: Option<i64>,
    pub(crate) pattern: Option<&'static Pattern>,
    /// Values of an enum, in the order of messages; empty for other shapes.
    pub(crate) values: &'static [&'static str],
    /// Values of sensitive shapes do not stand in messages.
    pub(crate) is_sensitive: bool,
}

#[derive(Debug)]
pub(crate) enum Kind {
    String,
    Integer,
    Long,
    Double,
    Boolean,
    Timestamp,
    Blob,
    List {
        element: &'static Shape,
        nullable_elements: bool,
    },
    Map {
        key: &'static Shape,
        value: &'static Shape,
    },
    Structure {
        name: &'static str,
        members: &'static [Member],
    },
}

/// One member of a structure.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) shape: &'static Shape,
    pub(crate) place: Place,
    /// Name of the label, parameter or header; the member's own in the body.
    pub(crate) wire_name: &'static str,
    pub(crate) is_required: bool,
    /// Name in messages where it is not the member's own.
    pub(crate) shown_as: Option<&'static str>,
    /// Constraints that the service enforces later, with a text of its own.
    pub(crate) unchecked: &'static [Rule],
}

/// Where a member travels.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    Body,
    /// The member is the whole body.
    Payload,
    Label,
    Query,
    Header,
}

/// The kinds of constraints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    Enum,
    Pattern,
    Min,
    Max,
}

impl Shape {
    const fn of(kind: Kind) -> Self {
        Self {
            kind,
            min: None,
            max: None,
            pattern: None,
            values: &[],
            is_sensitive: false,
        }
    }

    pub(crate) const fn string() -> Self {
        Self::of(Kind::String)
    }

    pub(crate) const fn integer() -> Self {
        Self::of(Kind::Integer)
    }

    pub(crate) const fn long() -> Self {
        Self::of(Kind::Long)
    }

    pub(crate) const fn double() -> Self {
        Self::of(Kind::Double)
    }

    pub(crate) const fn boolean() -> Self {
        Self::of(Kind::Boolean)
    }

    pub(crate) const fn timestamp() -> Self {
        Self::of(Kind::Timestamp)
    }

    pub(crate) const fn blob() -> Self {
        Self::of(Kind::Blob)
    }

    pub(crate) const fn list(element: &'static Shape) -> Self {
        Self::of(Kind::List {
            element,
            nullable_elements: false,
        })
    }

    /// A list whose element constraints do not end with the null check.
    pub(crate) const fn nullable_list(element: &'static Shape) -> Self {
        Self::of(Kind::List {
            element,
            nullable_elements: true,
        })
    }

    pub(crate) const fn map(key: &'static Shape, value: &'static Shape) -> Self {
        Self::of(Kind::Map { key, value })
    }

    pub(crate) const fn structure(name: &'static str, members: &'static [Member]) -> Self {
        Self::of(Kind::Structure { name, members })
    }

    pub(crate) const fn min(mut self, min: i64) -> Self {
        self.min = Some(min);
        self
    }

    pub(crate) const fn max(mut self, max: i64) -> Self {
        self.max = Some(max);
        self
    }

    pub(crate) const fn pattern(mut self, pattern: &'static Pattern) -> Self {
        self.pattern = Some(pattern);
        self
    }

    pub(crate) const fn values(mut self, values: &'static [&'static str]) -> Self {
        self.values = values;
        self
    }

    pub(crate) const fn sensitive(mut self) -> Self {
        self.is_sensitive = true;
        self
    }

    /// Returns the members of a structure; other shapes have none.
    pub(crate) fn members(&self) -> &'static [Member] {
        match self.kind {
            Kind::Structure { members, .. } => members,
            _ => &[],
        }
    }
}

impl Member {
    const fn at(place: Place, name: &'static str, shape: &'static Shape) -> Self {
        Self {
            name,
            shape,
            place,
            wire_name: name,
            is_required: false,
            shown_as: None,
            unchecked: &[],
        }
    }

    pub(crate) const fn body(name: &'static str, shape: &'static Shape) -> Self {
        Self::at(Place::Body, name, shape)
    }

    pub(crate) const fn payload(name: &'static str, shape: &'static Shape) -> Self {
        Self::at(Place::Payload, name, shape)
    }

    pub(crate) const fn label(name: &'static str, shape: &'static Shape) -> Self {
        Self::at(Place::Label, name, shape)
    }

    pub(crate) const fn query(name: &'static str, shape: &'static Shape) -> Self {
        Self::at(Place::Query, name, shape)
    }

    pub(crate) const fn header(name: &'static str, shape: &'static Shape) -> Self {
        Self::at(Place::Header, name, shape)
    }

    pub(crate) const fn named(mut self, wire_name: &'static str) -> Self {
        self.wire_name = wire_name;
        self
    }

    pub(crate) const fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    pub(crate) const fn shown_as(mut self, name: &'static str) -> Self {
        self.shown_as = Some(name);
        self
    }

    pub(crate) const fn unchecked(mut self, rules: &'static [Rule]) -> Self {
        self.unchecked = rules;
        self
    }
}
