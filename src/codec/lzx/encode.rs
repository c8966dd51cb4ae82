//! Lzx encoding.

use crate::codec::{Compressor, Level};

/// Encodes Lzx chunks.
#[derive(Debug)]
pub struct LzxCompressor {}

impl LzxCompressor {
    /// An encoder.
    pub fn new(_window_order: u32, _level: Level) -> Self {
        Self {}
    }

    /// About how many bytes a context occupies.
    pub fn memory(_window_order: u32, _level: Level) -> u64 {
        0
    }
}

impl Compressor for LzxCompressor {
    fn compress(&mut self, _src: &[u8], _dst: &mut [u8]) -> Option<usize> {
        None
    }
}
