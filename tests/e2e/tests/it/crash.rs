//! Power cuts: the daemon is killed at arbitrary points while functions are created, updated, invoked and deleted.
//!
//! After each restart every acknowledged write is there, a write that was under way is there or not but never half,
//! every function runs the code it says it has, and nothing of the killed life runs or is mounted. The points are
//! chosen by a seed that is printed: the daemon is killed after so many acknowledgements.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{LastUpdateStatus, State};
use firelight_e2e::TestEnvironment;
use firelight_e2e::package::{python_function, python_runtime};
use tokio::sync::Notify;

use crate::sdk;

const LIVES: u32 = 6;
const WORKERS: u32 = 3;

/// What a function's handler returns: it names the code that runs. `None`: there is no function.
type Code = Option<u64>;

/// What must be there after a restart.
#[derive(Clone, Copy, Debug, Default)]
struct Expectation {
    acknowledged: Code,
    /// A write that was sent and never answered.
    under_way: Option<Code>,
}

/// One worker's functions; nobody else writes them.
type Expectations = BTreeMap<String, Expectation>;

/// Numbers that look random and follow from a seed.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// Counts acknowledgements, and says when the daemon is to be killed.
#[derive(Default)]
struct Fuse {
    left: AtomicU32,
    burnt: Notify,
    is_over: AtomicBool,
}

impl Fuse {
    fn burn(&self) {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.burnt.notify_one();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_and_nothing_half_made_is_seen() {
    let (Some(mut environment), Some(runtime)) = (TestEnvironment::start(), python_runtime())
    else {
        return;
    };
    let seed = seed();
    eprintln!("FIRELIGHT_TEST_SEED={seed} repeats this run");
    let mut numbers = Numbers(seed);
    let mut workers: Vec<Expectations> = vec![Expectations::default(); WORKERS as usize];

    for life in 0..LIVES {
        let fuse = Arc::new(Fuse::default());
        fuse.left.store(
            1 + u32::try_from(numbers.below(40)).unwrap(),
            Ordering::Relaxed,
        );
        let client = sdk::client(&environment.access());
        let tasks: Vec<_> = (0..)
            .zip(std::mem::take(&mut workers))
            .map(|(id, expectations)| {
                let worker = Worker {
                    id,
                    client: client.clone(),
                    runtime: runtime.clone(),
                    numbers: Numbers(numbers.next()),
                    fuse: Arc::clone(&fuse),
                    expectations,
                };
                tokio::spawn(worker.run())
            })
            .collect();
        fuse.burnt.notified().await;
        fuse.is_over.store(true, Ordering::Relaxed);
        tokio::task::block_in_place(|| environment.kill_and_restart());
        for task in tasks {
            workers.push(task.await.unwrap());
        }

        let client = sdk::client(&environment.access());
        for expectations in &mut workers {
            check(&client, expectations, life).await;
        }
        check_nothing_else(&client, &workers).await;
    }

    assert!(tokio::task::block_in_place(|| environment.stop()).is_none());
}

fn seed() -> u64 {
    let given = std::env::var("FIRELIGHT_TEST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        u64::from(now.subsec_nanos())
    })
}

struct Worker {
    id: u32,
    client: Client,
    runtime: String,
    numbers: Numbers,
    fuse: Arc<Fuse>,
    expectations: Expectations,
}

impl Worker {
    /// Works until the daemon dies under it.
    async fn run(mut self) -> Expectations {
        while self.step().await.is_some() && !self.fuse.is_over.load(Ordering::Relaxed) {}
        self.expectations
    }

    /// Makes one write, or one invoke. `None` when no answer came.
    async fn step(&mut self) -> Option<()> {
        let name = format!("w{}-{}", self.id, self.numbers.below(4));
        let now = self
            .expectations
            .entry(name.clone())
            .or_default()
            .acknowledged;
        let code = self.numbers.next();
        match (now, self.numbers.below(8)) {
            (None, _) => self.write(&name, Some(code), Self::create).await,
            (Some(_), 0) => self.write(&name, None, Self::delete).await,
            (Some(_), 1..4) => self.write(&name, Some(code), Self::update).await,
            (Some(code), _) => self.invoke(&name, code).await,
        }
    }

    /// Expects the new code once the write is acknowledged, and either until then.
    async fn write<'a>(
        &'a mut self,
        name: &'a str,
        code: Code,
        send: impl AsyncFnOnce(&Client, &str, &str, Code) -> Option<()>,
    ) -> Option<()> {
        settle(&self.client, name).await?;
        self.expectations.get_mut(name)?.under_way = Some(code);
        send(&self.client, &self.runtime, name, code).await?;
        *self.expectations.get_mut(name)? = Expectation {
            acknowledged: code,
            under_way: None,
        };
        self.fuse.burn();
        Some(())
    }

    async fn create(client: &Client, runtime: &str, name: &str, code: Code) -> Option<()> {
        let body = format!("return {}", code?);
        sdk::creation(client, name, runtime, &body)
            .send()
            .await
            .ok()
            .map(drop)
    }

    async fn update(client: &Client, _runtime: &str, name: &str, code: Code) -> Option<()> {
        let zip = Blob::new(python_function(&format!("return {}", code?)));
        client
            .update_function_code()
            .function_name(name)
            .zip_file(zip)
            .send()
            .await
            .ok()
            .map(drop)
    }

    async fn delete(client: &Client, _runtime: &str, name: &str, _code: Code) -> Option<()> {
        client
            .delete_function()
            .function_name(name)
            .send()
            .await
            .ok()
            .map(drop)
    }

    async fn invoke(&mut self, name: &str, code: u64) -> Option<()> {
        settle(&self.client, name).await?;
        let answer = self.client.invoke().function_name(name).send().await.ok()?;
        assert_eq!(
            answer.payload?.as_ref(),
            code.to_string().as_bytes(),
            "{name}"
        );
        self.fuse.burn();
        Some(())
    }
}

/// Waits until no creation and no update of a function is under way. `None` when no answer came.
async fn settle(client: &Client, name: &str) -> Option<()> {
    loop {
        match client
            .get_function_configuration()
            .function_name(name)
            .send()
            .await
        {
            Ok(found) => {
                let is_busy = found.state == Some(State::Pending)
                    || found.last_update_status == Some(LastUpdateStatus::InProgress);
                if !is_busy {
                    return Some(());
                }
            }
            Err(error) => {
                let is_missing = error.into_service_error().is_resource_not_found_exception();
                return is_missing.then_some(());
            }
        }
        tokio::task::yield_now().await;
    }
}

/// Checks each function against what is expected, and then expects what was found.
async fn check(client: &Client, expectations: &mut Expectations, life: u32) {
    for (name, expectation) in expectations {
        let found = code_of(client, name).await;
        let is_expected = found == expectation.acknowledged || Some(found) == expectation.under_way;
        assert!(
            is_expected,
            "life {life}: {name} runs {found:?}, expected {expectation:?}"
        );
        *expectation = Expectation {
            acknowledged: found,
            under_way: None,
        };
    }
}

/// Runs a function to learn its code.
async fn code_of(client: &Client, name: &str) -> Code {
    settle(client, name)
        .await
        .expect("a restarted daemon answers");
    let answer = match client.invoke().function_name(name).send().await {
        Ok(answer) => answer,
        Err(error) => {
            let error = error.into_service_error();
            assert!(error.is_resource_not_found_exception(), "{name}: {error:?}");
            return None;
        }
    };
    let payload = String::from_utf8(answer.payload.unwrap().into_inner()).unwrap();
    assert_eq!(answer.function_error, None, "{name}: {payload}");
    Some(payload.parse().unwrap())
}

/// The list holds exactly the functions that can be invoked.
async fn check_nothing_else(client: &Client, workers: &[Expectations]) {
    let pages = client.list_functions().into_paginator().items().send();
    let listed: Vec<_> = pages.try_collect().await.unwrap();
    let mut listed: Vec<_> = listed.into_iter().filter_map(|f| f.function_name).collect();
    listed.sort();
    let expected: Vec<_> = workers
        .iter()
        .flatten()
        .filter(|(_, expectation)| expectation.acknowledged.is_some())
        .map(|(name, _)| name.clone())
        .collect();
    assert_eq!(listed, expected);
}
