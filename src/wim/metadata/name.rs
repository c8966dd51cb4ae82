//! Names as images store them.

use std::fmt;

use crate::util::utf16;

/// The name of a file or stream: UTF-16LE, perhaps with unpaired surrogates. `Display` shows those as U+FFFD.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name<'a>(&'a [u8]);

impl<'a> Name<'a> {
    /// A name out of UTF-16LE bytes.
    pub fn new(utf16le: &'a [u8]) -> Self {
        Self(utf16le)
    }

    /// The UTF-16LE bytes.
    pub fn as_utf16le(self) -> &'a [u8] {
        self.0
    }

    /// Whether it has no code unit.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The name as text, if all of it can be text.
    pub fn to_str(self) -> Option<String> {
        utf16::to_string(self.0)
    }

    /// Whether both names fold to the same upper-case code units.
    pub fn eq_ignore_case(self, other: Name<'_>) -> bool {
        utf16::eq_ignore_case(self.0, other.0)
    }

    /// Whether a directory may hold it at all: not empty, neither `.` nor `..`, without NUL, `/` and `\`.
    pub fn is_safe(self) -> bool {
        let dots = matches!(self.0, [b'.', 0] | [b'.', 0, b'.', 0]);
        let refused = |unit| matches!(unit, 0 | 0x2F | 0x5C);
        !self.0.is_empty() && !dots && !utf16::units(self.0).any(refused)
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&utf16::to_string_lossy(self.0))
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", utf16::to_string_lossy(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_no_file_may_have() {
        for name in ["", ".", "..", "a/b", "..\\b", "a\0"] {
            assert!(!Name::new(&utf16::from_str(name)).is_safe(), "{name:?}");
        }
        for name in ["...", ".a", "a.txt", "CON", "a:b"] {
            assert!(Name::new(&utf16::from_str(name)).is_safe(), "{name:?}");
        }
    }
}
