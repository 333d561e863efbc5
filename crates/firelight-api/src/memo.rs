//! What is kept of a request until its answer is there.

use std::net::SocketAddr;

use firelight_model::RequestId;
use http::header::CONNECTION;
use http::{HeaderValue, Method};
use tokio::time::Instant;

use crate::body::{Response, Sending};
use crate::browser::Page;
use crate::error::ApiError;
use crate::head::add_request_id;
use crate::protocol::Protocol;

/// Ten thousand requests may wait, so it is small.
pub(crate) struct Memo {
    pub(crate) started: Instant,
    pub(crate) peer: SocketAddr,
    pub(crate) request_id: RequestId,
    pub(crate) protocol: Protocol,
    pub(crate) method: Method,
    pub(crate) path: Box<str>,
    pub(crate) sending: Sending,
    /// The page of a browser that sent it.
    pub(crate) page: Option<Page>,
}

impl Memo {
    /// The answer where there is none because of a defect of ours.
    pub(crate) fn panicked(&self) -> Response {
        let Self {
            request_id,
            method,
            path,
            ..
        } = self;
        tracing::error!(%request_id, %method, path, "handler panicked");
        let request_id = request_id.to_string();
        self.protocol.error(&ApiError::internal(), &request_id)
    }

    /// Adds to an answer what every answer has.
    pub(crate) fn finish(&self, mut response: Response) -> Response {
        let Self {
            request_id,
            method,
            path,
            peer,
            ..
        } = self;
        add_request_id(&mut response, self.protocol, *request_id);
        if let Some(page) = &self.page {
            page.let_read(response.headers_mut());
        }
        // A client that was refused before it sent its body may be confused about where the next answer begins: botocore
        // takes the old status for it. S3 closes such connections, too.
        if self.sending == Sending::OnceWanted && response.status().is_client_error() {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        tracing::debug!(
            %request_id, %peer, %method, path,
            status = response.status().as_u16(),
            elapsed_us = self.started.elapsed().as_micros(),
            "answered"
        );
        response
    }
}
