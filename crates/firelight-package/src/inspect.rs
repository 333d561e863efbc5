//! Looks through a package without unpacking it anywhere.

use std::io::{Read, Seek};

use zip::ZipArchive;

use crate::budget::Budget;
use crate::plan::{InvalidPackage, Limits, PackageInfo, Plan};

const CHUNK_BYTES: usize = 64 * 1024;

/// Checks a package completely: its directory, and every file's content against its checksum.
///
/// What passes here can be extracted. Blocks on decompression; call it where blocking is allowed.
///
/// # Errors
/// If the package is refused.
pub fn inspect<R: Read + Seek>(zip: R, limits: &Limits) -> Result<PackageInfo, InvalidPackage> {
    let mut archive = ZipArchive::new(zip)?;
    let plan = Plan::read(&mut archive, limits)?;
    let mut budget = Budget::new(limits);
    let mut chunk = vec![0; CHUNK_BYTES];
    for file in &plan.files {
        let mut content = archive.by_index(file.index)?;
        while !budget.read(&mut content, &mut chunk)?.is_empty() {}
    }
    Ok(PackageInfo {
        entries: archive.len() as u64,
        unzipped_bytes: budget.used_bytes(),
    })
}
