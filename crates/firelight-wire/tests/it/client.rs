//! Requests as a client sends them.

use firelight_wire::{ErrorReply, Request, RequestParts, parse, route};
use serde_json::Value;

/// One request; what is not set is empty.
#[derive(Default)]
#[must_use]
pub(crate) struct Sent {
    method: &'static str,
    target: String,
    headers: Vec<(&'static str, &'static str)>,
    body: Vec<u8>,
}

/// Prepares a request for a path with a query.
pub(crate) fn send(method: &'static str, target: impl Into<String>) -> Sent {
    Sent {
        method,
        target: target.into(),
        ..Sent::default()
    }
}

/// Returns a body with some members changed.
pub(crate) fn changed(mut body: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    body
}

impl Sent {
    pub(crate) fn json(self, body: &Value) -> Sent {
        self.bytes(body.to_string())
    }

    pub(crate) fn bytes(mut self, body: impl Into<Vec<u8>>) -> Sent {
        self.body = body.into();
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Sent {
        self.headers.push((name, value));
        self
    }

    /// Routes and parses it; the request must be one of the operation it is parsed as.
    pub(crate) fn parsed<T: Request>(&self) -> Result<T, ErrorReply> {
        let (path, query) = match self.target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (self.target.as_str(), None),
        };
        let routed = route(self.method, path, query)?;
        assert_eq!(routed.operation, T::OPERATION);
        let header = |name: &str| {
            let found = self
                .headers
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map(|(_, value)| *value)
        };
        let parts = RequestParts {
            labels: &routed.labels,
            query,
            header: &header,
            body: &self.body,
        };
        Ok(parse(&parts)?)
    }

    /// Returns the error that the request is answered with.
    #[track_caller]
    pub(crate) fn refusal<T: Request>(&self) -> ErrorReply {
        match self.parsed::<T>() {
            Ok(_) => panic!("{} {} was accepted", self.method, self.target),
            Err(error) => error,
        }
    }
}
