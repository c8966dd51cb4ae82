//! Component servicing of images: what only Windows' own servicing stack can do, and who is asked to.

pub mod code;
pub mod dism;
pub mod none;
pub mod outcome;
pub mod output;
pub mod process;
pub mod recorder;
pub mod request;

use std::io;
use std::path::{Path, PathBuf};

use crate::util::progress::Control;
use crate::wim::update::UpdateError;
use code::Code;
use request::Request;

/// An image that is going to be serviced: the only one of its file.
#[derive(Clone, Copy, Debug)]
pub struct Session<'a> {
    /// What it is called: `winre`, `os-1`, `winpe-2`.
    pub name: &'a str,
    /// The file.
    pub wim: &'a Path,
    /// Where it is mounted.
    pub mount: &'a Path,
    /// A directory for what servicing needs meanwhile.
    pub scratch: &'a Path,
    /// A directory for logs.
    pub logs: &'a Path,
}

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was done, or failed, with this code.
    Ended(Code),
    /// It is going to be done later, elsewhere.
    Deferred,
}

/// Who services images. One image is serviced at a time: it is mounted, asked for things, and unmounted.
pub trait Servicing {
    /// As it is told.
    fn name(&self) -> &'static str;

    /// Begins with an image.
    ///
    /// # Errors
    /// [`ServicingError`]: it could not even be tried.
    fn mount(&mut self, session: &Session<'_>) -> Result<Answer, ServicingError>;

    /// Asks for something at a step of the guide.
    ///
    /// # Errors
    /// As [`Self::mount`].
    fn request(&mut self, session: &Session<'_>, step: u8, request: &Request) -> Result<Answer, ServicingError>;

    /// Ends with an image: its changes are kept, or not.
    ///
    /// # Errors
    /// As [`Self::mount`].
    fn unmount(&mut self, session: &Session<'_>, commit: bool, control: Control<'_>) -> Result<Answer, ServicingError>;
}

/// Why an image servicer could not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServicingError {
    /// A file cannot be read or written.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The image cannot be changed.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// A recorded answer that means nothing.
    #[error("{path}: line {line}: expected `SESSION STEP CODE`, such as `winre 1 0x8007007e`", path = .path.display())]
    Recording {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
}
