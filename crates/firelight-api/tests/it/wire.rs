//! What every client gets, whatever it asks.

use firelight_api::Authentication;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Server, server};

#[tokio::test]
async fn health_is_answered_without_a_signature() {
    let server = server(Authentication::Required).await;

    let answer = server.get("/_firelight/health").await;

    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, r#"{"status":"ok"}"#)
    );
}

#[tokio::test]
async fn unsigned_request_is_refused_in_the_form_of_its_protocol() {
    let server = server(Authentication::Required).await;

    let lambda = server.get("/2015-03-31/functions").await;
    let s3 = server.get("/bucket/key").await;
    let query = server
        .get("/?Action=GetCallerIdentity&Version=2011-06-15")
        .await;

    assert_eq!(lambda.status, 403);
    assert_eq!(lambda.body, r#"{"message":"Missing Authentication Token"}"#);
    assert!(
        lambda
            .head
            .contains("x-amzn-errortype: missingauthenticationtokenexception")
    );
    assert!(lambda.head.contains("x-amzn-requestid: "));
    assert_eq!(s3.status, 403);
    assert!(
        s3.body.contains("<Error><Code>AccessDenied</Code>"),
        "{}",
        s3.body
    );
    assert_eq!(query.status, 403);
    assert!(
        query
            .body
            .contains("<Code>MissingAuthenticationToken</Code>"),
        "{}",
        query.body
    );
}

#[tokio::test]
async fn service_not_offered_is_named_in_the_answer() {
    let server = server(Authentication::AnyCredentials).await;

    let answer = server
        .send(
            "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 2\r\n\
             Content-Type: application/x-amz-json-1.0\r\n\
             X-Amz-Target: DynamoDB_20120810.ListTables\r\n\r\n{}",
        )
        .await;

    assert_eq!(answer.status, 501);
    assert!(
        answer
            .head
            .contains("content-type: application/x-amz-json-1.0"),
        "{}",
        answer.head
    );
    assert!(answer.body.contains("DynamoDB_20120810"), "{}", answer.body);
}

#[tokio::test]
async fn connection_is_kept_for_the_next_request() {
    let server = server(Authentication::AnyCredentials).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = "GET /_firelight/health HTTP/1.1\r\nHost: h\r\n\r\n";

    for _ in 0..2 {
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = vec![0; 4096];
        let length = stream.read(&mut answer).await.unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 200"));
    }
}

#[tokio::test]
async fn shutdown_closes_idle_connections_and_ends_the_server() {
    let server = server(Authentication::AnyCredentials).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET /_firelight/health HTTP/1.1\r\nHost: h\r\n\r\n")
        .await
        .unwrap();
    let mut answer = vec![0; 4096];
    assert!(idle.read(&mut answer).await.unwrap() > 0);

    server.shutdown.send(()).unwrap();

    server.ended.await.unwrap();
    assert_eq!(idle.read(&mut answer).await.unwrap(), 0);
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn client_that_waits_is_told_to_go_on_before_it_sends_its_body() {
    let server = server(Authentication::AnyCredentials).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nExpect: 100-continue\r\n\
        X-Amz-Target: Logs_20140328.DescribeLogGroups\r\nContent-Length: 2\r\n\r\n";

    stream.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).await.unwrap();
    stream.write_all(b"{}").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();

    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn unsigned_upload_is_refused_before_its_body_is_sent() {
    let server = server(Authentication::Required).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /2015-03-31/functions HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\
        Content-Length: 50000000\r\n\r\n";

    stream.write_all(head.as_bytes()).await.unwrap();
    // The end comes without waiting: a connection refused like this is not used again.
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();

    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn body_beyond_the_limit_is_read_to_its_end_and_refused() {
    let server = server(Authentication::AnyCredentials).await;
    let length = 5 * 1024 * 1024;
    let head = format!(
        "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
         X-Amz-Target: Logs_20140328.DescribeLogGroups\r\nContent-Length: {length}\r\n\r\n"
    );

    let answer = server
        .send([head.into_bytes(), vec![b' '; length]].concat())
        .await;

    assert_eq!(answer.status, 413);
    assert!(
        answer.body.contains("RequestEntityTooLargeException"),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn client_that_speaks_only_http_2_is_answered() {
    let server = server(Authentication::AnyCredentials).await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io)
        .await
        .unwrap();
    let driver = tokio::spawn(connection);
    let uri = format!(
        "http://{}/?Action=GetCallerIdentity&Version=2011-06-15",
        server.address
    );
    let request = http::Request::get(uri).body(http_body_util::Empty::<bytes::Bytes>::new());

    let answer = sender.send_request(request.unwrap()).await.unwrap();

    assert_eq!(answer.status(), 200);
    assert_eq!(answer.version(), http::Version::HTTP_2);
    driver.abort();
}

/// Sends a head whose body is held back, and reads until the server ends the connection.
async fn refused_without_its_body(server: &Server, path: &str, length: usize) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn body_that_is_too_long_is_refused_before_it_is_sent() {
    let server = server(Authentication::AnyCredentials).await;
    let functions = "/2015-03-31/functions";

    let created = refused_without_its_body(&server, functions, 70_167_212).await;
    let invoked =
        refused_without_its_body(&server, &format!("{functions}/f/invocations"), 6_291_457).await;

    assert!(created.starts_with("HTTP/1.1 413"), "{created}");
    let text = "Request must be smaller than 70167211 bytes for the CreateFunction operation";
    assert!(created.contains(text), "{created}");
    assert!(invoked.starts_with("HTTP/1.1 413"), "{invoked}");
    let text = "6291457 byte payload is too large for the RequestResponse invocation type \
        (limit 6291456 bytes)";
    assert!(invoked.contains(text), "{invoked}");
}

#[tokio::test]
async fn body_that_is_said_to_be_no_json_is_refused() {
    let server = server(Authentication::AnyCredentials).await;
    let send = async |media_type: &str, length: usize| {
        let body = "{}".repeat(length / 2);
        let head =
            "POST /2015-03-31/functions/f/invocations HTTP/1.1\r\nHost: h\r\nConnection: close\r\n";
        server
            .send(format!(
                "{head}Content-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n{body}"
            ))
            .await
    };

    let refused = send("text/xml", 2).await;

    assert_eq!(refused.status, 415);
    let name = "x-amzn-errortype: unsupportedmediatypeexception";
    assert!(refused.head.contains(name), "{}", refused.head);
    assert_eq!(
        refused.body,
        r#"{"Type":"User","message":"The content type of the request body is not JSON."}"#
    );
    assert_eq!(send("application/octet-stream", 2).await.status, 404);
    assert_eq!(send("text/xml", 0).await.status, 404);
}

#[tokio::test]
async fn request_names_one_host() {
    let server = server(Authentication::AnyCredentials).await;
    let path = "/_firelight/health";

    for (line, host, expected) in [
        (format!("GET {path} HTTP/1.1"), "Host: a\r\n", 200),
        (format!("GET {path} HTTP/1.0"), "", 200),
        (format!("GET {path} HTTP/1.1"), "", 400),
        (
            format!("GET {path} HTTP/1.1"),
            "Host: a\r\nHost: a\r\n",
            400,
        ),
        (
            format!("GET {path} HTTP/1.1"),
            "Host: a\r\nhOST: b\r\n",
            400,
        ),
        (format!("GET http://a{path} HTTP/1.1"), "Host: A\r\n", 200),
        (format!("GET http://a{path} HTTP/1.1"), "Host: b\r\n", 400),
    ] {
        let request = format!("{line}\r\n{host}Connection: close\r\n\r\n");

        let answer = server.send(&request).await;

        assert_eq!(answer.status, expected, "{request}{}", answer.body);
    }
}

/// A body is as long as one header says, or two servers may see two requests where there is one.
#[tokio::test]
async fn request_says_once_how_long_its_body_is() {
    let server = server(Authentication::AnyCredentials).await;

    for lengths in [
        "Content-Length: 2\r\nContent-Length: 3\r\n",
        "Content-Length: 2, 3\r\n",
        "Content-Length: +2\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n",
        " folded: x\r\n",
        "Spaced : x\r\n",
    ] {
        let request =
            format!("POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{lengths}\r\n{{}}");

        let answer = server.send(&request).await;

        assert_eq!(answer.status, 400, "{lengths}{}", answer.body);
    }
}
