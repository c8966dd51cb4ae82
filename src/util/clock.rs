//! What time it is.

use crate::util::filetime::FileTime;

/// Where records of what happened take their times from. What goes into images is another matter: see
/// [`FileTime::now_reproducible`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    /// The system's.
    #[default]
    System,
    /// One that stands still, so that records are the same each time.
    Stopped(FileTime),
}

impl Clock {
    /// The time.
    pub fn now(self) -> FileTime {
        match self {
            Self::System => std::time::SystemTime::now().into(),
            Self::Stopped(time) => time,
        }
    }
}
