//! The LZMS encoder.

use super::item_writer::{EncodeCodes, ItemWriter};
use super::optimal::{Effort, OptimalParser};
use super::x86::X86Filter;
use crate::codec::matchfinder::multi_hash::{MultiHash, PADDING, Reach};
use crate::codec::{Compressor, Level};

/// Encodes LZMS chunks.
#[derive(Debug)]
pub struct LzmsCompressor {
    chunk_size: usize,
    /// The chunk behind the x86 filter, with padding.
    filtered: Vec<u8>,
    x86: X86Filter,
    codes: Box<EncodeCodes>,
    finder: MultiHash,
    parser: OptimalParser,
}

const REACH: Reach = Reach { tiny: 14, short: 20, medium: 22, long: 24 };
const EFFORT: Effort = Effort { nice_length: 64, combine: true };

impl LzmsCompressor {
    /// An encoder for chunks of at most `chunk_size` bytes.
    pub fn new(chunk_size: usize, _level: Level) -> Self {
        Self {
            chunk_size,
            filtered: Vec::new(),
            x86: X86Filter::new(),
            codes: Box::new(EncodeCodes::new()),
            finder: MultiHash::new(REACH),
            parser: OptimalParser::new(EFFORT),
        }
    }

    /// About how many bytes a context occupies.
    pub fn memory(chunk_size: usize, _level: Level) -> u64 {
        let fixed = size_of::<EncodeCodes>() as u64 + OptimalParser::memory(EFFORT) + X86Filter::MEMORY;
        fixed + chunk_size as u64 + MultiHash::memory(REACH, chunk_size)
    }
}

impl Compressor for LzmsCompressor {
    fn compress(&mut self, src: &[u8], dst: &mut [u8]) -> Option<usize> {
        assert!(src.len() <= self.chunk_size, "{} bytes in a chunk of {}", src.len(), self.chunk_size);
        let capacity = src.len().min(dst.len()).saturating_sub(1);
        self.filtered.clear();
        self.filtered.extend_from_slice(src);
        self.x86.forward(&mut self.filtered);
        self.filtered.resize(src.len() + PADDING, 0);
        self.finder.reset(src.len());
        let mut writer = ItemWriter::new(&mut self.codes, src.len(), dst, capacity);
        self.parser.parse(&self.filtered, &mut self.finder, &mut writer);
        writer.finish()
    }
}
