//! The prefix codes of a delta.
//!
//! They are canonical the other way round than usual: the longest codewords have the smallest values. Turned over, that is the
//! usual order, of the symbols counted from the last: so the stream's bits are turned over, the symbols too, and the decode
//! table is the one of all other codes. A codeword's most significant bit comes first although the stream is filled from the
//! least significant bit, so the bits are put in the other order as well.

use super::super::{DeltaError, Malformed};
use super::bits::BitReader;
use crate::codec::huffman::decode_table::{BadCode, DecodeTable, consumed_bits};

/// The symbol stands in the entry's upper bits.
const SYMBOL_SHIFT: u32 = 14;

/// What the entries of an alphabet of `N` symbols tell, in the order that the decode table sees.
const fn bases<const N: usize>() -> [u32; N] {
    let mut bases = [0; N];
    let mut index = 0;
    while index < N {
        bases[index] = ((N - 1 - index) as u32) << SYMBOL_SHIFT;
        index += 1;
    }
    bases
}

/// A code over `N` symbols. `SIZE` is what [`table_size`](crate::codec::huffman::decode_table::table_size) says.
pub(super) struct Code<const N: usize, const ROOT_BITS: u32, const SIZE: usize> {
    name: &'static str,
    decoder: Decoder<ROOT_BITS, SIZE>,
}

enum Decoder<const ROOT_BITS: u32, const SIZE: usize> {
    /// No symbol has a codeword.
    Empty,
    /// One symbol has: a zero bit. Microsoft's encoder gives it one although none would do.
    Single(usize),
    Table(Box<DecodeTable<ROOT_BITS, SIZE>>),
}

impl<const N: usize, const ROOT_BITS: u32, const SIZE: usize> Code<N, ROOT_BITS, SIZE> {
    const BASES: [u32; N] = bases();

    /// The code with these codeword lengths, 0 for none, 16 at most.
    pub(super) fn new(name: &'static str, lens: &[u8; N]) -> Result<Self, Malformed> {
        let mut used = lens.iter().enumerate().filter(|(_, len)| **len > 0);
        let decoder = match (used.next(), used.next()) {
            (None, _) => Decoder::Empty,
            (Some((symbol, 1)), None) => Decoder::Single(symbol),
            _ => {
                let mut reversed = *lens;
                reversed.reverse();
                let mut table = Box::new(DecodeTable::new());
                table.build(&reversed, &Self::BASES).map_err(|BadCode| Malformed::BadCode(name))?;
                Decoder::Table(table)
            }
        };
        Ok(Self { name, decoder })
    }

    /// Reads a symbol.
    #[inline]
    pub(super) fn symbol(&self, reader: &mut BitReader<'_>) -> Result<usize, DeltaError> {
        match &self.decoder {
            Decoder::Table(table) => {
                let entry = table.lookup(!reader.peek().reverse_bits());
                reader.consume(consumed_bits(entry))?;
                Ok((entry >> SYMBOL_SHIFT) as usize)
            }
            Decoder::Single(symbol) if reader.bits(1)? == 0 => Ok(*symbol),
            Decoder::Single(_) | Decoder::Empty => Err(reader.malformed(Malformed::BadCode(self.name))),
        }
    }
}

/// The codeword lengths of a code without frequencies: all of one length, but the first ones one less, so that it is complete.
pub(super) fn flat_lens<const N: usize>() -> [u8; N] {
    let len = (N - 1).ilog2() + 1;
    let mut lens = [len as u8; N];
    lens[..(1 << len) - N].fill(len as u8 - 1);
    lens
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::huffman::decode_table::table_size;

    #[test]
    fn the_longest_codewords_are_the_smallest() {
        // a 00, c 01, b 1; the first bit is the lowest of the stream.
        let code = Code::<3, 8, { table_size(3, 16, 8) }>::new("code", &[2, 1, 2]).unwrap();
        let mut reader = BitReader::new(&[0b1100_0000, 0b0001], 0).unwrap();
        let symbols: Vec<_> = (0..3).map(|_| code.symbol(&mut reader).unwrap()).collect();
        assert_eq!(symbols, [0, 2, 1]);
    }

    #[test]
    fn flat_codes_are_complete() {
        assert_eq!(flat_lens::<3>(), [1, 2, 2]);
        assert_eq!(flat_lens::<16>(), [4; 16]);
        let lens = flat_lens::<600>();
        assert_eq!((lens[423], lens[424]), (9, 10));
    }

    #[test]
    fn incomplete_and_empty_codes() {
        type Small = Code<3, 8, { table_size(3, 16, 8) }>;
        assert_eq!(Small::new("code", &[2, 0, 0]).err(), Some(Malformed::BadCode("code")));
        assert_eq!(Small::new("code", &[1, 1, 1]).err(), Some(Malformed::BadCode("code")));
        let single = Small::new("code", &[0, 1, 0]).unwrap();
        let mut reader = BitReader::new(&[0b1_0000], 0).unwrap();
        assert_eq!((single.symbol(&mut reader).ok(), single.symbol(&mut reader).ok()), (Some(1), None));
        let empty = Small::new("code", &[0; 3]).unwrap();
        assert!(empty.symbol(&mut BitReader::new(&[0; 4], 0).unwrap()).is_err());
    }
}
