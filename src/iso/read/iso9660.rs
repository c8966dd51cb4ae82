//! ISO 9660, for images without UDF: with Joliet's names, where it is there.

use std::collections::HashSet;
use std::sync::Arc;

use super::extents::{Extent, push};
use super::volume::bytes;
use super::{Budget, File, Found, MAX_DEPTH, Problem, below, checked_name};
use crate::iso::SECTOR;
use crate::util::filetime::FileTime;
use crate::util::le;
use crate::util::read_at::ReadAt;

/// Where volume descriptors may be.
const DESCRIPTORS: std::ops::Range<u64> = 16..48;
/// Bytes of a record before its name.
const RECORD: usize = 33;

/// Bits of a record.
mod flag {
    pub(super) const DIRECTORY: u8 = 2;
    /// The next record has more of the same file.
    pub(super) const MORE: u8 = 0x80;
}

/// How names are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    Plain,
    Joliet,
}

/// All files of an image.
pub(super) fn list(source: &Arc<dyn ReadAt>) -> Result<Found, Problem> {
    let (names, offset, descriptor) = descriptor(&**source)?;
    let block_size = u64::from(le::u16(&descriptor, 128).unwrap_or_default());
    if !block_size.is_power_of_two() || !(512..=SECTOR).contains(&block_size) {
        let expected = "a power of two from 512 to 2048";
        return Err(Problem::Field { offset, field: "the block size", found: block_size, expected });
    }
    let mut found = Found { label: text(&descriptor[40..72], names).trim_end().to_owned(), ..Found::default() };
    let root = record(&descriptor[156..190], offset, names, block_size)?;
    let mut seen = HashSet::from([root.offset]);
    let mut waiting = vec![(root.offset, root.size, String::new(), 0)];
    let mut budget = Budget::default();
    while let Some((offset, size, path, depth)) = waiting.pop() {
        budget.list(offset, size)?;
        let list = bytes(&**source, offset, size, "the list of a directory")?;
        // The extents of a file that more records tell of.
        let mut begun: Vec<Extent> = Vec::new();
        for (at, bytes) in records(&list, offset)? {
            // A directory begins with itself and its parent.
            if matches!(name_of(bytes, at)?, [0] | [1]) {
                continue;
            }
            budget.entry(at)?;
            let record = record(bytes, at, names, block_size)?;
            let path = below(&path, &record.name, at)?;
            if record.flags & flag::DIRECTORY != 0 {
                if depth == MAX_DEPTH || !seen.insert(record.offset) {
                    return Err(Problem::Depth { offset: at, path, limit: MAX_DEPTH });
                }
                waiting.push((record.offset, record.size, path, depth + 1));
                continue;
            }
            let end = source.size();
            if record.size != 0 && record.offset.checked_add(record.size).is_none_or(|last| last > end) {
                let (offset, length) = (record.offset, record.size);
                return Err(Problem::Truncated { offset, what: "a file", length, end });
            }
            budget.extent(at)?;
            push(&mut begun, Extent { offset: Some(record.offset), length: record.size });
            if record.flags & flag::MORE == 0 {
                let extents = std::mem::take(&mut begun);
                let size = extents.iter().map(|extent| extent.length).sum();
                found.files.push(File { path, size, time: record.time, extents });
            }
        }
        if !begun.is_empty() {
            let (expected, found) = ("the last extent of a file", "the end of its directory".into());
            return Err(Problem::Descriptor { offset, expected, found });
        }
    }
    Ok(found)
}

/// The descriptor that says most: Joliet's, if there is one.
fn descriptor(source: &dyn ReadAt) -> Result<(Names, u64, Vec<u8>), Problem> {
    const JOLIET: [&[u8]; 3] = [b"%/@", b"%/C", b"%/E"];
    let mut primary = None;
    for sector in DESCRIPTORS {
        let offset = sector * SECTOR;
        let Ok(bytes) = bytes(source, offset, SECTOR, "a volume descriptor") else { break };
        match bytes[..6] {
            [2, ref identifier @ ..] if identifier == b"CD001" && JOLIET.contains(&&bytes[88..91]) => {
                return Ok((Names::Joliet, offset, bytes));
            }
            [1, ref identifier @ ..] if identifier == b"CD001" => {
                primary.get_or_insert((Names::Plain, offset, bytes));
            }
            [255, ..] => break,
            _ => {}
        }
    }
    primary.ok_or(Problem::NotAnImage)
}

/// The records in a list, each with its offset. They do not cross sectors; a length of zero leads to the next one.
fn records(list: &[u8], offset: u64) -> Result<Vec<(u64, &[u8])>, Problem> {
    let mut found = Vec::new();
    for (sector, index) in list.chunks(SECTOR as usize).zip(0..) {
        let mut at = 0;
        while let Some(&length) = sector.get(at)
            && length != 0
        {
            let offset = offset + index * SECTOR + at as u64;
            let record = sector.get(at..at + usize::from(length));
            let Some(record) = record else {
                let found = format!("a record of {length} bytes, which goes beyond its sector");
                return Err(Problem::Descriptor { offset, expected: "directory record", found });
            };
            found.push((offset, record));
            at += usize::from(length);
        }
    }
    Ok(found)
}

/// What a record tells.
struct Record {
    offset: u64,
    size: u64,
    time: FileTime,
    flags: u8,
    name: String,
}

/// A record's name, as its bytes are.
fn name_of(bytes: &[u8], offset: u64) -> Result<&[u8], Problem> {
    let name = bytes.get(32).and_then(|&length| bytes.get(RECORD..RECORD + usize::from(length)));
    name.filter(|name| !name.is_empty()).ok_or_else(|| Problem::Descriptor {
        offset,
        expected: "directory record",
        found: format!("a record of {} bytes, which its name does not fit into", bytes.len()),
    })
}

fn record(bytes: &[u8], offset: u64, names: Names, block_size: u64) -> Result<Record, Problem> {
    let name = name_of(bytes, offset)?;
    let number = |at: usize| u64::from(le::u32(bytes, at).unwrap_or_default());
    let interleaved = u16::from_be_bytes([bytes[26], bytes[27]]);
    if interleaved != 0 {
        let field = "the interleaving of a file";
        return Err(Problem::Field { offset, field, found: interleaved.into(), expected: "0" });
    }
    let name = match name {
        [0 | 1] => ".".into(),
        name => {
            let name = text(name, names);
            let name = name.split_once(';').map_or(&*name, |(name, _)| name);
            checked_name(name.strip_suffix('.').unwrap_or(name).to_owned(), offset)?
        }
    };
    let begin = (number(2) + u64::from(bytes[1])) * block_size;
    let [year, parts @ .., zone] = le::array::<7>(bytes, 18).unwrap_or_default();
    let time = FileTime::from_civil(1900 + i64::from(year), parts.map(i64::from)).map_or(FileTime::ZERO, |time| {
        let (seconds, _) = time.to_unix();
        // In quarters of an hour.
        FileTime::from_unix(seconds - i64::from(zone as i8) * 900, 0)
    });
    Ok(Record { offset: begin, size: number(10), time, flags: bytes[25], name })
}

fn text(bytes: &[u8], names: Names) -> String {
    match names {
        Names::Plain => bytes.iter().map(|&byte| char::from(byte)).collect(),
        Names::Joliet => {
            let units = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
    }
}
