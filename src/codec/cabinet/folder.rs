//! What all methods have in common: the history, and that nothing follows a malformed block.

use super::history::History;
use super::{BlockDecompressor, MAX_BLOCK_SIZE, MAX_PENDING_BLOCKS};
use crate::codec::{DecodeError, DecodeErrorKind};

/// A method of compression, for one folder.
pub(in crate::codec) trait BlockDecoder: Send {
    /// Decodes a block to the end of `buffer`, where it takes the bytes from `start` on. Those before are history.
    fn decode(&mut self, src: &[u8], buffer: &mut [u8], start: usize) -> Result<(), DecodeError>;

    /// Makes what was in the folder out of the blocks decoded since the last call, in place. Most methods have nothing to do.
    fn finish(&mut self, _blocks: &mut [u8]) {}

    /// Undoes that, in the same bytes: later blocks refer to them as they were decoded.
    fn resume(&mut self, _blocks: &mut [u8]) {}
}

/// Decodes the blocks of a folder.
#[derive(Debug)]
pub(in crate::codec) struct Folder<D> {
    pub(in crate::codec) decoder: D,
    history: History,
    /// So many blocks at the end of the history, of so many bytes, have not been taken.
    pending_blocks: usize,
    pending: usize,
    /// So many bytes at the end of the history are as they were taken.
    taken: usize,
    failed: Option<DecodeError>,
}

impl<D: BlockDecoder> Folder<D> {
    /// A folder whose matches reach back at most `window_size` bytes.
    pub(in crate::codec) fn new(decoder: D, window_size: usize) -> Self {
        let history = History::new(window_size);
        Self { decoder, history, pending_blocks: 0, pending: 0, taken: 0, failed: None }
    }

    fn decode(&mut self, src: &[u8], size: usize) -> Result<(), DecodeError> {
        if size == 0 || size > MAX_BLOCK_SIZE {
            let kind = DecodeErrorKind::BadBlockSize(size.try_into().unwrap_or(u32::MAX));
            return Err(DecodeError { kind, src_offset: 0, dst_offset: 0 });
        }
        let (start, buffer) = self.history.next_block(size, self.pending);
        self.decoder.decode(src, buffer, start)
    }
}

impl<D: BlockDecoder> BlockDecompressor for Folder<D> {
    fn add_block(&mut self, src: &[u8], size: usize) -> Result<(), DecodeError> {
        assert!(self.pending_blocks < MAX_PENDING_BLOCKS, "the output of earlier blocks is to be taken first");
        if let Some(error) = self.failed {
            return Err(error);
        }
        let taken = std::mem::take(&mut self.taken);
        self.decoder.resume(self.history.last_mut(taken));
        if let Err(error) = self.decode(src, size) {
            self.failed = Some(error);
            return Err(error);
        }
        self.history.commit(size);
        self.pending_blocks += 1;
        self.pending += size;
        Ok(())
    }

    fn take_output(&mut self) -> &[u8] {
        // What was taken before is behind what is pending now, and as it was decoded; unless nothing is.
        if self.pending > 0 {
            self.taken = std::mem::take(&mut self.pending);
            self.pending_blocks = 0;
            let output = self.history.last_mut(self.taken);
            self.decoder.finish(output);
            return output;
        }
        &[]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A method whose blocks are turned around in place when they are taken.
    #[derive(Debug)]
    struct Mirror;

    impl BlockDecoder for Mirror {
        fn decode(&mut self, src: &[u8], buffer: &mut [u8], start: usize) -> Result<(), DecodeError> {
            let kind = DecodeErrorKind::Truncated;
            let [byte, before] = src else { return Err(DecodeError { kind, src_offset: 0, dst_offset: 0 }) };
            assert_eq!(
                buffer[..start].last().copied().unwrap_or_default(),
                *before,
                "the history is as it was decoded"
            );
            for (value, at) in (*byte..).zip(&mut buffer[start..]) {
                *at = value;
            }
            Ok(())
        }

        fn finish(&mut self, blocks: &mut [u8]) {
            blocks.reverse();
        }

        fn resume(&mut self, blocks: &mut [u8]) {
            blocks.reverse();
        }
    }

    #[test]
    fn output_is_taken_of_several_blocks_at_once() {
        let mut folder = Folder::new(Mirror, 1 << 10);
        folder.add_block(&[10, 0], 2).expect("valid");
        folder.add_block(&[20, 11], 3).expect("valid");
        assert_eq!(folder.take_output(), [22, 21, 20, 11, 10]);
        assert_eq!(folder.take_output(), [0; 0]);
        assert_eq!(folder.decompress_block(&[30, 22], 1).expect("valid"), [30]);
        folder.add_block(&[40, 30], 2).expect("valid");
        let error = folder.add_block(&[], 1).expect_err("no data");
        assert_eq!(folder.take_output(), [41, 40], "what was decoded before");
        assert_eq!(folder.add_block(&[50, 41], 1), Err(error), "the folder is lost");
    }

    #[test]
    #[should_panic = "is to be taken first"]
    fn no_more_is_pending_than_there_is_room_for() {
        let mut folder = Folder::new(Mirror, 1 << 10);
        for _ in 0..=MAX_PENDING_BLOCKS {
            folder.add_block(&[0, 0], 1).expect("valid");
        }
    }
}
