//! The output of a folder, as far back as matches reach.

use super::{MAX_BLOCK_SIZE, MAX_PENDING_BLOCKS};

/// So many bytes at the end of the history have not been taken, at most.
const MAX_PENDING: usize = MAX_PENDING_BLOCKS * MAX_BLOCK_SIZE;

/// Blocks are decoded into a flat buffer, one behind the other, so that no match wraps around. When the buffer is full,
/// its last bytes, a window of them, slide to the beginning.
#[derive(Debug)]
pub(in crate::codec) struct History {
    buffer: Box<[u8]>,
    window_size: usize,
    /// Where the next block begins. What is before it is history: all of the folder at first, later at least a window.
    pos: usize,
}

impl History {
    /// An empty history for matches that reach back as many bytes.
    pub(in crate::codec) fn new(window_size: usize) -> Self {
        // To slide a window costs as much as its bytes: it should happen once for as many bytes of output, or for a few
        // blocks where the window is small. The buffer still stays in the processor's cache then.
        let buffer = vec![0; window_size + window_size.max(MAX_PENDING)];
        Self { buffer: buffer.into(), window_size, pos: 0 }
    }

    /// Where the next block of `size` bytes begins, and the buffer, which ends where that block ends. Bytes before its
    /// beginning are history, the last `pending` of them in any case.
    pub(in crate::codec) fn next_block(&mut self, size: usize, pending: usize) -> (usize, &mut [u8]) {
        debug_assert!(size <= MAX_BLOCK_SIZE && pending <= MAX_PENDING - MAX_BLOCK_SIZE);
        if size > self.buffer.len() - self.pos {
            let kept = self.window_size.max(pending);
            self.buffer.copy_within(self.pos - kept..self.pos, 0);
            self.pos = kept;
        }
        (self.pos, &mut self.buffer[..self.pos + size])
    }

    /// Makes the next block, which has been decoded, part of the history.
    pub(in crate::codec) fn commit(&mut self, size: usize) {
        self.pos += size;
    }

    /// The last bytes of the history.
    pub(in crate::codec) fn last_mut(&mut self, size: usize) -> &mut [u8] {
        &mut self.buffer[self.pos - size..self.pos]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_always_at_hand() {
        for window_size in [1 << 10, 1 << 15, 1 << 18] {
            let mut history = History::new(window_size);
            let mut written: Vec<u8> = Vec::new();
            let mut pending = 0;
            for (block, size) in [1, 700, 32768, 20000].into_iter().cycle().enumerate().take(200) {
                let (pos, buffer) = history.next_block(size, pending);
                assert_eq!(buffer.len(), pos + size);
                assert!(pos >= written.len().min(window_size.max(pending)));
                assert!(buffer[..pos] == written[written.len() - pos..]);
                buffer[pos..].fill(block as u8);
                written.resize(written.len() + size, block as u8);
                history.commit(size);
                pending += size;
                assert!(*history.last_mut(pending) == written[written.len() - pending..]);
                if block % MAX_PENDING_BLOCKS == MAX_PENDING_BLOCKS - 1 {
                    pending = 0;
                }
            }
        }
    }
}
