//! The plan of a refresh: pure data, made from settings and facts, and looked at before anything is done.

mod error;
mod facts;
mod order;
mod packages;
mod requests;
mod sequence;
#[cfg(test)]
mod tests;

pub use error::PlanError;
pub use facts::{Concern, Facts, Fault, FeatureSource, PackageFacts};
pub use order::OrderError;
pub use sequence::plan;

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use super::settings::IsoSettings;
use super::step::{Target, Task};
use crate::catalog::class::Class;
use crate::servicing::request::Request;
use crate::wim::xml::Architecture;

/// All that a refresh does, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What the media are for.
    pub architecture: Option<Architecture>,
    /// The steps.
    pub steps: Vec<Step>,
    /// Bytes of files that are in directories at the same time, where images are applied; `None` where DISM mounts them.
    pub applied_bytes: Option<u64>,
    /// The packages that were found, also those that no step needs.
    pub packages: Vec<PackageFacts>,
    /// What is not quite right, and does no harm.
    pub warnings: Vec<String>,
}

/// Something that is done to an image or to the media, or is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its number in the guide, from 1 to 28; `None` for what the guide does without a number.
    pub number: Option<u8>,
    /// What it does …
    pub task: Task,
    /// … to what.
    pub target: Target,
    /// To which image; `None` if to all, or to none.
    pub image: Option<ImageName>,
    /// How, or why not.
    pub work: Work,
}

/// An image, by its number and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageName {
    /// From 1.
    pub index: u32,
    /// Empty if it has none.
    pub name: String,
}

/// How a step is done, or why it is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// What is asked of the image servicer, one after the other.
    Service(Vec<Request>),
    /// What wimkit does itself.
    Native(Native),
    /// It is left out.
    LeftOut(Reason),
}

/// What wimkit does itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Native {
    /// Copy the media, and make the copy writable.
    CopyMedia,
    /// Take files out of the ISO image with languages and features on demand.
    ExpandFeatures {
        /// The image.
        iso: PathBuf,
        /// Their paths in it.
        paths: BTreeSet<PathBuf>,
    },
    /// Take winre.wim out of an image.
    TakeWinre {
        /// Which one.
        index: u32,
    },
    /// Write images anew.
    Export {
        /// Which ones; these become the images of the new file.
        images: Vec<u32>,
        /// The one that starts.
        boot: Option<u32>,
    },
    /// Put the serviced winre.wim into an image.
    PutWinre,
    /// Write `sources/lang.ini` in an image anew, from the languages of the system's images.
    LangIni,
    /// Keep files of an image.
    SaveFiles {
        /// Their paths in it.
        paths: Vec<String>,
        /// Directories in it whose files are kept, too, if they are there.
        directories: Vec<String>,
    },
    /// Put what is in a cabinet into `sources`, unless what is there is newer.
    ExpandSetupDu {
        /// The cabinet.
        package: PathBuf,
    },
    /// Put kept files into `sources`.
    PlaceSetup {
        /// Their names.
        names: Vec<String>,
    },
    /// Put kept boot managers in the place of those on the media, and what belongs to them.
    PlaceBootManagers,
    /// Put the kept lang.ini into `sources`.
    PlaceLangIni,
    /// Check the media.
    CheckMedia,
    /// Write an ISO image of the media.
    WriteIso(IsoSettings),
}

/// Why a step is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The settings say so.
    TurnedOff,
    /// The media do not have the images.
    NoImages(Target),
    /// There is no winre.wim in the system's first image.
    NoWinre,
    /// There is no package of the kind.
    NoPackage(Class),
    /// The package of the kind has something wrong with it.
    BadPackage {
        /// Which one.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// No language is added.
    NoLanguage,
    /// No such files for the languages.
    NoFiles,
    /// Nothing of the kind is asked for.
    NotAsked,
    /// The image has no lang.ini: it is not Setup.
    NotSetup,
    /// Images are taken over as they are.
    NothingServiced,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TurnedOff => f.write_str("turned off in the settings"),
            Self::NoImages(Target::WinPe) => f.write_str("the media have no boot.wim with Setup"),
            Self::NoImages(_) => f.write_str("the media have no install.wim"),
            Self::NoWinre => f.write_str("image 1 of the system has no winre.wim"),
            Self::NoPackage(class) => write!(f, "no such package: {}", class.title()),
            Self::BadPackage { path, problem } => {
                write!(f, "{}: {problem}", path.file_name().unwrap_or_default().to_string_lossy())
            }
            Self::NoLanguage => f.write_str("no language is added"),
            Self::NoFiles => f.write_str("no such files for the languages"),
            Self::NotAsked => f.write_str("nothing asked for"),
            Self::NotSetup => f.write_str("the image has no lang.ini"),
            Self::NothingServiced => f.write_str("nothing is serviced"),
        }
    }
}

impl Step {
    /// What the image is called while it is worked on: `winre`, `os-1`, `winpe-2`; of steps that are about no single one, what
    /// they are done to.
    pub fn session(&self) -> String {
        let image = self.image.as_ref().map(|image| format!("-{}", image.index)).unwrap_or_default();
        format!("{}{image}", self.target.name().to_lowercase())
    }

    /// What tells it from all others, in this plan and in others like it: `os-1 cumulative`.
    pub fn key(&self) -> String {
        format!("{} {}", self.session(), self.task.name())
    }

    /// Whether something is done.
    pub fn is_done(&self) -> bool {
        !matches!(self.work, Work::LeftOut(_))
    }

    /// Whether something is asked of the image servicer.
    pub fn is_serviced(&self) -> bool {
        matches!(self.work, Work::Service(_))
    }
}

impl Plan {
    /// The steps that are done.
    pub fn done(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.is_done())
    }
}
