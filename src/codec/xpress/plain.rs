//! A plain XPRESS Huffman decoder, written line by line from the format's description: the strict decoder, and the
//! yardstick of the fast one in tests and fuzz targets. It reads single bits, copies single bytes, takes no shortcut.

use crate::codec::huffman::plain::PlainCode;
use crate::codec::strict::Rules;
use crate::codec::{DecodeError, DecodeErrorKind, Oddity};

/// The symbol of a match of length 3 and offset 1, which also ends the data.
const END_SYMBOL: u16 = 256;
/// The least value of two length bytes; below, a single one says the length.
const LEAST_LENGTH_WORD: usize = 270;

/// Decodes one chunk, as the fast decoder does.
///
/// # Errors
/// Malformed data.
#[cfg(test)]
pub(crate) fn decompress(src: &[u8], dst: &mut [u8]) -> Result<(), DecodeError> {
    decode(Rules::TOLERANT, src, dst)
}

/// Decodes one chunk.
///
/// # Errors
/// What the rules refuse.
pub(crate) fn decode(rules: Rules, src: &[u8], dst: &mut [u8]) -> Result<(), DecodeError> {
    let mut decoder =
        Decoder { rules, src, src_pos: 0, reservoir: 0, bits_left: 0, is_beyond_end: false, dst, dst_pos: 0 };
    decoder.run().map_err(|kind| DecodeError { kind, src_offset: decoder.src_pos, dst_offset: decoder.dst_pos })
}

struct Decoder<'a> {
    rules: Rules,
    src: &'a [u8],
    src_pos: usize,
    /// The unread bits, right-aligned, below others.
    reservoir: u32,
    bits_left: u32,
    /// Whether a unit was fetched that the input does not have.
    is_beyond_end: bool,
    dst: &'a mut [u8],
    dst_pos: usize,
}

impl Decoder<'_> {
    fn run(&mut self) -> Result<(), DecodeErrorKind> {
        let table = self.bytes::<256>()?;
        let lens: [u8; 512] = std::array::from_fn(|symbol| table[symbol / 2] >> (symbol % 2 * 4) & 15);
        let code = PlainCode::new(&lens).ok_or(DecodeErrorKind::BadCode("code"))?;
        self.rules.refuse(code.is_empty(), Oddity::EmptyCode("code"))?;
        self.fetch_unit();
        self.fetch_unit();
        while self.dst_pos < self.dst.len() {
            self.item(&code)?;
            // What is fetched in advance must be there as well: the end symbol and the encoder's last units are.
            self.rules.refuse(self.is_beyond_end, Oddity::BitsBeyondEnd)?;
        }
        let is_end = code.decode(|| self.bit()) == END_SYMBOL;
        self.rules.refuse(!is_end, Oddity::MissingEndSymbol)?;
        self.refill();
        self.rules.refuse(self.is_beyond_end, Oddity::BitsBeyondEnd)?;
        let trailing_bytes = self.src.len() - self.src_pos;
        self.rules.refuse(trailing_bytes > 0, Oddity::TrailingBytes(trailing_bytes))?;
        let padding = (0..self.bits_left).fold(0, |padding, _| padding | self.bit());
        self.rules.refuse(padding != 0, Oddity::Padding)
    }

    fn item(&mut self, code: &PlainCode) -> Result<(), DecodeErrorKind> {
        let symbol = code.decode(|| self.bit());
        self.refill();
        if symbol < 256 {
            self.dst[self.dst_pos] = symbol as u8;
            self.dst_pos += 1;
            return Ok(());
        }
        let class = (symbol - 256) / 16;
        let length = match (symbol - 256) % 16 {
            15 => match self.bytes()? {
                [255] => {
                    let word = usize::from(u16::from_le_bytes(self.bytes()?));
                    self.rules.refuse(word < LEAST_LENGTH_WORD, Oddity::LongLength(word + 3))?;
                    word
                }
                [byte] => 15 + usize::from(byte),
            },
            nibble => nibble.into(),
        };
        let offset = (0..class).fold(1, |offset, _| offset << 1 | self.bit());
        self.refill();
        self.copy(length + 3, offset as usize)
    }

    /// The next bytes at the cursor, which the reservoir and the length bytes share.
    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], DecodeErrorKind> {
        let bytes = *self.src[self.src_pos..].first_chunk::<N>().ok_or(DecodeErrorKind::Truncated)?;
        self.src_pos += N;
        Ok(bytes)
    }

    /// Appends a 16-bit unit to the reservoir; zero where the input holds no whole unit any more.
    fn fetch_unit(&mut self) {
        let unit = self.bytes();
        self.is_beyond_end |= unit.is_err();
        let unit = unit.map_or(0, u16::from_le_bytes);
        self.reservoir = self.reservoir << 16 | u32::from(unit);
        self.bits_left += 16;
    }

    fn bit(&mut self) -> u32 {
        self.bits_left -= 1;
        self.reservoir >> self.bits_left & 1
    }

    /// To be called after each codeword and each set of extra bits (at most 15 bits): the moment at which a unit is
    /// fetched decides where the length bytes lie.
    fn refill(&mut self) {
        if self.bits_left < 16 {
            self.fetch_unit();
        }
    }

    fn copy(&mut self, length: usize, offset: usize) -> Result<(), DecodeErrorKind> {
        if length > self.dst.len() - self.dst_pos {
            return Err(DecodeErrorKind::BadLength { length: length as u64 });
        }
        if offset > self.dst_pos {
            return Err(DecodeErrorKind::BadOffset { offset: offset as u64 });
        }
        for i in self.dst_pos..self.dst_pos + length {
            self.dst[i] = self.dst[i - offset];
        }
        self.dst_pos += length;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::decompress;
    use crate::codec::test_data::xpress_chunk as chunk;

    #[test]
    fn sixteen_bit_length_of_the_format_description() {
        let src = chunk(&[(48, 0x10), (128, 0x02), (135, 0x20)], "00380000ff2701");
        let mut dst = [0; 300];
        decompress(&src, &mut dst).expect("valid");
        assert_eq!(dst, [b'a'; 300]);
    }

    #[test]
    fn interleaved_length_bytes_of_the_format_description() {
        let table = [(48, 0x20), (49, 0x33), (60, 0x03), (128, 0x03), (135, 0x30), (143, 0x30)];
        let src = chunk(&table, "3e13006a05000015");
        let mut dst = [0; 67];
        decompress(&src, &mut dst).expect("valid");
        assert_eq!(dst.as_slice(), ["abc".repeat(9), "x".repeat(40)].concat().as_bytes());
    }
}
