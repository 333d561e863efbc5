//! S3 from outside: requests in, answers out, over a store and blobs on the disk.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail the test by panicking"
)]

mod buckets;
mod choices;
mod durable;
mod listing;
mod multipart;
mod objects;
mod support;
mod versions;

#[test]
fn every_file_here_is_part_of_the_suite() {
    let main = include_str!("main.rs");
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it");

    for entry in std::fs::read_dir(directory).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.trim_end_matches(".rs");
        let is_module = name.ends_with(".rs") && module != "main";
        assert!(
            !is_module || main.contains(&format!("mod {module};")),
            "{name} is forgotten"
        );
    }
}
