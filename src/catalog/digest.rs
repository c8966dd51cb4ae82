//! Digests as indices tell them.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::util::sha1::Sha1;

/// The digest of a file, or of a piece of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Digest {
    /// SHA-1.
    Sha1([u8; 20]),
    /// SHA-256.
    Sha256([u8; 32]),
}

impl Digest {
    /// The digest that an algorithm's name and hexadecimal digits stand for; `None` if they stand for none.
    pub fn parse(algorithm: &str, digits: &str) -> Option<Self> {
        match algorithm.to_ascii_uppercase().as_str() {
            "SHA1" => bytes(digits).map(Self::Sha1),
            "SHA256" => bytes(digits).map(Self::Sha256),
            _ => None,
        }
    }

    /// The digest of `data` by the same algorithm.
    pub fn of_same_kind(self, data: &[u8]) -> Self {
        match self {
            Self::Sha1(_) => Self::Sha1(Sha1::of(data).0),
            Self::Sha256(_) => Self::Sha256(Sha256::digest(data).into()),
        }
    }

    /// The algorithm's name, as indices have it.
    pub fn algorithm(self) -> &'static str {
        match self {
            Self::Sha1(_) => "SHA1",
            Self::Sha256(_) => "SHA256",
        }
    }
}

/// As many bytes as are wanted, of two digits each.
fn bytes<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let (pairs, odd) = digits.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !odd.is_empty() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
    }
    Some(bytes)
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: &[u8] = match self {
            Self::Sha1(bytes) => bytes,
            Self::Sha256(bytes) => bytes,
        };
        bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_digits() {
        let sha1 = Digest::parse("sha1", "A9993E364706816ABA3E25717850C26C9CD0D89D").unwrap();
        assert_eq!(sha1.of_same_kind(b"abc"), sha1);
        assert_eq!((sha1.algorithm(), &sha1.to_string()[..8]), ("SHA1", "a9993e36"));
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let sha256 = Digest::parse("SHA256", empty).unwrap();
        assert_eq!(sha256.of_same_kind(b"").to_string(), empty);
        for (algorithm, digits) in
            [("MD5", empty), ("SHA1", empty), ("SHA256", &empty[1..]), ("SHA256", &empty.replace('e', "g"))]
        {
            assert_eq!(Digest::parse(algorithm, digits), None, "{algorithm} {digits}");
        }
    }
}
