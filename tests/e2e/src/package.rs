//! Deployment packages made in memory.

use std::path::{Path, PathBuf};

use crate::lacking::lacking;

/// Returns the root of the repository.
pub fn repository() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors()
        .nth(2)
        .expect("the crate lies in tests/e2e")
        .to_owned()
}

/// Returns the target directory: test programs lie in `TARGET/PROFILE/deps`.
pub fn target_dir() -> PathBuf {
    let own = std::env::current_exe().expect("a test program knows its path");
    own.ancestors()
        .nth(3)
        .expect("the path of a test program has these parents")
        .to_owned()
}

/// Zips a Python handler with this body, as `app.handler`.
pub fn python_function(body: &str) -> Vec<u8> {
    let source = python_source(body);
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("app.py", zip::write::SimpleFileOptions::default())
        .expect("writing to memory");
    std::io::Write::write_all(&mut zip, source.as_bytes()).expect("writing to memory");
    zip.finish().expect("writing to memory").into_inner()
}

/// Returns the source of a Python handler with this body.
pub fn python_source(body: &str) -> String {
    format!("def handler(event, context):\n    {body}\n")
}

/// Returns the runtime identifier of the machine's own Python, if there is one.
pub fn python_runtime() -> Option<String> {
    let answer = std::process::Command::new("/usr/bin/python3")
        .arg("--version")
        .output();
    let Ok(answer) = answer else {
        return lacking("/usr/bin/python3");
    };
    let version = String::from_utf8_lossy(&answer.stdout).into_owned();
    let mut parts = version.trim().strip_prefix("Python ")?.split('.');
    Some(format!("python{}.{}", parts.next()?, parts.next()?))
}
