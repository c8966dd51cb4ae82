//! Where everything in an image lies. All sizes are known before the first byte is written, so one pass writes it all.

use super::CreateError;
use super::contents::Contents;
use super::file_set;
use super::tree::Node;
use crate::iso::SECTOR;

/// The volume descriptors of ISO 9660 and what announces UDF.
pub(super) const RECOGNITION: u64 = 16;
/// UDF's volume descriptors, and their copy.
pub(super) const MAIN_SEQUENCE: u64 = 32;
pub(super) const RESERVE_SEQUENCE: u64 = 48;
/// Sectors of each.
pub(super) const SEQUENCE_SECTORS: u64 = 16;
/// What tells whether the volume was closed properly.
pub(super) const INTEGRITY: u64 = 64;
/// What leads to the volume descriptors; a copy is in the last sector.
pub(super) const ANCHOR: u64 = 256;
/// Where the partition begins.
pub(super) const PARTITION: u64 = 257;
/// The file set is in the partition's first block, with a terminator behind it; entries follow.
pub(super) const FIRST_ENTRY: u64 = 2;
/// Images for optical discs fill up whole packets of so many sectors.
const PACKET: u64 = 16;

/// Blocks and sectors by what lies there. Blocks are counted from the partition's first.
#[derive(Debug)]
pub(super) struct Layout {
    /// The first block of each directory's list, by the directory's number; files have 0.
    pub(super) directories: Vec<u64>,
    /// The sectors of the ISO 9660 stub: path tables of either byte order, root directory, a file that explains.
    pub(super) stub: [u64; 4],
    /// The sector of the boot catalog.
    pub(super) catalog: u64,
    /// The first block of each content; an empty one has none.
    pub(super) contents: Vec<Option<u64>>,
    /// Sectors of the whole image.
    pub(super) sectors: u64,
}

impl Layout {
    pub(super) fn new(nodes: &[Node], contents: &Contents) -> Result<Self, CreateError> {
        let mut next = FIRST_ENTRY + nodes.len() as u64;
        let mut take = |size: u64| {
            let first = next;
            next += size.div_ceil(SECTOR);
            first
        };
        let directories = nodes.iter().map(|node| match &node.children {
            Some(children) => take(file_set::list_size(nodes, children)),
            None => 0,
        });
        let directories = directories.collect();
        let stub = [(); 4].map(|()| PARTITION + take(SECTOR));
        let catalog = PARTITION + take(SECTOR);
        let contents = contents.sizes().map(|size| (size != 0).then(|| take(size))).collect();
        // The last sector is an anchor.
        let sectors = (PARTITION + next + 1).next_multiple_of(PACKET);
        if sectors > u32::MAX.into() {
            return Err(CreateError::TooLarge { sectors, limit: u32::MAX.into() });
        }
        Ok(Self { directories, stub, catalog, contents, sectors })
    }

    /// Blocks of the partition.
    pub(super) fn partition_blocks(&self) -> u64 {
        self.sectors - 1 - PARTITION
    }
}
