//! XPRESS Huffman encoding.
//!
//! The matches of all positions are found at once. A parser then divides the chunk into literals and matches; the
//! emitter makes the one code of the chunk and writes table and stream. Levels 1 to 5 parse lazily. Levels 6 to 9 take
//! that parse as a first guess at what symbols cost and find the cheapest one, several times, each time with the
//! prices that the parse before suggests.
//!
//! Where the matches of a stream that the chunk was decoded from are known, levels 1 to 5 parse by those: then nothing need
//! be searched, which takes more time than all else.

mod emit;
mod items;
mod known;
mod lazy;
mod optimal;

use self::emit::Emitter;
use self::items::Items;
use self::known::KnownParser;
use self::optimal::OptimalParser;
use crate::codec::hopeless::is_hopeless;
use crate::codec::known_match::KnownMatch;
use crate::codec::matchfinder::handed_on::buffer::Buffer;
use crate::codec::matchfinder::handed_on::{FindMatches, Finder, Matches, Thrift};
use crate::codec::processor::{self, Processor, Work};
use crate::codec::{Compressor, Level};

/// The last level that parses lazily.
pub(in crate::codec) const LAST_LAZY_LEVEL: u8 = 5;

/// Shortest match.
const MIN_MATCH: usize = 3;

/// Encodes XPRESS chunks.
#[derive(Debug)]
pub struct XpressCompressor {
    max_size: usize,
    buffer: Box<Buffer>,
    matches: Matches,
    finder: Box<dyn FindMatches>,
    known: KnownParser,
    optimal: Option<OptimalParser>,
    items: Items,
    emitter: Emitter,
}

/// One candidate of three bytes and one of seven: the tables fit the first-level cache.
type Quick = Finder<13, 0, 0, 1, false>;
type Default = Finder<14, 0, 0, 1, false>;
type Good = Finder<14, 0, 2, 0, true>;
type Strong = Finder<15, 0, 4, 2, true>;
type Strongest = Finder<15, 0, 8, 4, true>;

/// The match finder of a level, and how often matches are weighed against each other.
fn tools(level: Level) -> (Box<dyn FindMatches>, u32) {
    let thrift = |nice_length, stride| Thrift { nice_length, stride };
    match level.get() {
        1 => (Quick::boxed(thrift(8, 8)), 0),
        2 => (Quick::boxed(thrift(8, 4)), 0),
        3 => (Quick::boxed(thrift(8, 2)), 0),
        4 => (Quick::boxed(thrift(12, 2)), 0),
        5 => (Default::boxed(thrift(12, 1)), 0),
        6 => (Good::boxed(thrift(16, 1)), 1),
        7 => (Strong::boxed(thrift(48, 1)), 2),
        8 => (Strong::boxed(thrift(64, 1)), 3),
        _ => (Strongest::boxed(thrift(96, 1)), 4),
    }
}

impl XpressCompressor {
    /// An encoder for chunks of at most `chunk_size` bytes, which is at most 65536.
    pub fn new(chunk_size: usize, level: Level) -> Self {
        let (finder, passes) = tools(level);
        Self {
            max_size: chunk_size,
            buffer: Box::new(Buffer::new()),
            matches: Matches::new(),
            finder,
            known: KnownParser::new(),
            optimal: (passes > 0).then(|| OptimalParser::new(passes)),
            items: Items::new(chunk_size),
            emitter: Emitter::new(chunk_size),
        }
    }

    /// About how many bytes a context occupies.
    pub fn memory(chunk_size: usize, level: Level) -> u64 {
        let finder = match level.get() {
            1..=4 => Quick::MEMORY,
            5 => Default::MEMORY,
            6 => Good::MEMORY,
            7 | 8 => Strong::MEMORY,
            _ => Strongest::MEMORY,
        };
        let optimal = if level.get() > LAST_LAZY_LEVEL { OptimalParser::MEMORY } else { 0 };
        let chunk = KnownParser::MEMORY + Items::memory(chunk_size) + Emitter::memory(chunk_size);
        (size_of::<Self>() + size_of::<Buffer>() + Matches::MEMORY + finder + optimal + chunk) as u64
    }
}

impl XpressCompressor {
    /// Takes a chunk, unless it is plain that it does not shrink.
    fn begin(&mut self, src: &[u8]) -> bool {
        assert!(src.len() <= self.max_size, "a chunk of {} bytes in a context for {}", src.len(), self.max_size);
        if src.len() <= emit::MIN_STREAM || is_hopeless(src, emit::TABLE_BYTES) {
            return false;
        }
        self.buffer.fill(src);
        true
    }
}

impl Compressor for XpressCompressor {
    fn compress(&mut self, src: &[u8], dst: &mut [u8]) -> Option<usize> {
        if !self.begin(src) {
            return None;
        }
        self.finder.find(&self.buffer, src.len(), &mut self.matches);
        processor::run(Encode { compressor: self, known: &[], size: src.len(), dst })
    }

    fn compress_with_matches(&mut self, src: &[u8], matches: &[KnownMatch], dst: &mut [u8]) -> Option<usize> {
        if matches.is_empty() || self.optimal.is_some() {
            return self.compress(src, dst);
        }
        if !self.begin(src) {
            return None;
        }
        processor::run(Encode { compressor: self, known: matches, size: src.len(), dst })
    }
}

/// All that comes behind finding the matches, if they were not known.
struct Encode<'a> {
    compressor: &'a mut XpressCompressor,
    known: &'a [KnownMatch],
    size: usize,
    dst: &'a mut [u8],
}

impl Work for Encode<'_> {
    type Output = Option<usize>;

    #[inline(always)]
    fn run<P: Processor>(self) -> Option<usize> {
        let XpressCompressor { buffer, matches, known, optimal, items, emitter, .. } = self.compressor;
        if !self.known.is_empty() {
            known.parse(self.known, buffer, self.size, items);
            return emitter.emit(items, self.size, self.dst);
        }
        lazy::parse(buffer, self.size, matches, items);
        if let Some(parser) = optimal {
            parser.parse::<P>(buffer, self.size, matches, items);
        }
        emitter.emit(items, self.size, self.dst)
    }
}
