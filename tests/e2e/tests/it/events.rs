//! Power cuts under asynchronous load: every acknowledged event runs, and none runs after its success was recorded.
//!
//! Each success leaves a record, in the same commit. A record that is sent again is the same record; an event that ran
//! again after its success was recorded leaves another one, with a time of its own.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{DestinationConfig, InvocationType, OnSuccess};
use firelight_e2e::package::python_runtime;
use firelight_e2e::{Flavor, Service, TestEnvironment};
use serde_json::Value;

use crate::sdk;

const LIVES: usize = 4;
const PER_SECOND: u64 = 500;
/// Acknowledgements after which the daemon of a life is killed.
const PER_LIFE: usize = 250;
const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:q";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_500_events_a_second_every_event_runs_and_none_after_its_success_was_recorded() {
    let (Some(service), Some(runtime)) = (Service::start(), python_runtime()) else {
        return;
    };
    service.open();
    let configuration = service.configuration("");
    let flavor = Flavor::dev().with(&["--config", configuration.to_str().unwrap()]);
    let Some(mut environment) = TestEnvironment::start_as(flavor) else {
        return;
    };
    deploy(&sdk::client(&environment.access()), &runtime).await;
    let acknowledged: Arc<Mutex<HashSet<String>>> = Arc::default();

    for life in 1..=LIVES {
        let client = sdk::client(&environment.access());
        let enough = life * PER_LIFE;
        send_until(&client, &acknowledged, enough).await;
        tokio::task::block_in_place(|| environment.kill_and_restart());
    }

    let acknowledged = acknowledged.lock().unwrap().clone();
    let records =
        tokio::task::block_in_place(|| await_records(&environment, &service, &acknowledged));
    assert!(acknowledged.len() >= LIVES * PER_LIFE);
    // Those that were never acknowledged may have been accepted all the same, and keep the same promise.
    for (event, told) in &records {
        assert_eq!(
            told.len(),
            1,
            "{event} ran after its success was recorded: {told:?}"
        );
    }
    assert!(environment.stop().is_none());
}

async fn deploy(client: &Client, runtime: &str) {
    // On a busy machine a run may take long; one that is cut off would be tried again after a minute.
    sdk::creation(client, "echo", runtime, "return event")
        .timeout(300)
        .send()
        .await
        .unwrap();
    let to_queue = OnSuccess::builder().destination(QUEUE).build();
    client
        .put_function_event_invoke_config()
        .function_name("echo")
        .destination_config(DestinationConfig::builder().on_success(to_queue).build())
        .send()
        .await
        .unwrap();
}

/// Sends events, 500 a second, until so many were acknowledged in all lives together.
async fn send_until(client: &Client, acknowledged: &Arc<Mutex<HashSet<String>>>, enough: usize) {
    let is_over = Arc::new(AtomicBool::new(false));
    let mut ticks = tokio::time::interval(Duration::from_millis(1000 / PER_SECOND));
    let mut sent = Vec::new();
    let life = enough / PER_LIFE;
    for number in 0_u32.. {
        ticks.tick().await;
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let (client, acknowledged) = (client.clone(), Arc::clone(acknowledged));
        let is_over = Arc::clone(&is_over);
        sent.push(tokio::spawn(async move {
            let event = format!("{life}-{number}");
            let answer = client
                .invoke()
                .function_name("echo")
                .invocation_type(InvocationType::Event)
                .payload(Blob::new(format!("\"{event}\"")))
                .send()
                .await;
            if answer.is_ok() {
                let mut acknowledged = acknowledged.lock().unwrap();
                acknowledged.insert(event);
                if acknowledged.len() >= enough {
                    is_over.store(true, Ordering::Relaxed);
                }
            }
        }));
    }
    // What is under way now meets the power cut.
    drop(sent);
}

/// Waits until each event is told, as long as there are more of them with every look.
fn await_records(
    environment: &TestEnvironment,
    service: &Service,
    events: &HashSet<String>,
) -> HashMap<String, HashSet<String>> {
    let mut known = 0;
    loop {
        let taken = environment.until(|| Some(service.taken()).filter(|all| all.len() > known));
        known = taken.len();
        let records = records(&taken);
        if events.iter().all(|event| records.contains_key(event)) {
            return records;
        }
    }
}

/// The different records of each event.
fn records(taken: &[Value]) -> HashMap<String, HashSet<String>> {
    let read = |text: &Value| serde_json::from_str::<Value>(text.as_str().unwrap()).unwrap();
    let mut records: HashMap<String, HashSet<String>> = HashMap::new();
    for line in taken {
        let record = read(&read(&line["body"])["MessageBody"]);
        assert_eq!(record["requestContext"]["condition"], "Success", "{record}");
        assert_eq!(
            record["responsePayload"], record["requestPayload"],
            "{record}"
        );
        let event = record["requestPayload"].as_str().unwrap().to_owned();
        records.entry(event).or_default().insert(record.to_string());
    }
    records
}
