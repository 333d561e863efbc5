//! A chain of synchronous runs that comes back to the same function again and again.

use firelight_events::lineage;
use firelight_model::FunctionArn;
use serde_json::json;

use super::plane::{Api, FUNCTIONS, Reply};

fn function() -> FunctionArn {
    FunctionArn {
        region: "us-east-1".parse().unwrap(),
        account: "000000000000".parse().unwrap(),
        name: "f".parse().unwrap(),
    }
}

/// The trace of a chain that the function was part of so often.
fn trace_after(runs: usize) -> String {
    let fresh = lineage::fresh(0x65e1_f000, 7, false);
    (0..runs).fold(fresh, |trace, _| {
        lineage::pass(&trace, &function()).unwrap()
    })
}

/// Invokes with a trace. Nothing runs here: what gets through is told that the data plane is draining.
async fn invoke(api: &Api, path: &str, trace: &str) -> Reply {
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX-Amzn-Trace-Id: {trace}\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    Reply::read(&api.server().send(request).await)
}

#[tokio::test]
async fn the_seventeenth_run_of_a_chain_is_refused_unless_loops_are_wanted() {
    const CODE: &str = "RecursiveInvocationException";
    let api = Api::start().await;
    api.active("f").await;
    let plain = format!("{FUNCTIONS}/f/invocations");
    let streamed = "/2021-11-15/functions/f/response-streaming-invocations";

    for path in [&*plain, streamed] {
        let before = invoke(&api, path, &trace_after(15)).await;
        let refused = invoke(&api, path, &trace_after(16)).await;

        assert_eq!(before.status, 500, "{before:?}");
        let text = "the function was invoked 16 times by a chain of events that it is part of";
        refused.refused(400, CODE, text);
    }
    let allow = json!({ "RecursiveLoop": "Allow" });
    api.put("/2024-08-31/functions/f/recursion-config", allow)
        .await;

    let wanted = invoke(&api, &plain, &trace_after(16)).await;
    assert_eq!(wanted.status, 500, "{wanted:?}");
}
