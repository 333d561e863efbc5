//! The end-to-end tests: one program, so that the harness is linked once.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod admin;
mod aws_cli;
mod crash;
mod deliveries;
mod egress;
mod events;
mod examples;
mod extensions;
mod firelight_cli;
mod fuzz;
mod official;
mod scenarios;
mod sdk;
mod serve;
mod spans;
mod started;
mod terraform;
mod uploads;

/// A file that is not a module here would silently not be tested.
#[test]
fn every_file_beside_this_one_is_a_module() {
    let directory = firelight_e2e::package::repository().join("tests/e2e/tests/it");
    let main = std::fs::read_to_string(directory.join("main.rs")).unwrap();

    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(
            name == "main" || main.contains(&format!("mod {name};")),
            "{name} is forgotten"
        );
    }
}
