//! A process that accepts and runs events is killed at any moment: nothing acknowledged is lost, and nothing is run
//! after its success was recorded.

use std::collections::HashSet;
use std::future::Future;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use firelight_events::{
    Deliver, DeliverError, Delivery, Dispatcher, EventRequest, Events, Functions, Ports,
    Resolution, ServiceRequest, Settings, Token, Waits,
};
use firelight_invoke::{Call, Clock, Completed, FunctionResult, Invoker, Outcome};
use firelight_model::{Draw, FunctionArn, Qualifier, RequestId, WallTime};
use firelight_store::{SqliteQueue, StoreClock};

use crate::world::{function, resolved};

const ROUNDS: u64 = 8;
const CHILD: &str = "FIRELIGHT_EVENTS_CRASH_FILE";
const PER_SECOND: u64 = 500;

/// A function that says what it does: `began ID` before it works, `did ID` at its end.
struct Speaker;

fn say(what: &str, id: RequestId) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{what} {id}").unwrap();
    out.flush().unwrap();
}

impl Invoker for Speaker {
    fn invoke(&self, call: Call) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>> {
        Box::pin(async move {
            say("began", call.request_id);
            tokio::time::sleep(Duration::from_millis(3)).await;
            let fails = call.attempt == 1 && call.request_id.as_bytes()[0].is_multiple_of(4);
            let result = if fails {
                FunctionResult::Error("{\"errorMessage\":\"no\"}".into())
            } else {
                FunctionResult::Success("null".into())
            };
            Outcome::Completed(Completed {
                result,
                log_tail: None,
            })
        })
    }
}

impl Functions for Speaker {
    fn resolve(&self, _: &FunctionArn, _: Option<&Qualifier>, _: Draw) -> Resolution {
        let mut ready = resolved();
        // The delivery that follows a success proves that the success was recorded.
        ready.targets.on_success = Some("arn:aws:sqs:eu-west-1:000000000000:q".to_owned());
        Resolution::Ready(Box::new(ready))
    }
}

impl Deliver for Speaker {
    fn deliver(
        &self,
        delivery: &Delivery,
    ) -> Pin<Box<dyn Future<Output = Result<(), DeliverError>> + Send + '_>> {
        let ServiceRequest::SendMessage { body, .. } = &delivery.request else {
            panic!("{delivery:?}");
        };
        let (_, rest) = body.split_once("requestId\":\"").unwrap();
        say("recorded", rest[..36].parse().unwrap());
        Box::pin(std::future::ready(Ok(())))
    }
}

async fn open(file: &Path) -> (Events, Dispatcher) {
    let queue = SqliteQueue::open(file, StoreClock::system()).await.unwrap();
    let token = Token::alone(queue.epoch());
    let count = AtomicU64::new(u64::from(std::process::id()) << 32);
    let speaker = Arc::new(Speaker);
    let ports = Ports {
        functions: Arc::<Speaker>::clone(&speaker),
        invoker: Arc::<Speaker>::clone(&speaker),
        deliver: speaker,
        clock: Clock::new(|| WallTime::from_epoch_ms(0)),
        random: Arc::new(move || {
            let count = count.fetch_add(1, Ordering::Relaxed);
            u128::from(count.wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 64 | u128::from(count)
        }),
    };
    let settings = Settings {
        waits: Waits {
            after_function_error: vec![Duration::from_millis(20)],
            back_off_first: Duration::from_millis(5),
            back_off_most: Duration::from_millis(50),
        },
        ..Settings::default()
    };
    let events = Events::new(queue, ports, settings);
    let dispatcher = events.dispatch(token);
    (events, dispatcher)
}

/// A request id of its own for each event of each process.
fn id_of(number: u64) -> RequestId {
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&number.to_le_bytes()[..6]);
    bytes[10..14].copy_from_slice(&std::process::id().to_le_bytes());
    RequestId::from_random(bytes)
}

/// The process that is killed: accepts events for ever and says which are acknowledged.
///
/// As a test it runs only when the test below starts this binary again; otherwise it has no file to work on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Some(file) = std::env::var_os(CHILD) else {
        return;
    };
    let (events, _dispatcher) = open(Path::new(&file)).await;
    let mut ticks = tokio::time::interval(Duration::from_millis(1000 / PER_SECOND));
    for number in 0.. {
        ticks.tick().await;
        let events = events.clone();
        let id = id_of(number);
        tokio::spawn(async move {
            let event = EventRequest {
                request_id: id,
                function: function(),
                qualifier: None,
                payload: Bytes::from_static(b"{}"),
                trace: None,
                tenant_id: None,
            };
            events.accept(event).await.unwrap();
            say("acknowledged", id);
        });
    }
}

fn start(file: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child", "--nocapture"])
        .env(CHILD, file)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// What all processes together said.
#[derive(Default)]
struct Story {
    acknowledged: HashSet<RequestId>,
    recorded: HashSet<RequestId>,
}

impl Story {
    fn hear(&mut self, line: &str) {
        // The test harness may have written in front of the first line.
        let mut words = line.rsplit(' ');
        let (Some(id), Some(what)) = (words.next(), words.next()) else {
            return;
        };
        let Ok(id) = id.parse() else { return };
        if what.ends_with("acknowledged") {
            self.acknowledged.insert(id);
        } else if what.ends_with("recorded") {
            self.recorded.insert(id);
        } else if what.ends_with("began") {
            assert!(
                !self.recorded.contains(&id),
                "{id} was run after its success was recorded"
            );
        }
    }
}

/// Lets the child acknowledge some events, kills it a moment later, and hears what it said.
fn run_and_kill(file: &Path, round: u64, story: &mut Story) {
    let mut child = start(file);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let wanted = story.acknowledged.len() + 20 + usize::try_from(round).unwrap() * 17;
    let mut killed = false;
    // A line cut off by the kill is no line.
    for line in lines.map_while(Result::ok) {
        story.hear(&line);
        if !killed && story.acknowledged.len() >= wanted {
            std::thread::sleep(Duration::from_micros(round * 379));
            child.kill().unwrap();
            killed = true;
        }
    }
    child.wait().unwrap();
}

#[test]
fn killed_at_500_events_a_second_nothing_acknowledged_is_lost_or_run_after_its_success() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("queue.sqlite3");
    let mut story = Story::default();

    for round in 0..ROUNDS {
        run_and_kill(&file, round, &mut story);
    }
    let acknowledged = story.acknowledged.clone();
    let mut last = start(&file);
    let lines = BufReader::new(last.stdout.take().unwrap()).lines();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    for line in lines.map_while(Result::ok) {
        story.hear(&line);
        if acknowledged.is_subset(&story.recorded) {
            break;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "acknowledged events are missing"
        );
    }
    last.kill().unwrap();
    last.wait().unwrap();

    assert!(acknowledged.is_subset(&story.recorded));
    assert!(acknowledged.len() > 400, "the rounds did something");
}
