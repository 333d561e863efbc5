//! Control against real stores: what callers are promised, seen from outside.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

mod calls;
mod code_storage;
mod concurrency;
mod forwarding;
mod functions;
mod idleness;
mod mappings;
mod model;
mod paging;
mod resources;
mod support;

#[test]
fn every_file_beside_this_one_is_part_of_the_binary() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it");
    let source = include_str!("main.rs");
    for file in std::fs::read_dir(directory).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let module = name.trim_end_matches(".rs");
        let is_named = module == "main" || source.contains(&format!("mod {module};"));
        assert!(is_named, "{name} is not tested");
    }
}
