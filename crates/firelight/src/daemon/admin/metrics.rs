//! What each number of the daemon is called. `docs/metrics.md` explains them to operators.

use firelight_events::{FunctionDepth, Totals};
use firelight_invoke::{HostUse, Snapshot, VersionSnapshot};

use super::exposition::{Exposition, Kind, Labels};

/// Everything that is shown, of one moment.
#[derive(Debug)]
pub struct Numbers {
    pub plane: Snapshot,
    pub events: Totals,
    /// `None` where the queue cannot be read now.
    pub depths: Option<Vec<FunctionDepth>>,
    pub dropped_log_lines: u64,
    /// Exported and dropped; `None` where nobody collects them.
    pub spans: Option<(u64, u64)>,
    pub started_runtimes: u32,
}

/// A family with one number for each function version.
type OfVersion = (
    &'static str,
    Kind,
    &'static str,
    fn(&VersionSnapshot) -> u64,
);

const OF_VERSIONS: [OfVersion; 7] = [
    (
        "firelight_invocations_total",
        Kind::Counter,
        "Invocations that ran to their end, whatever it was.",
        |version| version.durations.count(),
    ),
    (
        "firelight_invocation_errors_total",
        Kind::Counter,
        "Invocations that ended in a function error, a crash or a timeout.",
        |version| version.errors,
    ),
    (
        "firelight_cold_invocations_total",
        Kind::Counter,
        "Invocations that were the first of their environment.",
        |version| version.cold,
    ),
    (
        "firelight_capacity_refusals_total",
        Kind::Counter,
        "Requests refused because the host had no room for them.",
        |version| version.no_capacity,
    ),
    (
        "firelight_egress_bytes_total",
        Kind::Counter,
        "Bytes that environments sent through their way out.",
        |version| version.traffic.sent_bytes,
    ),
    (
        "firelight_ingress_bytes_total",
        Kind::Counter,
        "Bytes that environments received through their way out.",
        |version| version.traffic.received_bytes,
    ),
    (
        "firelight_requests_in_line",
        Kind::Gauge,
        "Requests that wait for an environment.",
        |version| version.counts.waiting as u64,
    ),
];

pub fn write(numbers: &Numbers) -> String {
    let mut text = Exposition::default();
    text.family(
        "firelight_build_info",
        Kind::Gauge,
        "The version that runs.",
    );
    text.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    write_versions(&mut text, &numbers.plane.versions);
    write_host(&mut text, numbers);
    write_events(&mut text, &numbers.events);
    if let Some(depths) = &numbers.depths {
        write_queue(&mut text, depths);
    }
    text.finish()
}

fn write_versions(text: &mut Exposition, versions: &[VersionSnapshot]) {
    for (name, kind, help, value) in OF_VERSIONS {
        text.family(name, kind, help);
        for version in versions {
            labelled(version, &[], |labels| text.sample(labels, value(version)));
        }
    }
    text.family(
        "firelight_invocation_duration_seconds",
        Kind::Histogram,
        "Duration of invocations, as REPORT shows it.",
    );
    for version in versions {
        labelled(version, &[], |labels| {
            text.histogram(labels, &version.durations)
        });
    }
    text.family(
        "firelight_init_duration_seconds",
        Kind::Histogram,
        "Duration of inits that succeeded.",
    );
    for version in versions {
        labelled(version, &[], |labels| {
            text.histogram(labels, &version.inits)
        });
    }
    text.family(
        "firelight_throttles_total",
        Kind::Counter,
        "Requests refused for a limit of concurrency or of requests per second.",
    );
    for version in versions {
        for (reason, count) in &version.throttles {
            let reason = [("reason", reason.name())];
            labelled(version, &reason, |labels| text.sample(labels, count));
        }
    }
    text.family(
        "firelight_environment_starts_total",
        Kind::Counter,
        "Environments that were started, by how.",
    );
    for version in versions {
        for (kind, count) in &version.starts {
            let kind = [("kind", kind.name())];
            labelled(version, &kind, |labels| text.sample(labels, count));
        }
    }
    text.family(
        "firelight_environments",
        Kind::Gauge,
        "Environments by what they do.",
    );
    for version in versions {
        let counts = version.counts;
        let states = [
            ("idle", counts.idle),
            ("busy", counts.busy),
            ("starting", counts.starting),
        ];
        for (state, count) in states {
            labelled(version, &[("state", state)], |labels| {
                text.sample(labels, count)
            });
        }
    }
}

fn labelled(version: &VersionSnapshot, more: Labels<'_>, write: impl FnOnce(Labels<'_>)) {
    let (account, number) = (
        version.function.account.to_string(),
        version.version.to_string(),
    );
    let mut labels = vec![
        ("account", account.as_str()),
        ("region", version.function.region.as_str()),
        ("function", version.function.name.as_str()),
        ("version", number.as_str()),
    ];
    labels.extend(more);
    write(&labels);
}

fn write_host(text: &mut Exposition, numbers: &Numbers) {
    let HostUse {
        budget,
        memory_mb,
        environments,
    } = numbers.plane.host;
    let gauges: [(&str, &str, u64); 6] = [
        (
            "firelight_invocations_in_flight",
            "Invocations that were let in and are not over.",
            numbers.plane.in_flight as u64,
        ),
        (
            "firelight_host_memory_held_bytes",
            "Memory that environments were given, used or not.",
            memory_mb << 20,
        ),
        (
            "firelight_host_memory_budget_bytes",
            "Memory that environments may be given.",
            budget.memory_mb << 20,
        ),
        (
            "firelight_host_environments",
            "Environments on this host.",
            environments.into(),
        ),
        (
            "firelight_host_environments_limit",
            "Environments that may live on this host.",
            budget.environments.into(),
        ),
        (
            "firelight_started_runtimes",
            "Runtimes that are started and wait for a function.",
            numbers.started_runtimes.into(),
        ),
    ];
    for (name, help, value) in gauges {
        text.family(name, Kind::Gauge, help);
        text.sample(&[], value);
    }
    text.family(
        "firelight_log_lines_dropped_total",
        Kind::Counter,
        "Log lines that came faster than they could be written.",
    );
    text.sample(&[], numbers.dropped_log_lines);
    if let Some(totals) = numbers.spans {
        write_spans(text, totals);
    }
}

fn write_spans(text: &mut Exposition, (exported, dropped): (u64, u64)) {
    let counters = [
        (
            "firelight_spans_exported_total",
            "Spans that the collector took.",
            exported,
        ),
        (
            "firelight_spans_dropped_total",
            "Spans that came too fast, or that the collector did not take.",
            dropped,
        ),
    ];
    for (name, help, value) in counters {
        text.family(name, Kind::Counter, help);
        text.sample(&[], value);
    }
}

fn write_events(text: &mut Exposition, totals: &Totals) {
    let counters: [(&str, &str, u64); 8] = [
        (
            "firelight_events_accepted_total",
            "Asynchronous events that were acknowledged.",
            totals.accepted,
        ),
        (
            "firelight_events_succeeded_total",
            "Asynchronous events whose function answered without an error.",
            totals.succeeded,
        ),
        (
            "firelight_event_function_errors_total",
            "Attempts at asynchronous events that the function failed.",
            totals.function_errors,
        ),
        (
            "firelight_event_not_run_total",
            "Attempts at asynchronous events that were throttled or did not start.",
            totals.not_run,
        ),
        (
            "firelight_deliveries_total",
            "Records and dead letters that were handed over.",
            totals.delivered,
        ),
        (
            "firelight_delivery_retries_total",
            "Attempts at a delivery that will be repeated.",
            totals.delivery_retries,
        ),
        (
            "firelight_destination_failures_total",
            "Records that were given up.",
            totals.lost_records,
        ),
        (
            "firelight_dead_letter_errors_total",
            "Dead letters that were given up.",
            totals.lost_dead_letters,
        ),
    ];
    for (name, help, value) in counters {
        text.family(name, Kind::Counter, help);
        text.sample(&[], value);
    }
    text.family(
        "firelight_events_dropped_total",
        Kind::Counter,
        "Asynchronous events that were given up, by why.",
    );
    let dropped = &totals.dropped;
    for (reason, count) in [
        ("retries_exhausted", dropped.retries_exhausted),
        ("age_exceeded", dropped.age_exceeded),
        ("zero_concurrency", dropped.zero_concurrency),
        ("recursive", dropped.recursive),
        ("gone", dropped.gone),
    ] {
        text.sample(&[("reason", reason)], count);
    }
}

fn write_queue(text: &mut Exposition, depths: &[FunctionDepth]) {
    text.family(
        "firelight_event_queue_depth",
        Kind::Gauge,
        "Asynchronous events that wait or run.",
    );
    for depth in depths {
        text.sample(&[("function", &depth.function)], depth.events);
    }
    text.family(
        "firelight_event_queue_age_seconds",
        Kind::Gauge,
        "Age of the oldest asynchronous event that waits or runs.",
    );
    for depth in depths {
        text.sample(&[("function", &depth.function)], depth.oldest.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use firelight_invoke::{Budget, Counts, Histogram, StartKind, ThrottleReason};
    use firelight_model::{AccountId, FunctionArn, Version};
    use firelight_sandbox::Traffic;

    use super::*;

    fn numbers() -> Numbers {
        let version = VersionSnapshot {
            function: FunctionArn {
                region: "us-east-1".parse().unwrap(),
                account: AccountId::DEFAULT,
                name: "f".parse().unwrap(),
            },
            version: Version::Latest,
            errors: 1,
            throttles: ThrottleReason::ALL.map(|reason| (reason, 2)).to_vec(),
            no_capacity: 0,
            starts: StartKind::ALL.map(|kind| (kind, 3)).to_vec(),
            cold: 3,
            durations: Histogram {
                classes: std::array::from_fn(|_| 1),
                sum: std::time::Duration::from_secs(1),
            },
            inits: Histogram {
                classes: std::array::from_fn(|_| 0),
                sum: std::time::Duration::ZERO,
            },
            traffic: Traffic {
                sent_bytes: 4,
                received_bytes: 5,
            },
            counts: Counts::default(),
        };
        Numbers {
            plane: Snapshot {
                versions: vec![version],
                in_flight: 4,
                host: HostUse {
                    budget: Budget {
                        memory_mb: 1,
                        environments: 2,
                    },
                    memory_mb: 1,
                    environments: 1,
                },
            },
            events: Totals::default(),
            depths: Some(Vec::new()),
            dropped_log_lines: 5,
            spans: Some((6, 7)),
            started_runtimes: 6,
        }
    }

    #[test]
    fn number_of_a_version_names_it_whole() {
        let text = write(&numbers());

        let labels =
            "account=\"000000000000\",region=\"us-east-1\",function=\"f\",version=\"$LATEST\"";
        let invocations = format!("firelight_invocations_total{{{labels}}} 17\n");
        assert!(text.contains(&invocations), "{text}");
        let pooled = format!("firelight_environment_starts_total{{{labels},kind=\"pooled\"}} 3\n");
        assert!(text.contains(&pooled), "{text}");
        assert!(text.contains("firelight_host_memory_budget_bytes 1048576\n"));
    }

    #[test]
    fn each_family_is_begun_once_and_explained_to_operators() {
        let text = write(&numbers());
        let documented = include_str!("../../../../../docs/metrics.md");
        let mut seen = HashSet::new();

        for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let name = line.split(' ').next().unwrap();
            assert!(seen.insert(name), "{name} is begun twice");
            assert!(
                documented.contains(&format!("`{name}`")),
                "{name} is not in docs/metrics.md"
            );
        }
    }
}
