//! What is extracted, and that it comes out as it was packed.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use firelight_package::{FileModes, Limits, PackageInfo};

use crate::archive::{DOS, Entry, directory, entry, extract, file, inspect, link, zip};

fn extracted(entries: &[Entry]) -> tempfile::TempDir {
    let into = tempfile::tempdir().unwrap();
    extract(&zip(entries), into.path()).unwrap();
    into
}

/// Every path below a directory with what it is: a content, `/`, or the target of a link.
fn tree(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut left = vec![root.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            let what = if metadata.is_dir() {
                left.push(path);
                "/".to_owned()
            } else if metadata.is_symlink() {
                format!("-> {}", fs::read_link(&path).unwrap().display())
            } else {
                fs::read_to_string(&path).unwrap()
            };
            found.insert(name, what);
        }
    }
    found
}

fn expect(root: &Path, expected: &[(&str, &str)]) {
    let owned = |(name, what): &(&str, &str)| ((*name).to_owned(), (*what).to_owned());
    assert_eq!(tree(root), expected.iter().map(owned).collect());
}

fn permissions(root: &Path, name: &str) -> u32 {
    fs::symlink_metadata(root.join(name))
        .unwrap()
        .permissions()
        .mode()
        & 0o7777
}

#[test]
fn files_directories_and_links_come_out_as_packed() {
    let into = extracted(&[
        entry("index.py", 0o100_644, b"code"),
        directory("empty/"),
        entry("lib/deep/er/x.so.1", 0o100_755, b"library"),
        link("lib/x.so", "deep/er/x.so.1"),
        link("lib/deep/up", "../.."),
    ]);

    expect(
        into.path(),
        &[
            ("empty", "/"),
            ("index.py", "code"),
            ("lib", "/"),
            ("lib/deep", "/"),
            ("lib/deep/er", "/"),
            ("lib/deep/er/x.so.1", "library"),
            ("lib/deep/up", "-> ../.."),
            ("lib/x.so", "-> deep/er/x.so.1"),
        ],
    );
}

#[test]
fn what_it_holds_is_counted_alike_by_looking_and_by_unpacking() {
    let archive = zip(&[file("a"), directory("d/"), file("d/b")]);
    let into = tempfile::tempdir().unwrap();

    let seen = inspect(&archive).unwrap();
    let unpacked = extract(&archive, into.path()).unwrap();

    let expected = PackageInfo {
        entries: 3,
        unzipped_bytes: 14,
    };
    assert_eq!((seen, unpacked), (expected, expected));
}

#[test]
fn names_with_backslashes_and_dots_become_ordinary_paths() {
    let into = extracted(&[
        file("src\\handlers\\index.js"),
        file("./a//b/./c"),
        file("..x/..."),
    ]);

    expect(
        into.path(),
        &[
            ("..x", "/"),
            ("..x/...", "content"),
            ("a", "/"),
            ("a/b", "/"),
            ("a/b/c", "content"),
            ("src", "/"),
            ("src/handlers", "/"),
            ("src/handlers/index.js", "content"),
        ],
    );
}

#[test]
fn permissions_are_kept_without_the_dangerous_bits() {
    let into = extracted(&[
        entry("script", 0o100_755, b"#!"),
        entry("setuid", 0o106_755, b"#!"),
        entry("private", 0o100_600, b"secret"),
        entry("no-mode", 0, b""),
        entry("no-mode-directory/", 0, b""),
        entry("sticky/", 0o041_777, b""),
        file("implied/x"),
    ]);
    let mode = |name| permissions(into.path(), name);

    assert_eq!(mode("script"), 0o755);
    assert_eq!(mode("setuid"), 0o755);
    assert_eq!(mode("private"), 0o600);
    assert_eq!(mode("no-mode"), 0o644);
    assert_eq!(mode("no-mode-directory"), 0o755);
    assert_eq!(mode("sticky"), 0o777);
    assert_eq!(mode("implied"), 0o755);
}

#[test]
fn on_request_everybody_may_read_what_the_owner_may() {
    let archive = zip(&[
        entry("private", 0o100_600, b"code"),
        entry("private-script", 0o100_700, b"#!"),
        entry("unreadable", 0o100_200, b""),
        entry("directory/", 0o040_700, b""),
    ]);
    let into = tempfile::tempdir().unwrap();
    let cursor = Cursor::new(archive);
    firelight_package::extract(cursor, into.path(), &Limits::LAMBDA, FileModes::Readable).unwrap();
    let mode = |name| permissions(into.path(), name);

    assert_eq!(mode("private"), 0o644);
    assert_eq!(mode("private-script"), 0o755);
    assert_eq!(mode("unreadable"), 0o200);
    assert_eq!(mode("directory"), 0o755);
}

#[test]
fn children_of_a_directory_that_nobody_may_write_are_extracted() {
    let into = extracted(&[entry("d/", 0o040_555, b""), file("d/x")]);

    assert_eq!(permissions(into.path(), "d"), 0o555);
    assert!(into.path().join("d/x").exists());
}

#[test]
fn times_are_kept_exactly_where_the_archive_has_them_exactly() {
    // An extended timestamp: modification time only, 2026-11-23 12:34:57 UTC.
    let exact = 1_795_437_297_i32;
    let mut extra = b"UT\x05\x00\x01".to_vec();
    extra.extend(exact.to_le_bytes());
    let with_exact_time = Entry {
        extra,
        ..file("exact")
    };
    let into = extracted(&[
        file("packed"),
        with_exact_time,
        directory("d/"),
        file("d/x"),
    ]);
    let modified = |name: &str| fs::metadata(into.path().join(name)).unwrap().mtime();

    assert_eq!(modified("packed"), i64::from(exact) - 1);
    assert_eq!(modified("exact"), i64::from(exact));
    assert_eq!(modified("d"), i64::from(exact) - 1);
}

#[test]
fn archives_of_unusual_but_honest_make_are_read() {
    let descriptor = Entry {
        descriptor: true,
        ..file("descriptor")
    };
    let dos = Entry {
        system: DOS,
        mode: 0,
        ..file("dos")
    };
    let mut prefixed = b"#!/usr/bin/env python3\n".to_vec();
    prefixed.extend(zip(&[descriptor, dos]));
    let into = tempfile::tempdir().unwrap();

    extract(&prefixed, into.path()).unwrap();

    expect(
        into.path(),
        &[("descriptor", "content"), ("dos", "content")],
    );
}

#[test]
fn zip64_and_compression_are_read() {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default()
        .large_file(true)
        .compression_method(zip::CompressionMethod::Deflated);
    writer.start_file("large", options).unwrap();
    writer.write_all(&[b'x'; 100_000]).unwrap();
    let archive = writer.finish().unwrap().into_inner();
    let into = tempfile::tempdir().unwrap();

    extract(&archive, into.path()).unwrap();

    let content = fs::read(into.path().join("large")).unwrap();
    assert_eq!(content, [b'x'; 100_000]);
}

#[test]
fn names_are_utf_8_even_if_not_declared_and_otherwise_as_the_format_says() {
    let undeclared = file("日本.py");
    let code_page_437 = file("").named_bytes(b"caf\x82.py");
    let into = extracted(&[undeclared, code_page_437]);

    expect(
        into.path(),
        &[("café.py", "content"), ("日本.py", "content")],
    );
}

#[test]
fn of_equal_names_the_last_one_counts() {
    for again in ["a/b", "./a//b", "a\\b"] {
        let package = extracted(&[
            entry("a/b", 0o100_644, b"first"),
            file("other"),
            entry(again, 0o100_600, b"last"),
        ]);

        let text = std::fs::read_to_string(package.path().join("a/b")).unwrap();
        assert_eq!((again, &*text), (again, "last"));
        assert_eq!(permissions(package.path(), "a/b"), 0o600);
    }
}

#[test]
fn a_link_and_a_file_of_one_name_are_what_came_last() {
    let as_file = extracted(&[
        file("target"),
        link("a", "target"),
        entry("a", 0o100_644, b"text"),
    ]);
    let as_link = extracted(&[
        file("target"),
        entry("a", 0o100_644, b"text"),
        link("a", "target"),
    ]);

    assert!(
        as_file
            .path()
            .join("a")
            .symlink_metadata()
            .unwrap()
            .is_file()
    );
    assert!(as_link.path().join("a").is_symlink());
}

#[test]
fn the_root_of_the_package_may_be_declared() {
    let into = extracted(&[directory("./"), file("./index.js")]);

    expect(into.path(), &[("index.js", "content")]);
}
