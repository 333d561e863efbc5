//! The Node.js bootstrap: events in, results out.

use bytes::Bytes;
use firelight_runtime_api::{Answer, StreamEnd, StreamPart, StreamedBody};
use firelight_runtimes::Family;
use serde_json::{Value, json};

use crate::function::{Code, Function, PATIENCE, interpreters};

#[tokio::test]
async fn handlers_of_every_style_answer() {
    let styles = [
        ("index.f", "index.js", "exports.f = async (e) => ({ e });"),
        (
            "index.f",
            "index.js",
            "exports.f = (e, c, done) => setTimeout(() => done(null, { e }), 5);",
        ),
        (
            "index.f",
            "index.js",
            "exports.f = (e, c) => c.succeed({ e });",
        ),
        (
            "index.f",
            "index.js",
            "exports.f = (e, c) => c.done(null, { e });",
        ),
        (
            "index.f",
            "index.js",
            "exports.f = (e) => ({ then: (ok) => ok({ e }) });",
        ),
        (
            "index.f",
            "index.mjs",
            "const x = await Promise.resolve(1); export const f = async (e) => ({ e });",
        ),
        ("index.f", "index.cjs", "exports.f = async (e) => ({ e });"),
        (
            "index.a.b",
            "index.js",
            "exports.a = { b: async (e) => ({ e }) };",
        ),
        (
            "src/deep/index.f",
            "src/deep/index.js",
            "exports.f = async (e) => ({ e });",
        ),
        (
            "pack.f",
            "node_modules/pack/index.js",
            "exports.f = async (e) => ({ e });",
        ),
    ];
    for node in interpreters(Family::Node) {
        for (handler, file, code) in styles {
            let mut function = Function::start(node, &Code::new(handler, &[(file, code)]));

            for _ in 0..2 {
                let result = function.result(r#"{"k":"é"}"#).await;
                assert_eq!(result, json!({"e": {"k": "é"}}), "{node} {code}");
            }
        }
    }
}

#[tokio::test]
async fn js_file_is_an_es_module_where_its_package_says_so() {
    for node in interpreters(Family::Node) {
        let files = [
            ("package.json", r#"{"type":"module"}"#),
            (
                "lib/index.js",
                "import path from 'path'; export const f = async () => path.sep;",
            ),
        ];
        let mut function = Function::start(node, &Code::new("lib/index.f", &files));

        assert_eq!(function.result("{}").await, "/");
    }
}

#[tokio::test]
async fn handler_that_returns_nothing_answers_null_when_the_event_loop_is_empty() {
    for node in interpreters(Family::Node) {
        for code in [
            "exports.f = () => {};",
            "exports.f = async () => {};",
            "exports.f = () => new Promise(() => {});",
            "exports.f = async () => () => 1;",
        ] {
            let mut function = Function::start(node, &Code::new("index.f", &[("index.js", code)]));

            assert_eq!(function.result("{}").await, Value::Null, "{code}");
            assert_eq!(function.result("{}").await, Value::Null, "{code}");
        }
    }
}

#[tokio::test]
async fn callback_waits_for_the_empty_event_loop_unless_told_not_to() {
    let code = "let late = 0;
exports.f = (event, context, callback) => {
  if (event.hurry) context.callbackWaitsForEmptyEventLoop = false;
  callback(null, { get late() { return late; } });
  setTimeout(() => { late += 1; }, event.ms);
};";
    for node in interpreters(Family::Node) {
        let mut function = Function::start(node, &Code::new("index.f", &[("index.js", code)]));

        assert_eq!(function.result(r#"{"ms":20}"#).await, json!({"late": 1}));
        assert_eq!(
            function.result(r#"{"hurry":true,"ms":600000}"#).await,
            json!({"late": 1})
        );
    }
}

#[tokio::test]
async fn context_has_every_field_of_the_official_one() {
    let code = "exports.f = async (event, c) => ({ ...c, remaining: c.getRemainingTimeInMillis() > 1000,
  trace: process.env._X_AMZN_TRACE_ID, methods: typeof c.done + typeof c.fail + typeof c.succeed });";
    for node in interpreters(Family::Node) {
        let mut function = Function::start(node, &Code::new("index.f", &[("index.js", code)]));
        let mut event = function.event("{}");
        event.client_context = Some(r#"{"custom":{"k":"é"}}"#.to_owned());
        event.cognito_identity = Some(r#"{"cognitoIdentityId":"i"}"#.to_owned());
        event.trace_id = Some("Root=1-2-3".to_owned());

        let Answer::Response { payload, .. } = function.invoke_with(event).await else {
            panic!()
        };

        let has_callbacks = node.version.major < 24;
        let mut expected = json!({
            "functionVersion": "$LATEST", "functionName": "f", "memoryLimitInMB": "128",
            "logGroupName": "/aws/lambda/f", "logStreamName": "2026/11/23/[$LATEST]0",
            "clientContext": {"custom": {"k": "é"}}, "identity": {"cognitoIdentityId": "i"},
            "invokedFunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f",
            "awsRequestId": "request-1", "remaining": true, "trace": "Root=1-2-3",
            "methods": "undefinedundefinedundefined",
        });
        if has_callbacks {
            expected["callbackWaitsForEmptyEventLoop"] = json!(true);
            expected["methods"] = json!("functionfunctionfunction");
        }
        assert_eq!(serde_json::from_slice::<Value>(&payload).unwrap(), expected);
    }
}

#[tokio::test]
async fn payload_and_result_of_six_megabytes_pass() {
    for node in interpreters(Family::Node) {
        let code = "exports.f = async (event) => `${event}x`;";
        let mut function = Function::start(node, &Code::new("index.f", &[("index.js", code)]));
        let text = "a".repeat(6 * 1024 * 1024 - 10);

        let result = function.result(&format!("\"{text}\"")).await;

        assert_eq!(result.as_str().map(str::len), Some(text.len() + 1));
    }
}

#[tokio::test]
async fn result_beyond_the_limit_is_too_large_and_the_runtime_lives_on() {
    for node in interpreters(Family::Node) {
        let code = "exports.f = async (n) => 'x'.repeat(n);";
        let mut function = Function::start(node, &Code::new("index.f", &[("index.js", code)]));

        let answer = function.invoke("7000000").await;

        assert!(
            matches!(answer, Answer::TooLarge { bytes: 7_000_002 }),
            "{answer:?}"
        );
        assert_eq!(function.result("1").await, "x");
    }
}

#[tokio::test]
async fn console_lines_carry_time_request_id_and_level() {
    let code = "console.log('init');
exports.f = async () => { console.log('a %s', 'b'); console.error('two\\nlines'); console.debug({ x: 1 }); };";
    for node in interpreters(Family::Node) {
        let mut function = Function::start(node, &Code::new("index.f", &[("index.js", code)]));

        function.result("{}").await;

        let output = function.kill().await.output;
        let lines: Vec<Vec<_>> = output
            .lines()
            .map(|line| line.split('\t').skip(1).collect())
            .collect();
        assert_eq!(lines[0], ["undefined", "INFO", "init"]);
        assert_eq!(lines[1], ["request-1", "INFO", "a b"]);
        assert_eq!(lines[2], ["request-1", "ERROR", "two\rlines"]);
        assert_eq!(lines[3], ["request-1", "DEBUG", "{ x: 1 }"]);
    }
}

#[tokio::test]
async fn json_console_carries_errors_and_obeys_the_level() {
    let code = "exports.f = async () => {
  console.info('unseen');
  console.warn({ a: 1 });
  console.error('text', new TypeError('bad'));
};";
    for node in interpreters(Family::Node) {
        let files = [("index.js", code)];
        let mut code = Code::new("index.f", &files);
        code.variables = &[
            ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
            ("AWS_LAMBDA_LOG_LEVEL", "WARN"),
        ];
        let mut function = Function::start(node, &code);

        function.result("{}").await;

        let output = function.kill().await.output;
        let records: Vec<Value> = output
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(records.len(), 2, "{output}");
        assert_eq!(records[0]["message"], json!({"a": 1}));
        assert_eq!(records[0]["level"], "WARN");
        assert_eq!(records[0]["requestId"], "request-1");
        assert_eq!(records[1]["errorType"], "TypeError");
        assert_eq!(records[1]["errorMessage"], "bad");
        assert!(
            records[1]["message"]
                .as_str()
                .unwrap()
                .starts_with("text TypeError: bad")
        );
    }
}

async fn collected(body: StreamedBody) -> (Bytes, StreamEnd) {
    tokio::time::timeout(PATIENCE, read_all(body))
        .await
        .expect("the stream ends")
}

async fn read_all(mut body: StreamedBody) -> (Bytes, StreamEnd) {
    let mut data = Vec::new();
    loop {
        match body.next().await.unwrap() {
            StreamPart::Data(part) => data.extend_from_slice(&part),
            StreamPart::End(end) => return (data.into(), end),
        }
    }
}

#[tokio::test]
async fn streaming_handler_writes_its_response_part_by_part() {
    let code = "const { Readable } = require('stream');
const { pipeline } = require('stream/promises');
exports.f = awslambda.streamifyResponse(async (event, stream, context) => {
  if (event.http) {
    stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { a: 'b' } });
    stream.write('body');
    stream.end();
    return;
  }
  stream.setContentType('text/plain');
  await pipeline(Readable.from(['one ', 'two ', 'x'.repeat(event.n)]), stream);
});";
    for node in interpreters(Family::Node) {
        let mut function = Function::start(node, &Code::new("index.f", &[("index.js", code)]));

        let answer = function.invoke(r#"{"n":3000000}"#).await;
        let Answer::Stream { content_type, body } = answer else {
            panic!("{answer:?}")
        };
        let (data, end) = collected(body).await;
        assert_eq!(content_type.as_deref(), Some("text/plain"));
        assert_eq!(
            (data.len(), &data[..9], end),
            (3_000_008, &b"one two x"[..], StreamEnd::Complete)
        );

        let answer = function.invoke(r#"{"http":true}"#).await;
        let Answer::Stream { content_type, body } = answer else {
            panic!("{answer:?}")
        };
        let (data, _) = collected(body).await;
        let media_type = "application/vnd.awslambda.http-integration-response";
        assert_eq!(content_type.as_deref(), Some(media_type));
        assert_eq!(
            &data[..],
            b"{\"statusCode\":201,\"headers\":{\"a\":\"b\"}}\0\0\0\0\0\0\0\0body"
        );
    }
}

#[tokio::test]
async fn streaming_handler_that_fails_midway_ends_with_error_trailers() {
    let code = "exports.f = awslambda.streamifyResponse(async (event, stream) => {
  if (event) { stream.write('begun'); await new Promise((ok) => setTimeout(ok, 10)); }
  throw new RangeError('late');
});";
    for node in interpreters(Family::Node) {
        let mut function = Function::start(node, &Code::new("index.f", &[("index.js", code)]));

        for (event, expected) in [("1", "begun"), ("0", "")] {
            let answer = function.invoke(event).await;
            let Answer::Stream { body, .. } = answer else {
                panic!("{answer:?}")
            };
            let (data, end) = collected(body).await;
            assert_eq!(data, expected);
            let StreamEnd::Failed { error_type, body } = end else {
                panic!("{end:?}")
            };
            assert_eq!(error_type.as_str(), "Runtime.Unknown");
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["errorType"], "RangeError");
        }
    }
}

#[tokio::test]
async fn streaming_handler_may_write_values_and_need_not_end_its_stream() {
    let code = "exports.f = awslambda.streamifyResponse(async (event, stream) => { stream.write({ a: 1 }); });";
    for node in interpreters(Family::Node) {
        let mut function = Function::start(node, &Code::new("index.f", &[("index.js", code)]));

        for _ in 0..2 {
            let answer = function.invoke("{}").await;
            let Answer::Stream { body, .. } = answer else {
                panic!("{answer:?}")
            };
            assert_eq!(
                collected(body).await,
                ("{\"a\":1}".into(), StreamEnd::Complete)
            );
        }
    }
}

#[tokio::test]
async fn uncaught_exception_while_streaming_ends_the_stream_and_the_process() {
    let code = "exports.f = awslambda.streamifyResponse(async (event, stream) => {
  stream.write('begun');
  setTimeout(() => { throw new Error('boom'); }, 5);
  await new Promise(() => {});
});";
    for node in interpreters(Family::Node) {
        let mut function = Function::start(node, &Code::new("index.f", &[("index.js", code)]));

        let answer = function.invoke("{}").await;

        let Answer::Stream { body, .. } = answer else {
            panic!("{answer:?}")
        };
        let (_, end) = collected(body).await;
        assert!(matches!(end, StreamEnd::Failed { .. }), "{end:?}");
        assert_eq!(function.ended().await.code, Some(129));
    }
}
