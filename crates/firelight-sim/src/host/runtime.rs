//! A capricious runtime: a script for the fake driver that answers, fails, crashes, hangs, is late, or answers twice.
//!
//! Where it may run several events at once it has as many workers, and the first that ends takes the others with it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use firelight_sandbox::Exit;
use firelight_sandbox::fake::FakeProgram;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::calls::Calls;
use crate::clock::SimClock;
use crate::rng::Rng;

/// The variable with the name of the environment.
pub(crate) const NAME: &str = "ENVIRONMENT_NAME";
/// The variable that tells how many events it may have at once.
pub(crate) const SEATS: &str = "AWS_LAMBDA_MAX_CONCURRENCY";

/// How often a runtime misbehaves, in percent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Caprice {
    pub(crate) fails_init: u64,
    pub(crate) fails: u64,
    pub(crate) crashes: u64,
    pub(crate) hangs: u64,
    pub(crate) is_late: u64,
    pub(crate) answers_twice: u64,
    pub(crate) leaves_after: u64,
}

/// What all runtimes of a simulation share.
pub(crate) struct Nature {
    pub(crate) seed: u64,
    pub(crate) caprice: Caprice,
    pub(crate) longest_run: Duration,
    pub(crate) calls: Calls,
    pub(crate) clock: SimClock,
}

/// What is done with one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Answer,
    Fail,
    Crash,
    Hang,
    /// Answers after it was cut off.
    AnswerLate,
    AnswerTwice,
    AnswerAndLeave,
}

impl Caprice {
    fn act(&self, rng: &mut Rng) -> Act {
        let chances = [
            (self.fails, Act::Fail),
            (self.crashes, Act::Crash),
            (self.hangs, Act::Hang),
            (self.is_late, Act::AnswerLate),
            (self.answers_twice, Act::AnswerTwice),
            (self.leaves_after, Act::AnswerAndLeave),
        ];
        let hit = chances.iter().find(|(percent, _)| rng.percent(*percent));
        hit.map_or(Act::Answer, |(_, act)| *act)
    }
}

/// Runs as the program of one environment.
pub(crate) async fn run(inside: FakeProgram, nature: Arc<Nature>) -> Exit {
    let environment = inside.listener_address;
    // The port differs from run to run, so what an environment is like comes from its name.
    let name = inside.variable(NAME).unwrap_or_default();
    let seats = inside.variable(SEATS).and_then(|text| text.parse().ok());
    let seats: usize = seats.unwrap_or(1);
    let mut rng = Rng::of(nature.seed, name.as_bytes());
    let Some(mut api) = Api::connect(environment).await else {
        return Exit::Code(1);
    };
    if rng.percent(nature.caprice.fails_init) {
        return fail_init(&mut api, &mut rng).await;
    }
    sleep(rng.millis(0..300)).await;
    let place = Place {
        environment,
        seats,
        nature: &nature,
    };
    let mut workers = FuturesUnordered::new();
    for number in 1..seats {
        let rng = Rng::of(nature.seed, format!("{name}/{number}").as_bytes());
        if let Some(api) = Api::connect(environment).await {
            workers.push(work(place, api, rng));
        }
    }
    workers.push(work(place, api, rng));
    workers.next().await.unwrap_or(Exit::Code(1))
}

/// Where a worker is.
#[derive(Clone, Copy)]
struct Place<'a> {
    environment: SocketAddr,
    seats: usize,
    nature: &'a Nature,
}

/// Does one event after the other until it ends.
async fn work(place: Place<'_>, mut api: Api, mut rng: Rng) -> Exit {
    let Place {
        environment,
        seats,
        nature,
    } = place;
    let mut events = 0;
    while let Some(event) = api.next().await {
        events += 1;
        let token = rng.next();
        let remaining = event.remaining(nature.clock);
        let at_work = nature
            .calls
            .begin(environment, seats, &event, remaining, token);
        let act = nature.caprice.act(&mut rng);
        sleep(rng.up_to(nature.longest_run)).await;
        match act {
            Act::Answer => {
                drop(at_work);
                api.answer(&event).await;
            }
            Act::Fail => {
                drop(at_work);
                api.fail(&event).await;
            }
            Act::Crash => return Exit::Code(3),
            Act::Hang => std::future::pending().await,
            Act::AnswerLate => {
                sleep(event.remaining(nature.clock) + Duration::from_millis(30)).await;
                drop(at_work);
                api.answer(&event).await;
            }
            Act::AnswerTwice => {
                drop(at_work);
                api.answer(&event).await;
                api.answer(&event).await;
            }
            Act::AnswerAndLeave => {
                drop(at_work);
                api.answer(&event).await;
                return Exit::Code(if events == 1 { 0 } else { 9 });
            }
        }
    }
    Exit::Code(1)
}

async fn fail_init(api: &mut Api, rng: &mut Rng) -> Exit {
    match rng.within(0..3) {
        0 => Exit::Code(2),
        1 => {
            api.post(
                "init/error",
                "{\"errorMessage\":\"init\",\"errorType\":\"E\"}",
            )
            .await;
            Exit::Code(1)
        }
        _ => std::future::pending().await,
    }
}

/// What a poll was answered with.
pub(crate) struct Event {
    id: String,
    pub(crate) function: String,
    deadline_ms: u64,
    payload: String,
}

impl Event {
    fn remaining(&self, clock: SimClock) -> Duration {
        Duration::from_millis(self.deadline_ms.saturating_sub(clock.now_ms()))
    }
}

/// The Runtime API, spoken by hand.
struct Api {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Api {
    async fn connect(environment: SocketAddr) -> Option<Self> {
        let stream = TcpStream::connect(environment).await.ok()?;
        Some(Self {
            stream,
            buffer: Vec::new(),
        })
    }

    async fn next(&mut self) -> Option<Event> {
        let request = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nhost: x\r\n\r\n";
        self.stream.write_all(request.as_bytes()).await.ok()?;
        let (head, payload) = self.read().await?;
        let arn = header(&head, "lambda-runtime-invoked-function-arn")?;
        Some(Event {
            id: header(&head, "lambda-runtime-aws-request-id")?.to_owned(),
            function: arn.rsplit(':').next()?.to_owned(),
            deadline_ms: header(&head, "lambda-runtime-deadline-ms")?.parse().ok()?,
            payload,
        })
    }

    async fn answer(&mut self, event: &Event) {
        let path = format!("invocation/{}/response", event.id);
        self.post(&path, &event.payload).await;
    }

    async fn fail(&mut self, event: &Event) {
        let path = format!("invocation/{}/error", event.id);
        let report = "{\"errorMessage\":\"simulated\",\"errorType\":\"E\"}";
        self.post(&path, report).await;
    }

    /// Whatever is answered is fine: a late or second answer is refused, and a dead connection ends the loop.
    async fn post(&mut self, path: &str, body: &str) {
        let length = body.len();
        let request = format!(
            "POST /2018-06-01/runtime/{path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        if self.stream.write_all(request.as_bytes()).await.is_ok() {
            self.read().await;
        }
    }

    /// Reads one answer: its head and its body.
    async fn read(&mut self) -> Option<(String, String)> {
        let end = loop {
            let mut windows = self.buffer.windows(4);
            if let Some(end) = windows.position(|window| window == b"\r\n\r\n") {
                break end;
            }
            self.fill().await?;
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        let length = header(&head, "content-length").and_then(|text| text.parse().ok());
        let whole = end + 4 + length.unwrap_or(0_usize);
        while self.buffer.len() < whole {
            self.fill().await?;
        }
        let body = String::from_utf8_lossy(&self.buffer[end + 4..whole]).into_owned();
        self.buffer.drain(..whole);
        Some((head, body))
    }

    async fn fill(&mut self) -> Option<()> {
        let read = self.stream.read_buf(&mut self.buffer).await.ok()?;
        (read > 0).then_some(())
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    let (_, value) = fields.find(|(field, _)| field.eq_ignore_ascii_case(name))?;
    Some(value)
}
