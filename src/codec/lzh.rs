//! LZ with Huffman codes, as one method of KWAJ files has it.
//!
//! Bits are read from the highest of each byte down. First there are, for each of five codes, 4 bits that tell how its codeword
//! lengths are written, and 4 that tell nothing; then these lists; then items. An item begins with a match's length less 2; it
//! has one of two codes, the second one behind a run of less than 32 literals, since another run never follows. The code for the
//! high part of the distance and 6 bits follow. Where the length is 0, the item is a run of literals, whose length less 1 has a
//! code, and so has each literal. Matches may reach 4096 bytes back, and blanks before the beginning.

use super::{DecodeError, DecodeErrorKind};

const WINDOW_SIZE: usize = 4096;
/// Bits of a distance that are not coded.
const LOW_BITS: u32 = 6;
/// A run of so many literals may be followed by another one.
const MAX_RUN: usize = 32;
/// So many bytes at most come of each one that is read: the longest match has at least 8 bits.
pub const MAX_RATIO: usize = 17;

/// Decodes `src` to its end, or to `size` bytes.
///
/// [`MAX_RATIO`] bytes at most come of each one that is read.
///
/// # Errors
/// Codes that are none; the data ends before there are codes, or `size` bytes.
pub fn decompress(src: &[u8], size: Option<usize>) -> Result<Vec<u8>, DecodeError> {
    let mut bits = Bits { src, at: 0 };
    let mut output = Vec::new();
    let result = decode(&mut bits, size.unwrap_or(usize::MAX), &mut output);
    let error = |kind| DecodeError { kind, src_offset: bits.at.div_ceil(8), dst_offset: output.len() };
    match (result, size) {
        // Without a size, the end of the data is the end.
        (Err(Stop::InItems), None) => Ok(output),
        (Err(Stop::InItems), Some(_)) => Err(error(DecodeErrorKind::Truncated)),
        (Err(Stop::Bad(kind)), _) => Err(error(kind)),
        (Ok(()), _) => Ok(output),
    }
}

/// Why there are no more items.
enum Stop {
    /// The data ends, between items or in the middle of one.
    InItems,
    Bad(DecodeErrorKind),
}

impl From<DecodeErrorKind> for Stop {
    fn from(kind: DecodeErrorKind) -> Self {
        Self::Bad(kind)
    }
}

/// Decodes until there are `limit` bytes.
fn decode(bits: &mut Bits<'_>, limit: usize, output: &mut Vec<u8>) -> Result<(), Stop> {
    let ended = |kind: Option<u32>| kind.ok_or(DecodeErrorKind::Truncated);
    let mut kinds = [0; 6];
    for kind in &mut kinds {
        *kind = ended(bits.take(4))?;
    }
    let mut code = |index: usize, name, symbols| -> Result<Code, DecodeErrorKind> {
        Code::new(name, &read_lens(bits, kinds[index], symbols)?)
    };
    let lengths = [code(0, "match length code", 16)?, code(1, "match length code behind literals", 16)?];
    let runs = code(2, "literal run code", MAX_RUN)?;
    let distances = code(3, "distance code", WINDOW_SIZE >> LOW_BITS)?;
    let literals = code(4, "literal code", 256)?;

    let mut behind_run = false;
    while output.len() < limit {
        let length = lengths[usize::from(behind_run)].read(bits)?;
        if length == 0 {
            let run = runs.read(bits)? + 1;
            for _ in 0..run.min(limit - output.len()) {
                output.push(literals.read(bits)? as u8);
            }
            behind_run = run < MAX_RUN;
            continue;
        }
        let distance = distances.read(bits)? << LOW_BITS | bits.take(LOW_BITS).ok_or(Stop::InItems)? as usize;
        let distance = if distance == 0 { WINDOW_SIZE } else { distance };
        for _ in 0..(length + 2).min(limit - output.len()) {
            output.push(output.len().checked_sub(distance).map_or(b' ', |from| output[from]));
        }
        behind_run = false;
    }
    Ok(())
}

/// Reads a list of codeword lengths that is written in this way.
fn read_lens(bits: &mut Bits<'_>, kind: u32, symbols: usize) -> Result<Vec<u8>, DecodeErrorKind> {
    let mut take = |count| bits.take(count).map(|bits| bits as u8).ok_or(DecodeErrorKind::Truncated);
    let mut lens: Vec<u8> = Vec::with_capacity(symbols);
    while lens.len() < symbols {
        let len = match (kind, lens.last().copied()) {
            (0, _) => symbols.ilog2() as u8,
            (1..=2, None) | (3, _) => take(4)?,
            // The same, one more, or any.
            (1, Some(last)) if take(1)? == 0 => last,
            (1, Some(last)) if take(1)? == 0 => last + 1,
            (1, Some(_)) => take(4)?,
            // One less, the same, one more, or any.
            (2, Some(last)) => match take(2)? {
                3 => take(4)?,
                step => (last + step).checked_sub(1).ok_or(DecodeErrorKind::BadLengthRun)?,
            },
            _ => return Err(DecodeErrorKind::BadLengthRun),
        };
        if len > MAX_LEN {
            return Err(DecodeErrorKind::BadLengthRun);
        }
        lens.push(len);
    }
    Ok(lens)
}

/// The longest codeword.
const MAX_LEN: u8 = 15;

/// A canonical code, which need not be complete. Old and rare files need no fast one.
struct Code {
    /// How many codewords have each length.
    counts: [u16; MAX_LEN as usize + 1],
    /// The symbols in the order of their codewords.
    symbols: Vec<u8>,
}

impl Code {
    fn new(name: &'static str, lens: &[u8]) -> Result<Self, DecodeErrorKind> {
        let mut counts = [0_u16; MAX_LEN as usize + 1];
        lens.iter().for_each(|len| counts[usize::from(*len)] += 1);
        let space: u32 = (1..=MAX_LEN).map(|len| u32::from(counts[usize::from(len)]) << (MAX_LEN - len)).sum();
        if space > 1 << MAX_LEN {
            return Err(DecodeErrorKind::BadCode(name));
        }
        let mut symbols: Vec<u8> = (0..=255).take(lens.len()).filter(|symbol| lens[usize::from(*symbol)] > 0).collect();
        symbols.sort_by_key(|symbol| lens[usize::from(*symbol)]);
        Ok(Self { counts, symbols })
    }

    fn read(&self, bits: &mut Bits<'_>) -> Result<usize, Stop> {
        // The first codeword of a length, and its symbol's place.
        let (mut codeword, mut first, mut place) = (0, 0, 0);
        for count in self.counts[1..].iter().map(|count| u32::from(*count)) {
            codeword |= bits.take(1).ok_or(Stop::InItems)?;
            if codeword - first < count {
                return Ok(usize::from(self.symbols[(place + codeword - first) as usize]));
            }
            place += count;
            first = (first + count) << 1;
            codeword <<= 1;
        }
        Err(DecodeErrorKind::BadSymbol.into())
    }
}

struct Bits<'a> {
    src: &'a [u8],
    /// The next bit.
    at: usize,
}

impl Bits<'_> {
    /// The next bits; `None` if there are not as many.
    fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for at in self.at..self.at + count as usize {
            value = value << 1 | u32::from(self.src.get(at / 8)? >> (7 - at % 8) & 1);
        }
        self.at += count as usize;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::test_data::{damaged, noise, unhex};

    /// All kinds of lists: what an independent decoder reads as well.
    const EXAMPLE: &str = "012310501a0cc32aaaaaaa2aaa2aaaeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeccccccccccccccccaaaaaaaaaaaaaaab\
                           20000000000000000000000000000000380000000000000001b80000000000000000e7e7eff6f9741f4f2fe3e9ace602\
                           c32f6fbfe5cc08061bbde02c30d080";
    const CONTENT: &[u8] = b"some text, some more text; more!";

    #[test]
    fn an_example_with_all_kinds_of_lists() {
        let src = unhex(EXAMPLE);
        assert_eq!(decompress(&src, None).unwrap(), CONTENT);
        assert_eq!(decompress(&src, Some(CONTENT.len())).unwrap(), CONTENT);
        assert_eq!(decompress(&src, Some(13)).unwrap(), &CONTENT[..13]);
        assert_eq!(decompress(&src, Some(CONTENT.len() + 1)).unwrap_err().kind, DecodeErrorKind::Truncated);
    }

    /// Writes bits.
    #[derive(Default)]
    struct Writer(String);

    impl Writer {
        fn put(&mut self, value: usize, count: usize) -> &mut Self {
            self.0 += &format!("{value:0count$b}");
            self
        }

        fn bytes(&self) -> Vec<u8> {
            let byte = |bits: &[u8]| (0..8).fold(0, |byte, at| byte << 1 | u8::from(bits.get(at) == Some(&b'1')));
            self.0.as_bytes().chunks(8).map(byte).collect()
        }
    }

    /// Writes runs of literals of these lengths, with codewords of the same lengths.
    fn literals(data: &[u8], runs: &[usize]) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.put(0, 24);
        let mut rest = data;
        for run in runs {
            let literals = rest.split_off(..*run).unwrap();
            writer.put(0, 4).put(run - 1, 5);
            literals.iter().for_each(|literal| _ = writer.put((*literal).into(), 8));
        }
        writer.bytes()
    }

    #[test]
    fn runs_and_matches() {
        let data = noise(100);
        assert!(decompress(&literals(&data, &[5, 32, 32, 31]), None).unwrap() == data);
        // Blanks from before the beginning, 4096 bytes back and 63; then what was just written.
        let mut writer = Writer::default();
        writer.put(0, 24).put(15, 4).put(0, 12).put(1, 4).put(0, 6).put(63, 6).put(0, 4).put(0, 5).put(b'x'.into(), 8);
        writer.put(2, 4).put(0, 6).put(1, 6);
        assert_eq!(decompress(&writer.bytes(), None).unwrap(), [&[b' '; 20][..], b"xxxxx"].concat());
    }

    #[test]
    fn the_second_code_follows_a_short_run_alone() {
        // Lengths: 4 bits each. Behind a run: one bit for 0, one for 15.
        let run_of = |count: usize, literal: u8, writer: &mut Writer| {
            writer.put(count - 1, 5);
            (0..count).for_each(|_| _ = writer.put(literal.into(), 8));
        };
        let mut writer = Writer::default();
        writer.put(0x03_0000, 24).put(1, 4).put(0, 14 * 4).put(1, 4);
        writer.put(0, 4);
        run_of(5, b'a', &mut writer);
        writer.put(0, 1);
        run_of(32, b'b', &mut writer);
        writer.put(0, 4);
        run_of(1, b'c', &mut writer);
        writer.put(1, 1).put(0, 6).put(1, 6).put(1, 4).put(0, 6).put(40, 6);
        let expected = [&[b'a'; 5][..], &[b'b'; 32], &[b'c'; 18], b"bbb"].concat();
        assert_eq!(decompress(&writer.bytes(), Some(expected.len())).unwrap(), expected);
    }

    #[test]
    fn what_is_refused() {
        let kind = |bits: &[(usize, usize)]| {
            let mut writer = Writer::default();
            bits.iter().for_each(|(value, count)| _ = writer.put(*value, *count));
            decompress(&writer.bytes(), None).unwrap_err().kind
        };
        assert_eq!(kind(&[]), DecodeErrorKind::Truncated);
        assert_eq!(kind(&[(0x40_0000, 24)]), DecodeErrorKind::BadLengthRun);
        assert_eq!(kind(&[(0x30_0000, 24), (1, 8)]), DecodeErrorKind::Truncated);
        // One less than 0; one more than 15.
        assert_eq!(kind(&[(0x20_0000, 24), (0, 4), (0, 2)]), DecodeErrorKind::BadLengthRun);
        assert_eq!(kind(&[(0x10_0000, 24), (15, 4), (2, 2)]), DecodeErrorKind::BadLengthRun);
        // Sixteen codewords of one bit; none at all.
        assert_eq!(kind(&[(0x10_0000, 24), (1, 4), (0, 15)]), DecodeErrorKind::BadCode("match length code"));
        assert_eq!(kind(&[(0x10_0000, 24), (0, 4), (0, 15), (0, 64)]), DecodeErrorKind::BadSymbol);
        for src in damaged(&unhex(EXAMPLE)) {
            if let Ok(output) = decompress(&src, None) {
                assert!(output.len() <= MAX_RATIO * src.len());
            }
        }
    }
}
