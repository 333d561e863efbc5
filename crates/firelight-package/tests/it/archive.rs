//! Writes zip archives byte by byte, also those that no honest tool would write.

use std::io::{Cursor, Write};
use std::path::Path;

use firelight_package::{ExtractError, FileModes, InvalidPackage, Limits, PackageInfo};

/// One entry with every field free to lie.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    pub(crate) content: Vec<u8>,
    pub(crate) mode: u32,
    pub(crate) system: u8,
    pub(crate) flags: u16,
    pub(crate) method: u16,
    pub(crate) declared_bytes: Option<u32>,
    pub(crate) crc: Option<u32>,
    pub(crate) descriptor: bool,
    pub(crate) extra: Vec<u8>,
}

pub(crate) const UNIX: u8 = 3;
pub(crate) const DOS: u8 = 0;

pub(crate) fn entry(name: &str, mode: u32, content: &[u8]) -> Entry {
    Entry {
        name: name.as_bytes().to_vec(),
        content: content.to_vec(),
        mode,
        system: UNIX,
        flags: 0,
        method: 0,
        declared_bytes: None,
        crc: None,
        descriptor: false,
        extra: Vec::new(),
    }
}

pub(crate) fn file(name: &str) -> Entry {
    entry(name, 0o100_644, b"content")
}

pub(crate) fn directory(name: &str) -> Entry {
    entry(name, 0o040_755, b"")
}

pub(crate) fn link(name: &str, target: &str) -> Entry {
    entry(name, 0o120_777, target.as_bytes())
}

impl Entry {
    pub(crate) fn named_bytes(mut self, name: &[u8]) -> Self {
        self.name = name.to_vec();
        self
    }

    fn size(&self) -> u32 {
        u32::try_from(self.content.len()).unwrap()
    }

    fn declared(&self) -> u32 {
        self.declared_bytes.unwrap_or(self.size())
    }

    fn crc(&self) -> u32 {
        self.crc.unwrap_or_else(|| crc32(&self.content))
    }

    /// The fields that the local and the central header share, in their order.
    fn common(&self, sizes: [u32; 3], out: &mut Vec<u8>) {
        let flags = self.flags | if self.descriptor { 8 } else { 0 };
        put16(out, &[20, flags, self.method]);
        // 2026-11-23 12:34:56 as the format packs it.
        put16(
            out,
            &[12 << 11 | 34 << 5 | 28, (2026 - 1980) << 9 | 11 << 5 | 23],
        );
        put32(out, &sizes);
        put16(out, &[len16(&self.name), len16(&self.extra)]);
    }

    fn local(&self, out: &mut Vec<u8>) {
        let sizes = if self.descriptor {
            [0; 3]
        } else {
            [self.crc(), self.size(), self.declared()]
        };
        out.extend(b"PK\x03\x04");
        self.common(sizes, out);
        out.extend(&self.name);
        out.extend(&self.extra);
        out.extend(&self.content);
        if self.descriptor {
            out.extend(b"PK\x07\x08");
            put32(out, &[self.crc(), self.size(), self.declared()]);
        }
    }

    fn central(&self, offset: u32, out: &mut Vec<u8>) {
        out.extend(b"PK\x01\x02");
        out.extend([63, self.system]);
        self.common([self.crc(), self.size(), self.declared()], out);
        put16(out, &[0, 0, 0]);
        put32(out, &[self.mode << 16, offset]);
        out.extend(&self.name);
        out.extend(&self.extra);
    }
}

/// Writes an archive of these entries.
pub(crate) fn zip(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut central = Vec::new();
    for entry in entries {
        entry.central(u32::try_from(out.len()).unwrap(), &mut central);
        entry.local(&mut out);
    }
    let count = u16::try_from(entries.len()).unwrap();
    let start = u32::try_from(out.len()).unwrap();
    out.extend(&central);
    out.extend(b"PK\x05\x06");
    put16(&mut out, &[0, 0, count, count]);
    put32(&mut out, &[u32::try_from(central.len()).unwrap(), start]);
    put16(&mut out, &[0]);
    out
}

/// Writes an archive of one file that is all zeros, compressed.
pub(crate) fn zeros(bytes: usize) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    writer.start_file("zeros", options).unwrap();
    writer.write_all(&vec![0; bytes]).unwrap();
    writer.finish().unwrap().into_inner()
}

pub(crate) fn inspect(archive: &[u8]) -> Result<PackageInfo, InvalidPackage> {
    firelight_package::inspect(Cursor::new(archive), &Limits::LAMBDA)
}

pub(crate) fn extract(archive: &[u8], into: &Path) -> Result<PackageInfo, ExtractError> {
    let cursor = Cursor::new(archive);
    firelight_package::extract(cursor, into, &Limits::LAMBDA, FileModes::AsPacked)
}

fn put16(out: &mut Vec<u8>, numbers: &[u16]) {
    out.extend(numbers.iter().flat_map(|n| n.to_le_bytes()));
}

fn put32(out: &mut Vec<u8>, numbers: &[u32]) {
    out.extend(numbers.iter().flat_map(|n| n.to_le_bytes()));
}

fn len16(bytes: &[u8]) -> u16 {
    u16::try_from(bytes.len()).unwrap()
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| {
        if crc & 1 == 1 {
            crc >> 1 ^ 0xedb8_8320
        } else {
            crc >> 1
        }
    };
    !bytes
        .iter()
        .fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}
