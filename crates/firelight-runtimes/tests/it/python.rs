//! The Python bootstrap: events in, results out.

use firelight_runtime_api::Answer;
use firelight_runtimes::{Family, Layout};
use serde_json::json;

use crate::function::{Code, Function, interpreters};

#[tokio::test]
async fn event_comes_in_and_result_goes_out_again_and_again() {
    for python in interpreters(Family::Python) {
        let code = "count = 0\ndef f(event, context):\n  global count\n  count += 1\n  return {'event': event, 'count': count}";
        let mut function = Function::start(python, &Code::new("h.f", &[("h.py", code)]));

        for count in 1..4 {
            let event = r#" {"a":[1,2.5,null,true,"\u00e9\ud83d\ude00"],"b":{"c":"d"}} "#;
            let result = function.result(event).await;
            let event = json!({"a": [1, 2.5, null, true, "é😀"], "b": {"c": "d"}});
            assert_eq!(result, json!({"event": event, "count": count}), "{python}");
        }
    }
}

#[tokio::test]
async fn context_has_every_field_of_the_official_one() {
    for python in interpreters(Family::Python) {
        let code = "def f(event, c):
  return {'id': c.aws_request_id, 'arn': c.invoked_function_arn, 'name': c.function_name,
    'version': c.function_version, 'memory': c.memory_limit_in_mb, 'group': c.log_group_name,
    'stream': c.log_stream_name, 'remaining': c.get_remaining_time_in_millis() > 1000,
    'identity': [c.identity.cognito_identity_id, c.identity.cognito_identity_pool_id],
    'client': [c.client_context.custom, c.client_context.client.app_title], 'tenant': c.tenant_id}";
        let mut function = Function::start(python, &Code::new("h.f", &[("h.py", code)]));
        let mut event = function.event("{}");
        event.client_context =
            Some(r#"{"custom":{"k":"é"},"client":{"app_title":"t"}}"#.to_owned());
        event.cognito_identity =
            Some(r#"{"cognitoIdentityId":"i","cognitoIdentityPoolId":"p"}"#.to_owned());
        event.tenant_id = Some("blue".to_owned());

        let Answer::Response {
            payload,
            content_type,
        } = function.invoke_with(event).await
        else {
            panic!("{}", function.kill().await.output);
        };

        assert_eq!(content_type.as_deref(), Some("application/json"));
        let expected = json!({
            "id": "request-1", "arn": "arn:aws:lambda:us-east-1:000000000000:function:f", "name": "f",
            "version": "$LATEST", "memory": "128", "group": "/aws/lambda/f",
            "stream": "2026/11/23/[$LATEST]0", "remaining": true, "identity": ["i", "p"],
            "client": [{"k": "é"}, "t"], "tenant": "blue",
        });
        assert_eq!(
            serde_json::from_slice::<serde_json::Value>(&payload).unwrap(),
            expected
        );
    }
}

#[tokio::test]
async fn handler_is_found_in_nested_folders_and_packages() {
    let files = [
        ("pkg/mod.py", "def f(e, c): return 'folder'"),
        ("a/__init__.py", ""),
        ("a/b.py", "def f(e, c): return 'package'"),
    ];
    for python in interpreters(Family::Python) {
        for (handler, expected) in [("pkg/mod.f", "folder"), ("a.b.f", "package")] {
            let mut function = Function::start(python, &Code::new(handler, &files));

            assert_eq!(function.result("{}").await, expected, "{python}");
        }
    }
}

#[tokio::test]
async fn payload_and_result_of_six_megabytes_pass() {
    for python in interpreters(Family::Python) {
        let code = "def f(event, context): return event + 'x'";
        let mut function = Function::start(python, &Code::new("h.f", &[("h.py", code)]));
        let text = "a".repeat(6 * 1024 * 1024 - 10);

        let result = function.result(&format!("\"{text}\"")).await;

        assert_eq!(result.as_str().map(str::len), Some(text.len() + 1));
    }
}

#[tokio::test]
async fn result_beyond_the_limit_is_too_large_and_the_runtime_lives_on() {
    for python in interpreters(Family::Python) {
        let code = "def f(event, context): return 'x' * event";
        let mut function = Function::start(python, &Code::new("h.f", &[("h.py", code)]));

        let answer = function.invoke("7000000").await;

        assert!(
            matches!(answer, Answer::TooLarge { bytes: 7_000_002 }),
            "{answer:?}"
        );
        assert_eq!(function.result("1").await, "x");
    }
}

#[tokio::test]
async fn decimals_become_numbers_digit_by_digit_and_bytes_become_text() {
    for python in interpreters(Family::Python) {
        let code = "import decimal\ndef f(event, context): return {'n': [decimal.Decimal('1.10'), 2], 'b': b'raw'}";
        let mut function = Function::start(python, &Code::new("h.f", &[("h.py", code)]));

        let Answer::Response { payload, .. } = function.invoke("{}").await else {
            panic!()
        };

        assert_eq!(payload, r#"{"n": [1.10, 2], "b": "raw"}"#, "{python}");
    }
}

#[tokio::test]
async fn bytes_are_passed_as_they_are() {
    for python in interpreters(Family::Python) {
        let code = "def f(event, context): return bytes([0, 255])";
        let mut function = Function::start(python, &Code::new("h.f", &[("h.py", code)]));

        let answer = function.invoke("{}").await;

        let Answer::Response {
            payload,
            content_type,
        } = answer
        else {
            panic!("{answer:?}")
        };
        assert_eq!(
            (&payload[..], content_type.as_deref()),
            (&[0, 255][..], Some("application/unknown"))
        );
    }
}

#[tokio::test]
async fn trace_id_is_in_the_environment_of_its_invocation_only() {
    for python in interpreters(Family::Python) {
        let code = "import os\ndef f(event, context): return os.environ.get('_X_AMZN_TRACE_ID')";
        let mut function = Function::start(python, &Code::new("h.f", &[("h.py", code)]));
        let mut event = function.event("{}");
        event.trace_id = Some("Root=1-2-3".to_owned());

        let Answer::Response { payload, .. } = function.invoke_with(event).await else {
            panic!()
        };

        assert_eq!(payload, "\"Root=1-2-3\"");
        assert_eq!(function.result("{}").await, serde_json::Value::Null);
    }
}

#[test]
fn bootstrap_is_compiled_ahead_for_an_interpreter() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::install(folder.path()).unwrap();
    for python in interpreters(Family::Python) {
        assert!(layout.compile_for(python), "{python}");

        let name = format!("_firelight_runtime.cpython-3{}.pyc", python.version.minor);
        let compiled = layout
            .directory(Family::Python)
            .join("__pycache__")
            .join(name);
        assert!(compiled.is_file(), "{}", compiled.display());
    }
}
