//! An endpoint on a directory of its own, and requests to it.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use firelight_model::WallTime;
use firelight_s3::{Caller, Depot, Endpoint, Outside, Refusal};
use firelight_store::{DirectoryBlobs, SqliteStore, StoreClock};
use http::{HeaderMap, Request, StatusCode};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use tempfile::TempDir;

/// The time of the first request, in milliseconds since 1970.
pub(crate) const FIRST_MS: u64 = 1_700_000_000_000;

pub(crate) struct Cabinet {
    pub(crate) depot: Depot<SqliteStore, DirectoryBlobs>,
    pub(crate) blobs: DirectoryBlobs,
    pub(crate) account: &'static str,
    pub(crate) region: &'static str,
    endpoint: Endpoint,
    directory: Arc<TempDir>,
}

/// What came back, whether an answer or a refusal.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Of a refusal.
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) members: Vec<(String, String)>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self
            .headers
            .get(name)
            .unwrap_or_else(|| panic!("{name} in {self:?}"));
        value.to_str().unwrap()
    }

    /// Returns the texts of all elements of a name.
    pub(crate) fn elements(&self, name: &str) -> Vec<&str> {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let parts = self.text().split(&open).skip(1);
        parts
            .map(|part| part.split(&close).next().unwrap())
            .collect()
    }

    pub(crate) fn ok(self) -> Self {
        assert!(self.status.is_success(), "{self:?}");
        self
    }
}

/// A body whose frames are given, as a connection would.
pub(crate) struct Frames(Vec<Bytes>);

impl Body for Frames {
    type Data = Bytes;
    type Error = Never;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Never>>> {
        std::task::Poll::Ready(self.0.pop().map(|bytes| Ok(Frame::data(bytes))))
    }
}

pub(crate) struct Never(Infallible);

impl From<Never> for Refusal {
    fn from(never: Never) -> Self {
        match never.0 {}
    }
}

impl Cabinet {
    pub(crate) async fn new() -> Self {
        Self::open(Arc::new(TempDir::new().unwrap())).await
    }

    /// Opens the same directory again, as after a crash.
    pub(crate) async fn reopened(self) -> Self {
        let directory = Arc::clone(&self.directory);
        drop(self);
        Self::open(directory).await
    }

    /// Another account, or region, at the same endpoint.
    pub(crate) fn acting(&self, account: &'static str, region: &'static str) -> Self {
        Self {
            depot: self.depot.clone(),
            blobs: self.blobs.clone(),
            account,
            region,
            endpoint: self.endpoint.clone(),
            directory: Arc::clone(&self.directory),
        }
    }

    async fn open(directory: Arc<TempDir>) -> Self {
        let records = directory.path().join("records.sqlite");
        let store = SqliteStore::open(&records, StoreClock::system())
            .await
            .unwrap();
        let blobs = DirectoryBlobs::open(directory.path().join("blobs")).unwrap();
        let depot = Depot::new(store, blobs.clone(), outside());
        Self {
            endpoint: Endpoint::new(depot.clone()),
            depot,
            blobs,
            account: "000000000000",
            region: "us-east-1",
            directory,
        }
    }

    pub(crate) fn caller(&self) -> Caller {
        Caller::new(self.account.parse().unwrap(), self.region)
    }

    pub(crate) async fn send(
        &self,
        request: http::request::Builder,
        body: impl Into<Bytes>,
    ) -> Answer {
        self.send_frames(request, vec![body.into()]).await
    }

    pub(crate) async fn send_frames(
        &self,
        request: http::request::Builder,
        mut body: Vec<Bytes>,
    ) -> Answer {
        let length: usize = body.iter().map(Bytes::len).sum();
        let request = request.header("content-length", length);
        body.reverse();
        let request = request.body(Frames(body)).unwrap();
        match self.endpoint.answer(self.caller(), None, request).await {
            Ok(response) => {
                let (head, body) = response.into_parts();
                Answer {
                    status: head.status,
                    headers: head.headers,
                    body: body.collect().await.unwrap().to_bytes(),
                    code: String::new(),
                    message: String::new(),
                    members: Vec::new(),
                }
            }
            Err(refusal) => Answer {
                status: refusal.status,
                headers: refusal.headers.into_iter().collect(),
                body: Bytes::new(),
                code: refusal.code.into_owned(),
                message: refusal.message,
                members: refusal.members,
            },
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path), "").await
    }

    pub(crate) async fn put(&self, path: &str, body: impl Into<Bytes>) -> Answer {
        self.send(Request::put(path), body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Request::delete(path), "").await
    }
}

/// A clock that goes on by a second with each look, and numbers that never repeat.
fn outside() -> Outside {
    let clock = AtomicU64::new(FIRST_MS);
    let counter = Mutex::new(0_u128);
    Outside {
        now: Box::new(move || WallTime::from_epoch_ms(clock.fetch_add(1000, Ordering::Relaxed))),
        random: Box::new(move || {
            let mut counter = counter.lock().unwrap();
            *counter += 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835 & (u128::MAX >> 4);
            counter.to_be_bytes()
        }),
    }
}
