//! SHA-1 digests, the identity of blobs.

use sha1::Digest;

/// A SHA-1 digest of uncompressed content. All zero stands for "no blob" (an empty stream).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Sha1(pub [u8; 20]);

impl Sha1 {
    /// The all-zero value, which the format uses for "no blob".
    pub const ZERO: Self = Self([0; 20]);

    /// The digest of no bytes, by which some programs refer to empty content.
    pub const EMPTY: Self = Self([
        0xDA, 0x39, 0xA3, 0xEE, 0x5E, 0x6B, 0x4B, 0x0D, 0x32, 0x55, 0xBF, 0xEF, 0x95, 0x60, 0x18, 0x90, 0xAF, 0xD8,
        0x07, 0x09,
    ]);

    /// The digest of `data`.
    pub fn of(data: &[u8]) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(data);
        hasher.finish()
    }

    /// Whether all bytes are zero: no blob.
    pub fn is_zero(&self) -> bool {
        self.0 == [0; 20]
    }
}

impl std::fmt::Display for Sha1 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Sha1 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sha1({self})")
    }
}

impl serde::Serialize for Sha1 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Computes a [`Sha1`] piece by piece.
#[derive(Clone, Default)]
pub struct Hasher(sha1::Sha1);

impl Hasher {
    /// A hasher that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in the next bytes.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The digest of all bytes taken in.
    pub fn finish(self) -> Sha1 {
        Sha1(self.0.finalize().into())
    }
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hasher")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_of_the_wim_format_example() {
        assert_eq!(Sha1::of(b"hello\n").to_string(), "f572d396fae9206628714fb2ce00f72e94f2258f");
        assert!(Sha1::ZERO.is_zero() && !Sha1::of(b"").is_zero());
        assert_eq!(Sha1::of(b""), Sha1::EMPTY);
    }
}
