//! Matches of one stream that help to make another.
//!
//! Who compresses decoded data anew in another format need not search for what the stream says: where it has its matches,
//! and which. That is not all that a search would find, and no promise either: a filter in one of the formats changes the bytes.

/// A match of a stream that was decoded: so many bytes at a position are those that are so much before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KnownMatch(u64);

/// Chunks with positions that a [`KnownMatch`] can tell are no larger.
pub(crate) const MAX_KNOWN_SIZE: usize = 1 << 16;

impl KnownMatch {
    /// The match at `position` of `length` bytes that are `offset` before. All are taken modulo 2^16.
    #[inline(always)]
    pub fn new(position: usize, length: usize, offset: usize) -> Self {
        // In one word, since decoders write one for each item.
        Self(position as u64 & 0xFFFF | (length as u64 & 0xFFFF) << 16 | (offset as u64 & 0xFFFF) << 32)
    }

    /// Where it is in the chunk.
    #[inline(always)]
    pub fn position(self) -> usize {
        usize::from(self.0 as u16)
    }

    /// How many bytes it has.
    #[inline(always)]
    pub fn length(self) -> usize {
        usize::from((self.0 >> 16) as u16)
    }

    /// How many bytes before it the same bytes are.
    #[inline(always)]
    pub fn offset(self) -> usize {
        usize::from((self.0 >> 32) as u16)
    }
}

/// What decoders do with the matches that they come upon.
pub(crate) trait Notes {
    /// Takes note of a match, if it is one.
    fn note(&mut self, position: usize, length: usize, offset: usize, is_match: bool);
}

/// Nobody wants to know.
impl Notes for () {
    #[inline(always)]
    fn note(&mut self, _: usize, _: usize, _: usize, _: bool) {}
}

/// No match is shorter than two bytes.
const MOST: usize = MAX_KNOWN_SIZE / 2;

/// The matches of a chunk in the order of their positions.
#[derive(Debug)]
pub(crate) struct Noted {
    matches: Box<[KnownMatch; MOST]>,
    count: usize,
}

impl Noted {
    pub(crate) fn new() -> Self {
        Self { matches: super::boxed::boxed_array(KnownMatch(0)), count: 0 }
    }

    /// Begins with another chunk.
    pub(crate) fn clear(&mut self) {
        self.count = 0;
    }

    pub(crate) fn matches(&self) -> &[KnownMatch] {
        &self.matches[..self.count.min(MOST)]
    }
}

impl Notes for &mut Noted {
    #[inline(always)]
    fn note(&mut self, position: usize, length: usize, offset: usize, is_match: bool) {
        // No branch, since nobody can tell beforehand what is a match.
        self.matches[self.count % MOST] = KnownMatch::new(position, length, offset);
        self.count += usize::from(is_match);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_comes_out() {
        for (position, length, offset) in [(0, 2, 1), (65535, 257, 65535), (32767, 65535, 32767)] {
            let known = KnownMatch::new(position, length, offset);
            assert_eq!((known.position(), known.length(), known.offset()), (position, length, offset));
        }
    }

    #[test]
    fn a_chunk_has_no_more_matches_than_there_is_room_for() {
        let mut noted = Noted::new();
        for round in 0..2 {
            noted.clear();
            for at in 0..MOST {
                (&mut noted).note(2 * at, 2, 1 + round, true);
                (&mut noted).note(0, 0, 0, false);
            }
            assert_eq!(noted.matches().len(), MOST);
            assert_eq!(noted.matches()[MOST - 1], KnownMatch::new(2 * MOST - 2, 2, 1 + round));
        }
    }
}
