//! The digest by which a delta knows its target.

use md5::Md5;
use sha2::{Digest, Sha256};

use super::super::{DeltaError, Malformed, Unsupported};
use super::bits::BitReader;
use crate::util::sha1::Sha1;

/// The digest of the target, as the delta tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetHash {
    /// None is told.
    None,
    /// MD5.
    Md5([u8; 16]),
    /// SHA-1.
    Sha1([u8; 20]),
    /// SHA-256.
    Sha256([u8; 32]),
}

impl TargetHash {
    /// Reads the number of the algorithm, as Windows counts them, and the digest.
    pub(super) fn read(reader: &mut BitReader<'_>) -> Result<Self, DeltaError> {
        let algorithm = reader.number()?;
        let (bytes, offset) = reader.buffer()?;
        let wrong =
            |algorithm| DeltaError::Malformed { problem: Malformed::HashSize { algorithm, size: bytes.len() }, offset };
        Ok(match algorithm {
            0 => Self::None,
            0x8003 => Self::Md5(bytes.try_into().map_err(|_| wrong("MD5"))?),
            0x8004 => Self::Sha1(bytes.try_into().map_err(|_| wrong("SHA-1"))?),
            0x800C => Self::Sha256(bytes.try_into().map_err(|_| wrong("SHA-256"))?),
            unknown => return Err(Unsupported::HashAlgorithm(unknown).into()),
        })
    }

    /// Compares with what came out.
    pub(super) fn check(&self, target: &[u8]) -> Result<(), DeltaError> {
        match self {
            Self::None => Ok(()),
            Self::Md5(expected) => compare("MD5", expected, &Md5::digest(target)),
            Self::Sha1(expected) => compare("SHA-1", expected, &Sha1::of(target).0),
            Self::Sha256(expected) => compare("SHA-256", expected, &Sha256::digest(target)),
        }
    }
}

fn compare(algorithm: &'static str, expected: &[u8], found: &[u8]) -> Result<(), DeltaError> {
    if expected == found {
        return Ok(());
    }
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Err(DeltaError::Hash { algorithm, expected: hex(expected), found: hex(found) })
}
