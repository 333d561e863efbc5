//! Groups and streams: made, listed, and told of.

use super::*;

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
