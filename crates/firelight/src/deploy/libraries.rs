//! Libraries that a directory names and does not bring: deploying installs nothing, and the function would fail at its
//! first import, far from here.
//!
//! Only a remark, because a bundler or a layer may bring them: nothing is refused.

use serde_json::Value;

use super::PackageFiles;

/// Says which list of libraries the package does not follow, and what brings them in.
pub fn missing_libraries(files: &PackageFiles) -> Option<String> {
    let directory = files.root.display();
    if names_python_libraries(&files.text("requirements.txt")) && !brings(files, ".dist-info/") {
        return Some(format!(
            "requirements.txt names libraries that are not in the package; \
             pip install -r {directory}/requirements.txt -t {directory}  brings them in"
        ));
    }
    if names_node_libraries(&files.text("package.json")) && !brings(files, "node_modules/") {
        return Some(format!(
            "package.json names libraries that are not in the package; \
             npm install --omit=dev --prefix {directory}  brings them in, unless they are bundled"
        ));
    }
    None
}

fn names_python_libraries(requirements: &str) -> bool {
    let mut lines = requirements.lines().map(str::trim);
    lines.any(|line| !line.is_empty() && !line.starts_with('#'))
}

fn names_node_libraries(package: &str) -> bool {
    let package: Value = serde_json::from_str(package).unwrap_or_default();
    package["dependencies"]
        .as_object()
        .is_some_and(|named| !named.is_empty())
}

fn brings(files: &PackageFiles, part: &str) -> bool {
    files.entries.iter().any(|entry| entry.name.contains(part))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn missing(entries: &[(&str, &str)]) -> Option<String> {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in entries {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
        }
        missing_libraries(&PackageFiles::of_directory(directory.path()).unwrap())
    }

    #[test]
    fn libraries_that_are_named_and_not_there_come_with_the_command_that_brings_them() {
        let python = missing(&[("requirements.txt", "# web\nrequests==2.31\n")]).unwrap();
        let node = missing(&[("package.json", r#"{"dependencies":{"axios":"1"}}"#)]).unwrap();

        assert!(python.contains("pip install"), "{python}");
        assert!(node.contains("npm install"), "{node}");
    }

    #[test]
    fn libraries_that_are_there_or_need_not_be_are_not_mentioned() {
        for entries in [
            &[
                ("requirements.txt", "requests"),
                ("requests-2.dist-info/METADATA", ""),
            ][..],
            &[("requirements.txt", "# none yet\n\n")],
            &[
                ("package.json", r#"{"dependencies":{"a":"1"}}"#),
                ("node_modules/a/index.js", ""),
            ],
            &[("package.json", r#"{"devDependencies":{"a":"1"}}"#)],
            &[("app.py", "")],
        ] {
            assert_eq!(missing(entries), None, "{entries:?}");
        }
    }
}
