//! Subscriptions: where they begin, how many there may be, and that they remember.

use firelight_store::{NewSubscription, Subscription};

use super::*;

fn subscription(name: &str, body: &'static str) -> NewSubscription {
    NewSubscription {
        place: place(),
        group: GROUP.to_owned(),
        name: name.to_owned(),
        body: Bytes::from(body),
        most: 2,
    }
}

impl Fixture {
    async fn subscribed(&self) -> Vec<Subscription> {
        self.logs.subscriptions(&place(), GROUP).await.unwrap()
    }
}

#[tokio::test]
async fn a_subscription_begins_behind_the_newest_event() {
    let f = Fixture::new().await;
    f.append("s", &[NOW_MS, NOW_MS]).await;
    f.logs
        .put_subscription(subscription("a", "1"))
        .await
        .unwrap();
    f.append("s", &[NOW_MS + 5]).await;

    let [subscribed] = &f.subscribed().await[..] else {
        panic!("one is there");
    };

    let page = f.logs.tail(&place(), GROUP, subscribed.upto, 10).await;
    assert_eq!(times(&page.unwrap().events), [NOW_MS + 5]);
}

#[tokio::test]
async fn a_subscription_remembers_across_a_restart_and_a_change() {
    let f = Fixture::new().await;
    f.append("s", &[NOW_MS]).await;
    f.logs
        .put_subscription(subscription("a", "1"))
        .await
        .unwrap();
    let id = f.subscribed().await[0].id;
    f.logs.note_told(id, 7).await.unwrap();
    f.logs.note_told(id, 5).await.unwrap();
    f.logs.close().await;

    let logs = open(f.directory.path(), &f.now_ms).await;
    logs.put_subscription(subscription("a", "2")).await.unwrap();

    let subscribed = logs.all_subscriptions().await.unwrap();
    assert_eq!(subscribed.len(), 1);
    assert_eq!((subscribed[0].id, subscribed[0].upto), (id, 7));
    assert_eq!(&*subscribed[0].body, b"2");
    assert_eq!(subscribed[0].place, place());
}

#[tokio::test]
async fn a_group_has_no_more_subscriptions_than_it_may() {
    let f = Fixture::new().await;
    f.append("s", &[NOW_MS]).await;
    for name in ["a", "b", "a"] {
        f.logs
            .put_subscription(subscription(name, ""))
            .await
            .unwrap();
    }

    let third = f.logs.put_subscription(subscription("c", "")).await;

    assert!(matches!(third, Err(ChangeLogsError::TooManySubscriptions)));
    assert_eq!(f.subscribed().await.len(), 2);
    f.logs
        .delete_subscription(&place(), GROUP, "a")
        .await
        .unwrap();
    f.logs
        .put_subscription(subscription("c", ""))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_subscription_needs_its_group_and_goes_with_it() {
    let f = Fixture::new().await;
    let early = f.logs.put_subscription(subscription("a", "")).await;
    assert!(matches!(early, Err(ChangeLogsError::NoSuchGroup)));
    f.append("s", &[NOW_MS]).await;
    f.logs
        .put_subscription(subscription("a", ""))
        .await
        .unwrap();
    let other = f.logs.delete_subscription(&place(), GROUP, "b").await;
    assert!(matches!(other, Err(ChangeLogsError::NoSuchSubscription)));

    f.logs.delete_group(&place(), GROUP).await.unwrap();

    assert_eq!(f.logs.all_subscriptions().await.unwrap(), []);
}
