//! Saying that a test could not run, and why.

use std::fs::OpenOptions;
use std::io::Write;

/// Notes what the running test lacked, for the summary of `make test`. Returns `None`, to return with.
pub fn lacking<T>(what: &str) -> Option<T> {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    eprintln!("not run: {test} lacked {what}");
    if let Some(path) = std::env::var_os("FIRELIGHT_TEST_LACKING") {
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .expect("the list");
        // One write per line: several test programs may append at once.
        file.write_all(format!("{test}: {what}\n").as_bytes())
            .expect("the list is writable");
    }
    None
}
