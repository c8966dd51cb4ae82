//! UDF's descriptors of the volume and its one partition (ECMA-167, part 3; OSTA UDF 1.02, section 2.2).

use super::layout::{Layout, MAIN_SEQUENCE, PARTITION, RESERVE_SEQUENCE, SEQUENCE_SECTORS};
use super::text;
use crate::iso::SECTOR;
use crate::iso::tag::{id, seal};
use crate::util::filetime::FileTime;

/// Bytes of most descriptors.
pub(super) const DESCRIPTOR: usize = 512;
/// UDF 1.02, as numbers with two decimal places are written.
const REVISION: u16 = 0x0102;
/// Neither this system nor another may write to the volume.
const WRITE_PROTECTED: u8 = 3;

/// What a volume's descriptors tell.
#[derive(Debug)]
pub(super) struct Volume<'a> {
    pub(super) label: &'a str,
    /// Tells this volume from others.
    pub(super) unique: String,
    pub(super) time: FileTime,
    pub(super) files: u32,
    pub(super) directories: u32,
    pub(super) layout: &'a Layout,
}

/// Characters are those of Unicode, as OSTA compresses them.
pub(super) fn put_charset(field: &mut [u8]) {
    put(field, 1, b"OSTA Compressed Unicode");
}

pub(super) fn put(bytes: &mut [u8], offset: usize, value: &[u8]) {
    bytes[offset..offset + value.len()].copy_from_slice(value);
}

/// The name of an entity, with what its kind adds.
fn put_entity(field: &mut [u8], name: &str, suffix: &[u8]) {
    put(field, 1, name.as_bytes());
    put(field, 24, suffix);
}

/// Who made it.
pub(super) fn put_maker(field: &mut [u8]) {
    put_entity(field, "*wimkit", &[]);
}

/// What follows UDF, and how it may be used.
pub(super) fn put_domain(field: &mut [u8]) {
    let [low, high] = REVISION.to_le_bytes();
    put_entity(field, "*OSTA UDF Compliant", &[low, high, WRITE_PROTECTED]);
}

/// A time in UTC; one that is not set is the first of 1980, before which no file of Windows is.
pub(super) fn put_time(field: &mut [u8], time: FileTime) {
    /// In local time, whose distance from UTC the low bits tell: none.
    const IN_UTC: u16 = 1 << 12;
    let [year, month, day, hour, minute, second] = if time.is_zero() { [1980, 1, 1, 0, 0, 0] } else { time.to_civil() };
    let ticks = time.to_unix().1 / 100;
    put(field, 0, &IN_UTC.to_le_bytes());
    put(field, 2, &(year.min(9999) as i16).to_le_bytes());
    put(field, 4, &[month, day, hour, minute, second].map(|part| part as u8));
    // Hundredths, ten thousandths and millionths of a second.
    put(field, 9, &[ticks / 100_000, ticks / 1000 % 100, ticks / 10 % 100].map(|part| part as u8));
}

/// A block in the partition, with the bytes there.
pub(super) fn put_long_extent(field: &mut [u8], length: u32, block: u32) {
    put(field, 0, &length.to_le_bytes());
    put(field, 4, &block.to_le_bytes());
}

fn put_extent(field: &mut [u8], sectors: u64, first: u64) {
    put(field, 0, &((sectors * SECTOR) as u32).to_le_bytes());
    put(field, 4, &(first as u32).to_le_bytes());
}

impl Volume<'_> {
    /// The descriptors of a sequence that begins at a sector, one for each sector.
    pub(super) fn sequence(&self, first: u64) -> Vec<[u8; DESCRIPTOR]> {
        let descriptors = [
            (id::PRIMARY_VOLUME, self.primary()),
            (id::IMPLEMENTATION_USE_VOLUME, self.implementation_use()),
            (id::PARTITION, self.partition()),
            (id::LOGICAL_VOLUME, self.logical()),
            (id::UNALLOCATED_SPACE, [0; DESCRIPTOR]),
            (id::TERMINATING, [0; DESCRIPTOR]),
        ];
        let numbered = descriptors.into_iter().zip(0_u32..);
        numbered
            .map(|((id, mut descriptor), number)| {
                if id != id::TERMINATING {
                    put(&mut descriptor, 16, &number.to_le_bytes());
                }
                seal(&mut descriptor, id, first as u32 + number);
                descriptor
            })
            .collect()
    }

    fn primary(&self) -> [u8; DESCRIPTOR] {
        let mut bytes = [0; DESCRIPTOR];
        text::put(&mut bytes[24..56], self.label);
        // The first volume of one; written for a reader of single volumes; with one set of characters.
        for (offset, value) in [(56, 1_u16), (58, 1), (60, 2), (62, 2)] {
            put(&mut bytes, offset, &value.to_le_bytes());
        }
        put(&mut bytes, 64, &1_u32.to_le_bytes());
        put(&mut bytes, 68, &1_u32.to_le_bytes());
        text::put(&mut bytes[72..200], &format!("{}{}", self.unique, self.label));
        put_charset(&mut bytes[200..264]);
        put_charset(&mut bytes[264..328]);
        put_maker(&mut bytes[344..376]);
        put_time(&mut bytes[376..388], self.time);
        put_maker(&mut bytes[388..420]);
        bytes
    }

    fn implementation_use(&self) -> [u8; DESCRIPTOR] {
        let mut bytes = [0; DESCRIPTOR];
        put_entity(&mut bytes[20..52], "*UDF LV Info", &REVISION.to_le_bytes());
        put_charset(&mut bytes[52..116]);
        text::put(&mut bytes[116..244], self.label);
        for field in [244..280, 280..316, 316..352] {
            text::put(&mut bytes[field], "");
        }
        put_maker(&mut bytes[352..384]);
        bytes
    }

    fn partition(&self) -> [u8; DESCRIPTOR] {
        /// Space is set aside for it.
        const ALLOCATED: u16 = 1;
        const READ_ONLY: u32 = 1;
        let mut bytes = [0; DESCRIPTOR];
        put(&mut bytes, 20, &ALLOCATED.to_le_bytes());
        put_entity(&mut bytes[24..56], "+NSR02", &[]);
        put(&mut bytes, 184, &READ_ONLY.to_le_bytes());
        put(&mut bytes, 188, &(PARTITION as u32).to_le_bytes());
        put(&mut bytes, 192, &(self.layout.partition_blocks() as u32).to_le_bytes());
        put_maker(&mut bytes[196..228]);
        bytes
    }

    fn logical(&self) -> [u8; DESCRIPTOR] {
        /// Blocks are those of partition 0 of volume 1: a map of the first type, six bytes long.
        const MAP: [u8; 6] = [1, 6, 1, 0, 0, 0];
        let mut bytes = [0; DESCRIPTOR];
        put_charset(&mut bytes[20..84]);
        text::put(&mut bytes[84..212], self.label);
        put(&mut bytes, 212, &(SECTOR as u32).to_le_bytes());
        put_domain(&mut bytes[216..248]);
        // The file set and its terminator.
        put_long_extent(&mut bytes[248..264], 2 * SECTOR as u32, 0);
        put(&mut bytes, 264, &(MAP.len() as u32).to_le_bytes());
        put(&mut bytes, 268, &1_u32.to_le_bytes());
        put_maker(&mut bytes[272..304]);
        put_extent(&mut bytes[432..440], 2, super::layout::INTEGRITY);
        put(&mut bytes, 440, &MAP);
        bytes
    }

    /// Tells that the volume is complete.
    pub(super) fn integrity(&self, sector: u64) -> Vec<u8> {
        const CLOSED: u32 = 1;
        /// What an implementation adds: its name, counts, and the revisions needed to read and write.
        const ADDED: u32 = 46;
        let mut bytes = vec![0; 88 + ADDED as usize];
        put_time(&mut bytes[16..28], self.time);
        put(&mut bytes, 28, &CLOSED.to_le_bytes());
        let next_unique = super::file_set::unique_id((self.files + self.directories) as usize);
        put(&mut bytes, 40, &next_unique.to_le_bytes());
        put(&mut bytes, 72, &1_u32.to_le_bytes());
        put(&mut bytes, 76, &ADDED.to_le_bytes());
        // Nothing is free of:
        put(&mut bytes, 84, &(self.layout.partition_blocks() as u32).to_le_bytes());
        put_maker(&mut bytes[88..120]);
        put(&mut bytes, 120, &self.files.to_le_bytes());
        put(&mut bytes, 124, &self.directories.to_le_bytes());
        for offset in [128, 130, 132] {
            put(&mut bytes, offset, &REVISION.to_le_bytes());
        }
        seal(&mut bytes, id::LOGICAL_VOLUME_INTEGRITY, sector as u32);
        bytes
    }
}

/// What leads to the volume's descriptors.
pub(super) fn anchor(sector: u64) -> [u8; DESCRIPTOR] {
    let mut bytes = [0; DESCRIPTOR];
    put_extent(&mut bytes[16..24], SEQUENCE_SECTORS, MAIN_SEQUENCE);
    put_extent(&mut bytes[24..32], SEQUENCE_SECTORS, RESERVE_SEQUENCE);
    seal(&mut bytes, id::ANCHOR, sector as u32);
    bytes
}

/// The end of descriptors; `location` is a sector, or in the partition a block.
pub(super) fn terminator(location: u64) -> [u8; DESCRIPTOR] {
    let mut bytes = [0; DESCRIPTOR];
    seal(&mut bytes, id::TERMINATING, location as u32);
    bytes
}
