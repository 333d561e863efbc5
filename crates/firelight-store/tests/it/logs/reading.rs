//! Events of a stream and of a group: in order, page by page, each once.

use super::*;

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
