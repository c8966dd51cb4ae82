//! Why there is no plan.

use std::path::PathBuf;

use super::order::OrderError;
use crate::catalog::gather::GatherError;
use crate::refresh::media::MediaError;
use crate::refresh::settings::SettingsError;
use crate::wim::xml::Architecture;

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The settings cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The media cannot be read.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// The packages cannot be looked into.
    #[error(transparent)]
    Packages(Box<GatherError>),
    /// It was asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// Neither boot.wim nor install.wim.
    #[error("{path}: neither sources/boot.wim nor sources/install.wim is there", path = .path.display())]
    NoImages {
        /// The media.
        path: PathBuf,
    },
    /// The system's images are in an archive that cannot be serviced.
    #[error("{path}: images in ESD files and split sets cannot be serviced", path = .path.display())]
    NotServiceable {
        /// The archive.
        path: PathBuf,
    },
    /// There is no such edition.
    #[error("there is no edition {index}: install.wim has {count} images")]
    NoEdition {
        /// The number asked for.
        index: u32,
        /// How many there are.
        count: usize,
    },
    /// A package does not belong.
    #[error("{path}: {problem}", path = .path.display())]
    Package {
        /// Which one.
        path: PathBuf,
        /// Why not.
        problem: String,
    },
    /// A package is for another architecture than the media.
    #[error("{path}: it is for {found}, the media are for {expected}", path = .path.display())]
    Architecture {
        /// Which one.
        path: PathBuf,
        /// What it is for.
        found: String,
        /// What the media are for.
        expected: Architecture,
    },
    /// Two packages of a kind of which there can be one.
    #[error("{first} and {second}: two packages of one kind", first = .first.display(), second = .second.display())]
    TwoPackages {
        /// One of them.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// The servicing stack mode needs an update that is not there.
    #[error("servicing_stack = {mode:?} needs a servicing stack update, and there is none")]
    NoStack {
        /// The mode.
        mode: &'static str,
    },
    /// Something is added, and the directory to add it from is not named.
    #[error("{what} are to be added, but `features` names no directory to take them from")]
    NoFeatures {
        /// What.
        what: &'static str,
    },
    /// The language pack of a language is not there.
    #[error("{path}: {name} is not there", path = .path.display())]
    NoLanguagePack {
        /// Where it was looked for.
        path: PathBuf,
        /// What the file is called.
        name: String,
    },
    /// Separate calls for checkpoints, and more than updates are added.
    #[error("checkpoints = \"separate\" is possible only where nothing but updates is added")]
    SeparateCheckpoints,
    /// Operations are pending in an image.
    #[error("image {index} of {archive} has pending operations")]
    Pending {
        /// The archive.
        archive: &'static str,
        /// The image.
        index: u32,
    },
    /// The order of steps breaks a rule.
    #[error(transparent)]
    Order(#[from] OrderError),
}

impl PlanError {
    /// How to mend it, where that can be said.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Media(error) => return error.hint(),
            Self::NoImages { .. } => "name the directory that has `sources` in it".into(),
            Self::NotServiceable { .. } => {
                "`wimkit export install.esd all install.wim --compress lzx`, or `wimkit join`, makes a WIM of it".into()
            }
            Self::Package { .. } | Self::Architecture { .. } => {
                "`wimkit package DIR` tells what each package is, and whether they go together".into()
            }
            Self::TwoPackages { .. } => "keep the newer one".into(),
            Self::NoLanguagePack { .. } => {
                "`features` names the contents of the ISO for the release of the media".into()
            }
            Self::SeparateCheckpoints => "leave `checkpoints` at \"by-directory\"".into(),
            Self::Pending { .. } => {
                "features and .NET were added to it: begin with the original media, and not with last month's".into()
            }
            _ => return None,
        })
    }
}
