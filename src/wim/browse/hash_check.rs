//! Comparing a content with its hash while it is read piece by piece.

use std::collections::BTreeMap;

use crate::util::sha1::{Hasher, Sha1};

/// Bytes that may wait for those before them. Reading ahead brings pieces out of order, but not by much.
const MAX_WAITING: usize = 4 << 20;

/// Hashes a content of which pieces come roughly in order.
///
/// Who reads a file from end to end, as copying and hashing do, learns of any damage at its end at the latest. Of a
/// content that is read in parts nothing is known but that it decodes.
pub(super) struct HashCheck {
    size: u64,
    hashed: u64,
    hasher: Option<Hasher>,
    waiting: BTreeMap<u64, Vec<u8>>,
    waiting_nbytes: usize,
}

impl HashCheck {
    pub(super) fn new(size: u64) -> Self {
        Self { size, hashed: 0, hasher: Some(Hasher::new()), waiting: BTreeMap::new(), waiting_nbytes: 0 }
    }

    /// Takes the piece at `offset`; answers the hash when it is the last one that was wanting.
    pub(super) fn feed(&mut self, offset: u64, piece: &[u8]) -> Option<Sha1> {
        let hasher = self.hasher.as_mut()?;
        if offset > self.hashed {
            self.keep(offset, piece);
            return None;
        }
        take(hasher, &mut self.hashed, offset, piece);
        while let Some(first) = self.waiting.first_entry().filter(|first| *first.key() <= self.hashed) {
            let (offset, piece) = first.remove_entry();
            self.waiting_nbytes -= piece.len();
            take(hasher, &mut self.hashed, offset, &piece);
        }
        if self.hashed < self.size { None } else { self.hasher.take().map(Hasher::finish) }
    }

    fn keep(&mut self, offset: u64, piece: &[u8]) {
        let before = self.waiting.insert(offset, piece.to_vec());
        self.waiting_nbytes = self.waiting_nbytes + piece.len() - before.map_or(0, |piece| piece.len());
        while self.waiting_nbytes > MAX_WAITING {
            // What is nearest to its turn stays.
            let Some((_, piece)) = self.waiting.pop_last() else { break };
            self.waiting_nbytes -= piece.len();
        }
    }
}

/// Hashes what of a piece was not hashed before.
fn take(hasher: &mut Hasher, hashed: &mut u64, offset: u64, piece: &[u8]) {
    let known = *hashed - offset;
    if let Some(rest) = usize::try_from(known).ok().and_then(|known| piece.get(known..)) {
        hasher.update(rest);
        *hashed += rest.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENT: &[u8] = b"0123456789abcdef";

    fn feed(check: &mut HashCheck, range: std::ops::Range<usize>) -> Option<Sha1> {
        check.feed(range.start as u64, &CONTENT[range])
    }

    #[test]
    fn pieces_in_any_near_order() {
        let mut check = HashCheck::new(16);
        for range in [4..8, 12..16, 0..4, 2..6, 6..9] {
            assert_eq!(feed(&mut check, range), None);
        }
        assert_eq!(feed(&mut check, 8..12), Some(Sha1::of(CONTENT)));
        assert_eq!(feed(&mut check, 0..16), None, "it is told once");
    }

    #[test]
    fn a_reader_of_parts_learns_nothing_and_costs_little() {
        let mut check = HashCheck::new(1 << 40);
        for number in 1..100 {
            assert_eq!(check.feed(number << 20, &vec![0; 1 << 20]), None);
        }
        assert!(check.waiting_nbytes <= MAX_WAITING && check.waiting.contains_key(&(1 << 20)));
    }
}
