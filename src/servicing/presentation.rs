//! How images are presented to DISM.

use std::str::FromStr;

/// How images are presented to DISM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presentation {
    /// DISM mounts and unmounts them.
    #[default]
    Mount,
    /// wimkit applies them to directories on NTFS, and captures these again.
    Apply,
}

impl Presentation {
    /// Its name in settings and documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mount => "mount",
            Self::Apply => "apply",
        }
    }

    /// What becomes of an image at the end, in a word.
    pub fn ended(self) -> &'static str {
        match self {
            Self::Mount => "unmounted",
            Self::Apply => "captured",
        }
    }

    /// Where the directories of images are, below the work directory. Each way has its own: nothing of an image that is
    /// still mounted must be removed as if it had been applied.
    pub fn directory(self) -> &'static str {
        match self {
            Self::Mount => "mount",
            Self::Apply => "applied",
        }
    }
}

impl FromStr for Presentation {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let both = [Self::Mount, Self::Apply];
        both.into_iter().find(|one| one.name() == text).ok_or("expected mount or apply")
    }
}
