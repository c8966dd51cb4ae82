//! What all methods have in common: the history, and that nothing follows a malformed block.

use super::history::History;
use super::{BlockDecompressor, MAX_BLOCK_SIZE};
use crate::codec::{DecodeError, DecodeErrorKind};

/// A method of compression, for one folder.
pub(in crate::codec) trait BlockDecoder: Send {
    /// Decodes a block to the end of `buffer`, where it takes the bytes from `start` on. Those before are history.
    fn decode(&mut self, src: &[u8], buffer: &mut [u8], start: usize) -> Result<(), DecodeError>;

    /// What was in the folder, for a block as decoded: the history that later blocks refer to is the block itself.
    fn output<'a>(&'a mut self, block: &'a [u8]) -> &'a [u8] {
        block
    }
}

/// Decodes the blocks of a folder.
#[derive(Debug)]
pub(in crate::codec) struct Folder<D> {
    pub(in crate::codec) decoder: D,
    history: History,
    failed: Option<DecodeError>,
}

impl<D: BlockDecoder> Folder<D> {
    /// A folder whose matches reach back at most `window_size` bytes.
    pub(in crate::codec) fn new(decoder: D, window_size: usize) -> Self {
        Self { decoder, history: History::new(window_size), failed: None }
    }

    fn decode(&mut self, src: &[u8], size: usize) -> Result<(), DecodeError> {
        if size == 0 || size > MAX_BLOCK_SIZE {
            let kind = DecodeErrorKind::BadBlockSize(size.try_into().unwrap_or(u32::MAX));
            return Err(DecodeError { kind, src_offset: 0, dst_offset: 0 });
        }
        let (start, buffer) = self.history.next_block(size);
        self.decoder.decode(src, buffer, start)
    }
}

impl<D: BlockDecoder> BlockDecompressor for Folder<D> {
    fn decompress_block(&mut self, src: &[u8], size: usize) -> Result<&[u8], DecodeError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        match self.decode(src, size) {
            Ok(()) => Ok(self.decoder.output(self.history.commit(size))),
            Err(error) => {
                self.failed = Some(error);
                Err(error)
            }
        }
    }
}
