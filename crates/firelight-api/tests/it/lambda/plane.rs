//! A control plane for one test, and the Lambda API in front of it.

use std::io::{Cursor, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use firelight_api::Authentication;
use firelight_api::lambda::Lambda;
use firelight_control::{Completion, Control, Outside, Preparer, RuntimeRefusal};
use firelight_events::{
    Deliver, DeliverError, Delivery, Events, Functions, Ports, Resolution, Settings,
};
use firelight_invoke::{Call, Clock, Invoker, NotStarted, Outcome};
use firelight_model::{
    Draw, FunctionArn, FunctionVersion, Qualifier, Reason, RoleArn, RuntimeIdentifier, WallTime,
};
use firelight_store::{DirectoryBlobs, MemoryQueue, MemoryStore, StoreClock};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::support::{Answer, Server, server_with, sessions};

struct World;

impl Outside for World {
    fn now(&self) -> WallTime {
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap();
        WallTime::from_epoch_ms(u64::try_from(since.as_millis()).unwrap())
    }

    fn random(&self) -> [u8; 16] {
        *uuid::Uuid::new_v4().as_bytes()
    }

    fn check_runtime(&self, runtime: &RuntimeIdentifier) -> Result<(), RuntimeRefusal> {
        match runtime.as_str() {
            "python3.7" => Err(RuntimeRefusal::Deprecated),
            name if name.starts_with("python") || name.starts_with("nodejs") => Ok(()),
            _ => Err(RuntimeRefusal::Unknown),
        }
    }

    fn can_assume(&self, role: &RoleArn, _function: &FunctionArn) -> bool {
        role.role_name() != "stranger"
    }
}

pub(crate) struct Ready;

impl Preparer for Ready {
    async fn prepare(&self, _version: &FunctionVersion) -> Result<(), Reason> {
        Ok(())
    }
}

/// A data plane that starts nothing.
struct NoInvoker;

impl Invoker for NoInvoker {
    fn invoke(&self, _call: Call) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>> {
        Box::pin(async { Outcome::NotStarted(NotStarted::Draining) })
    }
}

/// No event is ever run: the tests here look at how they are accepted.
struct NothingRuns;

impl Functions for NothingRuns {
    fn resolve(&self, _: &FunctionArn, _: Option<&Qualifier>, _: Draw) -> Resolution {
        Resolution::Gone
    }
}

impl Deliver for NothingRuns {
    fn deliver(
        &self,
        _delivery: &Delivery,
    ) -> Pin<Box<dyn Future<Output = Result<(), DeliverError>> + Send + '_>> {
        Box::pin(async { Ok(()) })
    }
}

fn events(invoker: Arc<dyn Invoker>) -> Events {
    let ports = Ports {
        functions: Arc::new(NothingRuns),
        invoker,
        deliver: Arc::new(NothingRuns),
        clock: Clock::new(|| World.now()),
        random: Arc::new(|| 7),
    };
    Events::new(
        MemoryQueue::new(StoreClock::system()),
        ports,
        Settings::default(),
    )
}

/// A control plane whose packages go away with it.
pub(crate) struct Plane {
    pub(crate) control: Control,
    store: MemoryStore,
    packages: Arc<TempDir>,
}

impl Plane {
    pub(crate) async fn start() -> Self {
        let packages = Arc::new(tempfile::tempdir().unwrap());
        Self::over(MemoryStore::default(), packages).await
    }

    /// Starts one on what there is.
    async fn over(store: MemoryStore, packages: Arc<TempDir>) -> Self {
        let blobs = DirectoryBlobs::open(packages.path().join("blobs")).unwrap();
        let control = Control::start(store.clone(), blobs, World).await.unwrap();
        Self {
            control,
            store,
            packages,
        }
    }

    pub(crate) fn lambda(&self) -> Lambda {
        self.lambda_over(Arc::new(NoInvoker))
    }

    pub(crate) fn lambda_over(&self, invoker: Arc<dyn Invoker>) -> Lambda {
        let events = events(Arc::clone(&invoker));
        Lambda::new(self.control.clone(), sessions(), invoker).with_events(events)
    }
}

/// The Lambda API over HTTP.
pub(crate) struct Api {
    server: Server,
    plane: Plane,
}

/// An answer with its body read.
#[derive(Debug, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) error: Option<String>,
    pub(crate) body: Value,
}

impl Api {
    pub(crate) async fn start() -> Self {
        let plane = Plane::start().await;
        let server = server_with(Authentication::AnyCredentials, plane.lambda()).await;
        Self { server, plane }
    }

    /// Starts a second one on the same store, as after a restart.
    pub(crate) async fn again(&self) -> Self {
        let plane = Plane::over(self.plane.store.clone(), Arc::clone(&self.plane.packages)).await;
        let server = server_with(Authentication::AnyCredentials, plane.lambda()).await;
        Self { server, plane }
    }

    /// Puts the API on a server that the test has started itself.
    pub(crate) fn on(server: Server, plane: Plane) -> Self {
        Self { server, plane }
    }

    pub(crate) fn control(&self) -> &Control {
        &self.plane.control
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// Starts what leads functions to Active; it stops when dropped.
    pub(crate) fn complete(&self) -> Completion {
        self.plane
            .control
            .start_completion(&CancellationToken::new(), Ready)
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.call("POST", path, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Reply {
        self.call("PUT", path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.call("DELETE", path, None).await
    }

    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        Reply::read(&self.raw(method, path, &body).await)
    }

    pub(crate) async fn raw(&self, method: &str, path: &str, body: &str) -> Answer {
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        self.server.send(head + body).await
    }

    /// Creates a function and waits until it is active.
    pub(crate) async fn active(&self, name: &str) {
        let _completion = self.complete();
        let created = self.post(FUNCTIONS, creation(name)).await;
        assert_eq!(created.status, 201, "{created:?}");
        self.settled(name).await;
    }

    /// Makes an active function that has two versions.
    pub(crate) async fn with_two_versions(name: &str) -> Self {
        let api = Self::start().await;
        let _completion = api.complete();
        api.active(name).await;
        let versions = format!("{FUNCTIONS}/{name}/versions");
        api.post(&versions, json!({})).await;
        let code = json!({"ZipFile": zip("two")});
        api.put(&format!("{FUNCTIONS}/{name}/code"), code).await;
        api.settled(name).await;
        let second = api.post(&versions, json!({})).await;
        assert_eq!(second.body["Version"], "2", "{second:?}");
        api
    }

    /// Waits until an answer is as wanted.
    pub(crate) async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let view = self.plane.control.view();
        loop {
            let seen = view.applied();
            let found = self.get(path).await.body;
            if wanted(&found) {
                return found;
            }
            view.reach(firelight_store::Rev::new(seen.get() + 1))
                .await
                .unwrap();
        }
    }

    /// Waits until a path answers with a status.
    pub(crate) async fn until_status(&self, path: &str, status: u16) {
        let view = self.plane.control.view();
        loop {
            let seen = view.applied();
            if self.get(path).await.status == status {
                return;
            }
            view.reach(firelight_store::Rev::new(seen.get() + 1))
                .await
                .unwrap();
        }
    }

    /// Waits until nothing is in progress on a function, and returns its configuration.
    pub(crate) async fn settled(&self, name: &str) -> Value {
        let view = self.plane.control.view();
        loop {
            let seen = view.applied();
            let found = self
                .get(&format!("{FUNCTIONS}/{name}/configuration"))
                .await
                .body;
            if found["State"] != "Pending" && found["LastUpdateStatus"] == "Successful" {
                return found;
            }
            view.reach(firelight_store::Rev::new(seen.get() + 1))
                .await
                .unwrap();
        }
    }
}

impl Reply {
    pub(crate) fn read(answer: &Answer) -> Self {
        let error = answer
            .head
            .lines()
            .find_map(|line| line.strip_prefix("x-amzn-errortype: "));
        let body = match answer.body.as_str() {
            "" => Value::Null,
            body => serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}")),
        };
        Self {
            status: answer.status,
            error: error.map(str::to_owned),
            body,
        }
    }

    /// Asserts an error with its status, name and text, and returns its body.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, name: &str, text: &str) -> &Value {
        let body = &self.body;
        let found = body
            .get("message")
            .or(body.get("Message"))
            .and_then(Value::as_str);
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(
            self.error.as_deref(),
            Some(name.to_ascii_lowercase().as_str()),
            "{self:?}"
        );
        assert_eq!(found, Some(text));
        body
    }
}

pub(crate) const FUNCTIONS: &str = "/2015-03-31/functions";

/// Returns a zip with one file, in base64.
pub(crate) fn zip(content: &str) -> String {
    BASE64_STANDARD.encode(zip_bytes(content))
}

/// Returns a zip with one file.
pub(crate) fn zip_bytes(content: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("index.py", zip::write::SimpleFileOptions::default())
        .unwrap();
    zip.write_all(content.as_bytes()).unwrap();
    zip.finish().unwrap().into_inner()
}

pub(crate) fn creation(name: &str) -> Value {
    json!({
        "FunctionName": name,
        "Role": "arn:aws:iam::000000000000:role/r1",
        "Runtime": "python3.13",
        "Handler": "index.handler",
        "Code": {"ZipFile": zip("one")},
    })
}

/// Adds or replaces members of an object.
pub(crate) fn with(mut base: Value, members: Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        base[name] = value.clone();
    }
    base
}

/// Replaces what differs from run to run, after checking its form.
pub(crate) fn still(mut value: Value) -> Value {
    for (name, form) in [("RevisionId", 36), ("LastModified", 28), ("CodeSha256", 44)] {
        if let Some(text) = value.get(name).and_then(Value::as_str) {
            assert_eq!(text.len(), form, "{name} {text}");
            value[name] = json!("…");
        }
    }
    if value.get("CodeSize").is_some() {
        value["CodeSize"] = json!(0);
    }
    value
}
