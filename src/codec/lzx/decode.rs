//! Lzx decoding.

use crate::codec::{DecodeError, DecodeErrorKind, Decompressor};

/// Decodes Lzx chunks.
#[derive(Debug, Default)]
pub struct LzxDecompressor {}

impl LzxDecompressor {
    /// A decoder.
    pub fn new(_window_order: u32) -> Self {
        Self {}
    }
}

impl Decompressor for LzxDecompressor {
    fn decompress(&mut self, _src: &[u8], _dst: &mut [u8]) -> Result<(), DecodeError> {
        Err(DecodeError { kind: DecodeErrorKind::Truncated, src_offset: 0, dst_offset: 0 })
    }
}
