//! LZX decoding.

use super::plain;
use crate::codec::{DecodeError, Decompressor};

/// Decodes LZX chunks.
#[derive(Debug)]
pub struct LzxDecompressor {
    window_order: u32,
}

impl LzxDecompressor {
    /// A decoder for chunks of nominally `1 << window_order` bytes.
    pub fn new(window_order: u32) -> Self {
        Self { window_order }
    }
}

impl Decompressor for LzxDecompressor {
    fn decompress(&mut self, src: &[u8], dst: &mut [u8]) -> Result<(), DecodeError> {
        plain::decompress(self.window_order, src, dst)
    }
}
