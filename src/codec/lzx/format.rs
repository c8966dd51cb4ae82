//! The constants of the LZX format that encoder and decoder share (WIM variant).

/// Literal symbols at the beginning of the main code's alphabet.
pub(crate) const NUM_LITERALS: usize = 256;
/// Length headers per offset slot; the last one says that a length symbol follows.
pub(crate) const NUM_LENGTH_HEADERS: usize = 8;
/// Symbols of the length code.
pub(crate) const LENGTH_SYMBOLS: usize = 249;
/// Symbols of the aligned offset code.
pub(crate) const ALIGNED_SYMBOLS: usize = 8;
/// Symbols of the precode.
pub(crate) const PRECODE_SYMBOLS: usize = 20;
/// Longest codeword of the main and length codes, in bits.
pub(crate) const MAX_CODEWORD_LEN: u32 = 16;
/// Longest codeword of the aligned offset code, in bits.
pub(crate) const MAX_ALIGNED_CODEWORD_LEN: u32 = 7;
/// Longest codeword of the precode, in bits.
pub(crate) const MAX_PRECODE_CODEWORD_LEN: u32 = 15;
/// Shortest match.
pub(crate) const MIN_MATCH: usize = 2;
/// Longest match.
pub(crate) const MAX_MATCH: usize = 257;
/// Number of recent offsets.
pub(crate) const RECENT_OFFSETS: usize = 3;
/// The block size that a single bit announces.
pub(crate) const DEFAULT_BLOCK_SIZE: u32 = 32768;
/// Smallest and largest window order.
pub(crate) const WINDOW_ORDERS: std::ops::RangeInclusive<u32> = 15..=21;
/// Offset slots of the largest window.
pub(crate) const MAX_OFFSET_SLOTS: usize = 50;
/// Main symbols of the largest window.
pub(crate) const MAX_MAIN_SYMBOLS: usize = NUM_LITERALS + NUM_LENGTH_HEADERS * MAX_OFFSET_SLOTS;

/// The three block types, as stored.
pub(crate) mod block_type {
    /// Offsets' extra bits are all raw.
    pub(crate) const VERBATIM: u32 = 1;
    /// The lowest three extra bits are coded with the aligned offset code.
    pub(crate) const ALIGNED: u32 = 2;
    /// Raw bytes.
    pub(crate) const UNCOMPRESSED: u32 = 3;
}

/// How many offset slots the window order has: the smallest number whose base exceeds the largest offset.
pub(crate) const fn num_offset_slots(window_order: u32) -> usize {
    match window_order {
        0..=19 => 2 * window_order as usize,
        _ => 34 + (1 << (window_order - 17)),
    }
}

/// How many symbols the main code has.
pub(crate) const fn num_main_symbols(window_order: u32) -> usize {
    NUM_LITERALS + NUM_LENGTH_HEADERS * num_offset_slots(window_order)
}

/// Extra offset bits of each slot.
pub(crate) const EXTRA_OFFSET_BITS: [u8; MAX_OFFSET_SLOTS] = {
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
pub(crate) const OFFSET_SLOT_BASE: [i32; MAX_OFFSET_SLOTS + 1] = {
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
        for (order, expected) in WINDOW_ORDERS.zip(expected) {
            assert_eq!(num_main_symbols(order), expected);
            assert!(OFFSET_SLOT_BASE[num_offset_slots(order)] > (1 << order) - 3);
        }
    }
}
