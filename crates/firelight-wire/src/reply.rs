//! Answers, rendered and ready for the front door to send.

use serde::Serialize;

use crate::generated::operations::Operation;

const NO_CONTENT: u16 = 204;
pub(crate) const JSON: &str = "application/json";

/// Status, headers and body of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// The response shapes, which are what `Serialize` writes plus what travels outside the body.
pub trait Response: Serialize {
    /// Returns the members that travel as headers.
    fn headers(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Returns the status member, if the shape has one and it is set.
    fn status(&self) -> Option<u16> {
        None
    }
}

impl Reply {
    /// Returns the value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(&found.1)
    }
}

impl Operation {
    /// Renders a response of this operation.
    pub fn reply(self, response: &impl Response) -> Reply {
        let status = response.status().unwrap_or(self.info().status);
        let mut headers = response.headers();
        if status == NO_CONTENT {
            return Reply {
                status,
                headers,
                body: Vec::new(),
            };
        }
        headers.push(("Content-Type", JSON.to_owned()));
        let body = serde_json::to_vec(response)
            .expect("response shapes have string keys and write to memory, so they serialize");
        Reply {
            status,
            headers,
            body,
        }
    }

    /// Renders the answer of an operation that has nothing to say but its status.
    pub fn empty_reply(self) -> Reply {
        Reply {
            status: self.info().status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }
}
