//! What there is to say about a file of a set.

use std::fmt;

use super::super::identity::{Architecture, Kb};
use super::super::release::Month;

/// How well a file does in its set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Nothing is to be said against it.
    Good,
    /// It may be right; that cannot be told from here.
    Doubtful,
    /// It does not belong, or something is missing.
    Bad,
}

impl Standing {
    /// One word for it, as JSON documents have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Doubtful => "doubtful",
            Self::Bad => "bad",
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Something to say about a file of a set, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// It is no container.
    NoContainer,
    /// It is a container, but no package.
    NoPackage,
    /// It cannot be read.
    Unreadable {
        /// Why.
        problem: String,
    },
    /// A part of it cannot be read.
    Partly {
        /// Why.
        problem: String,
    },
    /// A hotpatch.
    Hotpatch,
    /// The same as another.
    Duplicate {
        /// Which one.
        of: String,
    },
    /// For another architecture.
    Architecture {
        /// What it is for.
        found: Architecture,
        /// What the set is for.
        expected: Architecture,
    },
    /// For another release of Windows.
    Release {
        /// What it is for.
        found: String,
        /// What the set is for.
        expected: String,
    },
    /// A later cumulative update contains all of it.
    Superseded {
        /// That one.
        by: String,
    },
    /// A lower cumulative update upon which the last one does not build.
    NoCheckpoint {
        /// The last one.
        of: String,
    },
    /// A lower cumulative update, and whether the last one builds upon it is not told.
    PerhapsNoCheckpoint {
        /// The last one.
        of: String,
    },
    /// A cumulative update upon which this one builds is not there.
    MissingCheckpoint {
        /// The build and revision that it brings.
        build: (u16, u16),
        /// The article about it, if that is known.
        kb: Option<Kb>,
    },
    /// A cumulative update without the servicing stack that is released with it.
    NoStackInside,
    /// A cumulative update from when servicing stacks were released by themselves, and none is there.
    NoStack,
    /// Later than the cumulative update.
    Newer {
        /// Its month.
        found: Month,
        /// That of the set.
        expected: Month,
    },
    /// Earlier than the cumulative update.
    Older {
        /// Its month.
        found: Month,
        /// That of the set.
        expected: Month,
    },
    /// In the directory that is searched for checkpoints.
    BesideCheckpoints,
}

impl Finding {
    /// One word for it, as JSON documents have it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NoContainer => "stray",
            Self::NoPackage => "no-package",
            Self::Unreadable { .. } => "unreadable",
            Self::Partly { .. } => "partly-unreadable",
            Self::Hotpatch => "hotpatch",
            Self::Duplicate { .. } => "duplicate",
            Self::Architecture { .. } => "wrong-architecture",
            Self::Release { .. } => "wrong-release",
            Self::Superseded { .. } => "superseded",
            Self::NoCheckpoint { .. } => "no-checkpoint",
            Self::PerhapsNoCheckpoint { .. } => "perhaps-no-checkpoint",
            Self::MissingCheckpoint { .. } => "missing-checkpoint",
            Self::NoStackInside | Self::NoStack => "missing-servicing-stack",
            Self::Newer { .. } => "newer",
            Self::Older { .. } => "older",
            Self::BesideCheckpoints => "beside-checkpoints",
        }
    }

    /// How much is wrong.
    pub fn standing(&self) -> Standing {
        match self {
            Self::NoContainer | Self::PerhapsNoCheckpoint { .. } | Self::NoStack | Self::Older { .. } => {
                Standing::Doubtful
            }
            _ => Standing::Bad,
        }
    }

    /// Whether the file is not to be applied.
    pub(super) fn excludes(&self) -> bool {
        !matches!(
            self,
            Self::Partly { .. }
                | Self::PerhapsNoCheckpoint { .. }
                | Self::MissingCheckpoint { .. }
                | Self::NoStackInside
                | Self::NoStack
                | Self::Newer { .. }
                | Self::Older { .. }
                | Self::BesideCheckpoints
        )
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoContainer => f.write_str("this is no package: neither a cabinet nor an image"),
            Self::NoPackage => {
                f.write_str("no package that is known: no update.mum in it, nor files of Setup, nor drivers")
            }
            Self::Unreadable { problem } | Self::Partly { problem } => f.write_str(problem),
            Self::Hotpatch => f.write_str("a hotpatch changes a running system and cannot be added to an image"),
            Self::Duplicate { of } => write!(f, "the same package as {of}"),
            Self::Architecture { found, expected } => write!(f, "it is for {found}, the set is for {expected}"),
            Self::Release { found, expected } => write!(f, "it is for {found}, the set is for {expected}"),
            Self::Superseded { by } => write!(f, "{by} contains all of it"),
            Self::NoCheckpoint { of } => {
                write!(f, "{of} does not build upon it: only checkpoints go with a cumulative update")
            }
            Self::PerhapsNoCheckpoint { of } => {
                write!(f, "only checkpoints go with {of}; whether this is one cannot be told")
            }
            Self::MissingCheckpoint { build: (build, revision), kb } => {
                let kb = kb.map(|kb| format!("{kb}, ")).unwrap_or_default();
                write!(
                    f,
                    "it builds upon the checkpoint {kb}{build}.{revision}, which is not here: put it beside this file"
                )
            }
            Self::NoStackInside => {
                f.write_str("its servicing stack is missing: take the MSU of the catalog, which has both in it")
            }
            Self::NoStack => f.write_str("there is no servicing stack update; it may need one before it"),
            Self::Newer { found, expected } => {
                write!(f, "it is of {found}, later than the cumulative update of {expected}")
            }
            Self::Older { found, expected } => {
                write!(f, "it is of {found}, the set of {expected}: right if there is no later one")
            }
            Self::BesideCheckpoints => f.write_str(
                "it lies beside a cumulative update that searches its directory for checkpoints: move it elsewhere",
            ),
        }
    }
}
