//! The Python bootstrap: what goes wrong, in the words of AWS's client.

use firelight_runtimes::Family;
use serde_json::json;

use crate::function::{Code, Function, interpreters};

#[tokio::test]
async fn exception_becomes_payload_and_one_log_record() {
    for python in interpreters(Family::Python) {
        let code = "def g():\n  raise ValueError('no\\nway')\ndef f(event, context):\n  g()";
        let mut function = Function::start(python, &Code::new("h.f", &[("h.py", code)]));

        let (report, payload) = function.error("{}").await;

        assert_eq!(payload["errorType"], "ValueError");
        assert_eq!(payload["errorMessage"], "no\nway");
        assert_eq!(report.error_type.as_str(), "Runtime.Unknown");
        let has_request_id = python.version.minor > 8;
        assert_eq!(
            payload.get("requestId").is_some(),
            has_request_id,
            "{python}"
        );
        let trace = payload["stackTrace"].as_array().unwrap();
        assert_eq!(trace.len(), 2, "{trace:?}");
        assert!(
            trace[0]
                .as_str()
                .unwrap()
                .contains("h.py\", line 4, in f\n    g()\n")
        );
        let cause = report.xray_cause.unwrap();
        let cause: serde_json::Value = serde_json::from_slice(&cause).unwrap();
        assert_eq!(cause["exceptions"][0]["type"], "ValueError");
        let output = function.kill().await.output;
        assert!(output.starts_with("[ERROR] ValueError: no\rway\rTraceback (most recent call last):\r\u{a0}\u{a0}File \""), "{output}");
        assert_eq!(output.lines().count(), 1, "{output}");
    }
}

#[tokio::test]
async fn failed_init_is_reported_in_official_words_and_exits_with_1() {
    let cases = [
        (
            "nosuch.f",
            "",
            "Runtime.ImportModuleError",
            "Unable to import module 'nosuch': No module named 'nosuch'",
        ),
        (
            "h.f",
            "import nosuch",
            "Runtime.ImportModuleError",
            "Unable to import module 'h': No module named 'nosuch'",
        ),
        (
            "h.g",
            "",
            "Runtime.HandlerNotFound",
            "Handler 'g' missing on module 'h'",
        ),
        (
            "hf",
            "",
            "Runtime.MalformedHandlerName",
            "Bad handler 'hf': not enough values to unpack (expected 2, got 1)",
        ),
        (
            "time.f",
            "",
            "Runtime.BuiltInModuleConflict",
            "Cannot use built-in module time as a handler module",
        ),
    ];
    for python in interpreters(Family::Python) {
        for (handler, code, error_type, message) in cases {
            let mut function = Function::start(python, &Code::new(handler, &[("h.py", code)]));

            let (report, payload) = function.init_error().await;

            assert_eq!(report.error_type.as_str(), error_type);
            let mut expected = json!({"errorMessage": message, "errorType": error_type, "requestId": "", "stackTrace": []});
            if python.version.minor == 8 {
                expected.as_object_mut().unwrap().remove("requestId");
            }
            assert_eq!(payload, expected, "{python}");
            let ended = function.ended().await;
            assert_eq!(ended.code, Some(1));
            assert!(
                ended
                    .output
                    .contains(&format!("[ERROR] {error_type}: {message}\rTraceback"))
            );
        }
    }
}

#[tokio::test]
async fn syntax_error_names_file_and_line() {
    for python in interpreters(Family::Python) {
        let mut function =
            Function::start(python, &Code::new("h.f", &[("h.py", "x = 1\ndef f(:\n")]));

        let (report, payload) = function.init_error().await;

        assert_eq!(report.error_type.as_str(), "Runtime.UserCodeSyntaxError");
        let message = payload["errorMessage"].as_str().unwrap();
        assert!(
            message.starts_with("Syntax error in module 'h': "),
            "{message}"
        );
        assert!(message.ends_with("(h.py, line 2)"), "{message}");
        assert!(
            payload["stackTrace"][0]
                .as_str()
                .unwrap()
                .contains("h.py\" Line 2\n    def f(:")
        );
    }
}

#[tokio::test]
async fn exception_while_importing_is_reported_as_itself() {
    for python in interpreters(Family::Python) {
        let code = "raise KeyError('config')";
        let mut function = Function::start(python, &Code::new("h.f", &[("h.py", code)]));

        let (_, payload) = function.init_error().await;

        assert_eq!(payload["errorType"], "KeyError");
        assert_eq!(payload["errorMessage"], "'config'");
        let trace = payload["stackTrace"].as_array().unwrap();
        assert!(
            trace
                .last()
                .unwrap()
                .as_str()
                .unwrap()
                .contains("h.py\", line 1, in <module>")
        );
    }
}

#[tokio::test]
async fn result_that_is_not_json_is_a_marshal_error() {
    for python in interpreters(Family::Python) {
        let code = "def f(event, context): return {'s': {1}}";
        let mut function = Function::start(python, &Code::new("h.f", &[("h.py", code)]));

        let (report, payload) = function.error("{}").await;

        assert_eq!(report.error_type.as_str(), "Runtime.MarshalError");
        let message = "Unable to marshal response: Object of type set is not JSON serializable";
        assert_eq!(payload["errorMessage"], message);
    }
}

#[tokio::test]
async fn event_that_is_not_json_is_an_unmarshal_error() {
    for python in interpreters(Family::Python) {
        let code = "def f(event, context): return 1";
        let mut function = Function::start(python, &Code::new("h.f", &[("h.py", code)]));

        let (report, payload) = function.error("{\"a\":").await;

        assert_eq!(report.error_type.as_str(), "Runtime.UnmarshalError");
        let message = "Unable to unmarshal input: Expecting value: line 1 column 6 (char 5)";
        assert_eq!(payload["errorMessage"], message);
    }
}

#[tokio::test]
async fn exit_in_a_handler_ends_the_process_with_its_code() {
    for python in interpreters(Family::Python) {
        for (call, code) in [("exit(3)", 3), ("sys.exit(0)", 0), ("os._exit(7)", 7)] {
            let source = format!("import os, sys\ndef f(event, context): {call}");
            let function = Function::start(python, &Code::new("h.f", &[("h.py", &source)]));

            assert_eq!(
                function.invoke_to_death("{}").await.code,
                Some(code),
                "{python} {call}"
            );
        }
    }
}
