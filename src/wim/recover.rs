//! A file that a writer left unfinished becomes what it was before.
//!
//! Whoever changes a WIM in place writes behind its end and switches the header last: until then the header leads to the
//! old tables, and only a flag in it tells of the work. What was written is of no use without tables. So the old tables
//! are read, all that stands behind them is taken off, and the flag with it.

use super::export::{ExportError, appendable_end, refuse_modification};
use super::output;
use super::reader::Wim;
use super::writer::AppendError;
use crate::util::progress::Control;

/// Takes off what an unfinished change left in the file of `wim`, after looking at the tables and at the tree of every
/// image. Returns how many bytes that were; `None` if no change is unfinished, and nothing was done.
///
/// Contents are not read: that is what [`verify`](super::verify) does.
///
/// # Errors
/// [`ExportError`]: the old tables or a tree cannot be read, or another program is at work. The file is then as it was.
pub fn recover(wim: &Wim, control: Control<'_>) -> Result<Option<u64>, ExportError> {
    match refuse_modification(wim) {
        Err(ExportError::Unfinished { .. }) => {}
        Ok(()) => return Ok(None),
        Err(other) => return Err(other),
    }
    let end = appendable_end(wim)?;
    for image in wim.images() {
        if control.interrupted() {
            return Err(ExportError::Interrupted);
        }
        wim.metadata(image)?;
    }
    let taken = output::recover(wim.path(), wim.header(), end);
    taken.map(Some).map_err(|source| AppendError::Io(source).at(wim.path()))
}
