//! What all match finders share: positions, matches, hashing, match extension.

pub(crate) use super::extend::extend;

/// Zero bytes that must follow the data in the buffer a match finder searches, so that whole words can be loaded
/// anywhere in the data. A match never reaches into them.
pub(crate) const PADDING: usize = 16;

/// A position in the buffer as the tables store it. Half the table is half the cache: 16 bits serve up to 64 KiB.
pub(crate) trait Position: Copy + PartialEq + std::fmt::Debug + Send {
    /// No position.
    const NONE: Self;
    /// The stored form.
    fn new(position: usize) -> Self;
    /// The position.
    fn get(self) -> usize;
}

impl Position for u16 {
    // Position 65535 is the last of the largest buffer: nothing behind it could look for it.
    const NONE: Self = Self::MAX;
    #[inline(always)]
    fn new(position: usize) -> Self {
        position as Self
    }
    #[inline(always)]
    fn get(self) -> usize {
        self as usize
    }
}

impl Position for u32 {
    const NONE: Self = Self::MAX;
    #[inline(always)]
    fn new(position: usize) -> Self {
        position as Self
    }
    #[inline(always)]
    fn get(self) -> usize {
        self as usize
    }
}

/// An earlier occurrence: `length` bytes repeat those `offset` bytes before. A length of 0 says that there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) length: u32,
    pub(crate) offset: u32,
}

/// Bounds of one search.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SearchLimits {
    /// Candidates looked at, at most.
    pub(crate) depth: u32,
    /// A match of this length ends the search.
    pub(crate) nice_length: usize,
}

#[inline(always)]
pub(crate) fn load_u16(buffer: &[u8], position: usize) -> u16 {
    u16::from_le_bytes(buffer[position..position + 2].try_into().expect("two bytes"))
}

#[inline(always)]
pub(crate) fn load_u32(buffer: &[u8], position: usize) -> u32 {
    u32::from_le_bytes(buffer[position..position + 4].try_into().expect("four bytes"))
}

/// Hashes a value to `BITS` bits (multiplicative, as Knuth has it).
#[inline(always)]
pub(crate) fn hash<const BITS: u32>(value: u32) -> usize {
    (value.wrapping_mul(0x9e37_79b1) >> (32 - BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extend_counts_equal_bytes_up_to_the_limit() {
        for equal in 0..40 {
            let mut buffer = [7u8; 100 + PADDING];
            buffer[50 + equal] = 8;
            for limit in 0..40 {
                assert_eq!(extend(&buffer, 0, 50, 0, limit), equal.min(limit), "{equal} {limit}");
            }
        }
    }
}
