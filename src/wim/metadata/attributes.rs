//! Windows file attributes.

use std::fmt;
use std::ops::{BitAnd, BitOr, Not};

/// The `FILE_ATTRIBUTE_*` bits of a file. Bits without a name here are kept.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Attributes(pub u32);

macro_rules! attributes {
    ($($(#[$doc:meta])* $name:ident = $bit:expr),* $(,)?) => {
        impl Attributes {
            $($(#[$doc])* pub const $name: Self = Self($bit);)*
            const NAMES: &'static [(Self, &'static str)] = &[$((Self::$name, stringify!($name))),*];
        }
    };
}

attributes! {
    /// May not be written to.
    READONLY = 0x1,
    /// Not shown in ordinary listings.
    HIDDEN = 0x2,
    /// Belongs to the operating system.
    SYSTEM = 0x4,
    /// A directory.
    DIRECTORY = 0x10,
    /// Changed since the last backup.
    ARCHIVE = 0x20,
    /// A device.
    DEVICE = 0x40,
    /// None of the others.
    NORMAL = 0x80,
    /// Short-lived.
    TEMPORARY = 0x100,
    /// Runs of zeros need not be stored.
    SPARSE_FILE = 0x200,
    /// A symbolic link, junction or other reparse point.
    REPARSE_POINT = 0x400,
    /// Compressed by NTFS.
    COMPRESSED = 0x800,
    /// The data is not at hand.
    OFFLINE = 0x1000,
    /// Left out by the indexing service.
    NOT_CONTENT_INDEXED = 0x2000,
    /// Encrypted by EFS.
    ENCRYPTED = 0x4000,
    /// Reserved.
    VIRTUAL = 0x1_0000,
}

impl Attributes {
    /// Whether all bits of `other` are set.
    pub fn contains(self, other: Self) -> bool {
        self & other == other
    }

    /// The names of the set bits, in order of value; bits without a name are left out.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().filter(move |(bit, _)| self.contains(*bit)).map(|(_, name)| *name)
    }
}

impl BitOr for Attributes {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Attributes {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Not for Attributes {
    type Output = Self;
    fn not(self) -> Self {
        Self(!self.0)
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attributes({:#x}", self.0)?;
        self.names().try_for_each(|name| write!(f, " {name}"))?;
        f.write_str(")")
    }
}
