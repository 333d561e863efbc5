//! Generations, restores and the end.

use std::time::Duration;

use bytes::Bytes;
use firelight_runtime_api::machine::RuntimeState;
use firelight_runtime_api::{Abandoned, InitializationType, SessionConfig, SessionEvent};
use tokio::net::TcpStream;

use crate::client::{configuration, event, serve, serve_with};

#[tokio::test]
async fn reset_closes_connections_drops_invocations_and_starts_over() {
    let mut served = serve();
    let mut client = served.polling().await;
    let mut invocation = served.session.offer(event("id-1", "{}")).unwrap();
    client.read().await.unwrap();

    served.session.reset().await;

    assert_eq!(served.session.runtime_state(), RuntimeState::Started);
    assert_eq!(invocation.answer().await.unwrap_err(), Abandoned);
    client.closed().await;
    let mut client = served.client().await;
    assert_eq!(client.respond("id-1", "1").await.status, 400);
    assert_eq!(
        client
            .call("/2018-06-01/runtime/init/error", "", "{}")
            .await
            .status,
        202
    );
    assert!(matches!(
        served.events.next().await,
        Some(SessionEvent::InitError(_))
    ));
}

#[tokio::test]
async fn nothing_of_an_earlier_generation_is_seen_after_a_reset() {
    let mut served = serve();
    let mut client = served.client().await;
    client
        .call("/2018-06-01/runtime/init/error", "", "{}")
        .await;

    served.session.reset().await;

    assert!(served.events.try_next().is_none());
}

#[tokio::test]
async fn request_left_in_the_queue_by_a_dead_runtime_does_not_count_as_the_new_one() {
    let mut served = serve();
    // The connection is made and the poll written before the listener's task had a turn to accept it.
    let ghost = std::net::TcpStream::connect(served.address).unwrap();
    std::io::Write::write_all(
        &mut &ghost,
        b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n",
    )
    .unwrap();

    served.session.reset().await;
    tokio::task::yield_now().await;

    assert_eq!(served.session.runtime_state(), RuntimeState::Started);
    assert!(served.events.try_next().is_none());
}

#[tokio::test]
async fn closed_session_refuses_connections() {
    let served = serve();
    let mut client = served.client().await;
    assert_eq!(client.get("/2018-06-01/ping", "").await.status, 200);

    served.session.close().await;

    client.closed().await;
    assert!(TcpStream::connect(served.address).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn silent_connection_is_kept_between_requests() {
    let served = serve();
    let mut client = served.client().await;
    assert_eq!(client.get("/2018-06-01/ping", "").await.status, 200);

    tokio::time::sleep(Duration::from_secs(3600)).await;

    assert_eq!(client.get("/2018-06-01/ping", "").await.status, 200);
}

fn snap_start() -> SessionConfig {
    SessionConfig {
        initialization_type: InitializationType::SnapStart,
        ..configuration()
    }
}

#[tokio::test]
async fn restored_runtime_is_let_go_and_polls() {
    let mut served = serve_with(snap_start());
    let mut client = served.client().await;
    client
        .send("GET /2018-06-01/runtime/restore/next HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;
    assert!(matches!(
        served.events.next().await,
        Some(SessionEvent::RestoreReady)
    ));

    served.session.restore().unwrap();

    let got = client.read().await.unwrap();
    assert_eq!((got.status, got.text()), (200, ""));
    let _invocation = served.session.offer(event("id-1", "{}")).unwrap();
    assert_eq!(client.next().await.status, 200);
}

#[tokio::test]
async fn failed_restore_hook_is_told() {
    let mut served = serve_with(snap_start());
    let mut client = served.client().await;
    client
        .send("GET /2018-06-01/runtime/restore/next HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;
    served.events.next().await;
    served.session.restore().unwrap();
    client.read().await.unwrap();

    let got = client
        .call("/2018-06-01/runtime/restore/error", "", "{}")
        .await;

    assert_eq!(got.status, 202);
    assert!(matches!(
        served.events.next().await,
        Some(SessionEvent::RestoreError(_))
    ));
}

#[tokio::test]
async fn credentials_are_given_for_their_token_only() {
    let served = serve_with(snap_start());
    served.session.set_credentials(
        "secret".to_owned(),
        Bytes::from_static(b"{\"Token\":\"t\"}"),
    );
    let mut client = served.client().await;
    let path = "/2021-04-23/credentials";

    assert_eq!(
        client.get(path, "Authorization: wrong\r\n").await.status,
        404
    );
    assert_eq!(client.get(path, "").await.status, 404);
    let got = client.get(path, "Authorization: secret\r\n").await;
    assert_eq!((got.status, got.text()), (200, "{\"Token\":\"t\"}"));
}

#[tokio::test]
async fn restore_endpoints_do_not_exist_elsewhere() {
    let served = serve();
    let mut client = served.client().await;

    assert_eq!(
        client
            .get("/2018-06-01/runtime/restore/next", "")
            .await
            .status,
        404
    );
    assert_eq!(client.get("/2021-04-23/credentials", "").await.status, 404);
}
