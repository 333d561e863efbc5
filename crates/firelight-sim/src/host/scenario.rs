//! What a seed decides about a host before anything happens.

use std::time::Duration;

use firelight_events::{Limits, Waits};
use firelight_invoke::{Budget, Ceiling, Pace, Paces, StreamLimits};
use firelight_model::{EnvironmentConcurrency, FunctionArn};
use firelight_sandbox::Egress;

use super::runtime::Caprice;
use super::versions::HostedFunction;
use crate::rng::Rng;

/// Calls come and faults strike within this time.
pub(crate) const STORM: Duration = Duration::from_secs(12);

pub(crate) struct Scenario {
    pub(crate) functions: Vec<HostedFunction>,
    pub(crate) unreserved: u32,
    /// What the account may run at once: the unreserved rest and all that is set aside.
    pub(crate) account: u32,
    pub(crate) caprice: Caprice,
    pub(crate) longest_run: Duration,
    pub(crate) plane: firelight_invoke::Settings,
    pub(crate) events: firelight_events::Settings,
    pub(crate) timetable: Vec<(Duration, Deed)>,
}

/// Something that a scenario makes happen at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Deed {
    Call(u64),
    Event(u64),
    Update,
    LoseSandbox,
    RunOutOfMemory,
    FailLaunch,
    FailSpawn,
    FailFreeze,
    FailThaw,
    FailKill,
    SlowLaunches,
}

impl Deed {
    /// Whether it may take an environment away while requests wait for it.
    pub(crate) fn may_lose(self) -> bool {
        matches!(
            self,
            Self::LoseSandbox
                | Self::RunOutOfMemory
                | Self::FailSpawn
                | Self::FailThaw
                | Self::FailKill
        )
    }
}

impl Scenario {
    pub(crate) fn of(seed: u64) -> Self {
        let mut rng = Rng::of(seed, b"host");
        let unreserved = rng.within_u32(1..6);
        let functions = (0..rng.within(1..4)).map(|number| function(number, unreserved, &mut rng));
        let functions: Vec<_> = functions.collect();
        let calm = rng.percent(20);
        Self {
            account: unreserved + functions.iter().map(set_aside).sum::<u32>(),
            functions,
            unreserved,
            caprice: caprice(calm, &mut rng),
            longest_run: rng.millis(1..1_500),
            plane: plane(&mut rng),
            events: events(&mut rng),
            timetable: timetable(calm, &mut rng),
        }
    }
}

fn set_aside(function: &HostedFunction) -> u32 {
    let reserved = match function.ceiling {
        Ceiling::Reserved(reserved) => reserved,
        Ceiling::Unreserved(_) => 0,
    };
    reserved + function.provisioned
}

fn function(number: u64, unreserved: u32, rng: &mut Rng) -> HostedFunction {
    let name = format!("f{number}");
    let ceiling = if rng.percent(50) {
        Ceiling::Reserved(rng.within_u32(1..4))
    } else {
        Ceiling::Unreserved(unreserved)
    };
    HostedFunction {
        arn: FunctionArn {
            region: "eu-west-1".parse().expect("a region"),
            account: "000000000000".parse().expect("an account"),
            name: name.parse().expect("a name"),
        },
        memory_mb: 128 * rng.within_u32(1..4),
        timeout_s: rng.within_u32(1..4),
        ceiling,
        provisioned: if rng.percent(25) {
            rng.within_u32(1..3)
        } else {
            0
        },
        concurrency: concurrency(rng),
        limits: Limits {
            retries: rng.within_u32(0..3),
            age: Duration::from_secs(60),
        },
    }
}

/// Most functions have environments that run one event at a time.
fn concurrency(rng: &mut Rng) -> EnvironmentConcurrency {
    let seats = if rng.percent(30) { rng.within(2..5) } else { 1 };
    let seats = u16::try_from(seats)
        .ok()
        .and_then(EnvironmentConcurrency::new);
    seats.unwrap_or(EnvironmentConcurrency::ONE)
}

fn caprice(calm: bool, rng: &mut Rng) -> Caprice {
    if calm {
        return Caprice::default();
    }
    Caprice {
        fails_init: rng.within(0..20),
        fails: rng.within(0..20),
        crashes: rng.within(0..15),
        hangs: rng.within(0..10),
        is_late: rng.within(0..10),
        answers_twice: rng.within(0..15),
        leaves_after: rng.within(0..15),
    }
}

fn plane(rng: &mut Rng) -> firelight_invoke::Settings {
    firelight_invoke::Settings {
        init_timeout: rng.millis(500..3_000),
        idle_limit: rng.millis(500..10_000),
        freeze_after: rng.millis(0..1_000),
        longest_line: *rng.one_of(&[1, 2, 5, 20]),
        capacity_wait: rng.millis(100..3_000),
        budget: Budget {
            memory_mb: rng.within(384..1_500),
            environments: rng.within_u32(1..7),
        },
        paces: paces(rng),
        stream_limits: StreamLimits {
            most_bytes: 1 << 20,
            rate: None,
        },
        egress: Egress::None,
        init_milli_cpus: 1_000,
        started_runtimes: 0,
        unlimited_cpu: false,
    }
}

fn paces(rng: &mut Rng) -> Paces {
    Paces {
        requests: *rng.one_of(&[None, Some(1), Some(2), Some(10)]),
        scaling: Pace {
            per_second: rng.within_u32(1..4),
            burst: rng.within_u32(1..12),
        },
    }
}

/// Waits short enough for retries to fall into the storm.
fn events(rng: &mut Rng) -> firelight_events::Settings {
    let in_flight = rng.within_u32(1..9);
    firelight_events::Settings {
        waits: Waits {
            after_function_error: vec![Duration::from_secs(1), Duration::from_secs(2)],
            back_off_first: Duration::from_millis(100),
            back_off_most: Duration::from_secs(3),
        },
        delivery_age: Duration::from_secs(3_600),
        in_flight,
        in_flight_per_function: rng.within_u32(1..in_flight + 1),
        hold: Duration::from_secs(5),
        samples_traces: false,
    }
}

fn timetable(calm: bool, rng: &mut Rng) -> Vec<(Duration, Deed)> {
    let mut deeds: Vec<Deed> = (0..rng.within(1..40)).map(Deed::Call).collect();
    deeds.extend((0..rng.within(0..15)).map(Deed::Event));
    if !calm {
        let faults = [
            Deed::Update,
            Deed::LoseSandbox,
            Deed::RunOutOfMemory,
            Deed::FailLaunch,
            Deed::FailSpawn,
            Deed::FailFreeze,
            Deed::FailThaw,
            Deed::FailKill,
            Deed::SlowLaunches,
        ];
        deeds.extend((0..rng.within(0..8)).map(|_| *rng.one_of(&faults)));
    }
    let mut timetable: Vec<_> = deeds
        .into_iter()
        .map(|deed| (rng.up_to(STORM), deed))
        .collect();
    timetable.sort_unstable();
    timetable
}
