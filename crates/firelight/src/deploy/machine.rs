//! The machine that a package's own program is built for, read from the head of its `bootstrap`.
//!
//! Only a remark, because the daemon may be elsewhere, and a host can be set up to run programs of other machines.
//!
//! Deliberately absent: native modules of interpreted languages; a package may bring those of several machines.

use std::fs::File;
use std::io::Read;

use firelight_model::Architecture;

use super::PackageFiles;

const PROGRAM: &str = "bootstrap";
/// Up to the member that names the machine.
const HEAD_BYTES: usize = 20;

/// Returns what the package's `bootstrap` is built for, unless it is a script or something unknown.
pub fn program_architecture(files: &PackageFiles) -> Option<Architecture> {
    if !files.has(PROGRAM) {
        return None;
    }
    let mut head = [0; HEAD_BYTES];
    let mut program = File::open(files.root.join(PROGRAM)).ok()?;
    program.read_exact(&mut head).ok()?;
    architecture_of(&head)
}

/// Says what a program for the other machine means on a host like this one.
pub fn other_machine(files: &PackageFiles) -> Option<String> {
    let architecture = program_architecture(files)?;
    (architecture != Architecture::HERE).then(|| {
        format!(
            "{PROGRAM} is built for {}: it does not start on a host for {} such as this one, unless that has binfmt",
            architecture.as_str(),
            Architecture::HERE.as_str(),
        )
    })
}

/// Reads the machine from the head of an ELF file of 64 bits, least significant byte first.
fn architecture_of(head: &[u8; HEAD_BYTES]) -> Option<Architecture> {
    if !head.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    match u16::from_le_bytes([head[18], head[19]]) {
        62 => Some(Architecture::X86_64),
        183 => Some(Architecture::Arm64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(name: &str, content: &[u8]) -> (tempfile::TempDir, PackageFiles) {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(name), content).unwrap();
        let files = PackageFiles::of_directory(directory.path()).unwrap();
        (directory, files)
    }

    fn elf(machine: u8) -> Vec<u8> {
        let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
        elf.resize(64, 0);
        elf[18] = machine;
        elf
    }

    #[test]
    fn a_program_tells_its_machine_and_the_other_one_is_remarked_upon() {
        for (machine, architecture) in [(62, Architecture::X86_64), (183, Architecture::Arm64)] {
            let (_directory, files) = files(PROGRAM, &elf(machine));

            assert_eq!(program_architecture(&files), Some(architecture));
            let is_other = architecture != Architecture::HERE;
            assert_eq!(other_machine(&files).is_some(), is_other);
        }
    }

    #[test]
    fn scripts_short_files_and_other_names_tell_nothing() {
        for (name, content) in [
            (PROGRAM, b"#!/bin/sh\nexec true # long enough".to_vec()),
            (PROGRAM, b"\x7fELF".to_vec()),
            ("app.py", elf(183)),
        ] {
            let (_directory, files) = files(name, &content);

            assert_eq!(program_architecture(&files), None, "{name}");
        }
    }
}
