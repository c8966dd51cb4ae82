//! The data of a folder: its blocks, gathered, checked and decoded one after the other.

use std::borrow::Cow;
use std::fmt;

use super::checksum::checksum;
use super::header::{Part, PartFolder, malformed};
use super::{CabError, Cabinet};
use crate::codec::cabinet::{BlockDecompressor, MAX_BLOCK_SIZE, MAX_PAYLOAD_SIZE, MAX_PENDING_BLOCKS, Method};
use crate::util::read_at::bytes_at;

/// Bytes of a block's header, without reserved ones.
const BLOCK_HEADER_SIZE: usize = 8;

/// A folder: which parts of which cabinets it consists of.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    pub(super) compression: Compression,
    /// The cabinet's index and what lies there.
    pub(super) runs: Vec<(usize, PartFolder)>,
}

/// How a folder is compressed; `None`: not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Compression(Option<Method>);

impl Compression {
    /// What the header's field says.
    pub(super) fn from_type(field: u16) -> Result<Self, String> {
        let window_order = u32::from(field >> 8 & 0x1F);
        let method = match field & 0xF {
            0 => None,
            1 => Some(Method::Mszip),
            2 => Some(Method::Quantum { window_order }),
            3 => Some(Method::Lzx { window_order }),
            other => return Err(format!("unknown compression {other}; stored, MSZIP, Quantum and LZX are 0 to 3")),
        };
        if let Some(method) = method {
            method.check().map_err(|error| error.to_string())?;
        }
        Ok(Self(method))
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("stored"),
            Some(Method::Mszip) => f.write_str("MSZIP"),
            Some(Method::Quantum { window_order }) => write!(f, "Quantum:{window_order}"),
            Some(Method::Lzx { window_order }) => write!(f, "LZX:{window_order}"),
        }
    }
}

/// Why reading a folder ended early.
#[derive(Debug)]
pub enum Stopped<E> {
    /// The receiver did not want more, or failed.
    Receiver(E),
    /// The folder cannot be read further.
    Damaged(CabError),
}

impl Cabinet {
    /// Decodes a folder from its beginning and gives `receive` the pieces, each with its place.
    ///
    /// # Errors
    /// What the receiver answers; or the folder is damaged, or a cabinet of the set is missing.
    ///
    /// # Panics
    /// If there is no such folder.
    pub fn read_folder<E>(
        &self,
        folder: usize,
        mut receive: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), Stopped<E>> {
        let folder = &self.folders[folder];
        let mut blocks = Blocks { cabinet: self, folder, run: 0, done: 0, at: folder.runs[0].1.offset };
        let Some(method) = folder.compression.0 else { return read_stored(&mut blocks, receive) };
        let mut decompressor = method.decompressor().expect("its window was checked when the cabinet was opened");
        let mut position = 0;
        loop {
            // The system takes several blocks at once in less time, and they still are in the processor's cache.
            let read = add_blocks(&mut *decompressor, &mut blocks, position);
            let data = decompressor.take_output();
            if !data.is_empty() {
                receive(position, data).map_err(Stopped::Receiver)?;
                position += data.len() as u64;
            }
            if read.map_err(Stopped::Damaged)? == Progress::End {
                return Ok(());
            }
        }
    }
}

/// Gives `receive` the blocks of a folder that is not compressed.
fn read_stored<E>(
    blocks: &mut Blocks<'_>,
    mut receive: impl FnMut(u64, &[u8]) -> Result<(), E>,
) -> Result<(), Stopped<E>> {
    let mut position = 0;
    while let Some(block) = blocks.next().map_err(Stopped::Damaged)? {
        if block.payload.len() != block.size {
            let problem = format!("a stored block has {} bytes and declares {}", block.payload.len(), block.size);
            return Err(Stopped::Damaged(malformed(&block.part.path, block.at, problem)));
        }
        receive(position, &block.payload).map_err(Stopped::Receiver)?;
        position += block.size as u64;
    }
    Ok(())
}

/// Where reading a folder is.
#[derive(PartialEq, Eq)]
enum Progress {
    Within,
    End,
}

/// Decodes as many blocks as may be pending, from byte `position` of the folder on.
fn add_blocks(
    decompressor: &mut dyn BlockDecompressor,
    blocks: &mut Blocks<'_>,
    mut position: u64,
) -> Result<Progress, CabError> {
    for _ in 0..MAX_PENDING_BLOCKS {
        let Some(block) = blocks.next()? else { return Ok(Progress::End) };
        if !position.is_multiple_of(MAX_BLOCK_SIZE as u64) {
            let problem = format!("the block before has less than {MAX_BLOCK_SIZE} bytes, as only the last one may");
            return Err(malformed(&block.part.path, block.at, problem));
        }
        decompressor.add_block(&block.payload, block.size).map_err(|error| {
            let problem = format!("the block that begins at byte {position} of its folder is damaged: {error}");
            malformed(&block.part.path, block.at, problem)
        })?;
        position += block.size as u64;
    }
    Ok(Progress::Within)
}

/// A block with all its data.
struct Block<'a> {
    /// The cabinet it begins in, and where.
    part: &'a Part,
    at: u64,
    payload: Cow<'a, [u8]>,
    /// Bytes after decoding.
    size: usize,
}

/// Goes from block to block.
struct Blocks<'a> {
    cabinet: &'a Cabinet,
    folder: &'a Folder,
    /// The run that the next block is in …
    run: usize,
    /// … how many blocks of it are done …
    done: u16,
    /// … and where the next one begins.
    at: u64,
}

impl<'a> Blocks<'a> {
    fn next(&mut self) -> Result<Option<Block<'a>>, CabError> {
        let Some((part, at, end)) = self.enter() else { return Ok(None) };
        let (mut payload, mut size) = self.piece(part, end)?;
        // A block that goes on in the next cabinet says that it has no bytes.
        while size == 0 {
            let Some((next, _, end)) = self.enter() else {
                return Err(match &part.next {
                    Some(name) => CabError::MissingPart {
                        path: part.path.clone(),
                        which: "next",
                        name: String::from_utf8_lossy(name).into_owned(),
                    },
                    None => malformed(&part.path, at, "a block of no bytes, and no next cabinet".into()),
                });
            };
            let (more, whole) = self.piece(next, end)?;
            payload.to_mut().extend_from_slice(&more);
            size = whole;
            if payload.len() > MAX_PAYLOAD_SIZE {
                return Err(malformed(&part.path, at, format!("a block of more than {MAX_PAYLOAD_SIZE} bytes")));
            }
        }
        Ok(Some(Block { part, at, payload, size }))
    }

    /// The cabinet that the next block is in, where the block begins, and where the folder's data there ends at the latest;
    /// `None` behind the last block.
    fn enter(&mut self) -> Option<(&'a Part, u64, u64)> {
        loop {
            let (part, run) = self.folder.runs.get(self.run)?;
            if self.done < run.blocks {
                return Some((&self.cabinet.parts[*part], self.at, run.end));
            }
            self.run += 1;
            self.done = 0;
            self.at = self.folder.runs.get(self.run).map_or(0, |(_, run)| run.offset);
        }
    }

    /// Reads the data of the next block as far as one cabinet has it, and the size that it declares.
    fn piece(&mut self, part: &'a Part, end: u64) -> Result<(Cow<'a, [u8]>, usize), CabError> {
        let at = self.at;
        let wrong = |problem: String| malformed(&part.path, at, problem);
        let read = |at: u64, size: usize| {
            let left = end.saturating_sub(at);
            if size as u64 > left {
                return Err(malformed(
                    &part.path,
                    at,
                    format!("a block needs {size} bytes, its folder has {left} more"),
                ));
            }
            bytes_at(&*part.source, at, size).map_err(|source| CabError::Io { path: part.path.clone(), source })
        };
        let header_size = BLOCK_HEADER_SIZE + usize::from(part.block_reserve);
        let header = read(at, header_size)?;
        let stated = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
        let stored = usize::from(u16::from_le_bytes([header[4], header[5]]));
        let size = usize::from(u16::from_le_bytes([header[6], header[7]]));
        if stored > MAX_PAYLOAD_SIZE || size > MAX_BLOCK_SIZE {
            return Err(wrong(format!(
                "a block of {stored} bytes that expands to {size}; {MAX_PAYLOAD_SIZE} and {MAX_BLOCK_SIZE} are the most"
            )));
        }
        let data = read(at + header_size as u64, stored)?;
        if stated != 0 {
            let sum = checksum(&data, 0);
            // Whether reserved bytes count is disputed.
            let sums = [checksum(&header[4..], sum), checksum(&header[4..BLOCK_HEADER_SIZE], sum)];
            if !sums.contains(&stated) {
                return Err(wrong(format!("the block's checksum is {:#010x}, {stated:#010x} is stated", sums[0])));
            }
        }
        self.at = at + (header_size + stored) as u64;
        self.done += 1;
        Ok((data, size))
    }
}
