//! The control suite: whether reading stays as fast with 10,000 functions as with 10, and what creating one costs.

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use anyhow::ensure;
use tokio::time::Instant;

use super::client::LoadClient;
use super::instance::{Instance, TemporaryDirectory, creation};
use super::report::Report;
use super::stats::Metric;

const FEW: u32 = 10;
const MANY: u32 = 10_000;
const WRITERS: u32 = 16;
const READS: usize = 500;
const CREATIONS: u32 = 200;
/// About what the record of one function takes.
const RECORD_BYTES: usize = 4096;

pub async fn run(report: &mut Report) -> anyhow::Result<()> {
    let (few, many) = (Instance::start()?, Instance::start()?);
    create(&few.address, 0..FEW).await?;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let address = many.address.clone();
        let names = (writer..MANY).step_by(WRITERS as usize);
        writers.spawn(async move { create(&address, names).await });
    }
    while let Some(done) = writers.join_next().await {
        done??;
    }
    let one = "/2015-03-31/functions/bench-7/configuration";
    reads(report, "get", one, &few, &many).await?;
    reads(
        report,
        "list",
        "/2015-03-31/functions?MaxItems=10",
        &few,
        &many,
    )
    .await?;
    creations(report, &few).await
}

async fn create(address: &str, names: impl Iterator<Item = u32>) -> anyhow::Result<Vec<Duration>> {
    let mut client = LoadClient::connect(address).await?;
    let mut took = Vec::new();
    for name in names {
        let body = creation(&format!("bench-{name}"))?;
        let began = Instant::now();
        let answer = client.send("POST", "/2015-03-31/functions", body).await?;
        took.push(began.elapsed());
        ensure!(
            answer.status.is_success(),
            "CreateFunction: {:?}",
            answer.body
        );
    }
    Ok(took)
}

/// Reads from both in turn.
async fn reads(
    report: &mut Report,
    name: &str,
    path: &str,
    few: &Instance,
    many: &Instance,
) -> anyhow::Result<()> {
    let mut of_few = LoadClient::connect(&few.address).await?;
    let mut of_many = LoadClient::connect(&many.address).await?;
    let (mut short, mut long) = (Vec::new(), Vec::new());
    for _ in 0..READS {
        short.push(read(&mut of_few, path).await?);
        long.push(read(&mut of_many, path).await?);
    }
    let short = Metric::of_durations(&format!("{name}_of_{FEW}"), &short);
    let long = Metric::of_durations(&format!("{name}_of_{MANY}"), &long);
    report.ratio(&format!("{name}_{MANY}_vs_{FEW}"), long.p50 / short.p50);
    report.metric(short);
    report.metric(long);
    Ok(())
}

async fn read(client: &mut LoadClient, path: &str) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let answer = client.send("GET", path, "").await?;
    ensure!(answer.status.is_success(), "{path}: {:?}", answer.body);
    Ok(began.elapsed())
}

/// Creating beside writing as much to the same disk and waiting for it.
async fn creations(report: &mut Report, instance: &Instance) -> anyhow::Result<()> {
    let directory = TemporaryDirectory::new("fsync")?;
    let mut file = File::create_new(directory.as_ref().join("records"))?;
    let (mut created, mut synced) = (Vec::new(), Vec::new());
    for number in 0..CREATIONS {
        synced.push(tokio::task::block_in_place(|| sync_record(&mut file))?);
        let name = MANY + number;
        created.extend(create(&instance.address, name..=name).await?);
    }
    let created = Metric::of_durations("create_function", &created);
    let synced = Metric::of_durations("create_fsync", &synced);
    report.ratio("create_vs_fsync", created.p50 / synced.p50);
    report.metric(synced);
    report.metric(created);
    Ok(())
}

fn sync_record(file: &mut File) -> std::io::Result<Duration> {
    let began = Instant::now();
    file.write_all(&[b'r'; RECORD_BYTES])?;
    file.sync_data()?;
    Ok(began.elapsed())
}
