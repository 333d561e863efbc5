//! `firelight invoke`: sends an event, prints the answer as it is.
//!
//! The answer goes to standard output untouched; the log tail and the summary go to standard error, so that the
//! answer can be piped.

use std::io::Read;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::args::InvokeArgs;
use crate::client::{Client, Invocation, InvokeRequest};
use crate::failure::{Exit, Failure, Outcome};
use crate::report::Report;
use crate::terminal::Terminal;

pub async fn run(client: &Client, args: &InvokeArgs, terminal: &Terminal) -> Outcome {
    let request = InvokeRequest {
        function: args.name.clone(),
        qualifier: args.qualifier.clone(),
        payload: payload(args)?,
        invocation_type: if args.event {
            "Event"
        } else {
            "RequestResponse"
        },
        // Without a log tail there is no report to summarise; it costs 4 KB.
        log_tail: !args.event,
    };
    let waiting = terminal.wait_for(&format!("invoking {}", args.name));
    let invocation = client.invoke(&request).await;
    drop(waiting);
    let invocation = invocation
        .map_err(|error| error.while_doing(format!("could not invoke {:?}", args.name)))?;
    show(&invocation, args, terminal)
}

fn show(invocation: &Invocation, args: &InvokeArgs, terminal: &Terminal) -> Outcome {
    let tail = invocation.log_tail.as_deref().unwrap_or_default();
    let report = Report::of_log_tail(tail);
    if terminal.is_json() {
        terminal.document(&document(invocation, report))?;
    } else {
        show_to_person(invocation, args, report, terminal)?;
    }
    Ok(if invocation.function_error.is_some() {
        Exit::FunctionError
    } else {
        Exit::Success
    })
}

fn show_to_person(
    invocation: &Invocation,
    args: &InvokeArgs,
    report: Option<Report>,
    terminal: &Terminal,
) -> Result<(), Failure> {
    if args.tail {
        terminal.note(
            invocation
                .log_tail
                .as_deref()
                .unwrap_or_default()
                .trim_end(),
        );
    }
    if args.event {
        terminal.note("the event is queued");
    }
    terminal.lines(&String::from_utf8_lossy(&invocation.payload))?;
    if let Some(error) = &invocation.function_error {
        terminal.note(&format!("the function failed ({error})"));
    }
    if let Some(report) = report {
        terminal.note(&report.summary());
    }
    Ok(())
}

fn document(invocation: &Invocation, report: Option<Report>) -> Value {
    let text = || json!(String::from_utf8_lossy(&invocation.payload));
    let payload: Value = serde_json::from_slice(&invocation.payload).unwrap_or_else(|_| text());
    json!({
        "status": invocation.status,
        "executed_version": invocation.executed_version,
        "function_error": invocation.function_error,
        "payload": payload,
        "report": report,
        "log_tail": invocation.log_tail,
    })
}

fn payload(args: &InvokeArgs) -> Result<Bytes, Failure> {
    match (args.payload.as_deref(), &args.file) {
        (Some("-"), _) => read_standard_input(),
        (None, Some(file)) if file.as_os_str() == "-" => read_standard_input(),
        (Some(text), _) => match text.strip_prefix('@') {
            Some(file) => read(file, || std::fs::read(file)),
            None => Ok(Bytes::from(text.to_owned())),
        },
        (None, Some(file)) => read(&file.display().to_string(), || std::fs::read(file)),
        (None, None) => Ok(Bytes::new()),
    }
}

fn read_standard_input() -> Result<Bytes, Failure> {
    read("standard input", || {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    })
}

fn read(name: &str, bytes: impl FnOnce() -> std::io::Result<Vec<u8>>) -> Result<Bytes, Failure> {
    bytes().map(Bytes::from).map_err(|error| {
        let exit = match error.kind() {
            std::io::ErrorKind::NotFound => Exit::NotFound,
            _ => Exit::Failure,
        };
        Failure::because(
            exit,
            format!("could not read the event from {name}"),
            &error,
        )
    })
}
