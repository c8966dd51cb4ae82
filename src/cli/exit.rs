//! How the program ends: what it says about an error, and its exit code. The one place that decides either.

use std::error::Error;
use std::io;
use std::process::ExitCode;
use wimkit::address::AddressError;
use wimkit::cab::create::CreateError;
use wimkit::catalog::inspect::InspectError;
use wimkit::catalog::payload::PayloadError;
use wimkit::iso::create::CreateError as IsoError;
use wimkit::wim::WimError;
use wimkit::wim::export::ExportError;
use wimkit::wim::extract::ExtractError;
use wimkit::wim::update::UpdateError;

/// How a command ended that was able to do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Everything was done, and is well.
    Done,
    /// The command looked and found it bad, or did a part only. It has said what.
    Partial,
    /// What an external tool was to do failed altogether. The command has said what.
    ExternalFailed,
}

/// Why a command could not do its work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Usage, input or output, format: the error, with what mends it where that is known.
    CouldNot { error: Box<dyn Error + Send>, hint: Option<String> },
    /// An external tool failed; the error has its own code.
    External { error: Box<dyn Error + Send>, hint: Option<String> },
    /// Ctrl-C, or another request to stop.
    Interrupted,
    /// Whoever read standard output went away: nothing is left to do, and nobody to tell.
    ReaderGone,
}

impl Failure {
    /// A failure that a sentence describes completely.
    pub(crate) fn message(text: impl Into<String>) -> Self {
        Self::CouldNot { error: Box::<dyn Error + Send + Sync>::from(text.into()), hint: None }
    }

    /// A failure with the library's error and the library's hint.
    pub(crate) fn new(error: impl Error + Send + 'static, hint: Option<impl Into<String>>) -> Self {
        Self::CouldNot { error: Box::new(error), hint: hint.map(Into::into) }
    }

    /// A failure of an external tool.
    pub(crate) fn external(error: impl Error + Send + 'static, hint: Option<String>) -> Self {
        Self::External { error: Box::new(error), hint }
    }

    /// Adds what mends it.
    pub(crate) fn with_hint(self, text: impl Into<String>) -> Self {
        match self {
            Self::CouldNot { error, .. } => Self::CouldNot { error, hint: Some(text.into()) },
            other => other,
        }
    }

    /// Says where it happened, in front of the error.
    pub(crate) fn within(self, place: impl std::fmt::Display) -> Self {
        match self {
            Self::CouldNot { error, hint } => {
                let text = format!("{place}: {error}");
                Self::CouldNot { error: Box::<dyn Error + Send + Sync>::from(text), hint }
            }
            other => other,
        }
    }

    /// A failure to write to standard output.
    pub(crate) fn stdout(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ReaderGone,
            _ => Self::CouldNot {
                error: Box::<dyn Error + Send + Sync>::from(format!("standard output: {error}")),
                hint: None,
            },
        }
    }
}

/// Library errors, each told with its hint. Behind `or`: those that know of a request to stop.
macro_rules! told_with_hint {
    ($($error:ty),+; or $($stoppable:ty),+) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                let hint = error.hint();
                Self::new(error, hint)
            }
        })+
        $(impl From<$stoppable> for Failure {
            fn from(error: $stoppable) -> Self {
                if matches!(error, <$stoppable>::Interrupted) {
                    return Self::Interrupted;
                }
                let hint = error.hint();
                Self::new(error, hint)
            }
        })+
    };
}

told_with_hint! {
    AddressError, InspectError, WimError;
    or CreateError, IsoError, ExportError, ExtractError, PayloadError, UpdateError
}

/// The exit code of `result`. Tells a failure on standard error.
pub(crate) fn finish(result: Result<Outcome, Failure>) -> ExitCode {
    match result {
        Ok(Outcome::Done) | Err(Failure::ReaderGone) => ExitCode::SUCCESS,
        Ok(Outcome::Partial) => ExitCode::from(1),
        Ok(Outcome::ExternalFailed) => ExitCode::from(3),
        Err(Failure::CouldNot { error, hint }) => {
            tell(&*error, hint.as_deref());
            ExitCode::from(2)
        }
        Err(Failure::External { error, hint }) => {
            tell(&*error, hint.as_deref());
            ExitCode::from(3)
        }
        Err(Failure::Interrupted) => {
            super::printer::talk(format_args!("interrupted"));
            ExitCode::from(INTERRUPTED)
        }
    }
}

/// The code of an interrupted run: 128 + SIGINT, as shells have it.
pub(crate) const INTERRUPTED: u8 = 130;

/// Prints `error: sentence`, then each cause that says something new, then the hint.
fn tell(error: &dyn Error, hint: Option<&str>) {
    use super::printer::{talk, visible_lines};

    let mut said = error.to_string();
    talk(format_args!("error: {}", visible_lines(&said)));
    let mut cause = error.source();
    while let Some(error) = cause {
        // Transparent wrappers repeat their source; once is enough.
        let text = error.to_string();
        if !said.contains(&text) {
            talk(format_args!("  caused by: {}", visible_lines(&text)));
            said = text;
        }
        cause = error.source();
    }
    if let Some(hint) = hint {
        talk(format_args!("hint: {}", visible_lines(hint)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_left_is_no_error() {
        let gone = Failure::stdout(io::ErrorKind::BrokenPipe.into());
        assert_eq!(finish(Err(gone)), ExitCode::SUCCESS);
        let full = Failure::stdout(io::ErrorKind::StorageFull.into());
        assert_eq!(finish(Err(full)), ExitCode::from(2));
    }

    #[test]
    fn each_end_has_its_code() {
        assert_eq!(finish(Ok(Outcome::Done)), ExitCode::from(0));
        assert_eq!(finish(Ok(Outcome::Partial)), ExitCode::from(1));
        assert_eq!(finish(Ok(Outcome::ExternalFailed)), ExitCode::from(3));
        assert_eq!(finish(Err(Failure::message("no"))), ExitCode::from(2));
        assert_eq!(finish(Err(Failure::external(io::Error::other("no"), None))), ExitCode::from(3));
        assert_eq!(finish(Err(Failure::Interrupted)), ExitCode::from(130));
    }
}
