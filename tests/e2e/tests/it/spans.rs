//! Spans of invocations, as a collector of OpenTelemetry gets them.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use firelight_e2e::TestEnvironment;
use firelight_e2e::daemon::Flavor;
use firelight_e2e::lacking::lacking;
use firelight_e2e::package::python_runtime;
use firelight_otlp::message::{ExportTraceServiceRequest, Span};
use prost::Message;

/// Longer than any batch gathers.
const PATIENCE: Duration = Duration::from_secs(30);

/// Takes every message at an address of its own.
fn collector() -> (String, Receiver<ExportTraceServiceRequest>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let sender = sender.clone();
            std::thread::spawn(move || {
                while let Some(message) = take(&stream) {
                    let _ = sender.send(message);
                }
            });
        }
    });
    (address, receiver)
}

/// Reads one message and acknowledges it.
fn take(stream: &TcpStream) -> Option<ExportTraceServiceRequest> {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_lowercase());
    }
    assert_eq!(head[0], "post /v1/traces http/1.1");
    assert!(head.contains(&"content-type: application/x-protobuf".to_owned()));
    assert!(head.contains(&"api-key: secret".to_owned()));
    let length = head
        .iter()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length?.parse().unwrap()];
    reader.read_exact(&mut body).ok()?;
    (&mut &*stream)
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        .ok()?;
    Some(ExportTraceServiceRequest::decode(&body[..]).unwrap())
}

fn spans_of(message: ExportTraceServiceRequest) -> Vec<Span> {
    let resources = message.resource_spans.into_iter();
    let scopes = resources.flat_map(|resource| resource.scope_spans);
    scopes.flat_map(|scope| scope.spans).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn collector_gets_the_spans_of_invocations_and_the_function_knows_its_own() {
    if !cfg!(feature = "otel") {
        lacking::<()>("spans: a build with the feature otel");
        return;
    }
    let (address, messages) = collector();
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("firelight.toml");
    let settings = format!("[traces]\nendpoint = '{address}'\nheaders = 'api-key=secret'\n");
    std::fs::write(&config, settings).unwrap();
    let flavor = Flavor::dev().with(&["--config", config.to_str().unwrap()]);
    let (Some(environment), Some(_)) = (TestEnvironment::start_as(flavor), python_runtime()) else {
        return;
    };
    let body = "import os; return os.environ['_X_AMZN_TRACE_ID'] if event else 1 / 0";
    let name = environment.deploy_python("traced", body);
    let out = directory.path().join("answer");
    let invoke = |payload: &str| {
        let arguments = [
            "lambda",
            "invoke",
            "--function-name",
            &name,
            "--payload",
            payload,
        ];
        let raw = [out.to_str().unwrap()];
        environment
            .aws(&[&arguments[..], &raw[..]].concat())
            .succeeded();
        std::fs::read_to_string(&out).unwrap()
    };

    let header = invoke("[1]");
    invoke("[2]");
    invoke("[]");

    let mut traces: BTreeMap<_, Vec<Span>> = BTreeMap::new();
    while traces.len() < 3 {
        for span in spans_of(messages.recv_timeout(PATIENCE).unwrap()) {
            traces.entry(hex(&span.trace_id)).or_default().push(span);
        }
    }
    let root = header
        .split("Root=1-")
        .nth(1)
        .unwrap()
        .split(';')
        .next()
        .unwrap();
    let cold = traces.remove(&root.replace('-', "")).unwrap();
    let names = |spans: &[Span]| {
        let mut names: Vec<_> = spans.iter().map(|span| span.name.clone()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&cold), ["init", "invoke", "queue", "start", "traced"]);
    let invoke_span = cold.iter().find(|span| span.name == "invoke").unwrap();
    let parent = format!("Parent={};Sampled=1", hex(&invoke_span.span_id));
    assert!(header.contains(&parent), "{header}");
    for warm in traces.values() {
        assert_eq!(names(warm), ["invoke", "queue", "traced"]);
    }
    let failed = traces
        .values()
        .flatten()
        .filter(|span| span.status.is_some());
    assert_eq!(failed.count(), 1);

    invoke("[3]");
    assert!(environment.stop().is_none());
    let last = spans_of(messages.recv_timeout(PATIENCE).unwrap());
    assert_eq!(
        names(&last),
        ["invoke", "queue", "traced"],
        "sent before the end"
    );
}
