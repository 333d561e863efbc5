//! A data plane that answers as the test says, and keeps what it was asked.

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use firelight_invoke::{
    Call, Completed, FunctionResult, Invoker, Outcome, StreamError, StreamItem, Streaming,
};
use serde_json::Value;
use tokio::sync::mpsc;

type Answer = Box<dyn Fn(&Call) -> Outcome + Send + Sync>;

/// The data plane of one test.
pub(crate) struct Script {
    answer: Answer,
    calls: Mutex<Vec<Call>>,
}

impl Script {
    pub(crate) fn new(answer: impl Fn(&Call) -> Outcome + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            answer: Box::new(answer),
            calls: Mutex::default(),
        })
    }

    /// A function that always gives the same result.
    pub(crate) fn giving(result: &'static str) -> Arc<Self> {
        Self::new(move |_| success(result))
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// Returns the event of the only call.
    #[track_caller]
    pub(crate) fn event(&self) -> Value {
        let calls = self.calls();
        assert_eq!(calls.len(), 1);
        serde_json::from_slice(&calls[0].payload).unwrap()
    }
}

impl Invoker for Script {
    fn invoke(&self, call: Call) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>> {
        let outcome = (self.answer)(&call);
        self.calls.lock().unwrap().push(call);
        Box::pin(async { outcome })
    }
}

pub(crate) fn success(result: &'static str) -> Outcome {
    let result = FunctionResult::Success(Bytes::from_static(result.as_bytes()));
    Outcome::Completed(Completed {
        result,
        log_tail: None,
    })
}

pub(crate) fn data(text: &'static str) -> StreamItem {
    StreamItem::Data(Bytes::from_static(text.as_bytes()))
}

pub(crate) fn good_end() -> StreamItem {
    StreamItem::End {
        error: None,
        log_tail: None,
    }
}

pub(crate) fn bad_end(code: &str, details: &str) -> StreamItem {
    let error = StreamError {
        code: code.to_owned(),
        details: details.to_owned(),
    };
    StreamItem::End {
        error: Some(error),
        log_tail: None,
    }
}

/// A streamed response that is there already.
pub(crate) fn stream(media: Option<&str>, items: &[StreamItem]) -> Outcome {
    let (parts, receiver) = mpsc::channel(items.len().max(1));
    for item in items {
        parts.try_send(item.clone()).unwrap();
    }
    Outcome::Streaming(Streaming::new(media.map(str::to_owned), receiver))
}
