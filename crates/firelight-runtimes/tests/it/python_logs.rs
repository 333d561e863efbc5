//! The Python bootstrap: what the function prints and logs.

use firelight_runtimes::Family;
use serde_json::Value;

use crate::function::{Code, Function, interpreters};

const CODE: &str = "import logging, sys
log = logging.getLogger('app')
def f(event, context):
  print('printed')
  logging.getLogger().setLevel('INFO')
  logging.info('hello %s', 'there')
  log.warning('two\\nlines', extra={'user': 7})
  log.debug('unseen')
  try:
    1 / 0
  except ZeroDivisionError:
    log.exception('failed')
";

#[tokio::test]
async fn text_records_have_level_time_request_id_and_message() {
    for python in interpreters(Family::Python) {
        let mut function = Function::start(python, &Code::new("h.f", &[("h.py", CODE)]));

        function.result("{}").await;

        let output = function.kill().await.output;
        let lines: Vec<_> = output.lines().collect();
        assert_eq!(lines.len(), 4, "{python}: {output}");
        assert_eq!(lines[0], "printed");
        let fields: Vec<_> = lines[1].split('\t').collect();
        assert_eq!(
            [fields[0], fields[2], fields[3]],
            ["[INFO]", "request-1", "hello there"]
        );
        assert_eq!(fields[1].len(), "2026-11-23T15:00:00.123Z".len());
        assert!(
            lines[2].ends_with("\trequest-1\ttwo\rlines"),
            "{}",
            lines[2]
        );
        assert!(
            lines[3].contains("failed\rTraceback (most recent call last):\r"),
            "{}",
            lines[3]
        );
    }
}

#[tokio::test]
async fn json_records_carry_the_error_and_what_was_added() {
    for python in interpreters(Family::Python) {
        let code = CODE.replace("  logging.getLogger().setLevel('INFO')\n", "");
        let files = [("h.py", code.as_str())];
        let mut code = Code::new("h.f", &files);
        code.variables = &[
            ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
            ("AWS_LAMBDA_LOG_LEVEL", "INFO"),
        ];
        let mut function = Function::start(python, &code);

        function.result("{}").await;

        let output = function.kill().await.output;
        let records: Vec<Value> = output
            .lines()
            .skip(1)
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(records.len(), 3, "{output}");
        assert_eq!(records[0]["level"], "INFO");
        assert_eq!(records[0]["message"], "hello there");
        assert_eq!(records[0]["logger"], "root");
        assert_eq!(records[0]["requestId"], "request-1");
        assert_eq!(records[1]["user"], 7);
        assert_eq!(records[2]["errorType"], "ZeroDivisionError");
        assert_eq!(records[2]["errorMessage"], "division by zero");
        assert!(
            records[2]["location"]
                .as_str()
                .unwrap()
                .ends_with("h.py:f:11"),
            "{}",
            records[2]
        );
    }
}

#[tokio::test]
async fn uncaught_exception_is_one_json_record() {
    for python in interpreters(Family::Python) {
        let files = [("h.py", "def f(event, context): raise RuntimeError('x')")];
        let mut code = Code::new("h.f", &files);
        code.variables = &[("AWS_LAMBDA_LOG_FORMAT", "JSON")];
        let mut function = Function::start(python, &code);

        function.error("{}").await;

        let output = function.kill().await.output;
        let record: Value = serde_json::from_str(&output).unwrap();
        assert_eq!(record["level"], "ERROR");
        assert_eq!(record["errorType"], "RuntimeError");
        assert_eq!(record["requestId"], "request-1");
        assert!(record["stackTrace"][0].as_str().unwrap().contains("in f"));
    }
}

#[tokio::test]
async fn output_without_line_end_is_there_before_the_answer() {
    for python in interpreters(Family::Python) {
        let code =
            "import os\ndef f(event, context):\n  print('half', end='')\n  if event: os._exit(0)";
        let mut function = Function::start(python, &Code::new("h.f", &[("h.py", code)]));

        function.result("0").await;
        let ended = function.invoke_to_death("1").await;

        assert_eq!(ended.output, "half", "{python}");
    }
}
