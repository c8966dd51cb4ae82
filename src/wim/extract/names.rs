//! Which names a target can have.

use super::outcome::Problem;
use crate::util::file_name::windows_fault;
use crate::wim::metadata::Entry;

/// How many bytes a name may have on the usual file systems of Unix.
const MAX_NAME_NBYTES: usize = 255;

/// Whose rules names must keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameRules {
    /// Those of Unix: everything but NUL and `/` goes.
    Unix,
    /// Those of Windows, which has device names and alternate streams.
    Windows,
}

impl Default for NameRules {
    /// Those of the system that the program runs on.
    fn default() -> Self {
        if cfg!(windows) { Self::Windows } else { Self::Unix }
    }
}

impl NameRules {
    /// The name under which `entry` is extracted.
    ///
    /// # Errors
    /// Why there is none.
    pub fn target_name(self, entry: &Entry<'_>) -> Result<String, Problem> {
        if !entry.is_name_safe() {
            return Err(Problem::UnsafeName);
        }
        let name = entry.name().to_str().ok_or(Problem::NameNotText)?;
        match self {
            Self::Unix if name.len() > MAX_NAME_NBYTES => Err(Problem::NameTooLong { nbytes: name.len() }),
            Self::Unix => Ok(name),
            Self::Windows => match windows_fault(&name) {
                Some(why) => Err(Problem::NotForWindows { why }),
                None => Ok(name),
            },
        }
    }
}
