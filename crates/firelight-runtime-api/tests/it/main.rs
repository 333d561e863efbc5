//! A session seen from both its sides: raw bytes from inside, the owner's handle from outside.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod abuse;
mod client;
mod concurrency;
mod extensions;
mod invocations;
mod lifecycle;
mod streaming;
mod telemetry;

#[test]
fn every_file_of_this_folder_is_a_module_here() {
    let main = include_str!("main.rs");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it");

    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.trim_end_matches(".rs");
        assert!(
            module == "main" || main.contains(&format!("mod {module};")),
            "{name} is not run"
        );
    }
}
