//! Texts that no call over HTTP provokes cheaply; all others are pinned in `tests/it/lambda`.

use firelight_control::{CodeError, ResolveError, SettingsError};
use firelight_model::{FunctionArn, NotInvocable};
use firelight_wire::ErrorReply;

use super::code::code;
use super::settings::settings;
use super::*;

fn body(error: &ErrorReply) -> (u16, String) {
    let reply = error.reply();
    (reply.status, String::from_utf8(reply.body).unwrap())
}

fn invalid_body(text: &str) -> (u16, String) {
    (400, format!(r#"{{"Type":"User","message":"{text}"}}"#))
}

#[test]
fn packages_that_are_too_large_are_told_their_limit() {
    let zipped = zip_too_large(52_428_800);
    let text = r#"{"message":"Zipped size must be smaller than 52428800 bytes"}"#;
    assert_eq!(body(&zipped), (413, text.to_owned()));
    let unzipped = code(CodeError::TooLargeUnzipped {
        limit_bytes: 262_144_000,
    });
    let text = "Unzipped size must be smaller than 262144000 bytes";
    assert_eq!(body(&unzipped), invalid_body(text));
    let combined = settings(SettingsError::TooLargeWithLayers {
        actual_bytes: 262_144_001,
    });
    let text = "Function code combined with layers exceeds the maximum allowed size of 262144000 bytes. \
        The actual size is 262144001 bytes.";
    assert_eq!(body(&combined), invalid_body(text));
}

#[test]
fn versions_that_cannot_run_name_their_state() {
    let arn = FunctionArn {
        region: "us-east-1".parse().unwrap(),
        account: "123456789012".parse().unwrap(),
        name: "f".parse().unwrap(),
    };
    let pending = resolve(ResolveError::NotInvocable {
        arn: arn.clone(),
        source: NotInvocable::Pending,
    });
    let text = "The operation cannot be performed at this time. \
        The function is currently in the following state: Pending";
    assert_eq!(
        body(&pending),
        (409, format!(r#"{{"Type":"User","message":"{text}"}}"#))
    );
    let missing = resolve(ResolveError::NoSuchFunction { arn });
    let text = "Function not found: arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST";
    assert_eq!(
        body(&missing),
        (404, format!(r#"{{"Type":"User","Message":"{text}"}}"#))
    );
}

#[test]
fn an_image_for_a_zip_function_and_the_reverse_are_told_apart() {
    let image = code(CodeError::ImageForZip);
    let text = "Please don't provide ImageUri when updating a function with packageType Zip.";
    assert_eq!(body(&image), invalid_body(text));
    let zip = code(CodeError::ZipForImage);
    let text = "Please provide ImageUri when updating a function with packageType Image.";
    assert_eq!(body(&zip), invalid_body(text));
}
