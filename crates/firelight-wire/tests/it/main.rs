//! What requests and answers of the Lambda API look like from outside.

mod client;
mod hostile;
mod messages;
mod requests;
mod responses;

#[test]
fn every_file_here_is_a_module() {
    let modules = include_str!("main.rs");

    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it")).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let name = file.strip_suffix(".rs").unwrap();
        assert!(
            name == "main" || modules.contains(&format!("mod {name};")),
            "{file}"
        );
    }
}
