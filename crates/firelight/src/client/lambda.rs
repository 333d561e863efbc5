//! The calls of the Lambda API that the commands make.

use bytes::Bytes;
use http::header::HeaderName;
use http::{Method, Response};
use serde_json::Value;

use super::{Call, CallError, Client, encode};

const FUNCTIONS: &str = "/2015-03-31/functions";
const LAMBDA: &str = "lambda";

/// What an invoke asks for.
#[derive(Clone, Debug)]
pub struct InvokeRequest {
    pub function: String,
    pub qualifier: Option<String>,
    pub payload: Bytes,
    /// `RequestResponse`, `Event` or `DryRun`.
    pub invocation_type: &'static str,
    pub log_tail: bool,
}

/// What an invoke answered.
#[derive(Clone, Debug)]
pub struct Invocation {
    pub status: u16,
    pub executed_version: Option<String>,
    pub function_error: Option<String>,
    pub payload: Bytes,
    pub log_tail: Option<String>,
}

impl Client {
    pub async fn get_function_configuration(&self, name: &str) -> Result<Value, CallError> {
        let path = function_path(name, "/configuration");
        self.send_for_json(Call::new(LAMBDA, Method::GET, path))
            .await
    }

    pub async fn create_function(&self, body: &Value) -> Result<Value, CallError> {
        self.send_for_json(Call::new(LAMBDA, Method::POST, FUNCTIONS).with_json(body))
            .await
    }

    pub async fn update_function_code(&self, name: &str, body: &Value) -> Result<Value, CallError> {
        let call = Call::new(LAMBDA, Method::PUT, function_path(name, "/code"));
        self.send_for_json(call.with_json(body)).await
    }

    pub async fn update_function_configuration(
        &self,
        name: &str,
        body: &Value,
    ) -> Result<Value, CallError> {
        let call = Call::new(LAMBDA, Method::PUT, function_path(name, "/configuration"));
        self.send_for_json(call.with_json(body)).await
    }

    pub async fn delete_function(&self, name: &str) -> Result<(), CallError> {
        self.send(Call::new(LAMBDA, Method::DELETE, function_path(name, "")))
            .await
            .map(drop)
    }

    /// Lists all functions, page by page.
    pub async fn list_functions(&self) -> Result<Vec<Value>, CallError> {
        let mut functions = Vec::new();
        let mut path = FUNCTIONS.to_owned();
        loop {
            let page = self
                .send_for_json(Call::new(LAMBDA, Method::GET, path))
                .await?;
            functions.extend(page["Functions"].as_array().into_iter().flatten().cloned());
            match page["NextMarker"].as_str() {
                Some(marker) => path = format!("{FUNCTIONS}?Marker={}", encode(marker)),
                None => return Ok(functions),
            }
        }
    }

    pub async fn invoke(&self, request: &InvokeRequest) -> Result<Invocation, CallError> {
        let mut path = function_path(&request.function, "/invocations");
        if let Some(qualifier) = &request.qualifier {
            path.push_str(&format!("?Qualifier={}", encode(qualifier)));
        }
        let log_type = if request.log_tail { "Tail" } else { "None" };
        let mut call = Call::new(LAMBDA, Method::POST, path)
            .with_header(header("x-amz-invocation-type"), request.invocation_type)
            .with_header(header("x-amz-log-type"), log_type);
        call.body = request.payload.clone();
        self.send(call).await.map(Invocation::of_answer)
    }

    /// Reads the asynchronous events of each function that wait or run.
    pub async fn queue(&self) -> Result<Vec<Value>, CallError> {
        let call = Call::new(LAMBDA, Method::GET, "/_firelight/queue".to_owned());
        let answer: Value = self.send_for_json(call).await?;
        Ok(answer.as_array().cloned().unwrap_or_default())
    }

    /// Reads what was metered in a month, `YYYY-MM`.
    pub async fn usage(&self, month: &str) -> Result<Value, CallError> {
        let path = format!("/_firelight/usage?month={}", encode(month));
        self.send_for_json(Call::new(LAMBDA, Method::GET, path))
            .await
    }
}

impl Invocation {
    fn of_answer(answer: Response<Bytes>) -> Self {
        let text = |name: &str| {
            let value = answer.headers().get(name)?.to_str().ok()?;
            Some(value.to_owned())
        };
        Self {
            status: answer.status().as_u16(),
            executed_version: text("x-amz-executed-version"),
            function_error: text("x-amz-function-error"),
            log_tail: text("x-amz-log-result").and_then(|tail| decoded(&tail)),
            payload: answer.into_body(),
        }
    }
}

fn decoded(base64: &str) -> Option<String> {
    use base64::Engine;
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(base64)
        .ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn function_path(name: &str, rest: &str) -> String {
    format!("{FUNCTIONS}/{}{rest}", encode(name))
}

fn header(name: &'static str) -> HeaderName {
    HeaderName::from_static(name)
}
