//! Registry hives, as they lie in an image: the few keys and values that are asked for by name.
//!
//! A hive is a base block of 4096 bytes, then bins, which are cut into cells. A cell holds a key (`nk`), a list of keys
//! (`lf`, `lh`, `li`, or `ri`: a list of lists), a value (`vk`), a list of values, or data. Cells refer to each other by
//! offsets from the end of the base block.
//!
//! What a reader must not believe: all of these. Every cell is checked to lie in the bins before as much of it is read as
//! its kind can use; a list of subkeys may name no more keys than fit in the hive, and each of them must name the key it was
//! found in as its parent, so that no way down leads in a circle. Nothing recurses. Lists are not believed to be sorted.
//! A list may still name one cell again and again, so no more than so many cells are read of one hive in all.
//! Nothing is kept: the hive may be a file of 100 MiB, or compressed in an image, and few of its cells are looked at.
//!
//! Transaction logs are not applied. What the newest of them hold is missing from a hive that was not written back; see
//! [`Hive::is_dirty`].
//!
//! Own code rather than the crate `notatin`: that brings C (by `blake3`), and reads hives as a whole.

mod cell;
mod error;
mod key;
#[cfg(test)]
mod tests;
mod value;
#[cfg(test)]
#[path = "../../tests/support/hive.rs"]
pub(crate) mod writer;

pub use error::HiveError;
pub use key::Key;
pub use value::{Value, ValueKind};

use crate::util::le;
use crate::util::read_at::{ReadAt, bytes_at};
use std::sync::atomic::AtomicU32;

/// The size of the base block; offsets of cells count from its end.
const BASE_NBYTES: u64 = 4096;
/// Bytes of the base block that its checksum covers.
const CHECKED_NBYTES: usize = 508;
/// Bins are multiples of this.
const BIN_ALIGNMENT: u32 = 4096;
/// So many cells may be read of one hive. What is asked for takes some thousands: those of the keys beside the way.
const MAX_READS: u32 = 1 << 18;

/// A hive that is read where it lies.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::io::Cursor;
/// use wimkit::hive::{Hive, HiveError};
///
/// let nothing = Cursor::new(vec![0; 8192]);
/// assert!(matches!(Hive::open(&nothing), Err(HiveError::Signature { .. })));
/// # Ok(())
/// # }
/// ```
pub struct Hive<'a> {
    source: &'a dyn ReadAt,
    /// Bytes of the bins.
    size: u32,
    root: u32,
    is_dirty: bool,
    /// How many more cells may be read.
    reads_left: AtomicU32,
}

impl<'a> Hive<'a> {
    /// Reads the base block.
    ///
    /// # Errors
    /// It is no base block, or one of another format, or the file ends before the bins do.
    pub fn open(source: &'a dyn ReadAt) -> Result<Self, HiveError> {
        let base = bytes_at(source, 0, source.size().min(512) as usize)?;
        let field = |offset| le::u32(&base, offset).ok_or(HiveError::TooShort { size: source.size() });
        if field(0)? != u32::from_le_bytes(*b"regf") {
            return Err(HiveError::Signature { found: field(0)?.to_le_bytes() });
        }
        let (major, minor, kind, format) = (field(20)?, field(24)?, field(28)?, field(32)?);
        if major != 1 || !(3..=6).contains(&minor) || kind != 0 || format != 1 {
            return Err(HiveError::Format { major, minor, kind, format });
        }
        let (root, size, checksum) = (field(36)?, field(40)?, field(CHECKED_NBYTES)?);
        let room = source.size().saturating_sub(BASE_NBYTES);
        if size == 0 || !size.is_multiple_of(BIN_ALIGNMENT) || u64::from(size) > room {
            return Err(HiveError::BinsSize { size, room });
        }
        let is_dirty = field(4)? != field(8)? || checksum != checksum_of(&base);
        Ok(Self { source, size, root, is_dirty, reads_left: AtomicU32::new(MAX_READS) })
    }

    /// Whether the hive was not written back completely: the latest changes are in its transaction logs, or lost.
    pub fn is_dirty(&self) -> bool {
        self.is_dirty
    }

    /// The key at the top.
    ///
    /// # Errors
    /// Its cell is damaged.
    pub fn root(&self) -> Result<Key<'_>, HiveError> {
        Key::read(self, self.root)
    }

    /// The key at a path such as `Microsoft\Windows NT\CurrentVersion`, letter case aside; `None` if it is not there.
    ///
    /// # Errors
    /// A key on the way is damaged.
    pub fn key(&self, path: &str) -> Result<Option<Key<'_>>, HiveError> {
        let mut key = self.root()?;
        for name in path.split('\\').filter(|name| !name.is_empty()) {
            match key.subkey(name)? {
                Some(found) => key = found,
                None => return Ok(None),
            }
        }
        Ok(Some(key))
    }
}

impl std::fmt::Debug for Hive<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hive").field("size", &self.size).field("is_dirty", &self.is_dirty).finish_non_exhaustive()
    }
}

/// The exclusive or of the words before it, with two values that it cannot have.
fn checksum_of(base: &[u8]) -> u32 {
    let words = base[..CHECKED_NBYTES.min(base.len())].as_chunks::<4>().0;
    match words.iter().fold(0, |sum, word| sum ^ u32::from_le_bytes(*word)) {
        u32::MAX => u32::MAX - 1,
        0 => 1,
        sum => sum,
    }
}
