//! Strict decoding: what established readers disagree about is an error.
//!
//! The plain decoders do it. They can also decode as tolerantly as the fast ones, which are tested against them.

use super::{DecodeError, DecodeErrorKind, Decompressor, Format, Oddity, lzms, lzx, xpress};

/// What a plain decoder refuses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    strict: bool,
}

impl Rules {
    /// All that is malformed or odd.
    const STRICT: Self = Self { strict: true };
    /// What is malformed.
    #[cfg(any(test, feature = "__internal-testing"))]
    pub(crate) const TOLERANT: Self = Self { strict: false };

    /// Refuses an oddity if it is one and the rules are strict.
    pub(crate) fn refuse(self, is_odd: bool, oddity: Oddity) -> Result<(), DecodeErrorKind> {
        if is_odd && self.strict { Err(DecodeErrorKind::Odd(oddity)) } else { Ok(()) }
    }
}

/// Decodes one chunk of `format` with nominally `chunk_size` bytes by the format's plain decoder.
pub(super) fn decode_plainly(
    rules: Rules,
    format: Format,
    chunk_size: u32,
    src: &[u8],
    dst: &mut [u8],
) -> Result<(), DecodeError> {
    match format {
        Format::Xpress => xpress::plain::decode(rules, src, dst),
        Format::Lzx => lzx::plain::decode(rules, chunk_size.ilog2(), src, dst),
        Format::Lzms => lzms::plain::decode(rules, src, dst),
    }
}

/// Decodes chunks of one format by strict rules.
#[derive(Debug)]
pub(super) struct StrictDecompressor {
    format: Format,
    chunk_size: u32,
}

impl StrictDecompressor {
    /// A decoder for chunks of nominally `chunk_size` bytes, a size that the format allows.
    pub(super) fn new(format: Format, chunk_size: u32) -> Self {
        Self { format, chunk_size }
    }
}

impl Decompressor for StrictDecompressor {
    fn decompress(&mut self, src: &[u8], dst: &mut [u8]) -> Result<(), DecodeError> {
        decode_plainly(Rules::STRICT, self.format, self.chunk_size, src, dst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Level;
    use crate::codec::test_data::unhex;

    const CHUNK_SIZE: u32 = 1 << 15;

    fn decode(mut decompressor: Box<dyn Decompressor>, src: &[u8], len: usize) -> Result<Vec<u8>, DecodeErrorKind> {
        let mut dst = vec![0xCC; len];
        decompressor.decompress(src, &mut dst).map(|()| dst).map_err(|error| error.kind)
    }

    fn tolerant(format: Format, src: &[u8], len: usize) -> Result<Vec<u8>, DecodeErrorKind> {
        decode(format.decompressor(CHUNK_SIZE).unwrap(), src, len)
    }

    fn strict(format: Format, src: &[u8], len: usize) -> Result<Vec<u8>, DecodeErrorKind> {
        decode(format.strict_decompressor(CHUNK_SIZE).unwrap(), src, len)
    }

    #[track_caller]
    fn assert_sound(format: Format, src: &[u8], len: usize) {
        let decoded = tolerant(format, src, len).expect("the stream is sound");
        assert_eq!(strict(format, src, len), Ok(decoded));
    }

    #[track_caller]
    fn assert_odd(format: Format, src: &[u8], len: usize, oddity: Oddity) {
        tolerant(format, src, len).expect("the stream is merely odd");
        assert_eq!(strict(format, src, len), Err(DecodeErrorKind::Odd(oddity)));
    }

    mod xpress {
        use super::*;
        use crate::codec::test_data::xpress_chunk as chunk;

        /// The literal a is `0`, the end symbol `10`, a match of offset 1 with length bytes `11`.
        fn letters(stream: &str) -> Vec<u8> {
            chunk(&[(48, 0x10), (128, 0x02), (135, 0x20)], stream)
        }

        /// The literal a is `0`, the end symbol `1`.
        fn two_symbols(stream: &str) -> Vec<u8> {
            chunk(&[(48, 0x10), (128, 0x01)], stream)
        }

        #[track_caller]
        fn assert_sound(src: &[u8], len: usize) {
            super::assert_sound(Format::Xpress, src, len);
        }

        #[track_caller]
        fn assert_odd(src: &[u8], len: usize, oddity: Oddity) {
            super::assert_odd(Format::Xpress, src, len, oddity);
        }

        #[test]
        fn sound_streams() {
            assert_sound(&letters("00380000ff2701"), 300);
            assert_sound(&two_symbols("00200000"), 2);
            // A third unit: 16 literals and the end symbol.
            assert_sound(&two_symbols("000000800000"), 16);
        }

        #[test]
        fn trailing_bytes() {
            assert_odd(&letters("00380000ff270100"), 300, Oddity::TrailingBytes(1));
            assert_odd(&two_symbols("002000000000"), 2, Oddity::TrailingBytes(2));
        }

        #[test]
        fn padding() {
            assert_odd(&letters("00380100ff2701"), 300, Oddity::Padding);
            assert_odd(&two_symbols("01200000"), 2, Oddity::Padding);
        }

        #[test]
        fn missing_end_symbol() {
            assert_odd(&letters("00300000ff2701"), 300, Oddity::MissingEndSymbol);
            assert_odd(&two_symbols("00000000"), 2, Oddity::MissingEndSymbol);
        }

        #[test]
        fn bits_beyond_the_end() {
            for stream in ["", "00", "0020", "002000"] {
                assert_odd(&two_symbols(stream), 2, Oddity::BitsBeyondEnd);
            }
            // All that is missing is what is fetched behind the end symbol.
            assert_odd(&two_symbols("00000080"), 16, Oddity::BitsBeyondEnd);
        }

        #[test]
        fn a_short_length_in_two_bytes() {
            assert_sound(&letters("00380000ff0e01"), 2 + 273);
            assert_odd(&letters("00380000ff0d01"), 2 + 272, Oddity::LongLength(272));
            assert_odd(&letters("00380000ff0000"), 2 + 3, Oddity::LongLength(3));
        }

        #[test]
        fn no_code_at_all() {
            assert_odd(&[0; 260], 1000, Oddity::EmptyCode("code"));
        }
    }

    mod lzx {
        use super::*;

        const VERBATIM: &str = "07200080000000002300220385097ef67506f4fb00c00000000080008400e21f\
                                f77d00c300000000000010007f10ffd34afc25d7f063";
        const RAW: &str = "0160008001000000010000000100000090909090e864000000909090909090909090909090909090";
        /// 23 bytes, without the one that pads them.
        const ODD_RAW: &str = "0160007001000000010000000100000090909090e8640000009090909090909090909090909090";

        #[track_caller]
        fn assert_sound(src: &[u8], len: usize) {
            super::assert_sound(Format::Lzx, src, len);
        }

        #[track_caller]
        fn assert_odd(src: &[u8], len: usize, oddity: Oddity) {
            super::assert_odd(Format::Lzx, src, len, oddity);
        }

        fn raw_with(at: usize, bytes: [u8; 2]) -> Vec<u8> {
            let mut chunk = unhex(RAW);
            chunk[at..at + 2].copy_from_slice(&bytes);
            chunk
        }

        /// A precode with the codewords `00` for no change, `01` for a new codeword of one bit, `10` and `11` for runs.
        fn precode() -> String {
            (0..20).map(|symbol| if [0, 16, 17, 19].contains(&symbol) { "0010" } else { "0000" }).collect()
        }

        fn unchanged(count: usize) -> String {
            "00".repeat(count)
        }

        /// A chunk of one block with these vectors of codeword lengths and these items.
        fn block(start: &str, size: u16, vectors: [&str; 3], items: &str) -> Vec<u8> {
            let precode = precode();
            let [literals, matches, lengths] = vectors.map(|vector| format!("{precode}{vector}"));
            units(&format!("{start}{size:016b}{}{literals}{matches}{lengths}{items}", aligned(start)))
        }

        /// The empty aligned offset code of an aligned block.
        fn aligned(start: &str) -> String {
            if start == ALIGNED { "000".repeat(8) } else { String::new() }
        }

        const VERBATIM_TYPE: &str = "0010";
        const ALIGNED: &str = "0100";

        fn units(bits: &str) -> Vec<u8> {
            let unit = |bits: &[u8]| {
                (0..16).fold(0, |unit: u16, at| unit << 1 | u16::from(bits.get(at).is_some_and(|&bit| bit == b'1')))
            };
            bits.as_bytes().chunks(16).flat_map(|bits| unit(bits).to_le_bytes()).collect()
        }

        /// The literals 0 and 1 have codewords of one bit.
        fn two_literals() -> String {
            format!("0101{}", unchanged(254))
        }

        #[test]
        fn sound_streams() {
            assert_sound(&unhex(VERBATIM), 120);
            assert_sound(&unhex(RAW), 24);
            assert_sound(&unhex(&format!("{ODD_RAW}00")), 23);
            let (none, no_lengths) = (unchanged(240), unchanged(249));
            assert_sound(&block(VERBATIM_TYPE, 3, [&two_literals(), &none, &no_lengths], "010"), 3);
        }

        #[test]
        fn trailing_bytes() {
            assert_odd(&unhex(&format!("{VERBATIM}00")), 120, Oddity::TrailingBytes(1));
            assert_odd(&unhex(&format!("{RAW}123456")), 24, Oddity::TrailingBytes(3));
        }

        #[test]
        fn padding() {
            let mut chunk = unhex(VERBATIM);
            let last_unit = chunk.len() - 2;
            chunk[last_unit] |= 1;
            assert_odd(&chunk, 120, Oddity::Padding);
            assert_odd(&unhex(&format!("{ODD_RAW}01")), 23, Oddity::Padding);
        }

        #[test]
        fn missing_pad_byte() {
            assert_odd(&unhex(ODD_RAW), 23, Oddity::MissingPadByte);
        }

        #[test]
        fn alignment() {
            assert_odd(&raw_with(2, [0x01, 0x80]), 24, Oddity::Alignment);
            assert_odd(&raw_with(2, [0x00, 0x88]), 24, Oddity::Alignment);
        }

        #[test]
        fn recent_offsets_beyond_the_window() {
            for at in [4, 8, 12] {
                assert_sound(&raw_with(at, 32765_u16.to_le_bytes()), 24);
                assert_odd(&raw_with(at, 32766_u16.to_le_bytes()), 24, Oddity::RecentOffset(32766));
            }
        }

        #[test]
        fn bits_beyond_the_end() {
            let (none, no_lengths) = (unchanged(240), unchanged(249));
            let chunk = block(VERBATIM_TYPE, 300, [&two_literals(), &none, &no_lengths], &"1".repeat(280));
            assert_odd(&chunk, 300, Oddity::BitsBeyondEnd);
            // A lone byte is no unit.
            let chunk = block(VERBATIM_TYPE, 300, [&two_literals(), &none, &no_lengths], &"0".repeat(300));
            assert_sound(&chunk, 300);
            assert_odd(&chunk[..chunk.len() - 1], 300, Oddity::BitsBeyondEnd);
        }

        #[test]
        fn run_with_operand_17() {
            let literals = format!("010111010{}", unchanged(250));
            let (none, no_lengths) = (unchanged(240), unchanged(249));
            assert_odd(&block(VERBATIM_TYPE, 3, [&literals, &none, &no_lengths], "010"), 3, Oddity::RunOperand);
        }

        #[test]
        fn empty_codes() {
            let (none, no_lengths) = (unchanged(240), unchanged(249));
            let chunk = block(VERBATIM_TYPE, 3, [&unchanged(256), &none, &no_lengths], "");
            assert_odd(&chunk, 3, Oddity::EmptyCode("main code"));

            // The aligned offset code must not be empty even where nothing uses it.
            let chunk = block(ALIGNED, 3, [&two_literals(), &none, &no_lengths], "010");
            assert_odd(&chunk, 3, Oddity::EmptyCode("aligned offset code"));

            // The literal 0, then a match of the first recent offset whose length is a symbol of the length code.
            let (literals, matches) =
                (format!("01{}", unchanged(255)), format!("{}01{}", unchanged(7), unchanged(232)));
            let chunk = block(VERBATIM_TYPE, 10, [&literals, &matches, &no_lengths], "01");
            assert_odd(&chunk, 10, Oddity::EmptyCode("length code"));

            let (precode, literals, empty) = (precode(), two_literals(), "0000".repeat(20));
            let size = format!("{:016b}", 3);
            let chunk = units(&format!("{VERBATIM_TYPE}{size}{precode}{literals}{precode}{none}{empty}010"));
            assert_odd(&chunk, 3, Oddity::EmptyCode("precode"));
        }
    }

    mod lzms {
        use super::*;

        /// Nine letters A. A unit between the two streams is not used.
        const NINE_A: [u8; 10] = [0x2f, 0x60, 0xd0, 0xff, 0x00, 0x00, 0x64, 0x41, 0x41, 0x41];

        fn nine_a_with(at: usize, byte: u8) -> [u8; 10] {
            let mut chunk = NINE_A;
            chunk[at] = byte;
            chunk
        }

        #[track_caller]
        fn assert_odd(src: &[u8], len: usize, oddity: Oddity) {
            super::assert_odd(Format::Lzms, src, len, oddity);
        }

        #[test]
        fn sound_streams() {
            assert_sound(Format::Lzms, &NINE_A, 9);
            // Both established readers let any unit stand there, and none.
            assert_sound(Format::Lzms, &nine_a_with(4, 0x77), 9);
            assert_sound(Format::Lzms, &[&NINE_A[..4], &NINE_A[6..]].concat(), 9);
        }

        #[test]
        fn padding() {
            for bits in [1, 2] {
                assert_odd(&nine_a_with(6, 0x64 | bits), 9, Oddity::Padding);
            }
        }

        #[test]
        fn final_code() {
            assert_odd(&nine_a_with(2, 0xd3), 9, Oddity::FinalCode(3));
        }

        #[test]
        fn overlapping_streams() {
            // The literal needs a unit that the range decoder has read.
            assert_odd(&[0; 4], 1, Oddity::Overlap);
            // Four literals fit, the fifth reads beyond the front.
            assert_odd(&[0; 8], 5, Oddity::Overlap);
        }
    }

    #[test]
    fn what_the_encoders_write() {
        let mut text: Vec<u8> = (0..20_000_u32).flat_map(|i| (i * i / 7).to_le_bytes()).collect();
        text.truncate(CHUNK_SIZE as usize);
        text.splice(1000..3000, b"the quick brown fox jumps over the lazy dog ".repeat(45));
        text.truncate(CHUNK_SIZE as usize);
        let mut packed = vec![0; text.len()];
        for format in [Format::Xpress, Format::Lzx, Format::Lzms] {
            for level in (1..=9).filter_map(Level::new) {
                let mut compressor = format.compressor(CHUNK_SIZE, level).unwrap();
                for chunk in [&text[..], &text[..3001], &[7; 1000]] {
                    let size = compressor.compress(chunk, &mut packed).expect("it shrinks");
                    let unpacked = strict(format, &packed[..size], chunk.len());
                    assert!(unpacked.as_deref() == Ok(chunk), "{format} {level:?}: {:?}", unpacked.err());
                }
            }
        }
    }

    #[test]
    fn malformed_data_is_not_merely_odd() {
        assert_eq!(strict(Format::Xpress, &[0; 100], 9), Err(DecodeErrorKind::Truncated));
        assert_eq!(strict(Format::Lzx, &[0; 100], 9), Err(DecodeErrorKind::BadBlockSize(0)));
        assert_eq!(strict(Format::Lzms, &[0; 5], 9), Err(DecodeErrorKind::BadSize));
    }
}
