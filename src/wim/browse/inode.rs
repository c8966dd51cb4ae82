//! Numbers for everything that can be seen.

use crate::wim::metadata::DentryId;

/// The most trees and archives that can be seen at once: their numbers have 13 bits.
pub(super) const MAX_PLACES: usize = 1 << 13;
const ENTRY_BITS: u32 = 33;
const FACET_BITS: u32 = 17;

/// Names a file, directory, link or stream that can be seen.
///
/// It is a function of where things lie in the archive, so it is the same at each mount (that of what lies in nested WIMs
/// depends on the order in which those are opened), and nothing has to be remembered for it. All names of a file have
/// the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Inode {
    pub(super) place: u16,
    pub(super) facet: Facet,
    pub(super) entry: u32,
}

/// What of an entry is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Facet {
    /// The entry.
    Itself,
    /// The images in the WIM that the entry is.
    Inside,
    /// One of its named streams, counted from 0.
    Stream(u16),
}

impl Inode {
    /// The root of what is seen.
    pub const ROOT: Self = Self { place: 0, facet: Facet::Itself, entry: 0 };

    /// The root directory of a place.
    pub(super) fn root_of(place: u16) -> Self {
        Self { place, ..Self::ROOT }
    }

    /// The file that a dentry is a name of.
    pub(super) fn of(place: u16, first_link: DentryId) -> Self {
        Self { place, facet: Facet::Itself, entry: first_link.number() }
    }

    /// The same entry under another aspect.
    pub(super) fn with(self, facet: Facet) -> Self {
        Self { facet, ..self }
    }

    /// As one number: 1 for the root, never 0.
    pub fn to_u64(self) -> u64 {
        let facet = match self.facet {
            Facet::Itself => 0,
            Facet::Inside => 1,
            Facet::Stream(number) => u64::from(number) + 2,
        };
        u64::from(self.place) << (ENTRY_BITS + FACET_BITS) | facet << ENTRY_BITS | (u64::from(self.entry) + 1)
    }

    /// Out of the number; `None` for one that is nobody's.
    pub fn from_u64(number: u64) -> Option<Self> {
        let entry = (number & ((1 << ENTRY_BITS) - 1)).checked_sub(1)?;
        let facet = match number >> ENTRY_BITS & ((1 << FACET_BITS) - 1) {
            0 => Facet::Itself,
            1 => Facet::Inside,
            stream => Facet::Stream(u16::try_from(stream - 2).ok()?),
        };
        let place = number >> (ENTRY_BITS + FACET_BITS);
        Some(Self { place: u16::try_from(place).ok()?, facet, entry: u32::try_from(entry).ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_both_ways() {
        assert_eq!(Inode::ROOT.to_u64(), 1);
        for place in [0, 1, (MAX_PLACES - 1) as u16] {
            for facet in [Facet::Itself, Facet::Inside, Facet::Stream(0), Facet::Stream(u16::MAX)] {
                for entry in [0, 1, u32::MAX] {
                    let inode = Inode { place, facet, entry };
                    assert_eq!(Inode::from_u64(inode.to_u64()), Some(inode));
                    assert!(inode.to_u64() < 1 << 63, "readers of directories take numbers as signed");
                }
            }
        }
        assert_eq!(Inode::from_u64(0), None);
        assert_eq!(Inode::from_u64(u64::MAX), None);
    }
}
