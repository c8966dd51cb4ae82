//! XPRESS decoding.

use super::plain;
use crate::codec::{DecodeError, Decompressor};

/// Decodes XPRESS chunks.
#[derive(Debug, Default)]
pub struct XpressDecompressor {}

impl XpressDecompressor {
    /// A decoder.
    pub fn new() -> Self {
        Self {}
    }
}

impl Decompressor for XpressDecompressor {
    fn decompress(&mut self, src: &[u8], dst: &mut [u8]) -> Result<(), DecodeError> {
        plain::decompress(src, dst)
    }
}
