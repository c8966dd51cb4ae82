//! UDF's volume: what is announced, and the descriptors that lead to the file set.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Problem;
use super::field::fixed_text;
use crate::iso::SECTOR;
use crate::iso::tag::{self, TAG_SIZE, id};
use crate::util::le;
use crate::util::read_at::{ReadAt, bytes_at};

/// Sectors among which file systems announce themselves.
const ANNOUNCEMENTS: std::ops::Range<u64> = 16..48;
/// Sizes of sectors: optical discs', and those of disks that have UDF on them.
const SECTOR_SIZES: [u64; 3] = [SECTOR, 512, 4096];
/// The most sectors of a descriptor sequence, and extents that it goes on in.
const MAX_SEQUENCE: u64 = 64;
const MAX_CONTINUATIONS: usize = 4;
/// The most partitions that a volume's map may name.
const MAX_PARTITIONS: u32 = 16;

/// Which file systems an image announces.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Announced {
    pub(super) iso9660: bool,
    pub(super) udf: bool,
}

/// The file systems that are announced; `None` if there is none.
pub(super) fn announced(source: &dyn ReadAt) -> Option<Announced> {
    let mut found = Announced::default();
    for sector in ANNOUNCEMENTS {
        let Ok(bytes) = bytes_at(source, sector * SECTOR, 6) else { break };
        match &bytes[1..6] {
            b"CD001" => found.iso9660 = true,
            b"NSR02" | b"NSR03" => found.udf = true,
            b"BEA01" | b"BOOT2" | b"CDW02" => {}
            _ => break,
        }
    }
    (found.iso9660 || found.udf).then_some(found)
}

/// Bytes of an image; what lies beyond its end is told.
pub(super) fn bytes(source: &dyn ReadAt, offset: u64, length: u64, what: &'static str) -> Result<Vec<u8>, Problem> {
    let end = source.size();
    if offset.checked_add(length).is_none_or(|last| last > end) {
        return Err(Problem::Truncated { offset, what, length, end });
    }
    Ok(bytes_at(source, offset, length as usize)?.into_owned())
}

/// Where a partition lies.
#[derive(Clone, Copy, Debug)]
struct Partition {
    start: u64,
    size: u64,
}

/// A volume: turns blocks into offsets.
#[derive(Debug)]
pub(super) struct Volume {
    pub(super) label: String,
    pub(super) block_size: u64,
    /// In the order in which addresses refer to them.
    partitions: Vec<Partition>,
    /// The file set.
    pub(super) file_set: Block,
}

/// A block of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Block {
    pub(super) number: u32,
    pub(super) partition: u16,
}

/// An address with a length, which takes 16 bytes.
pub(super) fn long_address(bytes: &[u8], offset: usize) -> Option<(u32, Block)> {
    let block = Block { number: le::u32(bytes, offset + 4)?, partition: le::u16(bytes, offset + 8)? };
    Some((le::u32(bytes, offset)?, block))
}

impl Volume {
    /// Finds a volume, whatever its sectors' size.
    pub(super) fn open(source: &Arc<dyn ReadAt>) -> Result<Self, Problem> {
        let mut first_problem = None;
        for sector_size in SECTOR_SIZES {
            let sectors = source.size() / sector_size;
            let behind = [1, 257].map(|back| sectors.checked_sub(back));
            for sector in [Some(256), behind[0], behind[1], Some(512)].into_iter().flatten() {
                let Ok(anchor) = descriptor(&**source, sector * sector_size, sector, "anchor", Some(id::ANCHOR)) else {
                    continue;
                };
                for field in [16, 24] {
                    match Self::from_sequence(&**source, &anchor, field, sector_size) {
                        Ok(volume) => return Ok(volume),
                        Err(problem) => drop(first_problem.get_or_insert(problem)),
                    }
                }
            }
        }
        Err(first_problem.unwrap_or(Problem::NotAnImage))
    }

    /// Reads the sequence of descriptors that an anchor's field leads to.
    fn from_sequence(source: &dyn ReadAt, anchor: &[u8], field: usize, sector_size: u64) -> Result<Self, Problem> {
        // The valid ones of each kind, partitions by their numbers; what was recorded last counts.
        let mut newest: BTreeMap<(u16, u16), (u32, u64, Vec<u8>)> = BTreeMap::new();
        let mut extents = vec![extent(anchor, field)];
        let mut first = 0;
        while let Some(&(length, begin)) = extents.get(first) {
            first += 1;
            for sector in begin..begin + (length / sector_size).min(MAX_SEQUENCE) {
                let offset = sector * sector_size;
                let Ok(bytes) = descriptor(source, offset, sector, "volume descriptor", None) else { continue };
                let kind = le::u16(&bytes, 0).unwrap_or_default();
                if kind == id::TERMINATING {
                    break;
                }
                if kind == id::VOLUME_POINTER && extents.len() < MAX_CONTINUATIONS {
                    extents.push(extent(&bytes, 20));
                }
                let partition = if kind == id::PARTITION { le::u16(&bytes, 22).unwrap_or_default() } else { 0 };
                let number = le::u32(&bytes, 16).unwrap_or_default();
                let place = newest.entry((kind, partition)).or_insert((number, offset, Vec::new()));
                if place.2.is_empty() || place.0 <= number {
                    *place = (number, offset, bytes);
                }
            }
        }
        let missing = |expected| Problem::Descriptor {
            offset: extent(anchor, field).1 * sector_size,
            expected,
            found: "not in the volume's descriptors".into(),
        };
        let (_, offset, logical) =
            newest.get(&(id::LOGICAL_VOLUME, 0)).ok_or_else(|| missing("logical volume descriptor"))?;
        let partition = |number: u16| {
            let (_, _, bytes) = newest.get(&(id::PARTITION, number)).ok_or_else(|| missing("partition descriptor"))?;
            let [start, size] = [188, 192].map(|at| u64::from(le::u32(bytes, at).unwrap_or_default()) * sector_size);
            Ok(Partition { start, size })
        };
        Self::from_logical(logical, *offset, partition)
    }

    fn from_logical(
        bytes: &[u8],
        offset: u64,
        partition: impl Fn(u16) -> Result<Partition, Problem>,
    ) -> Result<Self, Problem> {
        let short = || Problem::Descriptor { offset, expected: "logical volume descriptor", found: "too short".into() };
        let block_size = u64::from(le::u32(bytes, 212).ok_or_else(short)?);
        if !block_size.is_power_of_two() || !(512..=4096).contains(&block_size) {
            let expected = "a power of two from 512 to 4096";
            return Err(Problem::Field { offset, field: "the block size", found: block_size, expected });
        }
        let count = le::u32(bytes, 268).ok_or_else(short)?;
        if count > MAX_PARTITIONS {
            let (count, limit) = (count.into(), MAX_PARTITIONS.into());
            return Err(Problem::TooMany { offset, what: "partition maps", count, limit });
        }
        let mut partitions = Vec::new();
        let mut maps = bytes.get(440..).ok_or_else(short)?;
        for _ in 0..count {
            let (&[kind, length], _) = maps.split_first_chunk().ok_or_else(short)?;
            let (map, behind) = maps.split_at_checked(length.into()).ok_or_else(short)?;
            if kind != 1 || length < 6 {
                let name = map.get(5..28).unwrap_or_default();
                let name = String::from_utf8_lossy(name).trim_end_matches('\0').to_owned();
                return Err(Problem::PartitionMap { offset, name });
            }
            partitions.push(partition(le::u16(map, 4).ok_or_else(short)?)?);
            maps = behind;
        }
        let (_, file_set) = long_address(bytes, 248).ok_or_else(short)?;
        let label = bytes.get(84..212).map(fixed_text).unwrap_or_default();
        Ok(Self { label, block_size, partitions, file_set })
    }

    /// Where `length` bytes from a block on lie, all in its partition.
    pub(super) fn offset(&self, block: Block, length: u64, what: &'static str) -> Result<u64, Problem> {
        let Some(partition) = self.partitions.get(usize::from(block.partition)) else {
            let (offset, found) = (0, block.partition.into());
            return Err(Problem::Field { offset, field: "a partition reference", found, expected: "one of the map" });
        };
        let begin = u64::from(block.number) * self.block_size;
        let offset = partition.start + begin;
        if begin + length > partition.size {
            return Err(Problem::Truncated { offset, what, length, end: partition.start + partition.size });
        }
        Ok(offset)
    }

    /// The block-sized descriptor at a block.
    pub(super) fn descriptor(
        &self,
        source: &dyn ReadAt,
        block: Block,
        what: &'static str,
    ) -> Result<(u64, Vec<u8>), Problem> {
        let offset = self.offset(block, self.block_size, what)?;
        let bytes = bytes(source, offset, self.block_size, what)?;
        check_tag(&bytes, offset, block.number.into(), what, None)?;
        Ok((offset, bytes))
    }
}

/// Length and first sector.
fn extent(bytes: &[u8], offset: usize) -> (u64, u64) {
    let field = |offset| u64::from(le::u32(bytes, offset).unwrap_or_default());
    (field(offset), field(offset + 4))
}

/// A descriptor of the volume, which takes 512 bytes.
fn descriptor(
    source: &dyn ReadAt,
    offset: u64,
    location: u64,
    what: &'static str,
    kind: Option<u16>,
) -> Result<Vec<u8>, Problem> {
    let bytes = bytes(source, offset, 512, what)?;
    check_tag(&bytes, offset, location, what, kind)?;
    Ok(bytes)
}

/// Checks a descriptor's tag. `location` is its sector or block.
pub(super) fn check_tag(
    bytes: &[u8],
    offset: u64,
    location: u64,
    expected: &'static str,
    kind: Option<u16>,
) -> Result<(), Problem> {
    let problem = |found: String| Err(Problem::Descriptor { offset, expected, found });
    if bytes.len() < TAG_SIZE {
        return problem("too short".into());
    }
    if let Err(fault) = tag::check(bytes) {
        return problem(fault.to_string());
    }
    let told = le::u32(bytes, 12).unwrap_or_default();
    if u64::from(told) != location {
        return problem(format!("it says that it is at {told}, and is at {location}"));
    }
    match (le::u16(bytes, 0), kind) {
        (Some(found), Some(kind)) if found != kind => problem(format!("a descriptor of kind {found}")),
        _ => Ok(()),
    }
}
