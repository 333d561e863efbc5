//! Where requests begin and end, and what clients that play with that, or with time, can have.

use std::time::Duration;

use firelight_api::{Authentication, ServerLimits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Server, server, server_limited};

const HEALTH: &str = "GET /_firelight/health HTTP/1.1\r\nHost: h\r\n";

/// Sends bytes and returns everything that comes until the server closes.
async fn exchange(server: &Server, request: impl AsRef<[u8]>) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(request.as_ref()).await.unwrap();
    let mut bytes = Vec::new();
    // A connection that is reset has told all that it tells.
    stream.read_to_end(&mut bytes).await.ok();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn answers(text: &str) -> usize {
    text.matches("HTTP/1.1 ").count()
}

/// A proxy in front may have gone by the length: then what follows the chunks came from somebody else.
#[tokio::test]
async fn request_with_a_length_and_chunks_is_the_last_on_its_connection() {
    let server = server(Authentication::AnyCredentials).await;
    let (length, chunks) = ("Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n");

    for lengths in [[length, chunks].concat(), [chunks, length].concat()] {
        let request = format!(
            "POST /?Action=GetCallerIdentity&Version=2011-06-15 HTTP/1.1\r\nHost: h\r\n{lengths}\r\n\
             0\r\n\r\n{HEALTH}\r\n"
        );

        let text = exchange(&server, &request).await;

        assert_eq!(answers(&text), 1, "{text}");
        assert!(text.contains("GetCallerIdentityResult"), "{text}");
        assert!(text.contains("connection: close"), "{text}");
    }
}

#[tokio::test]
async fn request_whose_lengths_contradict_each_other_is_refused_with_all_that_follows() {
    let server = server(Authentication::AnyCredentials).await;

    for lengths in [
        "Content-Length: 0\r\nContent-Length: 5",
        "Content-Length: 0, 5",
    ] {
        let request = format!("POST / HTTP/1.1\r\nHost: h\r\n{lengths}\r\n\r\n{HEALTH}\r\n");

        let text = exchange(&server, &request).await;

        assert!(text.starts_with("HTTP/1.1 400 "), "{lengths}: {text}");
        assert_eq!(answers(&text), 1, "{text}");
    }
}

#[tokio::test]
async fn chunks_in_no_known_form_are_refused_with_all_that_follows() {
    let server = server(Authentication::AnyCredentials).await;

    for chunks in [
        "x\r\n{}\r\n0\r\n\r\n",
        "-2\r\n{}\r\n0\r\n\r\n",
        "0x2\r\n{}\r\n0\r\n\r\n",
        "2 2\r\n{}\r\n0\r\n\r\n",
        "2\n{}\r\n0\r\n\r\n",
        "2\r\n{}}\r\n0\r\n\r\n",
        "10000000000000002\r\n{}\r\n0\r\n\r\n",
    ] {
        for path in [
            "/",
            "/2015-03-31/functions",
            "/2015-03-31/functions/f/invocations",
        ] {
            let request = format!(
                "POST {path} HTTP/1.1\r\nHost: h\r\nX-Amz-Target: Logs_20140328.DescribeLogGroups\r\n\
                 Transfer-Encoding: chunked\r\n\r\n{chunks}{HEALTH}\r\n"
            );

            let text = exchange(&server, &request).await;

            assert!(
                text.starts_with("HTTP/1.1 400 "),
                "{path} {chunks:?}: {text}"
            );
            assert_eq!(answers(&text), 1, "{path} {chunks:?}: {text}");
        }
    }
}

#[tokio::test]
async fn requests_that_come_at_once_are_answered_in_their_order() {
    let server = server(Authentication::AnyCredentials).await;
    let identity = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 43\r\n\
        Content-Type: application/x-www-form-urlencoded\r\n\r\n\
        Action=GetCallerIdentity&Version=2011-06-15";
    let last = "GET /2015-03-31/functions/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

    let text = exchange(&server, format!("{HEALTH}\r\n{identity}{HEALTH}\r\n{last}")).await;

    let order = [
        r#"{"status":"ok"}"#,
        "GetCallerIdentityResult",
        r#"{"status":"ok"}"#,
        "Functions",
    ];
    let mut rest = text.as_str();
    for expected in order {
        let (_, after) = rest.split_once(expected).expect(&text);
        rest = after;
    }
    assert_eq!(answers(&text), order.len(), "{text}");
}

/// Neither silence nor a byte now and then keeps a request open.
#[tokio::test]
async fn body_that_comes_too_slowly_is_given_up() {
    let server = server(Authentication::AnyCredentials).await;
    let head = "POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: Logs_20140328.DescribeLogGroups\r\n\
        Content-Length: 1000\r\n\r\n";
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut from, mut to) = stream.into_split();
    tokio::time::pause();

    let begin = tokio::time::Instant::now();
    let dripping = tokio::spawn(async move {
        while to.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(20)).await;
        }
    });
    let mut text = [0; 12];
    from.read_exact(&mut text).await.unwrap();

    assert_eq!(&text, b"HTTP/1.1 408");
    assert!(
        begin.elapsed() <= Duration::from_secs(61),
        "{:?}",
        begin.elapsed()
    );
    dripping.abort();
}

#[tokio::test]
async fn address_with_all_its_connections_gets_no_more_until_one_ends() {
    let limits = ServerLimits {
        max_connections_per_address: 2,
        ..ServerLimits::default()
    };
    let server = server_limited(Authentication::AnyCredentials, limits).await;
    let mut open = [
        TcpStream::connect(server.address).await.unwrap(),
        TcpStream::connect(server.address).await.unwrap(),
    ];
    for stream in &mut open {
        stream
            .write_all(format!("{HEALTH}\r\n").as_bytes())
            .await
            .unwrap();
        assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
    }

    assert_eq!(exchange(&server, format!("{HEALTH}\r\n")).await, "");
    let [first, _second] = open;
    drop(first);

    let closing = format!("{HEALTH}Connection: close\r\n\r\n");
    // The server learns of the end in its own time.
    let answered = async {
        while exchange(&server, &closing).await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), answered)
        .await
        .unwrap();
}

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Requests that are given up as soon as they are sent would else be work without end, and none of it counted.
#[tokio::test]
async fn streams_given_up_as_soon_as_they_are_opened_end_their_connection() {
    let server = server(Authentication::AnyCredentials).await;
    // GET, http, /, and the authority "h".
    let request = [0x82, 0x86, 0x84, 0x41, 1, b'h'];
    let mut burst = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    burst.extend(frame(SETTINGS, 0, 0, &[]));
    for stream in (1..4000).step_by(2) {
        burst.extend(frame(HEADERS, 5, stream, &request));
        burst.extend(frame(RST_STREAM, 0, stream, &8u32.to_be_bytes()));
    }

    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&burst).await.unwrap();
    let mut seen = Vec::new();
    stream.read_to_end(&mut seen).await.ok();

    let reason = reason_of_the_end(&seen);
    assert_eq!(reason, Some(11), "to be calm");
    assert_eq!(server.get("/_firelight/health").await.status, 200);
}

/// Returns the reason of the first frame that ends the connection.
fn reason_of_the_end(mut frames: &[u8]) -> Option<u32> {
    while let [a, b, c, kind, _, _, _, _, _, rest @ ..] = frames {
        let length = usize::try_from(u32::from_be_bytes([0, *a, *b, *c])).unwrap();
        let payload = rest.get(..length)?;
        if *kind == GOAWAY {
            return Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
        }
        frames = &rest[length..];
    }
    None
}
