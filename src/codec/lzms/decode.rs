//! The LZMS decoder.
//!
//! Nothing in the stream's meaning depends on the bytes produced, so decoding runs in two phases over short batches
//! of items: first the batch is read into literals and match commands, then the commands are carried out. Reading
//! keeps its state in registers, and carrying out is a short loop whose sources are on their way from memory since
//! they became known; in large chunks most of them are in no cache.
//!
//! Every match is checked as it is read; carrying it out cannot fail.

use super::batch::Batch;
use super::dispatch::{read_batch, undo_x86};
use super::item_reader::{DecodeCodes, ItemReader};
use super::x86::X86Filter;
use crate::codec::{DecodeError, DecodeErrorKind, Decompressor};

/// Decodes LZMS chunks of any size.
#[derive(Debug)]
pub struct LzmsDecompressor {
    codes: DecodeCodes,
    x86: X86Filter,
    batch: Batch,
}

impl LzmsDecompressor {
    /// A decoder.
    pub fn new() -> Self {
        Self { codes: DecodeCodes::new(), x86: X86Filter::new(), batch: Batch::new() }
    }
}

impl Default for LzmsDecompressor {
    fn default() -> Self {
        Self::new()
    }
}

impl Decompressor for LzmsDecompressor {
    fn decompress(&mut self, src: &[u8], dst: &mut [u8]) -> Result<(), DecodeError> {
        if src.len() < 4 || !src.len().is_multiple_of(2) {
            return Err(DecodeError { kind: DecodeErrorKind::BadSize, src_offset: src.len(), dst_offset: 0 });
        }
        self.codes.reset(dst.len());
        let mut reader = ItemReader::new(src);
        let mut done = 0;
        while done < dst.len() {
            let end = read_batch(&mut reader, &mut self.codes, &mut self.batch, dst, done)?;
            self.batch.carry_out(dst, done);
            done = end;
        }
        undo_x86(&mut self.x86, dst);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::lzms::plain;

    const NINE_A: [u8; 10] = [0x2f, 0x60, 0xd0, 0xff, 0x00, 0x00, 0x64, 0x41, 0x41, 0x41];
    const COUNTERS: [u8; 16] =
        [0x91, 0x33, 0xd0, 0xbb, 0x00, 0x00, 0x80, 0x1b, 0x0b, 0xc2, 0xda, 0x08, 0x00, 0x00, 0x10, 0x00];
    const ABRACADABRA: [u8; 20] = [
        0xbd, 0x14, 0x00, 0xfd, 0x00, 0x00, 0x00, 0xfd, 0x34, 0x0c, 0xc4, 0x92, 0x61, 0x64, 0x61, 0x63, 0x61, 0x72,
        0x62, 0x61,
    ];

    /// The format's worked examples, with what they decode to.
    fn examples() -> [(&'static [u8], Vec<u8>); 3] {
        let counters = (0..16u32).flat_map(|i| (0x1000 + 8 * i).to_le_bytes()).collect();
        [(&NINE_A, vec![b'A'; 9]), (&COUNTERS, counters), (&ABRACADABRA, b"abracadabra ".repeat(10))]
    }

    fn decode(decoder: &mut LzmsDecompressor, src: &[u8], size: usize) -> Result<Vec<u8>, DecodeErrorKind> {
        let mut dst = vec![0xCC; size];
        decoder.decompress(src, &mut dst).map(|()| dst).map_err(|error| error.kind)
    }

    fn decode_plainly(src: &[u8], size: usize) -> Result<Vec<u8>, DecodeErrorKind> {
        let mut dst = vec![0x33; size];
        plain::decompress(src, &mut dst).map(|()| dst).map_err(|error| error.kind)
    }

    #[test]
    fn worked_examples_decode() {
        let mut decoder = LzmsDecompressor::new();
        for (src, expected) in examples() {
            assert_eq!(decode_plainly(src, expected.len()), Ok(expected.clone()));
            assert_eq!(decode(&mut decoder, src, expected.len()), Ok(expected));
        }
    }

    #[test]
    fn impossible_sizes_are_refused() {
        let mut decoder = LzmsDecompressor::new();
        for size in [0, 1, 2, 3, 5, 9] {
            assert_eq!(decode(&mut decoder, &NINE_A[..size], 9), Err(DecodeErrorKind::BadSize));
        }
    }

    #[test]
    fn damaged_examples_decode_as_plainly() {
        let mut decoder = LzmsDecompressor::new();
        for (src, expected) in examples() {
            for bit in 0..src.len() * 8 {
                let mut damaged = src.to_vec();
                damaged[bit / 8] ^= 1 << (bit % 8);
                for size in [expected.len(), expected.len() * 50] {
                    assert_eq!(decode(&mut decoder, &damaged, size), decode_plainly(&damaged, size), "bit {bit}");
                }
            }
            for end in 0..src.len() {
                assert_eq!(decode(&mut decoder, &src[..end], 64), decode_plainly(&src[..end], 64), "cut at {end}");
                assert_eq!(decode(&mut decoder, &src[end..], 64), decode_plainly(&src[end..], 64), "from {end}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn noise_decodes_as_plainly(src in proptest::collection::vec(proptest::num::u8::ANY, 0..3000), size in 0..20_000usize) {
            let mut decoder = LzmsDecompressor::new();
            proptest::prop_assert_eq!(decode(&mut decoder, &src, size), decode_plainly(&src, size));
        }
    }
}
