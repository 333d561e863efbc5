//! The Node.js bootstrap: what goes wrong, in the words of AWS's client.

use firelight_runtime_api::Answer;
use firelight_runtimes::Family;
use serde_json::json;

use crate::function::{Code, Function, interpreters};

#[tokio::test]
async fn errors_of_every_style_become_payloads_and_one_log_record() {
    let styles = [
        "exports.f = async () => { throw new TypeError('no\\nway'); };",
        "exports.f = () => { throw new TypeError('no\\nway'); };",
        "exports.f = (e, c, done) => done(new TypeError('no\\nway'));",
        "exports.f = (e, c) => c.fail(new TypeError('no\\nway'));",
    ];
    for node in interpreters(Family::Node) {
        for code in styles {
            let mut function = Function::start(node, &Code::new("index.f", &[("index.js", code)]));

            let (report, payload) = function.error("{}").await;

            assert_eq!(payload["errorType"], "TypeError");
            assert_eq!(payload["errorMessage"], "no\nway");
            assert_eq!(payload["trace"][0], "TypeError: no");
            let keys: Vec<_> = payload.as_object().unwrap().keys().collect();
            assert_eq!(keys, ["errorType", "errorMessage", "trace"]);
            assert!(report.xray_cause.is_some());
            let output = function.kill().await.output;
            assert_eq!(output.lines().count(), 1, "{output}");
            let start = "\trequest-1\tERROR\tInvoke Error \t{\"errorType\":\"TypeError\",";
            assert!(output.contains(start), "{output}");
        }
    }
}

#[tokio::test]
async fn thrown_values_that_are_no_errors_are_shown_by_their_type() {
    for node in interpreters(Family::Node) {
        let code = "exports.f = async (event) => { throw event; };";
        let mut function = Function::start(node, &Code::new("index.f", &[("index.js", code)]));

        let (_, text) = function.error("\"oops\"").await;
        let (_, null) = function.error("null").await;

        assert_eq!(
            text,
            json!({"errorType": "string", "errorMessage": "oops", "trace": []})
        );
        assert_eq!(
            null,
            json!({"errorType": "string", "errorMessage": "handled", "trace": []})
        );
    }
}

#[tokio::test]
async fn failed_init_is_reported_in_official_words_and_exits() {
    let cases = [
        (
            "nosuch.f",
            "index.js",
            "",
            "Runtime.ImportModuleError",
            "Error: Cannot find module 'nosuch'",
        ),
        (
            "index.f",
            "index.js",
            "require('nosuch')",
            "Runtime.ImportModuleError",
            "Error: Cannot find module 'nosuch'",
        ),
        (
            "index.g",
            "index.js",
            "exports.f = 1",
            "Runtime.HandlerNotFound",
            "index.g is undefined or not exported",
        ),
        (
            "index.f",
            "index.js",
            "exports.f = 1",
            "Runtime.HandlerNotFound",
            "index.f is not a function",
        ),
        (
            "index",
            "index.js",
            "",
            "Runtime.MalformedHandlerName",
            "Bad handler",
        ),
        (
            "../index.f",
            "index.js",
            "",
            "Runtime.MalformedHandlerName",
            "'../index.f' is not a valid handler name.",
        ),
        (
            "index.f",
            "index.js",
            "exports.f = (",
            "Runtime.UserCodeSyntaxError",
            "SyntaxError: ",
        ),
        (
            "index.f",
            "index.mjs",
            "export const f = (",
            "Runtime.UserCodeSyntaxError",
            "SyntaxError: ",
        ),
        (
            "index.f",
            "index.js",
            "throw new RangeError('config')",
            "RangeError",
            "config",
        ),
    ];
    for node in interpreters(Family::Node) {
        for (handler, file, code, error_type, message) in cases {
            let mut function = Function::start(node, &Code::new(handler, &[(file, code)]));

            let (_, payload) = function.init_error().await;

            assert_eq!(payload["errorType"], error_type, "{payload}");
            assert!(
                payload["errorMessage"]
                    .as_str()
                    .unwrap()
                    .starts_with(message),
                "{payload}"
            );
            let ended = function.ended().await;
            assert_eq!(ended.code, Some(129));
            let line = "\tundefined\tERROR\tUncaught Exception \t{";
            assert!(ended.output.contains(line), "{}", ended.output);
        }
    }
}

#[tokio::test]
async fn unhandled_rejection_is_the_answer_and_ends_the_process() {
    let code =
        "exports.f = () => { Promise.reject(new Error('boom')); return new Promise(() => {}); };";
    for node in interpreters(Family::Node) {
        let mut function = Function::start(node, &Code::new("index.f", &[("index.js", code)]));

        let (report, payload) = function.error("{}").await;

        assert_eq!(
            report.error_type.as_str(),
            "Runtime.UnhandledPromiseRejection"
        );
        assert_eq!(payload["errorType"], "Runtime.UnhandledPromiseRejection");
        assert_eq!(payload["errorMessage"], "Error: boom");
        assert_eq!(
            payload["trace"][0],
            "Runtime.UnhandledPromiseRejection: Error: boom"
        );
        assert_eq!(function.ended().await.code, Some(128));
    }
}

#[tokio::test]
async fn uncaught_exception_is_the_answer_and_ends_the_process() {
    let code =
        "exports.f = () => new Promise(() => setTimeout(() => { throw new Error('later'); }, 1));";
    for node in interpreters(Family::Node) {
        let mut function = Function::start(node, &Code::new("index.f", &[("index.js", code)]));

        let (_, payload) = function.error("{}").await;

        assert_eq!(payload["errorMessage"], "later");
        assert_eq!(function.ended().await.code, Some(129));
    }
}

#[tokio::test]
async fn exit_in_a_handler_ends_the_process_with_its_code() {
    for node in interpreters(Family::Node) {
        let code = "exports.f = async () => process.exit(5);";
        let function = Function::start(node, &Code::new("index.f", &[("index.js", code)]));

        assert_eq!(function.invoke_to_death("{}").await.code, Some(5));
    }
}

#[tokio::test]
async fn result_that_is_not_json_is_an_error() {
    for node in interpreters(Family::Node) {
        let code = "exports.f = async () => { const a = {}; a.a = a; return a; };";
        let mut function = Function::start(node, &Code::new("index.f", &[("index.js", code)]));

        let (_, payload) = function.error("{}").await;

        assert_eq!(payload["errorType"], "Error");
        assert_eq!(payload["errorMessage"], "Unable to stringify response body");
    }
}

#[tokio::test]
async fn callback_handlers_are_refused_from_node_24_on() {
    for node in interpreters(Family::Node) {
        let files = [("index.js", "exports.f = (e, c, done) => done(null, 1);")];
        let mut code = Code::new("index.f", &files);
        code.variables = &[("AWS_EXECUTION_ENV", "AWS_Lambda_nodejs24.x")];
        let mut function = Function::start(node, &code);

        let (report, _) = function.init_error().await;

        assert_eq!(
            report.error_type.as_str(),
            "Runtime.CallbackHandlerDeprecated"
        );
    }
}

#[tokio::test]
async fn settling_twice_changes_nothing() {
    let code = "exports.f = (e, c, done) => { c.succeed('first'); c.fail(new Error('second')); done(null, 'third'); };";
    for node in interpreters(Family::Node) {
        let mut function = Function::start(node, &Code::new("index.f", &[("index.js", code)]));

        for _ in 0..3 {
            let answer = function.invoke("{}").await;
            assert!(matches!(&answer, Answer::Response { payload, .. } if payload == "\"first\""));
        }
    }
}
