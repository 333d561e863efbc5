//! Web pages that call the API from a browser.

use firelight_api::Authentication;

use crate::support::{Answer, Server, server};

async fn ask(server: &Server, line: &str, headers: &str) -> Answer {
    server
        .send(format!(
            "{line} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{headers}\r\n"
        ))
        .await
}

const LIST: &str = "GET /2015-03-31/functions";
const PREFLIGHT: &str = "OPTIONS /2015-03-31/functions";
const ASKS: &str = "Access-Control-Request-Method: POST\r\n\
                    Access-Control-Request-Headers: authorization,x-amz-date\r\n";

#[tokio::test]
async fn page_of_another_host_gives_no_orders_where_nothing_is_signed() {
    let server = server(Authentication::AnyCredentials).await;

    for origin in ["http://evil.example", "null"] {
        let headers = format!("Origin: {origin}\r\n");
        let simple = ask(&server, LIST, &headers).await;
        let preflight = ask(&server, PREFLIGHT, &format!("{headers}{ASKS}")).await;

        assert_eq!((simple.status, preflight.status), (403, 403), "{origin}");
        assert!(simple.body.contains("may not call this API"));
        assert!(!preflight.head.contains("access-control-allow-origin"));
    }
}

#[tokio::test]
async fn page_of_this_machine_is_let_in_and_reads_the_answer() {
    let server = server(Authentication::AnyCredentials).await;
    let origin = "Origin: http://localhost:3000\r\n";

    let preflight = ask(&server, PREFLIGHT, &format!("{origin}{ASKS}")).await;
    let list = ask(&server, LIST, origin).await;

    assert_eq!((preflight.status, list.status), (200, 200));
    for header in [
        "access-control-allow-origin: *",
        "access-control-allow-headers: authorization,x-amz-date",
        "access-control-max-age: 172800",
    ] {
        assert!(preflight.head.contains(header), "{}", preflight.head);
    }
    assert!(list.head.contains("access-control-allow-origin: *"));
    assert!(list.head.contains("access-control-expose-headers: *"));
}

#[tokio::test]
async fn every_page_may_ask_where_requests_are_signed() {
    let server = server(Authentication::Required).await;
    let origin = "Origin: https://app.example\r\n";

    let preflight = ask(&server, PREFLIGHT, &format!("{origin}{ASKS}")).await;
    let unsigned = ask(&server, LIST, origin).await;

    assert_eq!((preflight.status, unsigned.status), (200, 403));
    assert!(unsigned.body.contains("Missing Authentication Token"));
    assert!(unsigned.head.contains("access-control-allow-origin: *"));
}
