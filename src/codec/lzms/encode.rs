//! The LZMS encoder.

use super::item_writer::{EncodeCodes, ItemWriter};
use super::lazy::LazyParser;
use super::optimal::{Effort, OptimalParser};
use super::x86::X86Filter;
use crate::codec::matchfinder::delta::DeltaFinder;
use crate::codec::matchfinder::multi_hash::{MultiHash, PADDING, Reach};
use crate::codec::{Compressor, Level};

/// Encodes LZMS chunks.
///
/// Memory is taken for the data that comes, not for the chunk size: a small last chunk does not cost what a whole one
/// does.
#[derive(Debug)]
pub struct LzmsCompressor {
    chunk_size: usize,
    /// The chunk behind the x86 filter, with padding.
    filtered: Vec<u8>,
    x86: X86Filter,
    codes: Box<EncodeCodes>,
    finder: MultiHash,
    parser: Parser,
}

#[derive(Debug)]
enum Parser {
    Lazy(LazyParser),
    Optimal(Box<OptimalParser>),
}

/// What a level means.
struct Settings {
    reach: Reach,
    /// How hard the near-optimal parser tries; the quick one serves where it is `None`.
    effort: Option<Effort>,
}

impl Settings {
    const fn of(level: Level) -> Self {
        let reach = match level.get() {
            1 => Reach { of_3: 0, of_4: 14, of_6: 0, of_8: 20, of_12: 0, of_24: 22 },
            2 => Reach { of_3: 0, of_4: 16, of_6: 18, of_8: 21, of_12: 0, of_24: 22 },
            3 => Reach { of_3: 14, of_4: 16, of_6: 20, of_8: 22, of_12: 0, of_24: 23 },
            4 => Reach { of_3: 14, of_4: 16, of_6: 20, of_8: 22, of_12: 22, of_24: 23 },
            5 => Reach { of_3: 14, of_4: 18, of_6: 21, of_8: 22, of_12: 22, of_24: 23 },
            6 => Reach { of_3: 14, of_4: 18, of_6: 22, of_8: 23, of_12: 23, of_24: 24 },
            7 => Reach { of_3: 14, of_4: 20, of_6: 22, of_8: 24, of_12: 24, of_24: 24 },
            8 => Reach { of_3: 14, of_4: 20, of_6: 23, of_8: 24, of_12: 25, of_24: 24 },
            _ => Reach { of_3: 14, of_4: 20, of_6: 23, of_8: 25, of_12: 25, of_24: 25 },
        };
        let effort = match level.get() {
            0..=3 => None,
            4 => Some(Effort { nice_length: 32, combine: false }),
            5 => Some(Effort { nice_length: 48, combine: true }),
            6 => Some(Effort { nice_length: 64, combine: true }),
            7 => Some(Effort { nice_length: 96, combine: true }),
            8 => Some(Effort { nice_length: 128, combine: true }),
            _ => Some(Effort { nice_length: 255, combine: true }),
        };
        Self { reach, effort }
    }
}

impl LzmsCompressor {
    /// An encoder for chunks of at most `chunk_size` bytes.
    pub fn new(chunk_size: usize, level: Level) -> Self {
        let Settings { reach, effort } = Settings::of(level);
        Self {
            chunk_size,
            filtered: Vec::new(),
            x86: X86Filter::new(),
            codes: Box::new(EncodeCodes::new()),
            finder: MultiHash::new(reach),
            parser: match effort {
                None => Parser::Lazy(LazyParser::new()),
                Some(effort) => Parser::Optimal(Box::new(OptimalParser::new(effort))),
            },
        }
    }

    /// About how many bytes a context occupies once it has seen a whole chunk.
    pub fn memory(chunk_size: usize, level: Level) -> u64 {
        let Settings { reach, effort } = Settings::of(level);
        let fixed = size_of::<EncodeCodes>() as u64 + X86Filter::MEMORY + DeltaFinder::MEMORY;
        fixed + effort.map_or(0, OptimalParser::memory) + chunk_size as u64 + MultiHash::memory(reach, chunk_size)
    }
}

impl Compressor for LzmsCompressor {
    fn compress(&mut self, src: &[u8], dst: &mut [u8]) -> Option<usize> {
        assert!(src.len() <= self.chunk_size, "{} bytes in a chunk of {}", src.len(), self.chunk_size);
        let capacity = src.len().min(dst.len()).saturating_sub(1);
        self.filtered.clear();
        self.filtered.reserve_exact(src.len() + PADDING);
        self.filtered.extend_from_slice(src);
        self.x86.forward(&mut self.filtered);
        self.filtered.resize(src.len() + PADDING, 0);
        self.finder.reset(src.len());
        let mut writer = ItemWriter::new(&mut self.codes, src.len(), dst, capacity);
        match &mut self.parser {
            Parser::Lazy(parser) => parser.parse(&self.filtered, &mut self.finder, &mut writer),
            Parser::Optimal(parser) => parser.parse(&self.filtered, &mut self.finder, &mut writer),
        }
        writer.finish()
    }
}
