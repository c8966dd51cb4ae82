//! The recent offsets in one word, so that an offset is pushed, or none is, without a branch.

use super::format::RECENT_OFFSETS;

/// The recent offsets, the most recent one in the lowest bits. Bits above the last one may be anything.
#[derive(Clone, Copy)]
pub(super) struct Recent(u64);

impl Recent {
    /// How many bits each offset has: those of the largest window's.
    const BITS: u32 = 21;
    const MASK: u64 = (1 << Self::BITS) - 1;
    /// To push an offset.
    pub(super) const SHIFT: u8 = Self::BITS as u8;

    /// Those offsets, none of which may be larger than any that a match has.
    pub(super) fn new(offsets: &[u32; RECENT_OFFSETS]) -> Self {
        Self(offsets.iter().rev().fold(0, |word, &offset| word << Self::BITS | u64::from(offset)))
    }

    /// The offsets, the most recent one first.
    pub(super) fn offsets(self) -> [u32; RECENT_OFFSETS] {
        [0, 1, 2].map(|index| (self.0 >> (Self::BITS * index) & Self::MASK) as u32)
    }

    /// The most recent one.
    #[inline(always)]
    pub(super) fn first(self) -> usize {
        (self.0 & Self::MASK) as usize
    }

    /// With [`Self::SHIFT`], pushes an offset, which must not be too large. With 0 and no offset, which is 0, does nothing.
    #[inline(always)]
    pub(super) fn push(&mut self, offset: u32, shift: u8) {
        self.0 = self.0.wrapping_shl(shift.into()) | u64::from(offset);
    }

    /// Exchanges the most recent one with the one of this index.
    #[inline(always)]
    pub(super) fn exchange(&mut self, index: usize) {
        let shift = Self::BITS * index as u32;
        let differences = (self.0 ^ self.0.wrapping_shr(shift)) & Self::MASK;
        self.0 ^= differences ^ differences.wrapping_shl(shift);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_word_does_what_an_array_does(
            offsets in prop::array::uniform3(0_u32..1 << 21),
            steps in prop::collection::vec((0_usize..4, 0_u32..1 << 21), 0..20),
        ) {
            let mut array = offsets;
            let mut word = Recent::new(&offsets);
            for (step, offset) in steps {
                if step < RECENT_OFFSETS {
                    array.swap(0, step);
                    word.exchange(step);
                    word.push(0, 0);
                } else {
                    array = [offset, array[0], array[1]];
                    word.push(offset, Recent::SHIFT);
                }
                prop_assert_eq!(word.offsets(), array);
                prop_assert_eq!(word.first(), array[0] as usize);
            }
        }
    }
}
