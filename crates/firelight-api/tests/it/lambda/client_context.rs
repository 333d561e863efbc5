//! The client context of an invocation.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::plane::{Api, FUNCTIONS, Reply};

async fn invoke(api: &Api, context: &str) -> Reply {
    let request = format!(
        "POST {FUNCTIONS}/f/invocations HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
         X-Amz-Client-Context: {context}\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    Reply::read(&api.server().send(request).await)
}

#[tokio::test]
async fn a_client_context_has_at_most_3583_bytes_in_base64() {
    let api = Api::start().await;
    api.active("f").await;
    let long = BASE64_STANDARD.encode(format!("{{\"custom\":\"{}\"}}", "x".repeat(2_675)));
    assert_eq!(long.len(), 3_584);

    let answer = invoke(&api, &long).await;

    let text = format!(
        "1 validation error detected: Value '{long}' at 'clientContext' failed to satisfy constraint: \
         Member must have length less than or equal to 3583"
    );
    answer.refused(400, "ValidationException", &text);
}
