//! All packages of an account count against one limit.

use firelight_control::{
    CodeError, CreateFunctionError, PublishLayerVersionError, PublishVersionError, Scope,
    UpdateFunctionCode, UpdateFunctionError,
};

use crate::support::{
    TestControl, active, arn, creation, layer_publication, origin, publication, settled, update,
    whole, zip,
};

#[tokio::test]
async fn each_function_version_and_layer_counts_its_package_against_one_limit() {
    let room = zip("one").len() as u64 * 2;
    let control = TestControl::with_code_storage(room).await;
    active(&control, "f").await;

    control
        .publish_version(&origin(), publication("f"))
        .await
        .unwrap();
    let second = control.create_function(&origin(), creation("g")).await;
    let third = control
        .publish_layer_version(&origin(), layer_publication("l", "one"))
        .await;

    let full = |error: &CodeError| matches!(error, CodeError::StorageExceeded { limit_bytes } if *limit_bytes == room);
    assert!(matches!(second, Err(CreateFunctionError::Code(error)) if full(&error)));
    assert!(matches!(third, Err(PublishLayerVersionError::Code(error)) if full(&error)));
}

#[tokio::test]
async fn code_that_replaces_other_code_counts_by_what_it_adds() {
    let room = zip("one").len() as u64;
    let control = TestControl::with_code_storage(room).await;
    active(&control, "f").await;
    let _completion = control.complete();

    let larger = control
        .update_function_code(&origin(), update("f", "one and more"))
        .await;
    let publishing = UpdateFunctionCode {
        publish: true,
        ..update("f", "two")
    };
    let published = control.update_function_code(&origin(), publishing).await;
    let replaced = control
        .update_function_code(&origin(), update("f", "two"))
        .await;
    settled(&control, "f").await;
    let version = control.publish_version(&origin(), publication("f")).await;

    let full = |error: &CodeError| matches!(error, CodeError::StorageExceeded { .. });
    assert!(matches!(larger, Err(UpdateFunctionError::Code(error)) if full(&error)));
    assert!(matches!(published, Err(UpdateFunctionError::Code(error)) if full(&error)));
    assert!(replaced.is_ok(), "{replaced:?}");
    assert!(matches!(version, Err(PublishVersionError::Code(error)) if full(&error)));
}

#[tokio::test]
async fn room_that_was_given_back_can_be_taken_again_also_after_a_restart() {
    let room = zip("one").len() as u64 * 2;
    let control = TestControl::with_code_storage(room).await;
    active(&control, "f").await;
    control
        .publish_version(&origin(), publication("f"))
        .await
        .unwrap();

    control
        .delete_function(&origin(), whole("f"))
        .await
        .unwrap();
    control
        .publish_layer_version(&origin(), layer_publication("l", "one"))
        .await
        .unwrap();
    control
        .create_function(&origin(), creation("g"))
        .await
        .unwrap();

    let again = control.again().await;
    let full = again.create_function(&origin(), creation("h")).await;

    assert!(matches!(
        full,
        Err(CreateFunctionError::Code(CodeError::StorageExceeded { .. }))
    ));
    let usage = again.account_usage(&Scope::of(&arn("f")));
    assert_eq!(usage.code_bytes, room);
}
