//! `firelight serve`: nobody gets in without a valid signature.

use firelight_e2e::{Flavor, TestEnvironment};

#[test]
fn the_root_key_is_made_once_and_opens_the_door() {
    let Some(mut environment) = TestEnvironment::start_as(Flavor::serve()) else {
        return;
    };
    let key = environment.access().access_key_id;
    environment.aws(&["lambda", "list-functions"]).succeeded();

    environment.kill_and_restart();

    assert_eq!(environment.access().access_key_id, key);
    environment.aws(&["lambda", "list-functions"]).succeeded();
    assert!(environment.stop().is_none());
}

#[test]
fn wrong_keys_are_refused() {
    let Some(environment) = TestEnvironment::start_as(Flavor::serve()) else {
        return;
    };
    let venv = firelight_e2e::clients::venv().expect("the environment has found it");
    let mut unknown = environment.access();
    unknown.access_key_id = "AKIAUNKNOWNUNKNOWN12".to_owned();
    let mut forged = environment.access();
    forged.secret_access_key.replace_range(..1, "!");

    let unknown = unknown
        .aws(&venv, &["lambda", "list-functions"])
        .failed_with(255);
    let forged = forged
        .aws(&venv, &["lambda", "list-functions"])
        .failed_with(255);

    assert!(
        unknown.stderr().contains("(UnrecognizedClientException)"),
        "{unknown}"
    );
    assert!(
        forged.stderr().contains("(InvalidSignatureException)"),
        "{forged}"
    );
    assert!(environment.stop().is_none());
}

#[test]
fn unsigned_requests_are_refused() {
    let Some(environment) = TestEnvironment::start_as(Flavor::serve()) else {
        return;
    };

    let unsigned = environment
        .aws(&["lambda", "list-functions", "--no-sign-request"])
        .failed_with(255);

    assert!(
        unsigned
            .stderr()
            .contains("(MissingAuthenticationTokenException)"),
        "{unsigned}"
    );
    assert!(environment.stop().is_none());
}

#[test]
fn a_code_location_needs_no_keys_but_an_unforged_signature() {
    let Some(environment) = TestEnvironment::start_as(Flavor::serve()) else {
        return;
    };

    environment
        .scenario("lifecycle", "the_code_location_downloads")
        .succeeded();

    assert!(environment.stop().is_none());
}
