//! A whole host under faults: the data plane over fake sandboxes, with calls and asynchronous events together.
//!
//! The Runtime API is spoken over real sockets, and tokio's clock would jump over bytes that are on their way. So the
//! clock does not jump by itself here: it is moved in small steps, and between two steps everything that can happen
//! without time passing has happened.

mod calls;
mod limits;
mod runtime;
mod scenario;
mod versions;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use firelight_events::{Dispatcher, EventRequest, Events, Token};
use firelight_invoke::{
    Call, Ceiling, Completed, Credentials, DataPlane, FunctionResult, Invoker, LogTail, Outcome,
    Ports, ResponseMode,
};
use firelight_model::RequestId;
use firelight_sandbox::fake::FakeDriver;
use firelight_sandbox::{LaunchError, SandboxError, SpawnError};
use firelight_store::{StoreClock, StoreTime};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::advance;

use self::calls::Calls;
use self::limits::Limits;
use self::runtime::Nature;
use self::scenario::{Deed, STORM, Scenario};
use self::versions::Catalogue;
use crate::clock::{START_MS, SimClock};
use crate::faulty_queue::{Faults, FaultyQueue};
use crate::history::{History, Violation};
use crate::ledger::{Accepted, Bounds, Ledger};
use crate::rng::Rng;
use crate::targets::SimTarget;

/// How far the clock moves at once.
const STEP: Duration = Duration::from_millis(40);
/// How often everything is polled between two steps: more than any chain of messages over sockets is long.
const ROUNDS: usize = 12;
/// The longest that a call may wait for its answer.
const PATIENCE: Duration = Duration::from_secs(45);
/// How long after the storm everything must have ended.
const AFTERMATH: Duration = Duration::from_secs(300);

struct Host {
    scenario: Scenario,
    history: History,
    clock: SimClock,
    rng: Rng,
    catalogue: Arc<Catalogue>,
    driver: FakeDriver,
    plane: DataPlane<FakeDriver>,
    calls: Calls,
    ledger: Ledger,
    limits: Limits,
    queue: FaultyQueue,
    events: Events,
    /// How many states of functions there have been, each with a pool of its own.
    states: usize,
}

/// The data plane, with a ledger that sees which events run.
struct Watched {
    plane: DataPlane<FakeDriver>,
    ledger: Ledger,
    limits: Limits,
}

impl Invoker for Watched {
    fn invoke(&self, call: Call) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>> {
        Box::pin(async move {
            let (id, function) = (call.request_id, call.version.function.clone());
            let _running = self.ledger.begin(id, &function, &call.payload, 0);
            let outcome = self.limits.watch(&self.plane, call).await;
            if let Outcome::Completed(Completed {
                result: FunctionResult::Success(_),
                ..
            }) = &outcome
            {
                self.ledger.succeeded(id);
            }
            outcome
        })
    }
}

/// Keeps tokio's clock from jumping while it lives.
struct StandStill {
    _release: std::sync::mpsc::Sender<()>,
}

impl StandStill {
    fn begin() -> Self {
        let (release, released) = std::sync::mpsc::channel::<()>();
        // Tokio does not move a paused clock while a blocking task runs. It ends when the sender is dropped.
        tokio::task::spawn_blocking(move || released.recv().ok());
        Self { _release: release }
    }
}

/// Lets everything happen that needs no time to pass.
async fn settle() {
    for _ in 0..ROUNDS {
        yield_now().await;
    }
}

async fn step() {
    advance(STEP).await;
    settle().await;
}

impl Host {
    fn new(seed: u64) -> Self {
        let mut scenario = Scenario::of(seed);
        let history = History::new();
        let clock = SimClock::start();
        let calls = Calls::new(history.clone());
        let bounds = Bounds {
            in_flight: scenario.events.in_flight,
            per_function: scenario.events.in_flight_per_function,
        };
        let ledger = Ledger::new(history.clone(), bounds);
        let functions = std::mem::take(&mut scenario.functions);
        let catalogue = Arc::new(Catalogue::new(scenario.account, functions));
        let limits = Limits::new(
            history.clone(),
            Arc::clone(&catalogue),
            scenario.plane.paces,
        );
        let nature = Arc::new(Nature {
            seed,
            caprice: scenario.caprice,
            longest_run: scenario.longest_run,
            calls: calls.clone(),
            clock,
        });
        let driver = FakeDriver::scripted(move |inside| runtime::run(inside, Arc::clone(&nature)));
        let ports = plane_ports(seed, &driver, &catalogue, clock);
        let plane = DataPlane::new(ports, scenario.plane.clone());
        let queue = FaultyQueue::new(
            StoreClock::virtual_from(StoreTime::from_unix_ms(START_MS)),
            history.clone(),
            ledger.clone(),
            Rng::of(seed, b"queue"),
            Faults::default(),
        );
        let target = SimTarget {
            ledger: ledger.clone(),
            rng: Mutex::new(Rng::of(seed, b"target")),
            away: 10,
        };
        let ports = firelight_events::Ports {
            functions: Arc::<Catalogue>::clone(&catalogue),
            invoker: Arc::new(Watched {
                plane: plane.clone(),
                ledger: ledger.clone(),
                limits: limits.clone(),
            }),
            deliver: Arc::new(target),
            clock: clock.port(),
            random: randomness(seed, b"events"),
        };
        let events = Events::new(queue.clone(), ports, scenario.events.clone());
        Self {
            rng: Rng::of(seed, b"deeds"),
            states: catalogue.functions().len(),
            scenario,
            history,
            clock,
            catalogue,
            driver,
            plane,
            calls,
            ledger,
            limits,
            queue,
            events,
        }
    }

    fn do_deed(&mut self, deed: Deed) {
        self.history.note(format!("{deed:?}"));
        let faults = self.driver.faults();
        if deed.may_lose() {
            self.limits.note_loss();
        }
        match deed {
            Deed::Call(number) => self.call(number),
            Deed::Event(number) => self.event(number),
            Deed::Update => self.update(),
            Deed::LoseSandbox => {
                if let Some(sandbox) = self.any_sandbox() {
                    sandbox.lose();
                }
            }
            Deed::RunOutOfMemory => {
                if let Some(sandbox) = self.any_sandbox() {
                    sandbox.run_out_of_memory();
                }
            }
            Deed::FailLaunch => faults.fail_next_launch(LaunchError::LauncherGone),
            Deed::FailSpawn => faults.fail_next_spawn(SpawnError::Sandbox(SandboxError::Gone)),
            Deed::FailFreeze => faults.fail_next_freeze(SandboxError::Gone),
            Deed::FailThaw => faults.fail_next_thaw(SandboxError::Gone),
            Deed::FailKill => faults.fail_next_kill_processes(SandboxError::Gone),
            Deed::SlowLaunches => faults.delay_launches(self.rng.millis(0..2_000)),
        }
    }

    fn any_sandbox(&mut self) -> Option<firelight_sandbox::fake::FakeHandle> {
        let alive = self.driver.alive();
        (!alive.is_empty()).then(|| self.rng.one_of(&alive).clone())
    }

    fn update(&mut self) {
        let function = self.rng.one_of(self.catalogue.functions());
        let identity = self.rng.bytes();
        self.catalogue.update(function, identity);
        self.states += 1;
    }

    fn call(&mut self, number: u64) {
        let function = &self.rng.one_of(self.catalogue.functions()).arn;
        let Some(version) = self.catalogue.key(&function.name) else {
            return;
        };
        let payload = format!("{{\"call\":{number}}}");
        let call = Call {
            request_id: RequestId::from_random(self.rng.bytes()),
            version,
            invoked_arn: function.to_string(),
            payload: Bytes::from(payload.clone()),
            client_context: None,
            trace: None,
            tenant_id: None,
            log_tail: *self.rng.one_of(&[LogTail::None, LogTail::Wanted]),
            response_mode: ResponseMode::Buffered,
            attempt: 1,
        };
        let (plane, calls, limits) = (self.plane.clone(), self.calls.clone(), self.limits.clone());
        calls.asked(number);
        tokio::spawn(async move {
            let (how, own) = match limits.watch(&plane, call).await {
                Outcome::Completed(completed) => match completed.result {
                    FunctionResult::Success(answer) => ("succeeded", answer == payload),
                    FunctionResult::Error(_) => ("failed", true),
                },
                Outcome::NotStarted(_) => ("was refused", true),
                Outcome::Unknown { .. } => ("vanished", true),
                Outcome::Streaming(_) => ("was streamed", false),
            };
            calls.answered(number, how, own);
        });
    }

    fn event(&mut self, number: u64) {
        let function = self.rng.one_of(self.catalogue.functions()).arn.clone();
        let id = RequestId::from_random(self.rng.bytes());
        let payload = Bytes::from(format!("{{\"event\":{number}}}"));
        let request = EventRequest {
            request_id: id,
            function,
            qualifier: None,
            payload: payload.clone(),
            trace: None,
            tenant_id: None,
        };
        let (events, ledger) = (self.events.clone(), self.ledger.clone());
        ledger.offered(id, payload);
        tokio::spawn(async move {
            if events.accept(request).await.is_ok() {
                ledger.answered(id, Accepted::Acknowledged);
            }
        });
    }

    /// Checks everything that must hold at every moment.
    fn check(&self) {
        self.check_concurrency();
        self.check_budget();
        self.calls.check_patience(PATIENCE);
        self.queue.check_silence();
        let waiting = self.plane.counts().waiting;
        let most = self.states * self.scenario.plane.longest_line;
        self.history
            .check(waiting <= most, || format!("{waiting} calls wait in line"));
    }

    fn check_concurrency(&self) {
        let mut unreserved = 0;
        for (name, at_work) in self.calls.at_work() {
            let known = name.parse().ok();
            let function = known.and_then(|name| self.catalogue.function(&name));
            let provisioned = function.map_or(0, |function| function.provisioned);
            match function.map(|function| function.ceiling) {
                Some(Ceiling::Reserved(most)) => {
                    let most = most + provisioned;
                    self.history.check(at_work <= most, || {
                        format!("{at_work} of {most} handlers of {name} are at work")
                    });
                }
                _ => unreserved += at_work.saturating_sub(provisioned),
            }
        }
        let most = self.scenario.unreserved;
        self.history.check(unreserved <= most, || {
            format!("{unreserved} of {most} unreserved handlers are at work")
        });
    }

    fn check_budget(&self) {
        let alive = self.driver.alive();
        let budget = self.scenario.plane.budget;
        let bytes: u64 = alive
            .iter()
            .map(|sandbox| sandbox.spec().limits.memory_bytes)
            .sum();
        let (count, memory_mb) = (alive.len(), bytes >> 20);
        let fits = memory_mb <= budget.memory_mb && count <= budget.environments as usize;
        self.history.check(fits, || {
            format!("{count} environments with {memory_mb} MB are alive, beyond {budget:?}")
        });
    }

    async fn storm(&mut self) {
        let mut timetable = std::mem::take(&mut self.scenario.timetable)
            .into_iter()
            .peekable();
        while self.clock.began().elapsed() < STORM {
            let now = self.clock.began().elapsed();
            while let Some((_, deed)) = timetable.next_if(|(at, _)| *at <= now) {
                self.do_deed(deed);
            }
            step().await;
            self.check();
        }
    }

    async fn calm_down(&self) {
        // What was offered last is still on its way into the queue.
        for _ in 0..10 {
            step().await;
        }
        let end = tokio::time::Instant::now() + AFTERMATH;
        while self.calls.open() > 0 || self.queue.items().await > 0 {
            if tokio::time::Instant::now() > end {
                let (calls, items) = (self.calls.open(), self.queue.items().await);
                let counts = self.plane.counts();
                let left = format!("{calls} calls and {items} items never end: {counts:?}");
                return self.history.violated(left);
            }
            step().await;
            self.check();
        }
    }

    /// Stops everything; nothing may be left.
    async fn shut_down(&self, dispatcher: Dispatcher, tidy: JoinHandle<()>) {
        let plane = self.plane.clone();
        let stopping = tokio::spawn(async move {
            dispatcher.stop(Duration::from_secs(5)).await;
            plane.drain(Duration::from_secs(20)).await;
        });
        for _ in 0..1_000 {
            if stopping.is_finished() {
                break;
            }
            step().await;
        }
        tidy.abort();
        settle().await;
        let alive = self.driver.alive().len();
        self.history.check(alive == 0, || {
            format!("{alive} sandboxes are left after the drain")
        });
        let functions = self.catalogue.functions();
        let in_flight = functions
            .first()
            .map_or(0, |function| self.plane.in_flight(function.arn.account));
        self.history.check(in_flight == 0, || {
            format!("{in_flight} permits were not given back")
        });
        self.history
            .check(stopping.is_finished(), || "the drain never ends".to_owned());
    }
}

fn plane_ports(
    seed: u64,
    driver: &FakeDriver,
    catalogue: &Arc<Catalogue>,
    clock: SimClock,
) -> Ports<FakeDriver> {
    Ports {
        driver: driver.clone(),
        versions: Arc::<Catalogue>::clone(catalogue),
        prepare: Arc::<Catalogue>::clone(catalogue),
        logs: Arc::new(|_| {}),
        spans: None,
        usage: Arc::new(|_| {}),
        traffic: Arc::new(|_, _| {}),
        throttles: Arc::new(|_| {}),
        credentials: Arc::new(|_| Credentials {
            access_key_id: "key".to_owned(),
            secret_access_key: "secret".to_owned(),
            session_token: "token".to_owned(),
        }),
        random: randomness(seed, b"plane"),
        clock: clock.port(),
    }
}

fn randomness(seed: u64, thing: &[u8]) -> firelight_invoke::Randomness {
    let rng = Mutex::new(Rng::of(seed, thing));
    Arc::new(move || {
        let mut rng = rng.lock().unwrap_or_else(PoisonError::into_inner);
        u128::from_be_bytes(rng.bytes())
    })
}

/// Runs the scenario of a seed to its end; returns everything that happened.
pub async fn simulate(seed: u64) -> Result<Vec<String>, Violation> {
    let _still = StandStill::begin();
    let mut host = Host::new(seed);
    let plane = host.plane.clone();
    let tidy = tokio::spawn(async move { plane.keep_tidy().await });
    let epoch = host.queue.begin_epoch();
    host.queue.heal(host.scenario.events.hold);
    let dispatcher = host.events.dispatch(Token::alone(epoch));
    host.storm().await;
    host.calm_down().await;
    host.shut_down(dispatcher, tidy).await;
    host.limits.finish(host.clock.began().elapsed());
    host.ledger.finish();
    host.history.end()
}
