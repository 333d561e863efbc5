//! The outside world of the tests: one script for the function, one for the targets, both on record.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use firelight_events::{
    Deliver, DeliverError, Delivery, EventRequest, Events, Functions, Limits, Ports, Resolution,
    Resolved, Settings, Targets, Token,
};
use firelight_invoke::{Call, Clock, Completed, FunctionResult, Invoker, NotStarted, Outcome};
use firelight_model::{
    ConfigIdentity, Draw, FunctionArn, Qualifier, RecursiveLoop, RequestId, Version, VersionKey,
    WallTime,
};
use firelight_store::{MemoryQueue, StoreClock, StoreTime};
use tokio::sync::watch;
use tokio::time::Instant;

const START_MS: u64 = 1_573_755_365_568;

/// What the function does with one call; then the next step of the script, then success.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Succeed,
    Fail,
    Refuse(NotStarted),
    Vanish,
    /// Runs for so long, then succeeds.
    Take(Duration),
}

/// One run as the function saw it.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) call: Call,
    /// Seconds since the test began.
    pub(crate) at_s: u64,
}

pub(crate) struct World {
    pub(crate) queue: MemoryQueue,
    pub(crate) resolution: Mutex<Resolution>,
    pub(crate) script: Mutex<VecDeque<Step>>,
    pub(crate) runs: watch::Sender<Vec<Run>>,
    pub(crate) deliveries: watch::Sender<Vec<(u64, Delivery)>>,
    pub(crate) refusals: Mutex<VecDeque<DeliverError>>,
    pub(crate) running: watch::Sender<usize>,
    began: Instant,
}

impl World {
    pub(crate) fn new() -> Arc<Self> {
        let clock = StoreClock::virtual_from(StoreTime::from_unix_ms(START_MS));
        Arc::new(Self {
            queue: MemoryQueue::new(clock),
            resolution: Mutex::new(Resolution::Ready(Box::new(resolved()))),
            script: Mutex::default(),
            runs: watch::Sender::new(Vec::new()),
            deliveries: watch::Sender::new(Vec::new()),
            refusals: Mutex::default(),
            running: watch::Sender::new(0),
            began: Instant::now(),
        })
    }

    pub(crate) fn script(&self, steps: impl IntoIterator<Item = Step>) {
        self.script.lock().unwrap().extend(steps);
    }

    pub(crate) fn resolve_to(&self, change: impl FnOnce(&mut Resolved)) {
        let mut ready = resolved();
        change(&mut ready);
        *self.resolution.lock().unwrap() = Resolution::Ready(Box::new(ready));
    }

    pub(crate) fn events(self: &Arc<Self>, settings: Settings) -> Events {
        let began = self.began;
        let count = AtomicU64::new(1);
        let ports = Ports {
            functions: Arc::<Self>::clone(self),
            invoker: Arc::<Self>::clone(self),
            deliver: Arc::<Self>::clone(self),
            clock: Clock::new(move || {
                let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap();
                WallTime::from_epoch_ms(START_MS + elapsed_ms)
            }),
            random: Arc::new(move || u128::from(count.fetch_add(1, Ordering::Relaxed)) << 64),
        };
        Events::new(self.queue.clone(), ports, settings)
    }

    pub(crate) fn token(&self) -> Token {
        Token::alone(self.queue.epoch())
    }

    /// The seconds at which the function ran.
    pub(crate) fn run_times(&self) -> Vec<u64> {
        self.runs.borrow().iter().map(|run| run.at_s).collect()
    }

    pub(crate) async fn ran(&self, times: usize) {
        let mut runs = self.runs.subscribe();
        runs.wait_for(|runs| runs.len() >= times).await.unwrap();
    }

    pub(crate) async fn delivered(&self, times: usize) -> Vec<Delivery> {
        let mut deliveries = self.deliveries.subscribe();
        let all = deliveries.wait_for(|all| all.len() >= times).await.unwrap();
        all.iter().map(|(_, delivery)| delivery.clone()).collect()
    }

    fn now_s(&self) -> u64 {
        self.began.elapsed().as_secs()
    }
}

/// Waits, in virtual time, until no event is left.
pub(crate) async fn settled(events: &Events) {
    while !events.depths().await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

pub(crate) fn function() -> FunctionArn {
    FunctionArn {
        region: "eu-west-1".parse().unwrap(),
        account: "000000000000".parse().unwrap(),
        name: "f".parse().unwrap(),
    }
}

pub(crate) fn named(name: &str) -> FunctionArn {
    FunctionArn {
        name: name.parse().unwrap(),
        ..function()
    }
}

pub(crate) fn resolved() -> Resolved {
    Resolved {
        version: VersionKey {
            region: function().region,
            account: function().account,
            function: function().name,
            version: Version::Latest,
            revision: ConfigIdentity::from_random([1; 16]),
        },
        limits: Limits::default(),
        targets: Targets::default(),
        stopped: false,
        recursive_loop: RecursiveLoop::Terminate,
    }
}

pub(crate) fn event(number: u8) -> EventRequest {
    EventRequest {
        request_id: RequestId::from_random([number; 16]),
        function: function(),
        qualifier: None,
        payload: Bytes::from_static(b"{\"key\":1}"),
        trace: Some("Root=1-2-3".to_owned()),
        tenant_id: None,
    }
}

impl Functions for World {
    fn resolve(&self, function: &FunctionArn, _: Option<&Qualifier>, _: Draw) -> Resolution {
        let mut resolution = self.resolution.lock().unwrap().clone();
        if let Resolution::Ready(resolved) = &mut resolution {
            resolved.version.function = function.name.clone();
        }
        resolution
    }
}

impl Invoker for World {
    fn invoke(&self, call: Call) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>> {
        let step = self.script.lock().unwrap().pop_front();
        let at_s = self.now_s();
        self.runs.send_modify(|runs| runs.push(Run { call, at_s }));
        Box::pin(async move {
            match step.unwrap_or(Step::Succeed) {
                Step::Succeed => completed(FunctionResult::Success("\"done\"".into())),
                Step::Fail => completed(FunctionResult::Error(
                    "{\"errorMessage\":\"no\",\"errorType\":\"E\"}".into(),
                )),
                Step::Refuse(reason) => Outcome::NotStarted(reason),
                Step::Vanish => Outcome::Unknown {
                    reason: "lost".to_owned(),
                },
                Step::Take(time) => {
                    self.running.send_modify(|running| *running += 1);
                    tokio::time::sleep(time).await;
                    self.running.send_modify(|running| *running -= 1);
                    completed(FunctionResult::Success("null".into()))
                }
            }
        })
    }
}

fn completed(result: FunctionResult) -> Outcome {
    Outcome::Completed(Completed {
        result,
        log_tail: None,
    })
}

impl Deliver for World {
    fn deliver(
        &self,
        delivery: &Delivery,
    ) -> Pin<Box<dyn Future<Output = Result<(), DeliverError>> + Send + '_>> {
        let answer = self
            .refusals
            .lock()
            .unwrap()
            .pop_front()
            .map_or(Ok(()), Err);
        let made = (self.now_s(), delivery.clone());
        self.deliveries.send_modify(|all| all.push(made));
        Box::pin(std::future::ready(answer))
    }
}
