//! The bootstraps, run by every interpreter of this host against the Runtime API, without a sandbox.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "a test says what this host lacks")]

mod ahead;
mod function;
mod node;
mod node_errors;
mod official;
mod plan;
mod python;
mod python_errors;
mod python_logs;
mod python_streams;

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
