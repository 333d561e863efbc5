//! Asynchronous invocation under faults: a faulty queue, capricious functions and targets, a process that is killed.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use firelight_events::{
    AcceptError, Dispatcher, EventRequest, Events, Functions, Limits, Ports, Resolution, Resolved,
    Settings, Token,
};
use firelight_invoke::{
    Call, Completed, FunctionResult, Invoker, NotStarted, Outcome, ThrottleReason,
};
use firelight_model::{
    ConfigIdentity, Draw, FunctionArn, FunctionName, Qualifier, RecursiveLoop, RequestId, Version,
    VersionKey,
};
use firelight_store::{EnqueueError, StoreClock, StoreTime};
use tokio::time::{Instant, sleep};

use crate::clock::{START_MS, SimClock};
use crate::faulty_queue::{Faults, FaultyQueue};
use crate::history::{History, Violation};
use crate::ledger::{Accepted, Bounds, Ledger};
use crate::rng::Rng;
use crate::targets::{SimTarget, every_end};

/// After the faults are over, everything must have ended within this time: more than the greatest age of an event.
const PATIENCE: Duration = Duration::from_secs(12 * 3600);

/// What a seed decides in advance.
struct Scenario {
    seed: u64,
    functions: Vec<SimFunction>,
    events: u64,
    /// Events come and faults strike within this time.
    storm: Duration,
    kills: u64,
    faults: Faults,
    settings: Settings,
    target_away: u64,
}

/// How a function is configured and how it behaves, in percent.
struct SimFunction {
    arn: FunctionArn,
    limits: Limits,
    throttled: u64,
    fails: u64,
    vanishes: u64,
    not_ready: u64,
    stopped: u64,
    longest_run: Duration,
}

impl Scenario {
    fn of(seed: u64) -> Self {
        let mut rng = Rng::of(seed, b"asynchronous");
        let functions = (0..rng.within(1..5)).map(|number| SimFunction::draw(number, &mut rng));
        let functions = functions.collect();
        let in_flight = rng.within_u32(1..9);
        let settings = Settings {
            in_flight,
            in_flight_per_function: rng.within_u32(1..in_flight + 1),
            hold: Duration::from_secs(rng.within(5..60)),
            ..Settings::default()
        };
        let calm = rng.percent(30);
        let mut up_to = |most: u64| if calm { 0 } else { rng.within(0..most) };
        let faults = Faults {
            fails: up_to(25),
            loses_answer: up_to(25),
            is_slow: up_to(15),
            loses_hint: up_to(50),
        };
        Self {
            seed,
            functions,
            events: rng.within(1..30),
            storm: Duration::from_secs(rng.within(1..600)),
            kills: if calm { 0 } else { rng.within(0..4) },
            faults,
            settings,
            target_away: rng.within(0..60),
        }
    }

    fn function(&self, name: &FunctionName) -> Option<&SimFunction> {
        self.functions
            .iter()
            .find(|function| function.arn.name == *name)
    }
}

impl SimFunction {
    fn draw(number: u64, rng: &mut Rng) -> Self {
        let name = format!("f{number}");
        Self {
            arn: FunctionArn {
                region: "eu-west-1".parse().expect("a region"),
                account: "000000000000".parse().expect("an account"),
                name: name.parse().expect("a name"),
            },
            limits: Limits {
                retries: rng.within_u32(0..3),
                age: Duration::from_secs(rng.within(60..7_200)),
            },
            throttled: rng.within(0..60),
            fails: rng.within(0..60),
            vanishes: rng.within(0..30),
            not_ready: rng.within(0..10),
            stopped: rng.within(0..10),
            longest_run: rng.millis(1..200_000),
        }
    }
}

/// Everything outside the queue and the dispatcher.
struct World {
    scenario: Scenario,
    ledger: Ledger,
    /// Which process lives now: the n-th.
    life: AtomicU32,
    rng: Mutex<Rng>,
}

impl World {
    fn chance(&self, percent: u64) -> bool {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        rng.percent(percent)
    }

    /// A stream for one attempt at one event: it depends on nothing else.
    fn rng_of(&self, call: &Call) -> Rng {
        let thing = format!("{} {}", call.request_id, call.attempt);
        Rng::of(self.scenario.seed, thing.as_bytes())
    }
}

impl Functions for World {
    fn resolve(&self, function: &FunctionArn, _: Option<&Qualifier>, _: Draw) -> Resolution {
        let Some(known) = self.scenario.function(&function.name) else {
            return Resolution::Gone;
        };
        if self.chance(known.not_ready) {
            return Resolution::NotNow {
                reason: "simulated".to_owned(),
            };
        }
        Resolution::Ready(Box::new(Resolved {
            version: VersionKey {
                region: function.region.clone(),
                account: function.account,
                function: function.name.clone(),
                version: Version::Latest,
                revision: ConfigIdentity::from_random([0; 16]),
            },
            limits: known.limits,
            targets: every_end(),
            stopped: self.chance(known.stopped),
            recursive_loop: RecursiveLoop::Terminate,
        }))
    }
}

impl Invoker for World {
    fn invoke(&self, call: Call) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>> {
        Box::pin(async move {
            let mut rng = self.rng_of(&call);
            let Some(function) = self.scenario.function(&call.version.function) else {
                return Outcome::NotStarted(NotStarted::NoSuchVersion(call.version));
            };
            let life = self.life.load(Ordering::Relaxed);
            let (id, name) = (call.request_id, &function.arn.name);
            let _running = self.ledger.begin(id, name, &call.payload, life);
            if rng.percent(function.throttled) {
                let reason = ThrottleReason::ConcurrentInvocationLimitExceeded;
                return Outcome::NotStarted(NotStarted::Throttled(reason));
            }
            sleep(rng.up_to(function.longest_run)).await;
            if rng.percent(function.vanishes) {
                let reason = "simulated".to_owned();
                return Outcome::Unknown { reason };
            }
            if rng.percent(function.fails) {
                return completed(FunctionResult::Error("{\"errorMessage\":\"no\"}".into()));
            }
            self.ledger.succeeded(id);
            completed(FunctionResult::Success("null".into()))
        })
    }
}

fn completed(result: FunctionResult) -> Outcome {
    Outcome::Completed(Completed {
        result,
        log_tail: None,
    })
}

/// One process after the other over one queue.
struct Host {
    world: Arc<World>,
    target: Arc<SimTarget>,
    queue: FaultyQueue,
    history: History,
    clock: SimClock,
    alive: Option<(Events, Dispatcher)>,
}

impl Host {
    /// Kills the process that lives and starts the next.
    async fn restart(&mut self) {
        self.history.note("restart");
        self.alive = None;
        // What was killed is dropped when its tasks are next looked at.
        tokio::task::yield_now().await;
        self.world.life.fetch_add(1, Ordering::Relaxed);
        let seed = self.world.scenario.seed;
        let random = Mutex::new(Rng::of(seed, &self.life().to_be_bytes()));
        let ports = Ports {
            functions: Arc::<World>::clone(&self.world),
            invoker: Arc::<World>::clone(&self.world),
            deliver: Arc::<SimTarget>::clone(&self.target),
            clock: self.clock.port(),
            random: Arc::new(move || {
                let mut random = random.lock().unwrap_or_else(PoisonError::into_inner);
                u128::from_be_bytes(random.bytes())
            }),
        };
        let settings = self.world.scenario.settings.clone();
        let events = Events::new(self.queue.clone(), ports, settings);
        let dispatcher = events.dispatch(Token::alone(self.queue.begin_epoch()));
        self.alive = Some((events, dispatcher));
    }

    fn life(&self) -> u32 {
        self.world.life.load(Ordering::Relaxed)
    }

    /// Offers an event to the process that lives. What was sent to the queue arrives, even if the process is killed.
    fn offer(&self, number: u64, rng: &mut Rng) {
        let Some((events, _)) = &self.alive else {
            return;
        };
        let function = rng.one_of(&self.world.scenario.functions);
        let id = RequestId::from_random(rng.bytes());
        let payload = Bytes::from(format!("{{\"number\":{number}}}"));
        let request = EventRequest {
            request_id: id,
            function: function.arn.clone(),
            qualifier: None,
            payload: payload.clone(),
            trace: None,
            tenant_id: None,
        };
        let ledger = self.world.ledger.clone();
        ledger.offered(id, payload);
        let events = events.clone();
        tokio::spawn(async move {
            let accepted = match events.accept(request).await {
                Ok(()) => Accepted::Acknowledged,
                Err(AcceptError(EnqueueError::Failed(_))) => Accepted::Refused,
                Err(AcceptError(EnqueueError::Unknown(_))) => Accepted::Unknown,
            };
            ledger.answered(id, accepted);
        });
    }

    /// Waits until nothing is left to do.
    async fn calm_down(&self) {
        let end = Instant::now() + PATIENCE;
        while !self.history.is_violated() && self.queue.items().await > 0 {
            if Instant::now() > end {
                let left = self.queue.items().await;
                return self.history.violated(format!("{left} items never end"));
            }
            sleep(Duration::from_secs(10)).await;
            self.queue.check_silence();
        }
    }
}

/// Something that a scenario makes happen at a time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Deed {
    Offer(u64),
    Kill,
}

fn timetable(scenario: &Scenario, rng: &mut Rng) -> Vec<(Duration, Deed)> {
    let offers = (0..scenario.events).map(Deed::Offer);
    let kills = (0..scenario.kills).map(|_| Deed::Kill);
    let deeds = offers.chain(kills);
    let mut timetable: Vec<_> = deeds
        .map(|deed| (rng.up_to(scenario.storm), deed))
        .collect();
    timetable.sort_unstable();
    timetable
}

/// Runs the scenario of a seed to its end; returns everything that happened.
pub async fn simulate(seed: u64) -> Result<Vec<String>, Violation> {
    let scenario = Scenario::of(seed);
    let history = History::new();
    let bounds = Bounds {
        in_flight: scenario.settings.in_flight,
        per_function: scenario.settings.in_flight_per_function,
    };
    let ledger = Ledger::new(history.clone(), bounds);
    let clock = StoreClock::virtual_from(StoreTime::from_unix_ms(START_MS));
    let queue = FaultyQueue::new(
        clock,
        history.clone(),
        ledger.clone(),
        Rng::of(seed, b"queue"),
        scenario.faults,
    );
    let mut rng = Rng::of(seed, b"timetable");
    let timetable = timetable(&scenario, &mut rng);
    let target = SimTarget {
        ledger: ledger.clone(),
        rng: Mutex::new(Rng::of(seed, b"target")),
        away: scenario.target_away,
    };
    let mut host = Host {
        target: Arc::new(target),
        world: Arc::new(World {
            scenario,
            ledger: ledger.clone(),
            life: AtomicU32::new(0),
            rng: Mutex::new(Rng::of(seed, b"world")),
        }),
        queue,
        history: history.clone(),
        clock: SimClock::start(),
        alive: None,
    };
    host.restart().await;
    for (at, deed) in timetable {
        if history.is_violated() {
            return history.end();
        }
        tokio::time::sleep_until(host.clock.began() + at).await;
        match deed {
            Deed::Offer(number) => host.offer(number, &mut rng),
            Deed::Kill => host.restart().await,
        }
    }
    tokio::time::sleep_until(host.clock.began() + host.world.scenario.storm).await;
    host.queue.heal(host.world.scenario.settings.hold);
    // An offer may still wait for a slow answer of the storm.
    sleep(Duration::from_secs(60)).await;
    host.calm_down().await;
    ledger.finish();
    history.end()
}
