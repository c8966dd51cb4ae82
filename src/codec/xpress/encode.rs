//! XPRESS Huffman encoding.
//!
//! A parser divides the chunk into literals and matches; the emitter counts their symbols, makes the one code of the
//! chunk and writes table and stream. Levels 1 to 5 parse lazily over hash chains, in one go. Levels 6 to 9 look up all
//! matches once, in a binary tree, and then find the cheapest way through them, several times, each time with the
//! prices that the previous parse's symbol frequencies suggest.

mod emit;
mod lazy;
mod optimal;

use self::emit::Parse;
use crate::codec::matchfinder::binary_tree::BinaryTree;
use crate::codec::matchfinder::common::PADDING;
use crate::codec::{Compressor, Level};

/// Shortest match.
const MIN_MATCH: usize = 3;

/// Encodes XPRESS chunks.
#[derive(Debug)]
pub struct XpressCompressor {
    max_size: usize,
    /// The chunk, with the padding that match finders need.
    buffer: Vec<u8>,
    parser: Parser,
    parse: Parse,
}

#[derive(Debug)]
enum Parser {
    Lazy(Box<lazy::LazyParser>),
    Optimal(Box<optimal::OptimalParser<BinaryTree<u16>>>),
}

impl XpressCompressor {
    /// An encoder for chunks of at most `chunk_size` bytes, which is at most 65536.
    pub fn new(chunk_size: usize, level: Level) -> Self {
        let parser = match level.get() {
            1..=5 => Parser::Lazy(Box::new(lazy::LazyParser::new(chunk_size, level))),
            _ => Parser::Optimal(Box::new(optimal::OptimalParser::new(chunk_size, level))),
        };
        Self {
            max_size: chunk_size,
            buffer: Vec::with_capacity(chunk_size + PADDING),
            parser,
            parse: Parse::new(chunk_size),
        }
    }

    /// About how many bytes a context occupies.
    pub fn memory(chunk_size: usize, level: Level) -> u64 {
        let parser = match level.get() {
            1..=5 => lazy::LazyParser::memory(chunk_size),
            _ => optimal::OptimalParser::<BinaryTree<u16>>::memory(chunk_size),
        };
        (size_of::<Self>() + chunk_size + PADDING + Parse::memory(chunk_size) + parser) as u64
    }
}

impl Compressor for XpressCompressor {
    fn compress(&mut self, src: &[u8], dst: &mut [u8]) -> Option<usize> {
        assert!(src.len() <= self.max_size, "a chunk of {} bytes in a context for {}", src.len(), self.max_size);
        if src.len() <= emit::MIN_STREAM {
            return None;
        }
        self.buffer.clear();
        self.buffer.extend_from_slice(src);
        self.buffer.resize(src.len() + PADDING, 0);
        self.parse.clear();
        match &mut self.parser {
            Parser::Lazy(parser) => parser.parse(&self.buffer, &mut self.parse),
            Parser::Optimal(parser) => parser.parse(&self.buffer, &mut self.parse),
        }
        self.parse.emit(src, dst)
    }
}
