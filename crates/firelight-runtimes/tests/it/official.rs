//! AWS's own Python client, unmodified, side by side with our bootstrap: both must say the same.
//!
//! Runs where `FIRELIGHT_TEST_AWSLAMBDARIC` names a Python program that has `awslambdaric` installed.

use firelight_runtime_api::Answer;
use firelight_runtimes::{Family, Interpreter};
use serde_json::Value;
use tokio::process::Command;

use crate::function::{Code, Function, interpreters};

const CODE: &str = "import decimal, logging
def f(event, context):
  logging.warning('seen')
  if event == 'fail': raise ValueError('no')
  if event == 'set': return {1}
  if event == 'number': return {'n': decimal.Decimal('1.50'), 'text': 'é'}
  if event == 'context': return [str(context).replace(context.aws_request_id, 'id'), context.w3c()]
  return event
";

/// The program with the official client, and our interpreter of the same version.
fn both() -> Option<(String, &'static Interpreter)> {
    let Ok(program) = std::env::var("FIRELIGHT_TEST_AWSLAMBDARIC") else {
        println!("FIRELIGHT_TEST_AWSLAMBDARIC is not set: the official client is not tested");
        return None;
    };
    let printed = std::process::Command::new(&program)
        .arg("--version")
        .output()
        .unwrap()
        .stdout;
    let version = firelight_runtimes::Version::parse(&String::from_utf8(printed).unwrap())?;
    let same = interpreters(Family::Python)
        .into_iter()
        .find(|one| one.version == version)?;
    Some((program, same))
}

fn official(program: &str, code: &Code<'_>) -> Function {
    Function::start_command(code, |_| {
        let mut command = Command::new(program);
        command.args(["-m", "awslambdaric", code.handler]);
        command
    })
}

/// The content type and the payload. Not the error type for telemetry: theirs leaves it out on an invocation, ours
/// names the errors of the runtime itself.
fn shown(answer: Answer) -> (Option<String>, Value) {
    match answer {
        Answer::Response {
            content_type,
            payload,
        } => (content_type, serde_json::from_slice(&payload).unwrap()),
        Answer::Error(report) => (
            report.content_type,
            serde_json::from_slice(&report.payload).unwrap(),
        ),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn answers_and_errors_are_those_of_the_official_client() {
    let Some((program, interpreter)) = both() else {
        return;
    };
    let code = Code::new("h.f", &[("h.py", CODE)]);
    let mut theirs = official(&program, &code);
    let mut ours = Function::start(interpreter, &code);
    for event in [
        "\"echo\"",
        "\"fail\"",
        "\"set\"",
        "\"number\"",
        "\"context\"",
        "{\"a\":[1,null]}",
    ] {
        let expected = shown(theirs.invoke(event).await);
        let mut actual = shown(ours.invoke(event).await);
        if let Some(trace) = actual.1.get_mut("stackTrace").and_then(Value::as_array_mut) {
            // The code of each lies in a folder of its own.
            let theirs = expected.1["stackTrace"].as_array().unwrap();
            assert_eq!(trace.len(), theirs.len());
            trace.clone_from(theirs);
        }
        assert_eq!(actual, expected, "{event}");
    }
}

#[tokio::test]
async fn failed_init_is_that_of_the_official_client() {
    let Some((program, interpreter)) = both() else {
        return;
    };
    for handler in ["nosuch.f", "h.g", "h", "sys.f"] {
        let code = Code::new(handler, &[("h.py", "")]);

        let (expected_report, expected) = official(&program, &code).init_error().await;
        let (report, actual) = Function::start(interpreter, &code).init_error().await;

        assert_eq!(report.error_type, expected_report.error_type);
        assert_eq!(actual, expected, "{handler}");
    }
}
