//! Subscribed functions are told of every event that fits, in parcels, across restarts and refusals.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use firelight_control::Scope;
use firelight_control::logs::{
    Forwarder, LogSource, Logs, NewLogEvent, Recipient, StreamName, SubscriptionFilter, TakeError,
};
use firelight_model::{AccountId, WallTime};
use firelight_store::{LogStore, MemoryStore};
use flate2::read::GzDecoder;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const GROUP: &str = "/g";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

/// Takes parcels, or answers what it is told to.
struct Inbox {
    taken: mpsc::UnboundedSender<Vec<String>>,
    answers: Mutex<Vec<TakeError>>,
}

impl Recipient for Inbox {
    fn admits(&self, _source: &LogSource, _function: &str) -> Result<(), TakeError> {
        Ok(())
    }

    fn take<'a>(
        &'a self,
        source: &'a LogSource,
        function: &'a str,
        payload: Bytes,
    ) -> Pin<Box<dyn Future<Output = Result<(), TakeError>> + Send + 'a>> {
        assert_eq!((&*source.group, function), (GROUP, FUNCTION));
        let answer = self.answers.lock().unwrap().pop();
        if answer.is_none() {
            self.taken.send(messages(&payload)).unwrap();
        }
        Box::pin(async { answer.map_or(Ok(()), Err) })
    }
}

fn messages(payload: &[u8]) -> Vec<String> {
    use base64::Engine as _;
    let envelope: Value = serde_json::from_slice(payload).unwrap();
    let data = envelope["awslogs"]["data"].as_str().unwrap();
    let zipped = base64::engine::general_purpose::STANDARD
        .decode(data)
        .unwrap();
    let told: Value = serde_json::from_reader(GzDecoder::new(&zipped[..])).unwrap();
    let events = told["logEvents"].as_array().unwrap();
    let message = |event: &Value| event["message"].as_str().unwrap().to_owned();
    events.iter().map(message).collect()
}

/// A log store with a group that a forwarder watches.
struct World {
    logs: Logs,
    taken: mpsc::UnboundedReceiver<Vec<String>>,
    stop: CancellationToken,
    forwarding: JoinHandle<()>,
}

impl World {
    async fn start(directory: &Path, answers: Vec<TakeError>) -> Self {
        let clock = || WallTime::from_epoch_ms(1_795_437_297_000);
        let file = directory.join("logs.sqlite3");
        let store = LogStore::open(&file, Arc::new(clock)).await.unwrap();
        let logs = Logs::new(store, MemoryStore::default());
        let (sender, taken) = mpsc::unbounded_channel();
        let inbox = Arc::new(Inbox {
            taken: sender,
            answers: Mutex::new(answers),
        });
        let stop = CancellationToken::new();
        let forwarder = Forwarder::new(logs.clone(), inbox);
        let forwarding = tokio::spawn(forwarder.run(stop.clone()));
        Self {
            logs,
            taken,
            stop,
            forwarding,
        }
    }

    /// Makes the group with a subscription.
    async fn with_filter(directory: &Path, pattern: &str, answers: Vec<TakeError>) -> Self {
        let world = Self::start(directory, answers).await;
        let store = world.logs.store();
        store.create_group(&stream().place, GROUP).await.unwrap();
        store.create_stream(stream()).await.unwrap();
        world.subscribe(pattern).await;
        world
    }

    async fn subscribe(&self, pattern: &str) {
        let filter = SubscriptionFilter {
            pattern: pattern.to_owned(),
            destination_arn: FUNCTION.to_owned(),
            role_arn: None,
            distribution: "ByLogStream".to_owned(),
            created_epoch_ms: 1,
        };
        self.logs
            .put_subscription_filter(&scope(), GROUP, "mine", filter)
            .await
            .unwrap();
    }

    async fn say(&self, messages: &[&str]) {
        let event = |message: &&str| NewLogEvent {
            at: WallTime::from_epoch_ms(1_795_437_297_000),
            message: (*message).to_owned(),
        };
        let events = messages.iter().map(event).collect();
        self.logs
            .store()
            .put_events(stream(), events)
            .await
            .unwrap();
    }

    /// Waits for the next parcel.
    async fn told(&mut self) -> Vec<String> {
        self.taken.recv().await.unwrap()
    }

    async fn stop(self) {
        self.stop.cancel();
        self.forwarding.await.unwrap();
        self.logs.store().close().await;
    }
}

fn scope() -> Scope {
    Scope {
        account: AccountId::DEFAULT,
        region: "us-east-1".parse().unwrap(),
    }
}

fn stream() -> StreamName {
    StreamName {
        place: firelight_control::logs::LogPlace::new(scope().account, &scope().region),
        group: GROUP.to_owned(),
        stream: "s".to_owned(),
    }
}

#[tokio::test]
async fn a_function_is_told_of_what_fits_its_pattern() {
    let directory = TempDir::new().unwrap();
    let mut world = World::with_filter(directory.path(), "ERROR -debug", Vec::new()).await;

    world
        .say(&["ERROR one", "fine", "ERROR debug", "ERROR two"])
        .await;

    assert_eq!(world.told().await, ["ERROR one", "ERROR two"]);
}

#[tokio::test]
async fn what_was_there_before_the_subscription_is_not_told() {
    let directory = TempDir::new().unwrap();
    let mut world = World::with_filter(directory.path(), "", Vec::new()).await;
    let scope = scope();
    let deleted = world.logs.delete_subscription_filter(&scope, GROUP, "mine");
    deleted.await.unwrap();
    world.say(&["before"]).await;

    world.subscribe("").await;
    world.say(&["behind"]).await;

    assert_eq!(world.told().await, ["behind"]);
}

#[tokio::test]
async fn after_a_restart_nothing_is_told_twice_and_nothing_is_left_out() {
    let directory = TempDir::new().unwrap();
    let mut world = World::with_filter(directory.path(), "", Vec::new()).await;
    world.say(&["one"]).await;
    assert_eq!(world.told().await, ["one"]);
    world.stop.cancel();
    world.say(&["while nobody listens"]).await;
    world.stop().await;

    let mut world = World::start(directory.path(), Vec::new()).await;
    world.say(&["afterwards"]).await;

    let mut told = world.told().await;
    while told.len() < 2 {
        told.extend(world.told().await);
    }
    assert_eq!(told, ["while nobody listens", "afterwards"]);
}

#[tokio::test]
async fn what_is_not_taken_now_is_kept_and_what_is_refused_is_dropped() {
    let reason = String::new;
    let directory = TempDir::new().unwrap();
    let not_now = TakeError::NotNow { reason: reason() };
    let mut world = World::with_filter(directory.path(), "", vec![not_now]).await;
    world.say(&["kept"]).await;
    assert_eq!(world.told().await, ["kept"]);
    world.stop().await;

    let refused = TakeError::Refused { reason: reason() };
    let mut world = World::start(directory.path(), vec![refused]).await;
    world.say(&["dropped"]).await;
    // A second parcel can only follow once the first was dealt with.
    let flood: Vec<String> = (0..250).map(|n| format!("later {n}")).collect();
    let flood: Vec<&str> = flood.iter().map(String::as_str).collect();
    world.say(&flood).await;

    let told = world.told().await;
    assert!(
        told.iter().all(|message| message.starts_with("later")),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_changed_pattern_holds_for_what_comes_next() {
    let directory = TempDir::new().unwrap();
    let mut world = World::with_filter(directory.path(), "alpha", Vec::new()).await;
    world.say(&["alpha", "beta"]).await;
    assert_eq!(world.told().await, ["alpha"]);

    world.subscribe("beta").await;
    world.say(&["alpha", "beta"]).await;

    assert_eq!(world.told().await, ["beta"]);
}

#[tokio::test]
async fn a_subscription_goes_with_its_group() {
    let directory = TempDir::new().unwrap();
    let world = World::with_filter(directory.path(), "", Vec::new()).await;

    world.logs.delete_group(&scope(), GROUP).await.unwrap();

    assert!(
        world
            .logs
            .store()
            .all_subscriptions()
            .await
            .unwrap()
            .is_empty()
    );
}
