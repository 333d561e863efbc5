//! What hostile code inside can try: each attempt is answered or cut off, is bounded, and changes nothing.

use std::time::Duration;

use firelight_runtime_api::{Answer, Limits, SessionConfig};
use tokio::net::TcpStream;

use crate::client::{Served, configuration, event, serve, serve_with};

/// The session still does its work.
async fn still_works(served: &mut Served) {
    let mut client = served.polling().await;
    let mut invocation = served.session.offer(event("after", "{}")).unwrap();
    client.read().await.unwrap();
    assert_eq!(client.respond("after", "1").await.status, 202);
    assert!(matches!(
        invocation.answer().await,
        Ok(Answer::Response { .. })
    ));
}

#[tokio::test]
async fn binary_garbage_is_a_bad_request() {
    let mut served = serve();
    for garbage in [
        &b"\x00\xff\x17\x03\x01garbage\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
    ] {
        let mut client = served.client().await;

        client.send(garbage).await;

        assert!(client.closed().await.starts_with(b"HTTP/1.1 400 "));
    }
    still_works(&mut served).await;
}

#[tokio::test]
async fn http2_is_not_spoken() {
    let mut served = serve();
    let mut client = served.client().await;

    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    let said = client.closed().await;

    assert!(
        said.is_empty() || said.starts_with(b"HTTP/1.1 4"),
        "{said:?}"
    );
    still_works(&mut served).await;
}

#[tokio::test]
async fn wrong_paths_are_not_found_and_wrong_methods_not_allowed() {
    let served = serve();
    let mut client = served.client().await;
    for path in [
        "/",
        "/2018-06-02/runtime/invocation/next",
        "/2018-06-01/runtime/invocation//response",
    ] {
        let got = client.get(path, "").await;
        assert_eq!(
            (got.status, got.text()),
            (404, "404 page not found\n"),
            "{path}"
        );
    }

    let got = client
        .call("/2018-06-01/runtime/invocation/next", "", "")
        .await;
    assert_eq!((got.status, got.headers["Allow"].as_str()), (405, "GET"));
    let got = client.get("/2018-06-01/runtime/init/error", "").await;
    assert_eq!((got.status, got.headers["Allow"].as_str()), (405, "POST"));
}

#[tokio::test]
async fn huge_and_countless_headers_are_refused() {
    let mut served = serve();
    let huge = format!(
        "GET /2018-06-01/ping HTTP/1.1\r\nX: {}\r\n\r\n",
        "x".repeat(1024 * 1024)
    );
    let many = format!(
        "GET /2018-06-01/ping HTTP/1.1\r\n{}\r\n",
        "A: b\r\n".repeat(5000)
    );
    for head in [huge, many] {
        let mut client = served.client().await;
        // The server may close before it read everything.
        let (mut reader, mut writer) = client.stream.split();
        let writing = tokio::io::AsyncWriteExt::write_all(&mut writer, head.as_bytes());
        let mut said = Vec::new();
        let reading = tokio::io::AsyncReadExt::read_to_end(&mut reader, &mut said);
        let _ = tokio::join!(writing, reading);

        assert!(
            said.is_empty() || said.starts_with(b"HTTP/1.1 431 "),
            "{said:?}"
        );
    }
    assert_eq!(served.session.abuse().broken_connections, 2);
    still_works(&mut served).await;
}

#[tokio::test(start_paused = true)]
async fn dribbled_head_is_cut_off() {
    let served = serve();
    let mut client = served.client().await;

    client.send("GET /2018-06-01/ping HT").await;

    assert!(client.closed().await.is_empty());
    assert_eq!(served.session.abuse().broken_connections, 1);
}

#[tokio::test(start_paused = true)]
async fn head_dribbled_byte_by_byte_on_a_kept_connection_is_cut_off() {
    let served = serve();
    let mut client = served.client().await;
    assert_eq!(client.get("/2018-06-01/ping", "").await.status, 200);

    let mut sent = 0;
    for byte in "GET /2018-06-01/ping HTTP/1.1\r\nHost: x\r\n\r\n".bytes() {
        tokio::time::sleep(Duration::from_secs(1)).await;
        match client.stream.try_write(&[byte]) {
            Ok(count) => sent += count,
            Err(_) => break,
        }
    }

    assert!(sent < 20, "{sent} bytes were waited for");
    assert!(client.closed().await.is_empty());
}

#[tokio::test]
async fn connections_beyond_the_bound_are_closed_and_the_others_live() {
    let limits = Limits {
        connections: 8,
        ..Limits::default()
    };
    let mut served = serve_with(SessionConfig {
        limits,
        ..configuration()
    });
    let mut first = served.client().await;
    assert_eq!(first.get("/2018-06-01/ping", "").await.status, 200);

    let mut flood = Vec::new();
    for _ in 0..2000 {
        flood.push(TcpStream::connect(served.address).await.unwrap());
    }

    assert_eq!(first.get("/2018-06-01/ping", "").await.status, 200);
    while served.session.abuse().refused_connections < 1993 {
        tokio::task::yield_now().await;
    }
    drop((flood, first));
    // A connection is free again once the server saw the end of an old one.
    while TcpStream::connect(served.address).await.is_ok() {
        let mut client = served.client().await;
        client
            .send("GET /2018-06-01/ping HTTP/1.1\r\nHost: x\r\n\r\n")
            .await;
        if client.read().await.is_ok() {
            break;
        }
    }
    still_works(&mut served).await;
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let mut served = serve();
    let mut client = served.polling().await;
    let mut invocation = served.session.offer(event("id-1", "{}")).unwrap();
    client.read().await.unwrap();

    client
        .send(
            "POST /2018-06-01/runtime/invocation/id-1/response HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1\
             GET /2018-06-01/ping HTTP/1.1\r\nHost: x\r\n\r\n\
             GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n",
        )
        .await;

    assert_eq!(client.read().await.unwrap().status, 202);
    assert_eq!(client.read().await.unwrap().text(), "pong");
    assert!(matches!(
        invocation.answer().await,
        Ok(Answer::Response { .. })
    ));
    let _invocation = served.session.offer(event("id-2", "2")).unwrap();
    assert_eq!(client.read().await.unwrap().text(), "2");
}

#[tokio::test]
async fn oversized_response_is_refused_whether_announced_or_not() {
    let limits = Limits {
        answer_bytes: 1000,
        ..Limits::default()
    };
    let mut served = serve_with(SessionConfig {
        limits,
        ..configuration()
    });
    let path = "/2018-06-01/runtime/invocation/id/response";
    let announced = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n{}",
        "x".repeat(200_000)
    );
    let chunked = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
        format!("3e8\r\n{}\r\n", "x".repeat(1000)).repeat(200)
    );
    let mut client = served.polling().await;
    for request in [announced, chunked] {
        let mut invocation = served.session.offer(event("id", "{}")).unwrap();
        client.read().await.unwrap();

        client.send(request).await;

        let message = "Exceeded maximum allowed payload size (1000 bytes).";
        let expected = (413, "RequestEntityTooLarge".to_owned(), message.to_owned());
        assert_eq!(client.read().await.unwrap().refusal(), expected);
        assert!(
            matches!(invocation.answer().await, Ok(Answer::TooLarge { bytes }) if bytes > 1000)
        );
        client
            .send("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
            .await;
    }
    assert_eq!(served.session.abuse().oversized_bodies, 2);
}

#[tokio::test]
async fn endless_body_is_cut_off() {
    let limits = Limits {
        answer_bytes: 1000,
        drain_bytes: 1024 * 1024,
        ..Limits::default()
    };
    let served = serve_with(SessionConfig {
        limits,
        ..configuration()
    });
    let mut client = served.client().await;
    client
        .send("POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(65536));

    let mut chunks = 0;
    while tokio::io::AsyncWriteExt::write_all(&mut client.stream, chunk.as_bytes())
        .await
        .is_ok()
    {
        chunks += 1;
        assert!(chunks < 4096, "256 MiB were taken");
    }
}

#[tokio::test]
async fn chunked_response_is_taken_whole() {
    let mut served = serve();
    let mut client = served.polling().await;
    let mut invocation = served.session.offer(event("id", "{}")).unwrap();
    client.read().await.unwrap();

    client
        .send(
            "POST /2018-06-01/runtime/invocation/id/response HTTP/1.1\r\nHost: x\r\n\
             Transfer-Encoding: chunked\r\n\r\n2\r\n[1\r\n3\r\n,2]\r\n0\r\n\r\n",
        )
        .await;

    assert_eq!(client.read().await.unwrap().status, 202);
    let answer = invocation.answer().await.unwrap();
    assert!(
        matches!(&answer, Answer::Response { payload, .. } if payload == "[1,2]"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn client_that_asks_whether_to_go_on_is_told_to() {
    let mut served = serve();
    let mut client = served.polling().await;
    let _invocation = served.session.offer(event("id", "{}")).unwrap();
    client.read().await.unwrap();

    client
        .send(
            "POST /2018-06-01/runtime/invocation/id/response HTTP/1.1\r\nHost: x\r\n\
             Content-Length: 1\r\nExpect: 100-continue\r\n\r\n",
        )
        .await;
    assert_eq!(client.read().await.unwrap().status, 100);
    client.send("1").await;

    assert_eq!(client.read().await.unwrap().status, 202);
}

#[tokio::test]
async fn request_that_smuggles_a_second_length_is_refused() {
    let mut served = serve();
    let mut client = served.client().await;

    client
        .send(
            "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\
             Content-Length: 2\r\n\r\n11",
        )
        .await;

    assert!(client.closed().await.starts_with(b"HTTP/1.1 400 "));
    still_works(&mut served).await;
}

#[tokio::test]
async fn polls_without_number_hold_one_place() {
    let mut served = serve();
    let mut newest = served.polling().await;
    for _ in 0..50 {
        let mut newer = served.client().await;
        newer
            .send("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
            .await;
        // The one that was pushed out learns so.
        assert_eq!(
            newest.read().await.unwrap().refusal().1,
            "InvalidStateTransition"
        );
        newest = newer;
    }

    let _invocation = served.session.offer(event("id", "{}")).unwrap();

    assert_eq!(newest.read().await.unwrap().status, 200);
}
