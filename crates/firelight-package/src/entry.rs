//! What an archive declares about one entry, in our own words.

use std::io::{Read, Seek};

use zip::ZipArchive;
use zip::read::ZipFileEntry;

use crate::path::{EntryPath, NameProblem};
use crate::plan::InvalidPackage;
use crate::tree::NodeKind;

const TYPE_MASK: u32 = 0o170_000;
const TYPE_DIRECTORY: u32 = 0o040_000;
const TYPE_FILE: u32 = 0o100_000;
const TYPE_LINK: u32 = 0o120_000;
/// Permissions without set-user-id, set-group-id and sticky.
const PERMISSION_MASK: u32 = 0o777;

/// One entry as declared. Its size is a claim; its path is checked.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Where it stands in the archive.
    pub(crate) index: usize,
    /// `None` names the root of the package.
    pub(crate) path: Option<EntryPath>,
    pub(crate) kind: NodeKind,
    pub(crate) permissions: Option<u32>,
    pub(crate) modified_unix_s: i64,
    pub(crate) declared_bytes: u64,
}

impl Entry {
    /// Reads and checks what the archive says about its entry `index`.
    pub(crate) fn read<R: Read + Seek>(
        archive: &ZipArchive<R>,
        index: usize,
    ) -> Result<Self, InvalidPackage> {
        let declared = archive.by_index_data(index)?;
        let name = name(&declared)?;
        if declared.encrypted() {
            return Err(InvalidPackage::Encrypted { name });
        }
        let mode = unix_mode(&declared);
        let kind = kind(&name, mode)?;
        let path = EntryPath::parse(&name).map_err(|problem| unsafe_name(&name, problem))?;
        if path.is_none() && kind != NodeKind::Directory {
            return Err(InvalidPackage::Conflict { name });
        }
        Ok(Self {
            index,
            path,
            kind,
            permissions: mode.map(|mode| mode & PERMISSION_MASK),
            modified_unix_s: modified(&declared),
            declared_bytes: declared.size(),
        })
    }
}

fn unsafe_name(name: &str, problem: NameProblem) -> InvalidPackage {
    let name = name.to_owned();
    InvalidPackage::UnsafeName { name, problem }
}

/// Many tools write UTF-8 without saying so; what is no UTF-8 is read as the format prescribes.
fn name(declared: &ZipFileEntry<'_>) -> Result<String, InvalidPackage> {
    match std::str::from_utf8(declared.name_raw()) {
        Ok(name) => Ok(name.to_owned()),
        Err(_) => Ok(declared.name()?.into_owned()),
    }
}

/// The upper half of the attributes, whatever system is declared: Python on Windows declares DOS
/// and fills it all the same. A tool that knows no modes leaves it zero.
fn unix_mode(declared: &ZipFileEntry<'_>) -> Option<u32> {
    let mode = declared.external_attributes() >> 16;
    (mode != 0).then_some(mode)
}

fn kind(name: &str, mode: Option<u32>) -> Result<NodeKind, InvalidPackage> {
    let directory_name = name.ends_with(['/', '\\']);
    match mode.unwrap_or_default() & TYPE_MASK {
        TYPE_LINK => Ok(NodeKind::Link),
        TYPE_DIRECTORY => Ok(NodeKind::Directory),
        0 | TYPE_FILE if directory_name => Ok(NodeKind::Directory),
        0 | TYPE_FILE => Ok(NodeKind::File),
        _ => Err(InvalidPackage::SpecialFile {
            name: name.to_owned(),
        }),
    }
}

/// The time of last modification. The format knows no time zone; like most tools, we read UTC.
fn modified(declared: &ZipFileEntry<'_>) -> i64 {
    declared.last_modified().map_or(0, |time| {
        let days = days_since_1970(time.year().into(), time.month().into(), time.day().into());
        let (hour, minute) = (i64::from(time.hour()), i64::from(time.minute()));
        days * 86_400 + hour * 3_600 + minute * 60 + i64::from(time.second())
    })
}

/// Days from 1970-01-01 to a day of the Gregorian calendar, years counted from March so that the
/// leap day comes last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_over_leap_years() {
        assert_eq!(days_since_1970(1970, 1, 1), 0);
        assert_eq!(days_since_1970(1980, 1, 1), 3_652);
        assert_eq!(days_since_1970(2000, 2, 29), 11_016);
        assert_eq!(days_since_1970(2026, 11, 23), 20_780);
    }
}
