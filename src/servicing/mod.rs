//! Component servicing of images: what only Windows' own servicing stack can do, and who is asked to.

mod applied;
pub mod code;
pub mod dism;
pub mod mounted;
pub mod none;
pub mod outcome;
pub mod output;
pub mod presentation;
pub mod process;
pub mod program;
pub mod recorder;
pub mod request;

use std::io;
use std::path::{Path, PathBuf};

use crate::util::progress::Control;
use crate::wim::WimError;
use crate::wim::capture::CaptureError;
use crate::wim::export::ExportError;
use crate::wim::extract::{ExtractError, Problem};
use crate::wim::update::UpdateError;
use code::Code;
use outcome::{Action, action};
use process::ProcessError;
use request::Request;

/// An image that is going to be serviced: the only one of its file.
#[derive(Clone, Copy, Debug)]
pub struct Session<'a> {
    /// What it is called: `winre`, `os-1`, `winpe-2`.
    pub name: &'a str,
    /// The file.
    pub wim: &'a Path,
    /// Where it is mounted or applied.
    pub directory: &'a Path,
    /// A directory for what servicing needs meanwhile.
    pub scratch: &'a Path,
    /// A directory for logs.
    pub logs: &'a Path,
    /// Bytes of decoded data that may be in memory for it at once.
    pub memory: u64,
}

/// Where all images of a run are worked on.
#[derive(Clone, Copy, Debug)]
pub struct Workplace<'a> {
    /// The work directory: images and the directories that they are mounted or applied to are below it.
    pub work: &'a Path,
    /// The directory with those that images are applied to.
    pub applied: &'a Path,
    /// A directory for what servicing needs meanwhile.
    pub scratch: &'a Path,
    /// A directory for logs.
    pub logs: &'a Path,
}

/// What came of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was done, or failed.
    Ended(Call),
    /// It is going to be done later, elsewhere.
    Deferred,
}

/// How a call came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its code.
    pub code: Code,
    /// What there is to read about a failure: the last lines that were said, where the log is, and how that ends. Of a call that
    /// did what it was to do, what it has to tell besides.
    pub details: Vec<String>,
}

impl Call {
    /// Whether it did what it was to do.
    pub fn is_done(&self) -> bool {
        matches!(action(self.code), Action::Continue | Action::ContinueOffline)
    }
}

impl From<Code> for Call {
    fn from(code: Code) -> Self {
        Self { code, details: Vec::new() }
    }
}

/// Who services images. Each is mounted, asked for things, and unmounted; several may be under way at the same time, each in a
/// session of its own.
pub trait Servicing: Sync {
    /// As it is told.
    fn name(&self) -> &'static str;

    /// Whether several images may be under way at the same time.
    fn may_overlap(&self) -> bool {
        true
    }

    /// Refuses to begin where images could not be serviced.
    ///
    /// # Errors
    /// [`ServicingError`]: why.
    fn check(&self, _: &Workplace<'_>) -> Result<(), ServicingError> {
        Ok(())
    }

    /// Gives up what an earlier run has left mounted or applied, before a run and behind it. Answers what that was.
    ///
    /// # Errors
    /// [`ServicingError`]: it could not even be tried.
    fn clean(&self, _: &Workplace<'_>, _: Control<'_>) -> Result<Vec<String>, ServicingError> {
        Ok(Vec::new())
    }

    /// Begins with an image, which is mounted or applied.
    ///
    /// # Errors
    /// As [`Self::clean`].
    fn mount(&self, session: &Session<'_>, control: Control<'_>) -> Result<Answer, ServicingError>;

    /// Asks for something at a step of the guide.
    ///
    /// # Errors
    /// As [`Self::clean`].
    fn request(
        &self,
        session: &Session<'_>,
        step: u8,
        request: &Request,
        control: Control<'_>,
    ) -> Result<Answer, ServicingError>;

    /// Ends with an image: its changes are kept, or not. If they cannot be kept they are given up.
    ///
    /// # Errors
    /// As [`Self::clean`].
    fn unmount(&self, session: &Session<'_>, commit: bool, control: Control<'_>) -> Result<Answer, ServicingError>;
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
    /// The image cannot be read.
    #[error(transparent)]
    Wim(Box<WimError>),
    /// What an image states about itself cannot be changed.
    #[error(transparent)]
    Edit(Box<ExportError>),
    /// A recorded answer that means nothing.
    #[error("{path}: line {line}: expected `SESSION STEP CODE`, such as `winre 1 0x8007007e`", path = .path.display())]
    Recording {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// The image cannot be applied to a directory.
    #[error("{session}: {source}")]
    Apply {
        /// What the image is called.
        session: String,
        /// Why.
        source: Box<ExtractError>,
    },
    /// Not all of the image can be applied to a directory.
    #[error("{session}: {path} cannot be applied to a directory: {problem}")]
    NotApplied {
        /// What the image is called.
        session: String,
        /// The first entry that cannot.
        path: String,
        /// Why.
        problem: Problem,
        /// How many there are.
        count: usize,
    },
    /// A directory cannot be captured.
    #[error("{session}: {source}")]
    Capture {
        /// What the image is called.
        session: String,
        /// Why.
        source: Box<CaptureError>,
    },
    /// DISM services applied images on NTFS alone.
    #[error("{path}: the file system is {found}, and DISM services applied images on NTFS alone", path = .path.display())]
    FileSystem {
        /// The work directory.
        path: PathBuf,
        /// What it is on.
        found: String,
    },
    /// The user may not do all that applying and capturing an image takes.
    #[error("images cannot be applied and captured whole without {missing}")]
    Privileges {
        /// The names of the privileges.
        missing: String,
    },
    /// There is no DISM here.
    #[error("DISM is a program of Windows, and this is another system")]
    NoProgram,
    /// The program did not come to its end by itself.
    #[error("{call}: {source}")]
    Program {
        /// What it was about: `os-1-step-12`.
        call: String,
        /// What happened.
        source: ProcessError,
        /// As [`Call::details`].
        details: Vec<String>,
    },
    /// It was asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl From<WimError> for ServicingError {
    fn from(error: WimError) -> Self {
        Self::Wim(Box::new(error))
    }
}

impl ServicingError {
    /// How to mend it, where that can be said.
    pub fn hint(&self) -> Option<String> {
        let (advice, details) = match self {
            Self::Update(error) => return error.hint(),
            Self::Wim(error) => return error.hint(),
            Self::Edit(error) => return error.hint(),
            Self::Apply { source, .. } if matches!(**source, ExtractError::NoSpace { .. }) => {
                return Some("free some space there; `wimkit refresh resume` goes on".into());
            }
            Self::Apply { source, .. } => return source.hint(),
            Self::NotApplied { count, .. } => {
                return Some(format!(
                    "{count} such files; use --images mount: DISM mounts the image, whatever it holds"
                ));
            }
            Self::Capture { source, .. } => return source.hint(),
            Self::FileSystem { .. } => {
                return Some("put the work directory on a volume with NTFS, or use --images mount".into());
            }
            Self::Privileges { .. } => {
                return Some(
                    "run it as an administrator, from an elevated prompt; --images mount needs that, too".into(),
                );
            }
            Self::NoProgram => {
                return Some(
                    "use --servicer none, which writes a script for Windows, or name a program with --dism".into(),
                );
            }
            Self::Program { source: ProcessError::Start { .. }, .. } => {
                return Some("name the program with --dism".into());
            }
            Self::Program { source: ProcessError::Timeout { .. }, details, .. } => {
                ("--dism-timeout gives it more time; `wimkit refresh resume` goes on", details)
            }
            Self::Program { details, .. } => ("`wimkit refresh resume` goes on", details),
            _ => return None,
        };
        Some(with_details(advice, details))
    }

    /// The image that could not be applied or captured.
    pub fn session(&self) -> Option<&str> {
        match self {
            Self::Apply { session, .. } | Self::NotApplied { session, .. } | Self::Capture { session, .. } => {
                Some(session)
            }
            _ => None,
        }
    }

    /// Whether a program failed, and not wimkit.
    pub fn is_external(&self) -> bool {
        matches!(self, Self::Program { source, .. } if !matches!(source, ProcessError::Start { .. }))
    }
}

/// An advice, and below it what there is to read about a failure.
pub fn with_details(advice: &str, details: &[String]) -> String {
    details.iter().fold(advice.to_owned(), |text, line| text + "\n  " + line)
}
