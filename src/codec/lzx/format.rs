//! The constants of the LZX format that encoder and decoder share (WIM variant).

/// Literal symbols at the beginning of the main code's alphabet.
pub(super) const NUM_LITERALS: usize = 256;
/// Length headers per offset slot; the last one says that a length symbol follows.
pub(super) const NUM_LENGTH_HEADERS: usize = 8;
/// Symbols of the length code.
pub(super) const LENGTH_SYMBOLS: usize = 249;
/// Symbols of the aligned offset code.
pub(super) const ALIGNED_SYMBOLS: usize = 8;
/// Symbols of the precode.
pub(super) const PRECODE_SYMBOLS: usize = 20;
/// Longest codeword of the main and length codes, in bits.
pub(super) const MAX_CODEWORD_LEN: u32 = 16;
/// Longest codeword of the aligned offset code, in bits.
pub(super) const MAX_ALIGNED_CODEWORD_LEN: u32 = 7;
/// Longest codeword of the precode, in bits.
pub(super) const MAX_PRECODE_CODEWORD_LEN: u32 = 15;
/// Shortest match.
pub(super) const MIN_MATCH: usize = 2;
/// Longest match.
pub(super) const MAX_MATCH: usize = 257;
/// Number of recent offsets.
pub(super) const RECENT_OFFSETS: usize = 3;
/// The block size that a single bit announces.
pub(super) const DEFAULT_BLOCK_SIZE: u32 = 32768;
/// Offset slots of the largest window.
pub(super) const MAX_OFFSET_SLOTS: usize = 50;
/// Main symbols of the largest window.
pub(super) const MAX_MAIN_SYMBOLS: usize = NUM_LITERALS + NUM_LENGTH_HEADERS * MAX_OFFSET_SLOTS;

/// The three block types, as stored.
pub(super) mod block_type {
    /// Offsets' extra bits are all raw.
    pub(in crate::codec::lzx) const VERBATIM: u32 = 1;
    /// The lowest three extra bits are coded with the aligned offset code.
    pub(in crate::codec::lzx) const ALIGNED: u32 = 2;
    /// Raw bytes.
    pub(in crate::codec::lzx) const UNCOMPRESSED: u32 = 3;
}

/// How many offset slots the window order has: the smallest number whose base exceeds the largest offset.
pub(super) const fn num_offset_slots(window_order: u32) -> usize {
    match window_order {
        0..=19 => 2 * window_order as usize,
        _ => 34 + (1 << (window_order - 17)),
    }
}

/// How many symbols the main code has.
pub(super) const fn num_main_symbols(window_order: u32) -> usize {
    NUM_LITERALS + NUM_LENGTH_HEADERS * num_offset_slots(window_order)
}

/// Extra offset bits of each slot.
pub(super) const EXTRA_OFFSET_BITS: [u8; MAX_OFFSET_SLOTS] = {
    let mut bits = [0; MAX_OFFSET_SLOTS];
    let mut slot = 4;
    while slot < MAX_OFFSET_SLOTS {
        bits[slot] = if slot < 36 { (slot / 2 - 1) as u8 } else { 17 };
        slot += 1;
    }
    bits
};

/// The smallest offset of each slot, with the end of the last one behind. Slots 0, 1 and 2 are the recent offsets
/// (their entries, -2 to 0, are meaningless).
pub(super) const OFFSET_SLOT_BASE: [i32; MAX_OFFSET_SLOTS + 1] = {
    let mut base = [-2; MAX_OFFSET_SLOTS + 1];
    let mut slot = 0;
    while slot < MAX_OFFSET_SLOTS {
        base[slot + 1] = base[slot] + (1 << EXTRA_OFFSET_BITS[slot]);
        slot += 1;
    }
    base
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_match_the_published_table() {
        assert_eq!(OFFSET_SLOT_BASE[3], 1);
        assert_eq!(OFFSET_SLOT_BASE[19], 766);
        assert_eq!(OFFSET_SLOT_BASE[35], 196_606);
        assert_eq!(OFFSET_SLOT_BASE[50], 2_097_150);
        let expected = [496, 512, 528, 544, 560, 592, 656];
        for (order, expected) in (15..=21).zip(expected) {
            assert_eq!(num_main_symbols(order), expected);
            assert!(OFFSET_SLOT_BASE[num_offset_slots(order)] > (1 << order) - 3);
        }
    }
}
