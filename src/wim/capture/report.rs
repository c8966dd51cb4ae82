//! What a capture tells besides its result.

use super::error::{CaptureError, Problem, Skipped};
use std::path::PathBuf;

/// Something that is no part of an image, and nothing is wrong about that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeftOut {
    /// A device, pipe or socket, which only images with Unix data hold.
    Special,
    /// The file that is written.
    Destination,
    /// What is in a directory that is a reparse point: the directory itself is captured.
    Behind,
}

impl std::fmt::Display for LeftOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Special => "a device, pipe or socket, which an image holds only for Unix",
            Self::Destination => "the file that is written",
            Self::Behind => "what is in it, as the directory is a reparse point; the directory is captured",
        })
    }
}

/// What is noticed on the way.
#[derive(Debug, Default)]
pub(in crate::wim) struct Findings {
    /// Go on without what cannot be captured.
    pub skip_unreadable: bool,
    pub skipped: Vec<Skipped>,
    pub left_out: Vec<(PathBuf, LeftOut)>,
    /// Entries that the exclusion list names.
    pub excluded: u64,
    /// What the image's description lacks.
    pub warnings: Vec<String>,
}

impl Findings {
    /// Records what cannot be captured, or stops for it.
    pub(super) fn skip(&mut self, path: PathBuf, problem: Problem) -> Result<(), CaptureError> {
        if !self.skip_unreadable {
            return Err(CaptureError::Unreadable { path, problem });
        }
        self.skipped.push(Skipped { path, problem });
        Ok(())
    }

    pub(super) fn leave_out(&mut self, path: PathBuf, what: LeftOut) {
        self.left_out.push((path, what));
    }
}
