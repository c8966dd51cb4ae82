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

impl Payload {
    /// The files of a PSF that has its index in it; `None` if it has none.
    ///
    /// # Errors
    /// [`PayloadError`]: the index in it is damaged.
    pub fn self_described(path: &Path, psf: Box<dyn ReadAt>) -> Result<Option<Self>, PayloadError> {
        let Some((offset, delta)) = find(&*psf) else { return Ok(None) };
        let document = pa30::apply(&[], &delta, MAX_NBYTES);
        let document = document.map_err(|source| PayloadError::OwnIndex { path: path.to_owned(), offset, source })?;
        Self::of_psf(path, psf, path, &document).map(Some)
    }
}

/// Where in a PSF its index is, and the delta that it is.
fn find(psf: &dyn ReadAt) -> Option<(u64, Vec<u8>)> {
    let header = bytes_at(psf, 0, HEADER_SIZE).ok().filter(|header| header.starts_with(SIGNATURE))?;
    let (offset, length) = (le::u32(&header, 40)?, le::u32(&header, 44)?);
    if (offset as usize) < HEADER_SIZE || u64::from(length) > MAX_NBYTES {
        return None;
    }
    let delta = bytes_at(psf, offset.into(), length as usize).ok()?;
    delta.starts_with(pa30::SIGNATURE).then(|| (offset.into(), delta.into_owned()))
}
