//! Lzms decoding.

use crate::codec::{DecodeError, DecodeErrorKind, Decompressor};

/// Decodes Lzms chunks.
#[derive(Debug, Default)]
pub struct LzmsDecompressor {}

impl LzmsDecompressor {
    /// A decoder.
    pub fn new() -> Self {
        Self {}
    }
}

impl Decompressor for LzmsDecompressor {
    fn decompress(&mut self, _src: &[u8], _dst: &mut [u8]) -> Result<(), DecodeError> {
        Err(DecodeError { kind: DecodeErrorKind::Truncated, src_offset: 0, dst_offset: 0 })
    }
}
