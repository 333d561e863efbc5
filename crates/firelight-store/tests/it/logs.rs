//! The logs: what is appended is found again, in order, page by page, as long as it is kept.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use firelight_model::{AccountId, WallTime};
use firelight_store::{
    ChangeLogsError, EventPosition, EventQuery, FilterQuery, GroupQuery, LogEvent, LogLine,
    LogPlace, LogStore, NewLogEvent, ReadLogsError, Start, StreamName, StreamOrder, StreamQuery,
    Streams,
};
use sqlx::{ConnectOptions, Connection};

const GROUP: &str = "/aws/lambda/resize";
const NOW_MS: u64 = 1_795_437_297_000;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

struct Fixture {
    logs: LogStore,
    now_ms: Arc<AtomicU64>,
    directory: tempfile::TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let now_ms = Arc::new(AtomicU64::new(NOW_MS));
        let logs = open(directory.path(), &now_ms).await;
        Self {
            logs,
            now_ms,
            directory,
        }
    }

    /// Appends one line for each time and waits until they are durable.
    async fn append(&self, stream: &str, times_ms: &[u64]) {
        for at_ms in times_ms {
            self.logs
                .append(line(stream, *at_ms, &format!("{stream} {at_ms}")));
        }
        self.logs.flush().await.unwrap();
    }

    async fn events(&self, query: EventQuery) -> firelight_store::EventPage {
        self.logs.events(&name("s"), &query).await.unwrap()
    }

    async fn filter(&self, query: FilterQuery) -> Vec<LogEvent> {
        self.logs.filter(&place(), GROUP, &query).await.unwrap()
    }

    async fn stored_bytes(&self) -> u64 {
        let groups = self.logs.groups(&place(), &groups()).await.unwrap().groups;
        groups[0].stored_bytes
    }
}

async fn open(directory: &Path, now_ms: &Arc<AtomicU64>) -> LogStore {
    let now_ms = Arc::clone(now_ms);
    let clock = move || WallTime::from_epoch_ms(now_ms.load(Ordering::SeqCst));
    let file = directory.join("logs.sqlite3");
    LogStore::open(&file, Arc::new(clock)).await.unwrap()
}

fn at(ms: u64) -> WallTime {
    WallTime::from_epoch_ms(ms)
}

fn place() -> LogPlace {
    LogPlace::new(AccountId::DEFAULT, &"us-east-1".parse().unwrap())
}

fn name(stream: &str) -> StreamName {
    StreamName {
        place: place(),
        group: GROUP.to_owned(),
        stream: stream.to_owned(),
    }
}

fn line(stream: &str, at_ms: u64, message: &str) -> LogLine {
    LogLine {
        stream: Arc::new(name(stream)),
        at: at(at_ms),
        message: Bytes::from(message.to_owned()),
    }
}

fn query(start: Start, limit: u32) -> EventQuery {
    EventQuery {
        since: None,
        until: None,
        start,
        limit,
    }
}

fn groups() -> GroupQuery {
    GroupQuery {
        limit: 10,
        ..GroupQuery::default()
    }
}

fn streams(order: StreamOrder) -> StreamQuery {
    StreamQuery {
        order,
        limit: 10,
        ..StreamQuery::default()
    }
}

fn times(events: &[LogEvent]) -> Vec<u64> {
    events.iter().map(|e| e.at.epoch_ms()).collect()
}

#[tokio::test]
async fn a_line_makes_its_group_and_stream_and_is_read_as_it_was_said() {
    let f = Fixture::new().await;

    f.logs.append(line("s", 1_000, "hello\tworld\n"));
    f.logs.flush().await.unwrap();

    let page = f.events(query(Start::Head, 10)).await;
    let event = &page.events[0];
    assert_eq!(event.message, "hello\tworld\n");
    assert_eq!((event.at, event.ingested), (at(1_000), at(NOW_MS)));
    assert_eq!(event.stream, "s");
    assert_eq!(page.events.len(), 1);
}

#[tokio::test]
async fn a_line_is_written_soon_without_being_asked_for() {
    let f = Fixture::new().await;
    let mut appended = f.logs.appended();

    f.logs.append(line("s", 1, "hello"));
    appended.wait_for(|newest| *newest > 0).await.unwrap();

    assert_eq!(f.events(query(Start::Head, 10)).await.events.len(), 1);
}

#[tokio::test]
async fn bytes_that_are_no_text_do_not_stop_the_log() {
    let f = Fixture::new().await;
    let broken = LogLine {
        message: Bytes::from_static(b"a\xff\0b"),
        ..line("s", 1, "")
    };

    f.logs.append(broken);
    f.logs.flush().await.unwrap();

    let page = f.events(query(Start::Head, 10)).await;
    assert_eq!(page.events[0].message, "a\u{fffd}\0b");
}

#[tokio::test]
async fn events_are_read_in_the_order_of_time_whatever_the_order_of_arrival() {
    let f = Fixture::new().await;

    f.append("s", &[30, 10]).await;
    f.append("s", &[20, 10]).await;

    let page = f.events(query(Start::Head, 10)).await;
    assert_eq!(times(&page.events), [10, 10, 20, 30]);
}

#[tokio::test]
async fn a_stream_is_paged_forward_from_its_head_and_goes_on_with_later_events() {
    let f = Fixture::new().await;
    f.append("s", &[1, 2, 3]).await;

    let first = f.events(query(Start::Head, 2)).await;
    let second = f.events(query(Start::From(first.forward), 2)).await;
    let end = f.events(query(Start::From(second.forward), 2)).await;
    f.append("s", &[4]).await;
    let later = f.events(query(Start::From(end.forward), 2)).await;

    assert_eq!(times(&first.events), [1, 2]);
    assert_eq!(times(&second.events), [3]);
    assert_eq!((times(&end.events), end.forward), (vec![], second.forward));
    assert_eq!(times(&later.events), [4]);
}

#[tokio::test]
async fn a_stream_is_paged_backward_from_its_tail() {
    let f = Fixture::new().await;
    f.append("s", &[1, 2, 3]).await;

    let last = f.events(query(Start::Tail, 2)).await;
    let before = f.events(query(Start::Before(last.backward), 2)).await;
    let end = f.events(query(Start::Before(before.backward), 2)).await;
    let back_again = f.events(query(Start::From(end.forward), 10)).await;

    assert_eq!(times(&last.events), [2, 3]);
    assert_eq!(times(&before.events), [1]);
    assert_eq!(
        (times(&end.events), end.backward),
        (vec![], before.backward)
    );
    assert_eq!(times(&back_again.events), [1, 2, 3]);
}

#[tokio::test]
async fn a_stretch_of_time_includes_its_beginning_and_not_its_end() {
    let f = Fixture::new().await;
    f.append("s", &[1, 2, 3, 4]).await;
    let between = |start| EventQuery {
        since: Some(at(2)),
        until: Some(at(4)),
        ..query(start, 10)
    };

    let from_head = f.events(between(Start::Head)).await;
    let from_tail = f.events(between(Start::Tail)).await;
    let filtered = f
        .filter(FilterQuery {
            since: Some(at(2)),
            until: Some(at(4)),
            limit: 10,
            ..FilterQuery::default()
        })
        .await;

    assert_eq!(times(&from_head.events), [2, 3]);
    assert_eq!(times(&from_tail.events), [2, 3]);
    assert_eq!(times(&filtered), [2, 3]);
}

#[tokio::test]
async fn a_group_is_read_over_its_streams_in_the_order_of_time_page_by_page() {
    let f = Fixture::new().await;
    f.append("a", &[1, 4]).await;
    f.append("b", &[2, 3]).await;
    let from = |from| FilterQuery {
        from,
        limit: 3,
        ..FilterQuery::default()
    };

    let first = f.filter(from(EventPosition::default())).await;
    let rest = f.filter(from(first[2].position.behind())).await;

    let streams: Vec<_> = first.iter().map(|e| &e.stream[..]).collect();
    assert_eq!(
        (times(&first), streams),
        (vec![1, 2, 3], vec!["a", "b", "b"])
    );
    assert_eq!(times(&rest), [4]);
}

#[tokio::test]
async fn a_group_is_read_only_in_the_streams_asked_for() {
    let f = Fixture::new().await;
    f.append("a1", &[1]).await;
    f.append("a2", &[2]).await;
    f.append("b", &[3]).await;
    let of = |streams| FilterQuery {
        streams,
        limit: 10,
        ..FilterQuery::default()
    };

    let named = vec!["b".to_owned(), "a1".to_owned(), "missing".to_owned()];
    assert_eq!(times(&f.filter(of(Streams::Named(named))).await), [1, 3]);
    assert_eq!(
        times(&f.filter(of(Streams::Prefixed("a".into()))).await),
        [1, 2]
    );
    assert_eq!(times(&f.filter(of(Streams::Named(vec![]))).await), []);
}

#[tokio::test]
async fn a_tail_tells_late_events_too_and_each_once() {
    let f = Fixture::new().await;
    let tail = async |after, limit| f.logs.tail(&place(), GROUP, after, limit).await.unwrap();
    f.append("s", &[100, 200]).await;

    let first = tail(0, 10).await;
    let nothing = tail(first.upto, 10).await;
    f.append("s", &[50, 60, 70]).await;
    let full = tail(nothing.upto, 2).await;
    let rest = tail(full.upto, 2).await;

    assert_eq!(times(&first.events), [100, 200]);
    assert_eq!(times(&nothing.events), []);
    assert_eq!(times(&full.events), [50, 60]);
    assert_eq!(times(&rest.events), [70]);
}

#[tokio::test]
async fn groups_are_listed_by_name_of_one_account_in_one_region_only() {
    let f = Fixture::new().await;
    let elsewhere = LogPlace::new(AccountId::DEFAULT, &"eu-west-1".parse().unwrap());
    let other = LogPlace::new(
        "111111111111".parse().unwrap(),
        &"us-east-1".parse().unwrap(),
    );
    for group in ["/aws/lambda/b", "/aws/lambda/a", "/other"] {
        f.logs.create_group(&place(), group).await.unwrap();
    }
    f.logs.create_group(&other, "/aws/lambda/c").await.unwrap();
    f.logs
        .create_group(&elsewhere, "/aws/lambda/a")
        .await
        .unwrap();
    let names = async |query: GroupQuery| {
        let page = f.logs.groups(&place(), &query).await.unwrap();
        let names: Vec<_> = page.groups.into_iter().map(|g| g.name).collect();
        (names.join(" "), page.next)
    };

    let all = names(groups()).await;
    let prefixed = names(GroupQuery {
        prefix: "/aws".into(),
        ..groups()
    });
    let containing = names(GroupQuery {
        containing: "the".into(),
        ..groups()
    });
    let first = names(GroupQuery {
        limit: 2,
        ..groups()
    });
    let rest = names(GroupQuery {
        after: Some("/aws/lambda/b".into()),
        ..groups()
    });

    assert_eq!(all, ("/aws/lambda/a /aws/lambda/b /other".into(), None));
    assert_eq!(prefixed.await.0, "/aws/lambda/a /aws/lambda/b");
    assert_eq!(containing.await.0, "/other");
    assert_eq!(first.await.1, Some("/aws/lambda/b".into()));
    assert_eq!(rest.await.0, "/other");
}

#[tokio::test]
async fn streams_are_listed_in_every_order_page_by_page() {
    let f = Fixture::new().await;
    f.append("b", &[30]).await;
    f.append("a", &[20]).await;
    f.append("c", &[10, 20]).await;
    f.logs.create_stream(name("empty")).await.unwrap();

    for (order, expected) in [
        (StreamOrder::Name, ["a", "b", "c", "empty"]),
        (StreamOrder::NameDescending, ["empty", "c", "b", "a"]),
        (StreamOrder::LastEvent, ["empty", "a", "c", "b"]),
        (StreamOrder::LastEventDescending, ["b", "c", "a", "empty"]),
    ] {
        let mut query = StreamQuery {
            limit: 1,
            ..streams(order)
        };
        let mut found = Vec::new();
        loop {
            let page = f.logs.streams(&place(), GROUP, &query).await.unwrap();
            found.extend(page.streams.into_iter().map(|s| s.name));
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        assert_eq!(found, expected, "{order:?}");
    }
}

#[tokio::test]
async fn a_stream_tells_its_times_and_a_group_its_bytes() {
    let f = Fixture::new().await;
    f.append("s", &[30, 10, 20]).await;
    f.logs.create_stream(name("empty")).await.unwrap();

    let by_name = streams(StreamOrder::NameDescending);
    let page = f.logs.streams(&place(), GROUP, &by_name).await.unwrap();
    let [s, empty] = &page.streams[..] else {
        panic!("there are two streams");
    };

    assert_eq!((s.first_event, s.last_event), (Some(at(10)), Some(at(30))));
    assert_eq!(
        (s.created, s.last_ingestion),
        (at(NOW_MS), Some(at(NOW_MS)))
    );
    assert_eq!(
        (empty.first_event, empty.last_event, empty.last_ingestion),
        (None, None, None)
    );
    // Each message is `s 10`, and each event counts 26 bytes more.
    assert_eq!(f.stored_bytes().await, 3 * (4 + 26));
}

#[tokio::test]
async fn what_exists_cannot_be_created_and_what_does_not_cannot_be_used() {
    let f = Fixture::new().await;
    let logs = &f.logs;
    let put = |stream| logs.put_events(stream, vec![]);

    let no_group = logs.create_stream(name("s")).await.unwrap_err();
    logs.create_group(&place(), GROUP).await.unwrap();
    let group_exists = logs.create_group(&place(), GROUP).await.unwrap_err();
    let no_stream = put(name("s")).await.unwrap_err();
    logs.create_stream(name("s")).await.unwrap();
    let stream_exists = logs.create_stream(name("s")).await.unwrap_err();
    let no_retention = logs
        .put_retention(&place(), "other", None)
        .await
        .unwrap_err();
    let no_deletion = logs.delete_group(&place(), "other").await.unwrap_err();
    let no_reading = logs
        .events(&name("x"), &query(Start::Head, 1))
        .await
        .unwrap_err();

    assert!(matches!(no_group, ChangeLogsError::NoSuchGroup));
    assert!(matches!(group_exists, ChangeLogsError::GroupExists));
    assert!(matches!(no_stream, ChangeLogsError::NoSuchStream));
    assert!(matches!(stream_exists, ChangeLogsError::StreamExists));
    assert!(matches!(no_retention, ChangeLogsError::NoSuchGroup));
    assert!(matches!(no_deletion, ChangeLogsError::NoSuchGroup));
    assert!(matches!(no_reading, ReadLogsError::NoSuchStream));
}

#[tokio::test]
async fn events_that_are_put_are_durable_when_acknowledged() {
    let f = Fixture::new().await;
    f.logs.create_group(&place(), GROUP).await.unwrap();
    f.logs.create_stream(name("s")).await.unwrap();
    let event = |ms| NewLogEvent {
        at: at(ms),
        message: "put".to_owned(),
    };

    f.logs
        .put_events(name("s"), vec![event(1), event(2)])
        .await
        .unwrap();

    assert_eq!(
        times(&f.events(query(Start::Head, 10)).await.events),
        [1, 2]
    );
    assert_eq!(f.stored_bytes().await, 2 * (3 + 26));
}

#[tokio::test]
async fn a_deleted_group_is_gone_with_its_events_and_begins_empty_when_used_again() {
    let f = Fixture::new().await;
    f.append("s", &[1, 2]).await;

    f.logs.delete_group(&place(), GROUP).await.unwrap();
    let gone = f
        .logs
        .events(&name("s"), &query(Start::Head, 10))
        .await
        .unwrap_err();
    f.append("s", &[3]).await;
    f.logs.sweep().await.unwrap();

    assert!(matches!(gone, ReadLogsError::NoSuchGroup));
    assert_eq!(times(&f.events(query(Start::Head, 10)).await.events), [3]);
    assert_eq!(
        times(&f.logs.tail(&place(), GROUP, 0, 10).await.unwrap().events),
        [3]
    );
    assert_eq!(f.stored_bytes().await, 3 + 26);
}

#[tokio::test]
async fn a_deleted_stream_is_gone_at_once_and_its_bytes_after_the_sweep() {
    let f = Fixture::new().await;
    f.append("s", &[1]).await;
    f.append("t", &[2]).await;

    f.logs.delete_stream(name("s")).await.unwrap();
    let events = f.filter(FilterQuery {
        limit: 10,
        ..FilterQuery::default()
    });
    assert_eq!(times(&events.await), [2]);
    f.logs.sweep().await.unwrap();

    assert_eq!(f.stored_bytes().await, 3 + 26);
}

#[tokio::test]
async fn retention_removes_what_is_too_old_and_streams_that_it_empties() {
    let f = Fixture::new().await;
    f.append("old", &[NOW_MS - 2 * DAY_MS]).await;
    // Events of one write that are less than a second apart leave together.
    f.append("s", &[NOW_MS - DAY_MS - 1001, NOW_MS - DAY_MS, NOW_MS])
        .await;
    f.logs.create_stream(name("unused")).await.unwrap();

    f.logs.sweep().await.unwrap();
    let without_retention = f.events(query(Start::Head, 10)).await.events.len();
    f.logs
        .put_retention(&place(), GROUP, Some(1))
        .await
        .unwrap();
    f.logs.sweep().await.unwrap();

    assert_eq!(without_retention, 3);
    let kept = f.events(query(Start::Head, 10)).await;
    assert_eq!(times(&kept.events), [NOW_MS - DAY_MS, NOW_MS]);
    let page = f
        .logs
        .streams(&place(), GROUP, &streams(StreamOrder::Name))
        .await
        .unwrap();
    let names: Vec<_> = page.streams.iter().map(|s| &s.name[..]).collect();
    assert_eq!(names, ["s", "unused"]);
    assert_eq!(page.streams[0].first_event, Some(at(NOW_MS - DAY_MS)));
    let bytes = kept
        .events
        .iter()
        .map(|e| e.message.len() as u64 + 26)
        .sum::<u64>();
    assert_eq!(f.stored_bytes().await, bytes);
}

#[tokio::test]
async fn a_stream_that_retention_emptied_and_removed_comes_back_with_its_next_line() {
    let f = Fixture::new().await;
    f.append("s", &[NOW_MS]).await;
    f.logs
        .put_retention(&place(), GROUP, Some(1))
        .await
        .unwrap();
    let later = NOW_MS + 2 * DAY_MS;
    f.now_ms.store(later, Ordering::SeqCst);
    f.logs.sweep().await.unwrap();

    f.append("s", &[later]).await;

    assert_eq!(
        times(&f.events(query(Start::Head, 10)).await.events),
        [later]
    );
}

#[tokio::test]
async fn logs_outlive_the_daemon() {
    let f = Fixture::new().await;
    f.logs.append(line("s", 1, "kept"));
    f.logs.close().await;
    f.logs.append(line("s", 2, "too late"));

    let logs = open(f.directory.path(), &f.now_ms).await;

    let page = logs
        .events(&name("s"), &query(Start::Head, 10))
        .await
        .unwrap();
    assert_eq!(times(&page.events), [1]);
    assert_eq!(*logs.appended().borrow(), 1);
    assert_eq!(f.logs.dropped_lines(), 1);
}

#[tokio::test]
async fn lines_beyond_the_bound_are_dropped_and_counted() {
    const BOUND: usize = 32 * 1024;
    let f = Fixture::new().await;
    let line = line("s", 1, "x");

    // The writer shares this thread, so it cannot take any line meanwhile.
    for _ in 0..BOUND + 7 {
        f.logs.append(line.clone());
    }
    f.logs.flush().await.unwrap();

    assert_eq!(f.logs.dropped_lines(), 7);
    let page = f.events(query(Start::Head, u32::MAX)).await;
    assert_eq!(page.events.len(), BOUND);
}

#[tokio::test]
async fn lines_that_could_not_be_written_are_kept_and_written_later() {
    let f = Fixture::new().await;
    f.append("s", &[1]).await;
    let mut db = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(f.directory.path().join("logs.sqlite3"))
        .connect()
        .await
        .unwrap();
    let mut run = async |sql: &'static str| sqlx::raw_sql(sql).execute(&mut db).await.unwrap();

    run("ALTER TABLE log_page RENAME TO hidden").await;
    f.logs.append(line("new", 2, "kept"));
    let failed = f.logs.flush().await.unwrap_err();
    run("ALTER TABLE hidden RENAME TO log_page").await;
    f.logs.flush().await.unwrap();
    db.close().await.unwrap();

    assert!(matches!(failed, ChangeLogsError::Failed(_)), "{failed}");
    let page = f
        .logs
        .events(&name("new"), &query(Start::Head, 10))
        .await
        .unwrap();
    assert_eq!(times(&page.events), [2]);
}
