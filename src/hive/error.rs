//! What is wrong with a hive.

use std::io;

/// A hive, or a part of it, cannot be read. Offsets of cells count from the end of the base block, 4096 bytes into the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HiveError {
    /// The file ends inside the base block.
    #[error("a hive begins with a base block of 4096 bytes, this file has {size} in all")]
    TooShort {
        /// The size of the file.
        size: u64,
    },
    /// Not a hive.
    #[error("a hive begins with \"regf\", this file with \"{}\"", .found.escape_ascii())]
    Signature {
        /// What is there.
        found: [u8; 4],
    },
    /// A transaction log, or a hive of a format that is not known.
    #[error("a hive of version {major}.{minor}, type {kind}, format {format}: expected 1.3 to 1.6, type 0, format 1")]
    Format {
        /// The major version.
        major: u32,
        /// The minor version.
        minor: u32,
        /// 0 for a hive, others for logs.
        kind: u32,
        /// The format.
        format: u32,
    },
    /// The bins do not fit.
    #[error("the bins have {size} bytes: expected a multiple of 4096, up to the {room} there are")]
    BinsSize {
        /// The size as it is stated.
        size: u32,
        /// Bytes behind the base block.
        room: u64,
    },
    /// An offset leads to no cell.
    #[error("{what}: there is no cell at offset {offset:#x}")]
    Cell {
        /// What was to be there.
        what: &'static str,
        /// The offset.
        offset: u32,
    },
    /// A cell holds something else than was to be there.
    #[error("the cell at offset {offset:#x} is no {what}, it begins with \"{}\"", .found.escape_ascii())]
    Kind {
        /// What was to be there.
        what: &'static str,
        /// The offset.
        offset: u32,
        /// Its signature.
        found: [u8; 2],
    },
    /// What a cell is to hold does not fit in it, or not in the hive.
    #[error("{what} at offset {offset:#x}: {stated} are stated, {room} are possible")]
    TooLarge {
        /// What it is.
        what: &'static str,
        /// The cell's offset.
        offset: u32,
        /// The number or size that is stated.
        stated: u64,
        /// The most that is possible.
        room: u64,
    },
    /// A key is in the list of one that is not its parent.
    #[error(
        "the key at offset {offset:#x} is in the list of the key at {found_in:#x} and says that it belongs to {parent:#x}"
    )]
    Parent {
        /// The key.
        offset: u32,
        /// Whose list it is in.
        found_in: u32,
        /// What it says.
        parent: u32,
    },
    /// Its lists lead to so many cells that the hive is not one that Windows made.
    #[error("what is asked for cannot be found by reading {limit} cells of the hive: no more are read")]
    TooManyReads {
        /// The most that are read.
        limit: u32,
    },
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}
