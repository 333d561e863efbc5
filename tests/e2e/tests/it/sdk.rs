//! The AWS SDK for Rust: the same daemon through a third, independently written client.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::client::Waiters;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::{Credentials, Region};
use aws_sdk_lambda::error::ProvideErrorMetadata;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, InvocationType, LastUpdateStatus, LogType, Runtime};
use firelight_e2e::TestEnvironment;
use firelight_e2e::clients::Access;
use firelight_e2e::package::{python_function, python_runtime};

pub(crate) const ROLE: &str = "arn:aws:iam::000000000000:role/sdk";

/// Makes a client without retries: an answer that only a second attempt gives is a wrong answer.
pub(crate) fn client(access: &Access) -> Client {
    let keys = (
        access.access_key_id.clone(),
        access.secret_access_key.clone(),
    );
    let config = aws_sdk_lambda::Config::builder()
        .behavior_version_latest()
        .endpoint_url(&access.endpoint)
        .region(Region::new(access.region.clone()))
        .credentials_provider(Credentials::new(keys.0, keys.1, None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

/// Prepares the creation of a Python function.
pub(crate) fn creation(
    client: &Client,
    name: &str,
    runtime: &str,
    body: &str,
) -> aws_sdk_lambda::operation::create_function::builders::CreateFunctionFluentBuilder {
    let code = FunctionCode::builder()
        .zip_file(Blob::new(python_function(body)))
        .build();
    client
        .create_function()
        .function_name(name)
        .runtime(Runtime::from(runtime))
        .handler("app.handler")
        .role(ROLE)
        .code(code)
}

#[tokio::test]
async fn a_function_lives_and_dies_with_the_sdk_for_rust() {
    let (Some(environment), Some(runtime)) = (TestEnvironment::start(), python_runtime()) else {
        return;
    };
    let client = client(&environment.access());

    creation(&client, "f", &runtime, "return event['n'] + 1")
        .send()
        .await
        .unwrap();
    let wait = std::time::Duration::from_secs(30);
    client
        .wait_until_function_active_v2()
        .function_name("f")
        .wait(wait)
        .await
        .unwrap();
    let answer = client
        .invoke()
        .function_name("f")
        .payload(Blob::new(r#"{"n": 41}"#))
        .log_type(LogType::Tail)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.payload.unwrap().as_ref(), b"42");
    assert_eq!(answer.executed_version.as_deref(), Some("$LATEST"));
    assert!(answer.function_error.is_none() && answer.log_result.is_some());

    let dry = client
        .invoke()
        .function_name("f")
        .invocation_type(InvocationType::DryRun);
    assert_eq!(dry.send().await.unwrap().status_code, 204);
    let settings = client
        .update_function_configuration()
        .function_name("f")
        .memory_size(256);
    let updating = settings.send().await.unwrap();
    assert_eq!(
        updating.last_update_status,
        Some(LastUpdateStatus::InProgress)
    );
    client
        .wait_until_function_updated_v2()
        .function_name("f")
        .wait(wait)
        .await
        .unwrap();

    client
        .delete_function()
        .function_name("f")
        .send()
        .await
        .unwrap();
    let gone = client
        .get_function()
        .function_name("f")
        .send()
        .await
        .unwrap_err();
    assert_eq!(gone.code(), Some("ResourceNotFoundException"));
    assert!(gone.into_service_error().is_resource_not_found_exception());
    assert!(environment.stop().is_none());
}
