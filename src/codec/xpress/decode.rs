//! Xpress decoding.

use crate::codec::{DecodeError, DecodeErrorKind, Decompressor};

/// Decodes Xpress chunks.
#[derive(Debug, Default)]
pub struct XpressDecompressor {}

impl XpressDecompressor {
    /// A decoder.
    pub fn new() -> Self {
        Self {}
    }
}

impl Decompressor for XpressDecompressor {
    fn decompress(&mut self, _src: &[u8], _dst: &mut [u8]) -> Result<(), DecodeError> {
        Err(DecodeError { kind: DecodeErrorKind::Truncated, src_offset: 0, dst_offset: 0 })
    }
}
