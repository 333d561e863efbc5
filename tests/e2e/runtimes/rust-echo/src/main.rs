//! A function on the official Rust client, unmodified: what it does is in the event, how it answers in the handler name.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_runtime::streaming::{Body, Response, channel};
use lambda_runtime::{Context, Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    match std::env::var("_HANDLER")?.as_str() {
        "app.stream" => run(service_fn(stream)).await,
        _ => run(service_fn(answer)).await,
    }
}

/// Answers at once, with the event, the context or an error.
async fn answer(event: LambdaEvent<Value>) -> Result<Value, Error> {
    match event.payload["do"].as_str() {
        Some("fail") => Err("no luck".into()),
        Some("panic") => panic!("lost my head"),
        Some("sleep") => sleep(event.context).await,
        Some("context") => Ok(told(&event.context)),
        _ => Ok(event.payload),
    }
}

/// Sleeps far beyond the deadline.
async fn sleep(context: Context) -> Result<Value, Error> {
    tokio::time::sleep(Duration::from_secs(600)).await;
    Ok(told(&context))
}

/// Returns what the client learned about the invocation.
fn told(context: &Context) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now_ms = now.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    });
    json!({
        "request_id": context.request_id,
        "remaining_ms": context.deadline.saturating_sub(now_ms),
        "arn": context.invoked_function_arn,
        "trace": context.xray_trace_id,
        "client": context.client_context.as_ref().map(|client| &client.custom),
        "name": context.env_config.function_name,
        "version": context.env_config.version,
        "memory": context.env_config.memory,
        "log_group": context.env_config.log_group,
        "log_stream": context.env_config.log_stream,
        "pid": std::process::id(),
    })
}

/// Answers in chunks: every byte there is, in each of them.
async fn stream(event: LambdaEvent<Value>) -> Result<Response<Body>, Error> {
    let chunks = event.payload["chunks"].as_u64().unwrap_or(3);
    let fails = event.payload["do"] == "fail";
    let (mut sender, body) = channel();
    tokio::spawn(async move {
        for _ in 0..chunks {
            let every_byte = (0..=u8::MAX).collect::<Vec<_>>();
            if sender.send_data(every_byte.into()).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
        if fails {
            sender.send_error(lambda_runtime_api_client::Error::new("the stream broke"));
        }
    });
    let mut response = Response::from(body);
    let prelude = &mut response.metadata_prelude;
    prelude.status_code = "201".parse()?;
    prelude.cookies = vec!["flavor=plain".to_owned()];
    let kind = "application/octet-stream".parse()?;
    prelude.headers.insert("content-type", kind);
    Ok(response)
}
