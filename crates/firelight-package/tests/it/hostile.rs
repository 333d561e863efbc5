//! What is refused, and that a refusal leaves nothing outside.

use std::io::Cursor;
use std::path::Path;

use firelight_package::{ExtractError, FileModes, InvalidPackage, Limits, NameProblem};

use crate::archive::{DOS, Entry, directory, entry, extract, file, inspect, link, zeros, zip};

/// Checks that both ways to look at an archive refuse it alike, and that nothing got out.
fn refusal(archive: &[u8]) -> InvalidPackage {
    let outside = tempfile::tempdir().unwrap();
    let into = outside.path().join("package");
    std::fs::create_dir(&into).unwrap();

    let extracted = extract(archive, &into).unwrap_err();
    let inspected = inspect(archive).unwrap_err();

    let ExtractError::Invalid(extracted) = extracted else {
        panic!("not refused but failed: {extracted}");
    };
    assert_eq!(extracted.to_string(), inspected.to_string());
    assert_eq!(names(outside.path()), ["package"]);
    inspected
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let name = |e: std::io::Result<std::fs::DirEntry>| e.unwrap().file_name().into_string();
    entries.map(|e| name(e).unwrap()).collect()
}

#[test]
fn names_that_lead_out_are_refused() {
    for (name, problem) in [
        ("../escaped", NameProblem::Traversal),
        ("a/../../escaped", NameProblem::Traversal),
        ("a/..", NameProblem::Traversal),
        ("..\\escaped", NameProblem::Traversal),
        ("/escaped", NameProblem::Absolute),
        ("\\escaped", NameProblem::Absolute),
        ("C:\\escaped", NameProblem::Drive),
        ("a\0b", NameProblem::ZeroByte),
    ] {
        let refused = refusal(&zip(&[file("fine"), file(name)]));

        let InvalidPackage::UnsafeName { problem: found, .. } = refused else {
            panic!("{name:?}: {refused}");
        };
        assert_eq!(found, problem, "{name:?}");
    }
}

#[test]
fn overlong_names_are_refused() {
    for name in ["x".repeat(256), "long/".repeat(1_000)] {
        let refused = refusal(&zip(&[file(&name)]));
        let problem = matches!(
            refused,
            InvalidPackage::UnsafeName {
                problem: NameProblem::TooLong,
                ..
            }
        );
        assert!(problem, "{refused}");
    }
}

#[test]
fn links_that_lead_out_are_refused() {
    for target in [
        "..",
        "../escaped",
        "/etc/passwd",
        "a/../../escaped",
        "",
        "d/up/x/..",
    ] {
        let entries = [directory("d/"), link("d/up", ".."), link("escape", target)];
        let refused = refusal(&zip(&entries));
        let unsafe_link = matches!(refused, InvalidPackage::UnsafeLink { .. });
        assert!(unsafe_link, "{target:?}: {refused}");
    }
}

#[test]
fn a_link_is_judged_by_links_that_come_after_it() {
    let entries = [
        link("escape", "d/up/.."),
        directory("d/"),
        link("d/up", ".."),
    ];

    let refused = refusal(&zip(&entries));

    assert!(
        matches!(refused, InvalidPackage::UnsafeLink { .. }),
        "{refused}"
    );
}

#[test]
fn a_link_declared_for_dos_is_still_a_link() {
    let disguised = Entry {
        system: DOS,
        ..link("escape", "/etc/passwd")
    };

    let refused = refusal(&zip(&[disguised]));

    assert!(
        matches!(refused, InvalidPackage::UnsafeLink { .. }),
        "{refused}"
    );
}

#[test]
fn an_overlong_link_target_is_refused() {
    let refused = refusal(&zip(&[link("escape", &"x".repeat(5_000))]));

    assert!(
        matches!(refused, InvalidPackage::UnsafeLink { .. }),
        "{refused}"
    );
}

#[test]
fn nothing_is_written_through_a_link() {
    for entries in [
        [link("d", "."), file("d/x")],
        [file("d/x"), link("d", ".")],
        [link("d", "."), directory("d/")],
    ] {
        let refused = refusal(&zip(&entries));
        assert!(
            matches!(refused, InvalidPackage::Conflict { .. }),
            "{refused}"
        );
    }
}

#[test]
fn devices_pipes_and_sockets_are_refused() {
    for kind in [0o010_000, 0o020_000, 0o060_000, 0o140_000] {
        let refused = refusal(&zip(&[entry("special", kind | 0o666, b"")]));
        assert!(
            matches!(refused, InvalidPackage::SpecialFile { .. }),
            "{refused}"
        );
    }
}

#[test]
fn a_file_that_is_also_a_directory_is_refused() {
    for entries in [
        [file("a"), file("a/b")],
        [file("a/b"), file("a")],
        [file("a"), directory("a/")],
    ] {
        let refused = refusal(&zip(&entries));
        assert!(
            matches!(refused, InvalidPackage::Conflict { .. }),
            "{refused}"
        );
    }
}

#[test]
fn a_package_that_unpacks_too_large_is_refused_by_what_it_declares() {
    let bomb = Entry {
        declared_bytes: Some(262_144_001),
        ..file("bomb")
    };

    let refused = refusal(&zip(&[bomb]));

    let large = matches!(
        refused,
        InvalidPackage::TooLarge {
            limit_bytes: 262_144_000
        }
    );
    assert!(large, "{refused}");
}

#[test]
fn a_package_that_unpacks_larger_than_it_declares_is_refused_while_it_unpacks() {
    let mut archive = zeros(1_000_000);
    let declared = 1_000_000_u32.to_le_bytes();
    // The honest size stands in the local and the central header; both now say 10 bytes.
    let places: Vec<_> = (0..archive.len() - 4)
        .filter(|at| archive[*at..at + 4] == declared)
        .collect();
    for at in places {
        archive[at..at + 4].copy_from_slice(&10_u32.to_le_bytes());
    }

    let refused = refusal(&archive);

    assert!(
        matches!(refused, InvalidPackage::Unreadable(_)),
        "{refused}"
    );
}

#[test]
fn the_limit_holds_for_the_bytes_that_come_out() {
    let archive = zeros(100_000);
    let limits = |unzipped_bytes| Limits {
        unzipped_bytes,
        names: 10,
    };
    let inspect = |limits| firelight_package::inspect(Cursor::new(&archive), &limits);

    assert_eq!(inspect(limits(100_000)).unwrap().unzipped_bytes, 100_000);
    let refused = inspect(limits(99_999)).unwrap_err();
    assert!(
        matches!(
            refused,
            InvalidPackage::TooLarge {
                limit_bytes: 99_999
            }
        ),
        "{refused}"
    );
}

#[test]
fn too_many_names_are_refused_those_included_that_are_only_implied() {
    let limits = Limits {
        unzipped_bytes: 1_000,
        names: 5,
    };
    let inspect = |name: &str| firelight_package::inspect(Cursor::new(zip(&[file(name)])), &limits);

    assert!(inspect("1/2/3/4/5").is_ok());
    let refused = inspect("1/2/3/4/5/6").unwrap_err();
    assert!(
        matches!(refused, InvalidPackage::TooManyNames { limit: 5 }),
        "{refused}"
    );
}

#[test]
fn encrypted_entries_are_refused() {
    let encrypted = Entry {
        flags: 1,
        ..file("secret")
    };

    let refused = refusal(&zip(&[encrypted]));

    assert!(
        matches!(refused, InvalidPackage::Encrypted { .. }),
        "{refused}"
    );
}

#[test]
fn damaged_content_is_refused() {
    let damaged = Entry {
        crc: Some(0x1234_5678),
        ..file("damaged")
    };

    let refused = refusal(&zip(&[damaged]));

    assert!(
        matches!(refused, InvalidPackage::Unreadable(_)),
        "{refused}"
    );
}

#[test]
fn an_unknown_compression_is_refused() {
    let unknown = Entry {
        method: 98,
        ..file("unknown")
    };

    let refused = refusal(&zip(&[unknown]));

    assert!(
        matches!(refused, InvalidPackage::Unreadable(_)),
        "{refused}"
    );
}

#[test]
fn an_archive_cut_off_anywhere_is_refused() {
    let archive = zip(&[file("a"), file("b/c")]);

    for length in 0..archive.len() {
        let refused = refusal(&archive[..length]);
        assert!(
            matches!(refused, InvalidPackage::Unreadable(_)),
            "{length}: {refused}"
        );
    }
}

#[test]
fn what_is_no_archive_is_refused() {
    for bytes in [&b""[..], b"not a zip", &[0; 100_000], b"PK\x05\x06"] {
        let refused = refusal(bytes);
        assert!(
            matches!(refused, InvalidPackage::Unreadable(_)),
            "{refused}"
        );
    }
}

#[test]
fn an_empty_archive_is_refused_as_such() {
    let refused = refusal(&zip(&[]));

    assert!(matches!(refused, InvalidPackage::Empty), "{refused}");
}

#[test]
fn a_link_that_somebody_puts_in_the_way_is_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    let into = outside.path().join("package");
    std::fs::create_dir(&into).unwrap();
    std::os::unix::fs::symlink(outside.path(), into.join("d")).unwrap();
    let archive = zip(&[file("d/escaped")]);

    let error = firelight_package::extract(
        Cursor::new(archive),
        &into,
        &Limits::LAMBDA,
        FileModes::AsPacked,
    )
    .unwrap_err();

    assert!(matches!(error, ExtractError::Write { .. }), "{error}");
    assert_eq!(names(outside.path()), ["package"]);
}
