//! A server on a free port and a client that writes what it is told.

use std::net::SocketAddr;
use std::sync::Arc;

use firelight_api::lambda::Lambda;
use firelight_api::{Authentication, FrontDoor, FrontDoorConfig, ServerLimits, Services, serve};
use firelight_control::iam::{Iam, Sources};
use firelight_control::logs::Logs;
use firelight_control::ssm::Ssm;
use firelight_control::sts::{CredentialBook, Enforcement, RootKey, SessionKey, Sts};
use firelight_control::usage::Books;
use firelight_model::WallTime;
use firelight_s3::{Depot, Endpoint, Outside};
use firelight_store::{DirectoryBlobs, LogStore, MemoryStore, UsageStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) const ROOT_KEY_ID: &str = "AKIAROOT";
pub(crate) const ROOT_SECRET: &str = "root-secret";

/// A running server; dropping it shuts it down.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: oneshot::Sender<()>,
    pub(crate) ended: JoinHandle<()>,
    _logs: TempDir,
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

pub(crate) fn sessions() -> SessionKey {
    SessionKey::new([1; 32])
}

fn now() -> WallTime {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    WallTime::from_epoch_ms(u64::try_from(since.as_millis()).unwrap())
}

fn sources() -> Sources {
    let random = || *uuid::Uuid::new_v4().as_bytes();
    Sources {
        now: Box::new(now),
        random: Box::new(random),
    }
}

pub(crate) async fn server(authentication: Authentication) -> Server {
    let plane = crate::lambda::plane::Plane::start().await;
    server_with(authentication, plane.lambda()).await
}

/// Starts a server in front of a control plane that the test holds.
pub(crate) async fn server_with(authentication: Authentication, lambda: Lambda) -> Server {
    server_behind(authentication, lambda, |door| door).await
}

/// Starts a server whose clients have other limits than the usual ones.
pub(crate) async fn server_limited(authentication: Authentication, limits: ServerLimits) -> Server {
    let plane = crate::lambda::plane::Plane::start().await;
    start(authentication, plane.lambda(), |door| door, limits).await
}

/// Starts a server whose front door the test completes.
pub(crate) async fn server_behind(
    authentication: Authentication,
    lambda: Lambda,
    complete: impl FnOnce(FrontDoor) -> FrontDoor,
) -> Server {
    start(authentication, lambda, complete, ServerLimits::default()).await
}

async fn start(
    authentication: Authentication,
    lambda: Lambda,
    complete: impl FnOnce(FrontDoor) -> FrontDoor,
    limits: ServerLimits,
) -> Server {
    let account = "000000000000".parse().unwrap();
    let root = RootKey {
        account,
        access_key_id: ROOT_KEY_ID.into(),
        secret_access_key: ROOT_SECRET.into(),
    };
    let sources = Arc::new(sources());
    let store = MemoryStore::default();
    let iam = Iam::start(store.clone(), Arc::clone(&sources))
        .await
        .unwrap();
    let folder = TempDir::new().unwrap();
    let blobs = DirectoryBlobs::open(folder.path().join("blobs")).unwrap();
    let outside = Outside {
        now: Box::new(now),
        random: Box::new(|| *uuid::Uuid::new_v4().as_bytes()),
    };
    let log_store = LogStore::open(&folder.path().join("logs.db"), Arc::new(now))
        .await
        .unwrap();
    let usage_store = UsageStore::open(&folder.path().join("usage.db"))
        .await
        .unwrap();
    let view = iam.view().clone();
    let credentials = CredentialBook::new(vec![root], sessions(), Arc::new(view.clone()));
    let enforcement = match authentication {
        Authentication::Required => Enforcement::On,
        Authentication::AnyCredentials => Enforcement::Off,
    };
    let sts = Sts::new(sessions(), view, Arc::clone(&sources), enforcement);
    let services = Services {
        credentials,
        iam,
        sts,
        s3: Endpoint::new(Depot::new(store.clone(), blobs, outside)),
        ssm: Ssm::new(store.clone(), sources),
        logs: Logs::new(log_store, store),
        books: Books::new(usage_store),
        lambda,
    };
    let region = "us-east-1".parse().unwrap();
    let config = FrontDoorConfig {
        authentication,
        account,
        region,
    };
    let door = complete(FrontDoor::new(config, services));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (shutdown, asked) = oneshot::channel();
    let asked = async { drop(asked.await) };
    let ended = tokio::spawn(serve(door, listener, limits, asked));
    Server {
        address,
        shutdown,
        ended,
        _logs: folder,
    }
}

impl Server {
    /// Sends bytes on a connection of their own and reads until the server closes it.
    pub(crate) async fn send(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_ref()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        Answer::parse(&bytes)
    }

    /// Sends a request that is not signed.
    pub(crate) async fn unsigned(&self, method: &str, path: &str, body: &str) -> Answer {
        let length = body.len();
        self.send(format!(
            "{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {length}\
             \r\n\r\n{body}"
        ))
        .await
    }

    /// Sends a request without a body that asks to close the connection.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(format!(
            "GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        ))
        .await
    }
}

impl Server {
    /// Sends a form, as the query protocol does.
    pub(crate) async fn form(&self, form: &str) -> Answer {
        self.post("application/x-www-form-urlencoded", "", form)
            .await
    }

    /// Sends a JSON 1.1 call.
    pub(crate) async fn json(&self, target: &str, body: &str) -> Answer {
        let target = format!("X-Amz-Target: {target}\r\n");
        self.post("application/x-amz-json-1.1", &target, body).await
    }

    async fn post(&self, media_type: &str, headers: &str, body: &str) -> Answer {
        let length = body.len();
        self.send(format!(
            "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Type: {media_type}\r\n\
             {headers}Content-Length: {length}\r\n\r\n{body}"
        ))
        .await
    }
}

impl Answer {
    /// Returns the text of the first element of that name.
    pub(crate) fn element(&self, name: &str) -> &str {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let inside = self
            .body
            .split_once(&open)
            .and_then(|(_, rest)| rest.split_once(&close));
        inside
            .unwrap_or_else(|| panic!("no {name} in {}", self.body))
            .0
    }

    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        Self {
            status: status.unwrap_or_else(|| panic!("no HTTP answer: {text:?}")),
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        }
    }
}
