//! Why a run did not come to its end.

use std::io;
use std::path::PathBuf;

use super::record::{End, Trouble};
use crate::address::AddressError;
use crate::iso;
use crate::refresh::check::CheckError;
use crate::refresh::media::MediaError;
use crate::refresh::plan::PlanError;
use crate::servicing::code::Code;
use crate::servicing::outcome::explain;
use crate::servicing::{ServicingError, with_details};
use crate::wim::export::ExportError;
use crate::wim::update::UpdateError;
use crate::wim::{ImageIndex, WimError};

/// Why a run did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A file cannot be read or written.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Media cannot be looked at.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// A package cannot be read.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// An image cannot be written anew.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// An ISO image cannot be written.
    #[error(transparent)]
    Iso(#[from] iso::create::CreateError),
    /// An image cannot be changed.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// The image servicer could not do its work.
    #[error(transparent)]
    Servicing(#[from] ServicingError),
    /// A member of a package would leave its directory.
    #[error("{path}: {name:?} leads out of the directory", path = .path.display())]
    UnsafeName {
        /// The package.
        path: PathBuf,
        /// The member.
        name: String,
    },
    /// A file that must be in an image is not.
    #[error("{wim}: image {image} has no {path}", wim = .wim.display())]
    NotInImage {
        /// The archive.
        wim: PathBuf,
        /// The image.
        image: ImageIndex,
        /// The file's path in it.
        path: String,
    },
    /// The journal cannot be read or written.
    #[error("{path}: {source}", path = .path.display())]
    Journal {
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        source: Box<redb::Error>,
    },
    /// The journal has been written by another version.
    #[error("{path}: this journal is of version {found}; this wimkit knows version {known}", path = .path.display())]
    JournalVersion {
        /// Its file.
        path: PathBuf,
        /// Its version.
        found: String,
        /// The one that is known.
        known: &'static str,
    },
    /// The journal is damaged, or no journal at all.
    #[error("{path}: this journal is damaged, or another kind of file: {problem}", path = .path.display())]
    JournalDamaged {
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// There is a run already.
    #[error("{path}: a run has been begun here", path = .path.display())]
    Begun {
        /// The work directory.
        path: PathBuf,
    },
    /// There is no run.
    #[error("{path}: no run has been begun here", path = .path.display())]
    NotBegun {
        /// The work directory.
        path: PathBuf,
    },
    /// Something is where the new media go.
    #[error("{path}: this directory is not empty", path = .path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// The settings, media or packages are not what they were.
    #[error("{path}: the settings, the media or the packages are not what the run was made from", path = .path.display())]
    Changed {
        /// The work directory.
        path: PathBuf,
    },
    /// A step failed, and the run is not to go on.
    #[error("{session}, {}: {}", .step.map_or("mounting or unmounting".to_owned(), |step| format!("step {step}")), told(*.code))]
    Failed {
        /// Which image.
        session: String,
        /// The step of the guide; `None`: mounting it, or unmounting.
        step: Option<u8>,
        /// How it ended.
        code: Code,
        /// What there is to read about it.
        details: Vec<String>,
    },
    /// So many steps were to be done, and no more.
    #[error("stopped after {steps} steps, as asked")]
    Stopped {
        /// How many.
        steps: u32,
    },
    /// It was asked to stop.
    #[error("interrupted")]
    Interrupted,
}

/// A code and its meaning.
fn told(code: Code) -> String {
    let meaning = explain(code).map_or("it failed", |meaning| meaning.meaning);
    format!("{code}: {meaning}")
}

impl RunError {
    /// How to mend it, where that can be said.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Plan(error) => return error.hint(),
            Self::Media(error) => return error.hint(),
            Self::Export(error) => return error.hint(),
            Self::Iso(error) => return error.hint().map(Into::into),
            Self::Update(error) => return error.hint(),
            Self::Servicing(error) => return error.hint(),
            Self::Failed { code, details, .. } => {
                let advice = explain(*code).map_or("look at the log", |meaning| meaning.advice);
                with_details(advice, details)
            }
            Self::Begun { .. } => "`wimkit refresh resume` goes on with it; remove the directory to begin anew".into(),
            Self::NotBegun { .. } => "`wimkit refresh run` begins one".into(),
            Self::NotEmpty { .. } => "remove what is in it, or name another with --new-media".into(),
            Self::Changed { .. } => {
                "`wimkit refresh status` tells what has changed, and `wimkit refresh resume` does that again".into()
            }
            Self::JournalVersion { .. } | Self::JournalDamaged { .. } => {
                "remove the work directory and the new media, and begin anew with `wimkit refresh run`".into()
            }
            Self::Journal { source, .. } if matches!(**source, redb::Error::DatabaseAlreadyOpen) => {
                "another wimkit is at work on this run: wait until it is done".into()
            }
            Self::Stopped { .. } => "`wimkit refresh resume` goes on".into(),
            _ => return None,
        })
    }

    /// Whether a program failed, and not wimkit.
    pub fn is_external(&self) -> bool {
        match self {
            Self::Failed { .. } => true,
            Self::Servicing(error) => error.is_external(),
            _ => false,
        }
    }

    /// How a sitting ended that ended with this.
    pub(super) fn end(&self) -> End {
        if self.is_interruption() || matches!(self, Self::Stopped { .. }) {
            return End::Interrupted;
        }
        let (session, step) = match self {
            Self::Failed { session, step, .. } => (Some(session.clone()), *step),
            Self::Servicing(error) => (error.session().map(str::to_owned), None),
            _ => (None, None),
        };
        let (error, hint, is_external) = (self.to_string(), self.hint(), self.is_external());
        End::Error(Trouble { error, hint, is_external, session, step })
    }

    /// Whether Ctrl-C is the reason, wherever it was noticed.
    pub fn is_interruption(&self) -> bool {
        matches!(
            self,
            Self::Interrupted
                | Self::Plan(PlanError::Interrupted)
                | Self::Export(ExportError::Interrupted)
                | Self::Iso(iso::create::CreateError::Interrupted)
                | Self::Update(UpdateError::Interrupted)
                | Self::Servicing(ServicingError::Interrupted | ServicingError::Update(UpdateError::Interrupted))
        )
    }
}

impl From<CheckError> for RunError {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Media(error) => error.into(),
            CheckError::Interrupted => Self::Interrupted,
        }
    }
}

impl From<WimError> for RunError {
    fn from(error: WimError) -> Self {
        Self::Media(error.into())
    }
}
