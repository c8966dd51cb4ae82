//! The chunk being encoded, in a buffer where whole words can be read at any position.

use super::window::{WINDOW, Window};

/// The largest chunk.
pub(crate) const MAX_SIZE: usize = 1 << 16;
/// Behind the last position there is room for what is read there.
const BUFFER_SIZE: usize = MAX_SIZE + size_of::<Window>();

/// As far behind a chunk's end bytes are read: a match's length and a window.
const MAX_READ_BEHIND: usize = 512;

/// As large as the largest chunk, so that positions, which have 16 bits, need no checks. What lies behind the chunk may be
/// read, and must not matter.
#[derive(Debug)]
pub(crate) struct Buffer([u8; BUFFER_SIZE]);

impl Buffer {
    /// An empty buffer.
    pub(crate) const fn new() -> Self {
        Self([0; BUFFER_SIZE])
    }

    /// Takes a chunk. What may be read behind it becomes zero: a parser may weigh what it does not use.
    pub(crate) fn fill(&mut self, chunk: &[u8]) {
        let (start, behind) = self.0.split_at_mut(chunk.len());
        start.copy_from_slice(chunk);
        let behind_len = behind.len().min(MAX_READ_BEHIND);
        behind[..behind_len].fill(0);
    }

    #[inline(always)]
    fn bytes<const N: usize>(&self, position: usize) -> &[u8; N] {
        const { assert!(N <= size_of::<Window>()) };
        self.0[position % MAX_SIZE..].first_chunk().expect("there is room behind each position")
    }

    /// The byte at `position`.
    #[inline(always)]
    pub(crate) fn byte(&self, position: usize) -> u8 {
        self.0[position % MAX_SIZE]
    }

    /// The four bytes from `position`, the first one lowest.
    #[inline(always)]
    pub(crate) fn word(&self, position: usize) -> u32 {
        u32::from_le_bytes(*self.bytes(position))
    }

    /// The eight bytes from `position`, the first one lowest.
    #[inline(always)]
    pub(crate) fn long_word(&self, position: usize) -> u64 {
        u64::from_le_bytes(*self.bytes(position))
    }

    /// The bytes from `position`.
    #[inline(always)]
    pub(crate) fn window(&self, position: usize) -> Window {
        Window::new(self.bytes(position))
    }

    /// How many bytes at `position` are those `offset` before; at most `max_length`.
    #[inline(always)]
    pub(crate) fn common(&self, position: usize, offset: usize, max_length: usize) -> usize {
        let source = position - offset;
        let length = self.window(position).common(self.window(source));
        if length < WINDOW {
            max_length.min(length as usize)
        } else {
            self.extend(source, position, WINDOW as usize, max_length)
        }
    }

    /// How many bytes at `a` and `b` agree, given that the first `length` do; at most `max_length`.
    #[inline(always)]
    pub(crate) fn extend(&self, a: usize, b: usize, mut length: usize, max_length: usize) -> usize {
        while length < max_length {
            let difference = self.long_word(a + length) ^ self.long_word(b + length);
            if difference != 0 {
                return (length + difference.trailing_zeros() as usize / 8).min(max_length);
            }
            length += size_of::<u64>();
        }
        max_length
    }
}
