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

/// A match finder that reports every useful match, for parsers that weigh them against each other.
///
/// `buffer` is padded; `max_length` is the format's longest match or what is left of the data, whichever is less.
pub(crate) trait MatchFinder: Send + std::fmt::Debug {
    /// Tables for chunks of at most `max_size` bytes, to find matches of at least `min_length` (2 or 3) bytes.
    fn new(max_size: usize, min_length: usize) -> Self;

    /// Bytes on the heap.
    fn memory(max_size: usize, min_length: usize) -> usize;

    /// Forgets all positions.
    fn reset(&mut self);

    /// Adds `position` and hands `found` the matches there, each longer than the one before.
    fn find(
        &mut self,
        buffer: &[u8],
        position: usize,
        max_length: usize,
        limits: SearchLimits,
        found: impl FnMut(Match),
    );

    /// Adds `position` without reporting matches.
    fn skip(&mut self, buffer: &[u8], position: usize, max_length: usize, limits: SearchLimits);
}

/// The newest position for each pair of bytes and for each hash of three: where short matches come from. Those pay only
/// when they are near, so one candidate is enough. Pairs are optional.
#[derive(Debug)]
pub(crate) struct ShortTables<P> {
    pairs: Box<[P]>,
    triples: Box<[P; 1 << TRIPLE_BITS]>,
}

const TRIPLE_BITS: u32 = 13;

impl<P: Position> ShortTables<P> {
    pub(crate) fn new(min_length: usize) -> Self {
        Self {
            pairs: vec![P::NONE; Self::num_pairs(min_length)].into_boxed_slice(),
            triples: Box::new([P::NONE; 1 << TRIPLE_BITS]),
        }
    }

    const fn num_pairs(min_length: usize) -> usize {
        if min_length == 2 { 1 << 16 } else { 0 }
    }

    /// Bytes on the heap.
    pub(crate) const fn memory(min_length: usize) -> usize {
        (Self::num_pairs(min_length) + (1 << TRIPLE_BITS)) * size_of::<P>()
    }

    pub(crate) fn reset(&mut self) {
        self.pairs.fill(P::NONE);
        self.triples.fill(P::NONE);
    }

    /// Adds `position`, where `bytes` are, and hands `found` matches of two and three bytes.
    #[inline(always)]
    pub(crate) fn find(
        &mut self,
        buffer: &[u8],
        position: usize,
        bytes: u32,
        max_length: usize,
        found: &mut impl FnMut(Match),
    ) {
        let is_triple = |near: usize| (load_u32(buffer, near) ^ bytes) << 8 == 0;
        let report = |length, near: usize| Match { length, offset: (position - near) as u32 };
        if let Some(head) = self.pairs.get_mut(bytes as usize & 0xffff) {
            let near = std::mem::replace(head, P::new(position)).get();
            // If a third byte agrees, the other table knows the same position or a nearer one.
            if near < position && max_length >= 2 && (max_length == 2 || !is_triple(near)) {
                found(report(2, near));
            }
        }
        let near = std::mem::replace(&mut self.triples[hash::<TRIPLE_BITS>(bytes << 8)], P::new(position)).get();
        if near < position && max_length >= 3 && is_triple(near) {
            found(report(3, near));
        }
    }

    /// Adds `position`, where `bytes` are.
    #[inline(always)]
    pub(crate) fn skip(&mut self, position: usize, bytes: u32) {
        if let Some(head) = self.pairs.get_mut(bytes as usize & 0xffff) {
            *head = P::new(position);
        }
        self.triples[hash::<TRIPLE_BITS>(bytes << 8)] = P::new(position);
    }
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
