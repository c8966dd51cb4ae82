//! A PSF that describes itself: one with its index in it.
//!
//! | at | what |
//! |---|---|
//! | 0 | `PSTREAM` and a zero byte |
//! | 40 | where the index is, 32 bits |
//! | 44 | how many bytes it has there, 32 bits |
//!
//! The index is a PA30 delta against nothing. The form was never published, descriptions say no more of the header, and no such file
//! was at hand. So whatever does not fit is taken for a PSF that does not describe itself, up to where the delta begins; the
//! digests in the index decide about all that comes out.

use std::path::Path;

use super::super::cix::MAX_NBYTES;
use super::{Payload, PayloadError};
use crate::codec::delta::pa30;
use crate::util::le;
use crate::util::read_at::{ReadAt, bytes_at};

/// With what a PSF begins.
const SIGNATURE: &[u8; 8] = b"PSTREAM\0";
/// Bytes of the header up to the end of what is known.
const HEADER_SIZE: usize = 48;

/// The index that a PSF has in itself, not decoded.
#[derive(Debug)]
pub struct OwnIndex {
    offset: u64,
    delta: Vec<u8>,
}

impl OwnIndex {
    /// The index in a PSF, if it has one.
    pub fn find(psf: &dyn ReadAt) -> Option<Self> {
        let header = bytes_at(psf, 0, HEADER_SIZE).ok().filter(|header| header.starts_with(SIGNATURE))?;
        let (offset, length) = (le::u32(&header, 40)?, le::u32(&header, 44)?);
        if (offset as usize) < HEADER_SIZE || u64::from(length) > MAX_NBYTES {
            return None;
        }
        let delta = bytes_at(psf, offset.into(), length as usize).ok()?;
        delta.starts_with(pa30::SIGNATURE).then(|| Self { offset: offset.into(), delta: delta.into_owned() })
    }

    /// How many bytes it becomes; 0 if it is damaged.
    pub fn size(&self) -> u64 {
        pa30::Header::read(&self.delta).map_or(0, |header| header.target_size)
    }
}

impl Payload {
    /// The files of a PSF after the index in it.
    ///
    /// # Errors
    /// [`PayloadError`]: the index is damaged.
    pub fn self_described(path: &Path, psf: Box<dyn ReadAt>, index: &OwnIndex) -> Result<Self, PayloadError> {
        let error = |source| PayloadError::OwnIndex { path: path.to_owned(), offset: index.offset, source };
        let document = pa30::apply(&[], &index.delta, MAX_NBYTES).map_err(error)?;
        Self::of_psf(path, psf, path, &document)
    }
}
