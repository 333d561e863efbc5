//! A runtime as the fake driver's script: polls for events and does with each what the test's handler says.

use std::io::Write;
use std::sync::Arc;

use firelight_sandbox::Exit;
use firelight_sandbox::fake::FakeProgram;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Barrier, Notify};

/// What the handler does with an event.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Answer(String),
    Print(String, String),
    Fail {
        error_type: String,
        payload: String,
    },
    Exit(Exit),
    Hang,
    /// Answers once all that the barrier counts are here.
    Meet(Arc<Barrier>, String),
    AnswerAndExit(String, i32),
    /// Answers, and asks for more only once it is told to.
    AnswerAndWorkOn(String, Arc<Notify>),
    /// Streams the parts, and breaks off after them unless it is told to finish.
    Stream {
        parts: Vec<String>,
        finish: bool,
    },
}

/// What the runtime does before it asks for its first event.
#[derive(Clone, Debug)]
pub(crate) enum Init {
    Fine,
    Fail { error_type: String, payload: String },
    Exit(Exit),
}

pub(crate) type Handler = Arc<dyn Fn(String) -> Act + Send + Sync>;

/// The variable that tells how many events to ask for at once.
pub(crate) const CONCURRENCY: &str = "AWS_LAMBDA_MAX_CONCURRENCY";

pub(crate) async fn run(inside: FakeProgram, init: Init, handler: Handler) -> Exit {
    let Some(mut api) = Api::connect(&inside).await else {
        return Exit::Code(1);
    };
    match init {
        Init::Fine => {}
        Init::Exit(exit) => return exit,
        Init::Fail {
            error_type,
            payload,
        } => {
            api.post("init/error", Some(&error_type), &payload).await;
            return Exit::Code(1);
        }
    }
    let concurrency = inside
        .variable(CONCURRENCY)
        .and_then(|text| text.parse().ok());
    let workers = FuturesUnordered::new();
    workers.push(work(&inside, api, &handler));
    for _ in 1..concurrency.unwrap_or(1) {
        let api = Api::connect(&inside).await.unwrap();
        workers.push(work(&inside, api, &handler));
    }
    let mut workers = workers;
    workers.next().await.unwrap()
}

/// Does one event after the other; the first worker that ends takes the others with it.
async fn work(inside: &FakeProgram, mut api: Api, handler: &Handler) -> Exit {
    loop {
        let Some((id, event)) = api.next().await else {
            return Exit::Code(1);
        };
        match handler(event) {
            Act::Answer(answer) => {
                api.post(&format!("invocation/{id}/response"), None, &answer)
                    .await
            }
            Act::Print(text, answer) => {
                (&inside.output).write_all(text.as_bytes()).unwrap();
                api.post(&format!("invocation/{id}/response"), None, &answer)
                    .await;
            }
            Act::Fail {
                error_type,
                payload,
            } => {
                api.post(
                    &format!("invocation/{id}/error"),
                    Some(&error_type),
                    &payload,
                )
                .await;
            }
            Act::Stream { parts, finish } => {
                api.stream(&id, &parts, finish).await;
                if !finish {
                    return Exit::Code(1);
                }
            }
            Act::Exit(exit) => return exit,
            Act::Hang => std::future::pending().await,
            Act::Meet(barrier, answer) => {
                barrier.wait().await;
                api.post(&format!("invocation/{id}/response"), None, &answer)
                    .await;
            }
            Act::AnswerAndWorkOn(answer, done) => {
                api.post(&format!("invocation/{id}/response"), None, &answer)
                    .await;
                done.notified().await;
            }
            Act::AnswerAndExit(answer, code) => {
                api.post(&format!("invocation/{id}/response"), None, &answer)
                    .await;
                return Exit::Code(code);
            }
        }
    }
}

struct Api {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Api {
    async fn connect(inside: &FakeProgram) -> Option<Self> {
        let stream = TcpStream::connect(inside.listener_address).await.ok()?;
        Some(Self {
            stream,
            buffer: Vec::new(),
        })
    }

    async fn next(&mut self) -> Option<(String, String)> {
        let request = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nhost: x\r\n\r\n";
        self.stream.write_all(request.as_bytes()).await.ok()?;
        let (head, body) = self.read().await?;
        let id = head.lines().find_map(|line| {
            line.to_lowercase()
                .strip_prefix("lambda-runtime-aws-request-id: ")
                .map(str::to_owned)
        })?;
        Some((id, body))
    }

    async fn post(&mut self, path: &str, error_type: Option<&str>, body: &str) {
        let header = error_type
            .map(|kind| format!("lambda-runtime-function-error-type: {kind}\r\n"))
            .unwrap_or_default();
        let request = format!(
            "POST /2018-06-01/runtime/{path} HTTP/1.1\r\nhost: x\r\n{header}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        if self.stream.write_all(request.as_bytes()).await.is_ok() {
            self.read().await;
        }
    }

    async fn stream(&mut self, id: &str, parts: &[String], finish: bool) {
        let head = format!(
            "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nhost: x\r\n\
             lambda-runtime-function-response-mode: streaming\r\ntransfer-encoding: chunked\r\n\
             content-type: text/plain\r\n\r\n"
        );
        self.stream.write_all(head.as_bytes()).await.unwrap();
        for part in parts {
            let chunk = format!("{:x}\r\n{part}\r\n", part.len());
            self.stream.write_all(chunk.as_bytes()).await.unwrap();
        }
        if finish {
            self.stream.write_all(b"0\r\n\r\n").await.unwrap();
            self.read().await;
        }
    }

    async fn read(&mut self) -> Option<(String, String)> {
        loop {
            if let Some(end) = self
                .buffer
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
            {
                let head = String::from_utf8(self.buffer[..end].to_vec()).unwrap();
                let length = head
                    .lines()
                    .find_map(|line| {
                        line.to_lowercase()
                            .strip_prefix("content-length: ")
                            .and_then(|n| n.parse().ok())
                    })
                    .unwrap_or(0);
                let whole = end + 4 + length;
                while self.buffer.len() < whole {
                    self.fill().await?;
                }
                let body = String::from_utf8(self.buffer[end + 4..whole].to_vec()).unwrap();
                self.buffer.drain(..whole);
                return Some((head, body));
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Option<()> {
        let read = self.stream.read_buf(&mut self.buffer).await.ok()?;
        (read > 0).then_some(())
    }
}
