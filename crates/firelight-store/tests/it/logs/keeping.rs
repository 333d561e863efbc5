//! How long what was appended stays: until it is deleted, too old, or more than there is room for.

use super::*;

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
