//! What an image servicer can be asked for.

use std::path::PathBuf;

/// How an image is cleaned up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CleanUp {
    /// Not at all.
    Off,
    /// Superseded components go.
    Plain,
    /// And what is installed becomes permanent.
    ResetBase,
    /// The same, with the long part of the work left for later: for Windows RE and PE.
    ResetBaseDefer,
    /// As plain, and what a service pack has superseded goes, too.
    Superseded,
}

/// Something that only component servicing can do to an image.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// Add a package.
    AddPackage {
        /// The cabinet or MSU. Its directory is searched for checkpoints.
        path: PathBuf,
    },
    /// Add a feature on demand.
    AddCapability {
        /// Such as `Language.Basic~~~ja-jp~0.0.1.0`.
        name: String,
        /// The directory with features on demand.
        source: PathBuf,
    },
    /// Turn an optional component on, with those that it needs.
    EnableFeature {
        /// Its name; letter case counts.
        name: String,
        /// A directory with its files, where the image lacks them.
        source: Option<PathBuf>,
    },
    /// Remove superseded components.
    CleanUp {
        /// How.
        how: CleanUp,
    },
    /// Write `sources/lang.ini` anew from the languages in the image.
    GenLangIni,
}

impl Request {
    /// What is asked for, in words.
    pub fn title(&self) -> String {
        let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match self {
            Self::AddPackage { path } => name(path),
            Self::AddCapability { name, .. } | Self::EnableFeature { name, .. } => name.clone(),
            Self::CleanUp { how } => match how {
                CleanUp::Off => "nothing",
                CleanUp::Plain => "superseded components",
                CleanUp::ResetBase => "superseded components, for good",
                CleanUp::ResetBaseDefer => "superseded components, for good, deferred",
                CleanUp::Superseded => "superseded components and service packs",
            }
            .into(),
            Self::GenLangIni => "sources/lang.ini".into(),
        }
    }
}
