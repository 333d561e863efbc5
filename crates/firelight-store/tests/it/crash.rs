//! A process that commits is killed at any moment: what it acknowledged is there, nothing is half.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use firelight_store::{Key, Kind, Prefix, Rev, SqliteStore, Store, StoreClock, Txn};

const ROUNDS: usize = 100;
const HALF: Kind<'_> = Kind::new("half");
const CHILD: &str = "FIRELIGHT_STORE_CRASH_FILE";

fn half(n: u64, side: &str) -> Key {
    Key::new("000000000000", HALF, format_args!("{n:012}/{side}"))
}

/// The process that is killed: commits pairs for ever and says which are acknowledged.
///
/// As a test it runs only when the test below starts this binary again; otherwise it has no file
/// to work on and is done.
#[tokio::test]
async fn child() {
    let Some(file) = std::env::var_os(CHILD) else {
        return;
    };
    let store = SqliteStore::open(Path::new(&file), StoreClock::system())
        .await
        .unwrap();
    let mut out = std::io::stdout();
    for n in store.head().await.unwrap().get() + 1.. {
        let pair = Txn::new()
            .create(half(n, "left"), vec![b'l'; 700])
            .create(half(n, "right"), vec![b'r'; 700]);
        let rev = store.commit(pair).await.unwrap().rev;
        writeln!(out, "acknowledged {rev}").unwrap();
        out.flush().unwrap();
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

/// Lets the child acknowledge a few commits, kills it a moment later, and returns the last one.
fn run_and_kill(file: &Path, round: usize) -> Option<Rev> {
    let mut child = start(file);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let wanted = round % 5;
    let mut last = None;
    let acknowledged = |line: std::io::Result<String>| {
        let line = line.ok()?;
        let (_, rev) = line.split_once("acknowledged ")?;
        rev.parse().ok().map(Rev::new)
    };
    let mut seen = 0;
    while seen < wanted {
        let rev = acknowledged(lines.next().unwrap());
        seen += usize::from(rev.is_some());
        last = rev.or(last);
    }
    // Not waiting for anything: a moment of 0 to 2 ms, so that the kill lands anywhere in a commit.
    std::thread::sleep(Duration::from_micros((round as u64 * 379) % 2_000));
    child.kill().unwrap();
    child.wait().unwrap();
    lines.filter_map(acknowledged).last().or(last)
}

async fn check(file: &Path, acknowledged: Rev) -> Rev {
    let store = SqliteStore::open(file, StoreClock::system()).await.unwrap();
    let head = store.head().await.unwrap();
    assert!(
        head >= acknowledged,
        "{acknowledged} was acknowledged, {head} is there"
    );
    let page = store.list(&Prefix::all(), None, u32::MAX).await.unwrap();
    let ids: Vec<_> = page.records.iter().map(|r| r.key.clone()).collect();
    let whole: Vec<_> = (1..=head.get())
        .flat_map(|n| [half(n, "left"), half(n, "right")])
        .collect();
    assert_eq!(ids, whole);
    store.close().await;
    head
}

#[tokio::test]
async fn a_killed_writer_loses_nothing_it_acknowledged_and_leaves_nothing_half_done() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("records.sqlite3");
    let mut head = Rev::ZERO;

    for round in 0..ROUNDS {
        let acknowledged = run_and_kill(&file, round).unwrap_or(head);
        head = check(&file, acknowledged).await;
    }

    assert!(
        head >= Rev::new(ROUNDS as u64),
        "the rounds did something: {head}"
    );
}
