//! Environments that run several invocations at once.

use firelight_runtime_api::{Answer, SessionConfig};

use crate::client::{configuration, event, serve_with};

#[tokio::test]
async fn several_polls_get_several_invocations_and_answer_in_any_order() {
    let mut served = serve_with(SessionConfig {
        max_concurrency: 2,
        ..configuration()
    });
    let mut one = served.polling().await;
    let mut other = served.client().await;
    let mut first = served.session.offer(event("id-1", "1")).unwrap();
    assert_eq!(one.read().await.unwrap().text(), "1");
    let mut second = served.session.offer(event("id-2", "2")).unwrap();
    assert_eq!(other.next().await.text(), "2");
    assert!(served.session.offer(event("id-3", "3")).is_err());

    assert_eq!(other.respond("id-2", "b").await.status, 202);
    assert_eq!(one.respond("id-1", "a").await.status, 202);

    assert!(matches!(first.answer().await, Ok(Answer::Response { payload, .. }) if payload == "a"));
    assert!(
        matches!(second.answer().await, Ok(Answer::Response { payload, .. }) if payload == "b")
    );
}

#[tokio::test]
async fn late_answer_to_an_aborted_invocation_is_gone() {
    let mut served = serve_with(SessionConfig {
        max_concurrency: 2,
        ..configuration()
    });
    let mut client = served.polling().await;
    let _invocation = served.session.offer(event("id-1", "1")).unwrap();
    client.read().await.unwrap();
    served.session.abort_invocation("id-1");

    let refusal = client.respond("id-1", "a").await.refusal();

    assert_eq!(
        refusal,
        (410, "InvokeTimeout".to_owned(), "Invoke timeout".to_owned())
    );
}
