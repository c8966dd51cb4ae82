//! UDF's file structure (ECMA-167, part 4): the file set, an entry for each file and directory, the directories' lists.

use super::layout::{FIRST_ENTRY, Layout};
use super::text;
use super::tree::Node;
use super::volume::{DESCRIPTOR, Volume, put, put_charset, put_domain, put_long_extent, put_maker, put_time};
use crate::iso::SECTOR;
use crate::iso::tag::{id, seal};

/// The most bytes of an extent that is a whole number of blocks.
const MAX_EXTENT: u64 = 0x3FFF_F800;
/// Bytes of an entry before its extents, and of each of these.
const ENTRY: usize = 176;
const EXTENT: usize = 8;
/// The largest file whose extents fit into its entry's block.
pub(super) const MAX_FILE: u64 = (SECTOR - ENTRY as u64) / EXTENT as u64 * MAX_EXTENT;
/// Bytes of a listed name before the name.
const LISTED: usize = 38;

/// What names in directories stand for.
mod characteristics {
    pub(super) const DIRECTORY: u8 = 2;
    pub(super) const PARENT: u8 = 8;
}

/// The block of a node's entry.
fn entry_block(node: usize) -> u64 {
    FIRST_ENTRY + node as u64
}

/// The number by which a node is told from others; those up to 15 are reserved, but for the root's.
pub(super) fn unique_id(node: usize) -> u64 {
    if node == 0 { 0 } else { 15 + node as u64 }
}

fn listed_size(name_size: usize) -> usize {
    (LISTED + name_size).next_multiple_of(4)
}

/// Bytes of the list of a directory with such children.
pub(super) fn list_size(nodes: &[Node], children: &[usize]) -> u64 {
    let names = children.iter().map(|&child| listed_size(text::encode(&nodes[child].name).len()) as u64);
    listed_size(0) as u64 + names.sum::<u64>()
}

/// The list of a directory whose first byte is in `block`.
pub(super) fn list(nodes: &[Node], directory: usize, block: u64) -> Vec<u8> {
    let node = &nodes[directory];
    let children = node.children.as_deref().unwrap_or_default();
    let mut bytes = Vec::new();
    let mut put_name = |child: usize, name: &[u8], characteristics: u8| {
        let mut listed = vec![0; listed_size(name.len())];
        put(&mut listed, 16, &1_u16.to_le_bytes());
        put(&mut listed, 18, &[characteristics, name.len() as u8]);
        put_long_extent(&mut listed[20..36], SECTOR as u32, entry_block(child) as u32);
        put(&mut listed, LISTED, name);
        let location = block + bytes.len() as u64 / SECTOR;
        seal(&mut listed, id::FILE_IDENTIFIER, location as u32);
        bytes.extend(listed);
    };
    put_name(node.parent, &[], characteristics::DIRECTORY | characteristics::PARENT);
    for &child in children {
        let kind = if nodes[child].is_directory() { characteristics::DIRECTORY } else { 0 };
        put_name(child, &text::encode(&nodes[child].name), kind);
    }
    bytes
}

/// The entry of a node whose bytes begin in block `first`.
pub(super) fn entry(nodes: &[Node], node: usize, first: Option<u64>) -> Vec<u8> {
    /// Extents are told by length and block; the file is to be archived.
    const FLAGS: u16 = 0x20;
    /// The one strategy in use: an entry stands by itself.
    const STRATEGY: u16 = 4;
    /// File types, and who may do what: everybody read, and go into directories.
    const DIRECTORY: (u8, u32) = (4, 0x14A5);
    const FILE: (u8, u32) = (5, 0x1084);
    let number = node;
    let node = &nodes[node];
    let ((kind, permissions), size, links) = match &node.children {
        None => (FILE, node.size, 1),
        Some(children) => {
            let directories = children.iter().filter(|&&child| nodes[child].is_directory()).count();
            (DIRECTORY, list_size(nodes, children), 1 + directories as u16)
        }
    };
    let extents = first.map_or(0, |_| size.div_ceil(MAX_EXTENT)) as usize;
    let mut bytes = vec![0; ENTRY + EXTENT * extents];
    put(&mut bytes, 20, &STRATEGY.to_le_bytes());
    put(&mut bytes, 24, &1_u16.to_le_bytes());
    bytes[27] = kind;
    put(&mut bytes, 34, &FLAGS.to_le_bytes());
    // Owner and group are not told.
    put(&mut bytes, 36, &[0xFF; 8]);
    put(&mut bytes, 44, &permissions.to_le_bytes());
    put(&mut bytes, 48, &links.to_le_bytes());
    put(&mut bytes, 56, &size.to_le_bytes());
    put(&mut bytes, 64, &size.div_ceil(SECTOR).to_le_bytes());
    for field in [72..84, 84..96, 96..108] {
        put_time(&mut bytes[field], node.time);
    }
    put(&mut bytes, 108, &1_u32.to_le_bytes());
    put_maker(&mut bytes[128..160]);
    put(&mut bytes, 160, &unique_id(number).to_le_bytes());
    put(&mut bytes, 172, &((EXTENT * extents) as u32).to_le_bytes());
    let mut left = size;
    let first = first.unwrap_or(0);
    for (field, index) in bytes[ENTRY..].chunks_exact_mut(EXTENT).zip(0_u64..) {
        let length = left.min(MAX_EXTENT);
        left -= length;
        put(field, 0, &(length as u32).to_le_bytes());
        put(field, 4, &((first + index * (MAX_EXTENT / SECTOR)) as u32).to_le_bytes());
    }
    seal(&mut bytes, id::FILE_ENTRY, entry_block(number) as u32);
    bytes
}

impl Volume<'_> {
    /// What leads to the root directory.
    pub(super) fn file_set(&self) -> [u8; DESCRIPTOR] {
        let mut bytes = [0; DESCRIPTOR];
        put_time(&mut bytes[16..28], self.time);
        for (offset, value) in [(28, 3_u16), (30, 3)] {
            put(&mut bytes, offset, &value.to_le_bytes());
        }
        put(&mut bytes, 32, &1_u32.to_le_bytes());
        put(&mut bytes, 36, &1_u32.to_le_bytes());
        put_charset(&mut bytes[48..112]);
        text::put(&mut bytes[112..240], self.label);
        put_charset(&mut bytes[240..304]);
        text::put(&mut bytes[304..336], self.label);
        text::put(&mut bytes[336..368], "");
        text::put(&mut bytes[368..400], "");
        put_long_extent(&mut bytes[400..416], SECTOR as u32, FIRST_ENTRY as u32);
        put_domain(&mut bytes[416..448]);
        seal(&mut bytes, id::FILE_SET, 0);
        bytes
    }
}

/// The first block of what a node consists of.
pub(super) fn first_block(layout: &Layout, node: usize, content: Option<usize>) -> Option<u64> {
    match content {
        Some(content) => layout.contents[content],
        None => Some(layout.directories[node]),
    }
}
