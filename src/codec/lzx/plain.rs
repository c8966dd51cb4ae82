//! A plain LZX decoder, written line by line from the format's description: the strict decoder, and the yardstick of
//! the fast one in tests and fuzz targets. It reads single bits, copies single bytes and takes no shortcut.

use super::e8;
use super::format::{
    ALIGNED_SYMBOLS, DEFAULT_BLOCK_SIZE, EXTRA_OFFSET_BITS, LENGTH_SYMBOLS, MAX_MAIN_SYMBOLS, MIN_MATCH, NUM_LITERALS,
    OFFSET_SLOT_BASE, PRECODE_SYMBOLS, RECENT_OFFSETS, block_type, num_main_symbols,
};
use crate::codec::huffman::plain::PlainCode;
use crate::codec::strict::Rules;
use crate::codec::{DecodeError, DecodeErrorKind, Oddity};

/// Decodes one chunk of a resource with the given window order, as the fast decoder does.
///
/// # Errors
/// Malformed data.
#[cfg(test)]
pub(crate) fn decompress(window_order: u32, src: &[u8], dst: &mut [u8]) -> Result<(), DecodeError> {
    decode(Rules::TOLERANT, window_order, src, dst)
}

/// Decodes one chunk of a resource with the given window order.
///
/// # Errors
/// What the rules refuse.
pub(crate) fn decode(rules: Rules, window_order: u32, src: &[u8], dst: &mut [u8]) -> Result<(), DecodeError> {
    let mut decoder = Decoder {
        rules,
        window_order,
        src,
        dst,
        bit_pos: 0,
        dst_pos: 0,
        recent: [1; RECENT_OFFSETS],
        main_lens: [0; MAX_MAIN_SYMBOLS],
        length_lens: [0; LENGTH_SYMBOLS],
    };
    decoder.run().map_err(|kind| DecodeError {
        kind,
        src_offset: decoder.bit_pos.div_ceil(8).min(src.len()),
        dst_offset: decoder.dst_pos,
    })?;
    e8::undo(dst);
    Ok(())
}

struct Decoder<'a> {
    rules: Rules,
    window_order: u32,
    src: &'a [u8],
    dst: &'a mut [u8],
    bit_pos: usize,
    dst_pos: usize,
    recent: [u32; RECENT_OFFSETS],
    main_lens: [u8; MAX_MAIN_SYMBOLS],
    length_lens: [u8; LENGTH_SYMBOLS],
}

impl Decoder<'_> {
    /// The next bit of the 16-bit little-endian units, the most significant first; zero beyond the last whole unit.
    fn bit(&mut self) -> u32 {
        let unit = self.bit_pos / 16 * 2;
        let unit = self.src.get(unit..unit + 2).map_or(0, |bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
        let bit = unit >> (15 - self.bit_pos % 16) & 1;
        self.bit_pos += 1;
        bit.into()
    }

    fn bits(&mut self, count: u32) -> u32 {
        (0..count).fold(0, |value, _| value << 1 | self.bit())
    }

    fn run(&mut self) -> Result<(), DecodeErrorKind> {
        while self.dst_pos < self.dst.len() {
            self.block()?;
        }
        let end = self.bit_pos.next_multiple_of(16);
        let trailing_bytes = self.src.len().saturating_sub(end / 8);
        self.rules.refuse(trailing_bytes > 0, Oddity::TrailingBytes(trailing_bytes))?;
        let padding = self.bits((end - self.bit_pos) as u32);
        self.rules.refuse(padding != 0, Oddity::Padding)
    }

    fn symbol(&mut self, code: &PlainCode) -> usize {
        code.decode(|| self.bit()).into()
    }

    fn code<const N: usize>(&mut self, name: &'static str, width: u32) -> Result<PlainCode, DecodeErrorKind> {
        let lens: [u8; N] = std::array::from_fn(|_| self.bits(width) as u8);
        let code = PlainCode::new(&lens).ok_or(DecodeErrorKind::BadCode(name))?;
        self.rules.refuse(code.is_empty(), Oddity::EmptyCode(name))?;
        Ok(code)
    }

    /// Updates a vector of codeword lengths.
    fn lens(&mut self, lens: &mut [u8]) -> Result<(), DecodeErrorKind> {
        let precode = self.code::<PRECODE_SYMBOLS>("precode", 4)?;
        let minus = |old: u8, delta: usize| (17 + old - delta as u8) % 17;
        let mut i = 0;
        while i < lens.len() {
            let (run, value) = match self.symbol(&precode) {
                17 => (4 + self.bits(4), 0),
                18 => (20 + self.bits(5), 0),
                19 => {
                    let run = 4 + self.bit();
                    let delta = self.symbol(&precode);
                    if delta > 17 {
                        return Err(DecodeErrorKind::BadLengthRun);
                    }
                    self.rules.refuse(delta == 17, Oddity::RunOperand)?;
                    (run, minus(lens[i], delta))
                }
                delta => (1, minus(lens[i], delta)),
            };
            let end = i + run as usize;
            lens.get_mut(i..end).ok_or(DecodeErrorKind::BadLengthRun)?.fill(value);
            i = end;
        }
        Ok(())
    }

    fn block(&mut self) -> Result<(), DecodeErrorKind> {
        let block_type = self.bits(3);
        let size = match self.bit() {
            1 => DEFAULT_BLOCK_SIZE,
            _ => self.bits(if self.window_order == 15 { 16 } else { 24 }),
        };
        if size == 0 || size as usize > self.dst.len() - self.dst_pos {
            return Err(DecodeErrorKind::BadBlockSize(size));
        }
        let end = self.dst_pos + size as usize;
        let aligned = match block_type {
            block_type::VERBATIM => None,
            block_type::ALIGNED => Some(self.code::<ALIGNED_SYMBOLS>("aligned offset code", 3)?),
            block_type::UNCOMPRESSED => return self.uncompressed(end),
            other => return Err(DecodeErrorKind::BadBlockType(other as u8)),
        };

        let mut main_lens = self.main_lens;
        let used = &mut main_lens[..num_main_symbols(self.window_order)];
        self.lens(&mut used[..NUM_LITERALS])?;
        self.lens(&mut used[NUM_LITERALS..])?;
        let main_code = PlainCode::new(used).ok_or(DecodeErrorKind::BadCode("main code"))?;
        self.rules.refuse(main_code.is_empty(), Oddity::EmptyCode("main code"))?;
        self.main_lens = main_lens;

        let mut length_lens = self.length_lens;
        self.lens(&mut length_lens)?;
        let length_code = PlainCode::new(&length_lens).ok_or(DecodeErrorKind::BadCode("length code"))?;
        self.length_lens = length_lens;

        while self.dst_pos < end {
            match self.symbol(&main_code) {
                literal @ 0..NUM_LITERALS => {
                    self.dst[self.dst_pos] = literal as u8;
                    self.dst_pos += 1;
                }
                matched => {
                    let header = (matched - NUM_LITERALS) % 8;
                    let slot = (matched - NUM_LITERALS) / 8;
                    let extension = if header == 7 { self.symbol(&length_code) } else { 0 };
                    self.rules.refuse(header == 7 && length_code.is_empty(), Oddity::EmptyCode("length code"))?;
                    let offset = self.offset(slot, aligned.as_ref());
                    self.copy(MIN_MATCH + header + extension, offset as usize, end)?;
                }
            }
            self.rules.refuse(self.bit_pos > self.src.len() / 2 * 16, Oddity::BitsBeyondEnd)?;
        }
        Ok(())
    }

    fn offset(&mut self, slot: usize, aligned: Option<&PlainCode>) -> u32 {
        if slot < RECENT_OFFSETS {
            self.recent.swap(0, slot);
            return self.recent[0];
        }
        let extra_bits = EXTRA_OFFSET_BITS[slot].into();
        let extra = match aligned {
            Some(aligned) if extra_bits >= 3 => self.bits(extra_bits - 3) << 3 | self.symbol(aligned) as u32,
            _ => self.bits(extra_bits),
        };
        let offset = OFFSET_SLOT_BASE[slot] as u32 + extra;
        self.recent = [offset, self.recent[0], self.recent[1]];
        offset
    }

    fn copy(&mut self, length: usize, offset: usize, end: usize) -> Result<(), DecodeErrorKind> {
        if length > end - self.dst_pos {
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

    fn uncompressed(&mut self, end: usize) -> Result<(), DecodeErrorKind> {
        let size = end - self.dst_pos;
        let start = (self.bit_pos / 16 + 1) * 2;
        let (header, raw) = self
            .src
            .get(start..)
            .and_then(<[u8]>::split_first_chunk::<12>)
            .filter(|(_, rest)| rest.len() >= size)
            .ok_or(DecodeErrorKind::Truncated)?;
        let alignment = self.bits((start * 8 - self.bit_pos) as u32);
        self.rules.refuse(alignment != 0, Oddity::Alignment)?;
        for (offset, bytes) in self.recent.iter_mut().zip(header.as_chunks::<4>().0) {
            *offset = u32::from_le_bytes(*bytes);
            if *offset == 0 {
                return Err(DecodeErrorKind::ZeroRecentOffset);
            }
        }
        // The last slot ends at the window's size less 3.
        let largest = (1 << self.window_order) - 3;
        for offset in self.recent {
            self.rules.refuse(offset > largest, Oddity::RecentOffset(offset))?;
        }
        self.dst[self.dst_pos..end].copy_from_slice(&raw[..size]);
        self.dst_pos = end;
        self.bit_pos = (start + 12 + size) * 8;
        if size % 2 == 1 {
            let pad_byte = raw.get(size);
            self.rules.refuse(pad_byte.is_none(), Oddity::MissingPadByte)?;
            self.rules.refuse(pad_byte.is_some_and(|byte| *byte != 0), Oddity::Padding)?;
            self.bit_pos += 8;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::decompress;
    use crate::codec::test_data::unhex;

    #[test]
    fn verbatim_block_of_the_format_description() {
        let src = unhex(
            "07200080000000002300220385097ef67506f4fb00c00000000080008400e21f\
             f77d00c300000000000010007f10ffd34afc25d7f063",
        );
        let mut dst = [0; 120];
        decompress(15, &src, &mut dst).expect("valid");
        assert_eq!(dst.as_slice(), b"abracadabra ".repeat(10));
    }

    #[test]
    fn uncompressed_block_of_the_format_description() {
        let src = unhex("0160008001000000010000000100000090909090e864000000909090909090909090909090909090");
        let mut dst = [0; 24];
        decompress(15, &src, &mut dst).expect("valid");
        assert_eq!(dst.as_slice(), unhex("90909090e860000000909090909090909090909090909090"));
    }
}
