//! Which codes hold where in the target.
//!
//! A delta has one set of three codes whose lengths are given by their alphabets, or several *blocks* with a set for each,
//! and the position where the block begins. The codeword lengths of a set are coded against those of the set before.

use super::super::{DeltaError, Malformed};
use super::bits::BitReader;
use super::code::{Code, flat_lens};
use crate::codec::huffman::decode_table::table_size;

/// Literals, then matches.
const MAIN_SYMBOLS: usize = 600;
/// Lengths of matches.
const LENGTH_SYMBOLS: usize = 256;
/// The lowest four bits of distances.
const ALIGNED_SYMBOLS: usize = 16;
const ALL_SYMBOLS: usize = MAIN_SYMBOLS + LENGTH_SYMBOLS + ALIGNED_SYMBOLS;
/// What codeword lengths are coded with.
const PRECODE_SYMBOLS: usize = 39;
/// No codeword is longer.
const MAX_LEN: u8 = 16;
/// The most blocks that are read. Microsoft's own deltas have a few dozen; each takes a kilobyte, and hostile ones might be of as many
/// as the file has bytes.
const MAX_BLOCKS: u64 = 1 << 14;

type MainCode = Code<MAIN_SYMBOLS, 11, { table_size(MAIN_SYMBOLS, 16, 11) }>;
type LengthCode = Code<LENGTH_SYMBOLS, 9, { table_size(LENGTH_SYMBOLS, 16, 9) }>;
type AlignedCode = Code<ALIGNED_SYMBOLS, 8, { table_size(ALIGNED_SYMBOLS, 16, 8) }>;
type Precode = Code<PRECODE_SYMBOLS, 8, { table_size(PRECODE_SYMBOLS, 16, 8) }>;

/// The three codes of a block.
pub(super) struct Codes {
    pub(super) main: MainCode,
    pub(super) length: LengthCode,
    pub(super) aligned: AlignedCode,
}

impl Codes {
    fn new(lens: &[u8; ALL_SYMBOLS]) -> Result<Self, Malformed> {
        let (main, rest) = lens.split_first_chunk().expect("three alphabets");
        let (length, rest) = rest.split_first_chunk().expect("three alphabets");
        let (aligned, _) = rest.split_first_chunk().expect("three alphabets");
        Ok(Self {
            main: Code::new("main code", main)?,
            length: Code::new("length code", length)?,
            aligned: Code::new("aligned offset code", aligned)?,
        })
    }
}

/// The blocks of a delta, from the first.
pub(super) struct Blocks {
    /// Where each begins, and its codeword lengths. The first one's position does not count.
    blocks: std::vec::IntoIter<(u64, Box<[u8; ALL_SYMBOLS]>)>,
}

impl Blocks {
    /// Reads what the blocks are.
    pub(super) fn read(reader: &mut BitReader<'_>) -> Result<Self, DeltaError> {
        if reader.bits(1)? == 1 {
            let mut lens = Box::new([0; ALL_SYMBOLS]);
            let (main, rest) = lens.split_at_mut(MAIN_SYMBOLS);
            let (length, aligned) = rest.split_at_mut(LENGTH_SYMBOLS);
            main.copy_from_slice(&flat_lens::<MAIN_SYMBOLS>());
            length.copy_from_slice(&flat_lens::<LENGTH_SYMBOLS>());
            aligned.copy_from_slice(&flat_lens::<ALIGNED_SYMBOLS>());
            return Ok(Self { blocks: vec![(0, lens)].into_iter() });
        }
        let count = reader.number()?;
        if count == 0 || count > MAX_BLOCKS {
            return Err(reader.malformed(Malformed::BlockCount(count)));
        }
        let mut starts = Vec::new();
        let mut start = 0_u64;
        for _ in 0..count {
            start = start.checked_add(reader.number()?).ok_or_else(|| reader.malformed(Malformed::BlockStart))?;
            starts.push(start);
        }
        let mut precode = [0; PRECODE_SYMBOLS];
        for len in &mut precode {
            *len = reader.bits(4)? as u8;
        }
        let precode = Precode::new("precode", &precode).map_err(|problem| reader.malformed(problem))?;
        let mut blocks: Vec<(u64, Box<[u8; ALL_SYMBOLS]>)> = Vec::new();
        for start in starts {
            let before = blocks.last().map_or(&[0; ALL_SYMBOLS], |(_, lens)| lens);
            let lens = read_lens(reader, &precode, before)?;
            blocks.push((start, lens));
        }
        Ok(Self { blocks: blocks.into_iter() })
    }

    /// The codes of the block at `position`, and where the next one begins. Positions must not go back.
    pub(super) fn at(&mut self, position: u64) -> Result<(Codes, u64), Malformed> {
        let mut block = self.blocks.next();
        while self.blocks.as_slice().first().is_some_and(|(start, _)| *start <= position) {
            block = self.blocks.next();
        }
        let (_, lens) = block.ok_or(Malformed::BlockStart)?;
        let end = self.blocks.as_slice().first().map_or(u64::MAX, |(start, _)| *start);
        Ok((Codes::new(&lens)?, end))
    }
}

/// Reads the codeword lengths of a block.
fn read_lens(
    reader: &mut BitReader<'_>,
    precode: &Precode,
    before: &[u8; ALL_SYMBOLS],
) -> Result<Box<[u8; ALL_SYMBOLS]>, DeltaError> {
    let mut lens = Box::new([0; ALL_SYMBOLS]);
    let mut index = 0;
    while index < ALL_SYMBOLS {
        let symbol = precode.symbol(reader)?;
        let change = (symbol as u8).wrapping_sub(16); // 1 to 3 more, or as many and 3 less
        let len = match symbol {
            0..=16 => Some(symbol as u8),
            17..=19 => before[index].checked_add(change),
            20..=22 => before[index].checked_sub(change - 3),
            _ => {
                let count = run_length(reader, symbol - 23)?;
                let end = index + count;
                let malformed = reader.malformed(Malformed::BadLengths);
                if end > ALL_SYMBOLS || (symbol < 31 && index == 0) {
                    return Err(malformed);
                }
                if symbol < 31 {
                    let last = lens[index - 1];
                    lens[index..end].fill(last);
                } else {
                    lens[index..end].copy_from_slice(&before[index..end]);
                }
                index = end;
                continue;
            }
        };
        lens[index] = len.filter(|len| *len <= MAX_LEN).ok_or_else(|| reader.malformed(Malformed::BadLengths))?;
        index += 1;
    }
    Ok(lens)
}

/// How often a length is repeated.
fn run_length(reader: &mut BitReader<'_>, symbol: usize) -> Result<usize, DeltaError> {
    match symbol as u32 % 8 {
        few @ 0..3 => Ok(few as usize + 1),
        many => Ok(1 << (many - 1) | reader.bits(many - 1)? as usize),
    }
}
