//! Archives made of random entries, and honest ones with random damage.

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::archive::{Entry, entry, extract, file, inspect, link, zip};

fn any_entry() -> impl Strategy<Value = Entry> {
    let name = "([abc]|\\.|\\.\\.|/|\\\\){1,6}";
    let mode = prop::sample::select(vec![0, 0o100_644, 0o040_755, 0o120_777, 0o020_666]);
    let target = "([abc]|\\.\\.|/){1,6}";
    (name, mode, target).prop_map(|(name, mode, target)| entry(&name, mode, target.as_bytes()))
}

/// Follows every link below a directory and says whether one leads out.
fn escapes(root: &Path, directory: &Path) -> bool {
    let leads_out = |path: &Path| match path.canonicalize() {
        Ok(place) => !place.starts_with(root),
        Err(_) => false,
    };
    std::fs::read_dir(directory).unwrap().any(|entry| {
        let entry = entry.unwrap();
        let is_directory = entry.file_type().unwrap().is_dir();
        leads_out(&entry.path()) || is_directory && escapes(root, &entry.path())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn random_entries_never_get_out_nor_do_their_links(entries in vec(any_entry(), 1..8)) {
        let outside = tempfile::tempdir().unwrap();
        let outside = outside.path().canonicalize().unwrap();
        let into = outside.join("a/package");
        std::fs::create_dir_all(&into).unwrap();
        let archive = zip(&entries);

        let extracted = extract(&archive, &into);

        prop_assert_eq!(extracted.is_ok(), inspect(&archive).is_ok());
        prop_assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
        prop_assert_eq!(std::fs::read_dir(outside.join("a")).unwrap().count(), 1);
        prop_assert!(!escapes(&into, &into));
    }

    #[test]
    fn random_damage_never_panics_and_both_ways_agree(
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut archive = zip(&[file("a"), file("b/c"), link("l", "a")]);
        for (at, byte) in damage {
            let at = at.index(archive.len());
            archive[at] = byte;
        }
        let into = tempfile::tempdir().unwrap();

        let extracted = extract(&archive, into.path());

        prop_assert_eq!(extracted.is_ok(), inspect(&archive).is_ok());
    }
}
