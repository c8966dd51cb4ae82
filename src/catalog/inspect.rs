//! What an update package is: its class, article, version, architecture, language, and what it is for.
//!
//! An MSU is looked through: it is what the packages in it are.

mod members;
mod msu;
#[cfg(test)]
mod tests;

pub use members::{Members, Receive};

use std::cell::Cell;

use super::class::{Class, Evidence, classify, comparable};
use super::identity::{Architecture, Identity, Kb, Version};
use super::mum::{Mum, MumError, Parent};
use super::release::{Family, Month};
use super::text;
use crate::address::container::{Container, ContainerOptions};
use members::Opened;

/// Containers may stand so deep in each other.
pub const MAX_DEPTH: usize = 4;

/// What a package is.
#[derive(Clone, Debug)]
pub struct PackageInfo {
    /// What the file is called.
    pub name: String,
    /// Its class.
    pub class: Class,
    /// By what that is told, in words.
    pub why: &'static str,
    /// The article about it.
    pub kb: Option<Kb>,
    /// What its manifest calls it.
    pub identity: Option<Identity>,
    /// What kind of release its manifest says it is.
    pub release_type: Option<String>,
    /// Whether Windows has to be restarted, as the manifest says it.
    pub restart: Option<String>,
    /// What it is for.
    pub architecture: Option<Architecture>,
    /// The language it is for.
    pub language: Option<String>,
    /// The build and revision of Windows that it brings: of cumulative updates, servicing stacks and Safe OS updates.
    pub build: Option<(u16, u16)>,
    /// When it was released, or built.
    pub month: Option<ReleaseMonth>,
    /// The builds of Windows that it is for.
    pub families: Vec<&'static Family>,
    /// The packages of which it needs one.
    pub parents: Vec<Parent>,
    /// The capabilities that it brings.
    pub capabilities: Vec<String>,
    /// Whether its files are in a PSF beside its manifests.
    pub has_psf: bool,
    /// The packages in an MSU; empty for a single package.
    pub packages: Vec<PackageInfo>,
    /// What could not be read of it, and why.
    pub problems: Vec<String>,
}

/// A month, and how far it can be relied upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReleaseMonth {
    /// The month.
    pub month: Month,
    /// Whether it is that of the release. Else the package was built in it, some weeks before that.
    pub is_stated: bool,
}

impl PackageInfo {
    /// Whether it is a cumulative update with the servicing stack it needs.
    pub fn is_combined(&self) -> bool {
        self.class == Class::Cumulative && self.packages.iter().any(|inner| inner.class == Class::ServicingStack)
    }

    /// Whether it is a cumulative update that is known as one that others build upon.
    pub fn is_known_checkpoint(&self) -> bool {
        let is_first = |family: &&Family| {
            let first = family.first_checkpoint;
            first.is_some_and(|first| {
                self.kb == Some(first.kb) || self.build == Some((family.builds[0], first.revision))
            })
        };
        self.class == Class::Cumulative && self.families.iter().any(is_first)
    }

    /// The revision of its build that a cumulative update demands, higher than that of the release.
    pub fn baseline(&self) -> Option<(u16, u16)> {
        let (build, own) = self.build.filter(|_| self.class == Class::Cumulative)?;
        let demanded = self.parents.iter().filter(|parent| parent.or_higher_revision).filter_map(|parent| {
            let Version([_, _, third, revision]) = parent.identity.version;
            (third == build && (2..own).contains(&revision)).then_some(revision)
        });
        demanded.max().map(|revision| (build, revision))
    }
}

/// A package that cannot be looked into.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InspectError {
    /// Its manifest is damaged or missing something.
    #[error("{package}: {member}: {source}")]
    Mum {
        /// Which package.
        package: String,
        /// Where the manifest is in it.
        member: String,
        /// What is wrong.
        source: MumError,
    },
    /// A member cannot be read.
    #[error("{package}: {member}: {problem}")]
    Member {
        /// Which package.
        package: String,
        /// Which member.
        member: String,
        /// Why not.
        problem: String,
    },
    /// Nothing in it could be read.
    #[error("{package}: none of the packages in it can be read: {problem}")]
    Inner {
        /// Which package.
        package: String,
        /// What is wrong with the first.
        problem: String,
    },
    /// Containers in containers.
    #[error("{package}: containers stand more than {MAX_DEPTH} deep in each other")]
    TooDeep {
        /// Which package.
        package: String,
    },
}

impl InspectError {
    /// How to mend it, where that can be said.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Mum { source: MumError::Text(text::TextError::Compressed { error, .. }), .. } => error.hint(),
            _ => None,
        }
    }
}

/// What is the same for all containers: what manifests are decoded with, and what may still be opened. An archive can
/// promise more than anybody has.
struct Inspection<'a> {
    base_manifest: Option<&'a [u8]>,
    containers: Cell<usize>,
    bytes: Cell<u64>,
}

impl<'a> Inspection<'a> {
    /// Real MSUs have two or three packages, of a few GiB at most.
    fn new(base_manifest: Option<&'a [u8]>) -> Self {
        Self { base_manifest, containers: Cell::new(64), bytes: Cell::new(16 << 30) }
    }

    /// Takes a container of this size; whether it may be opened.
    fn take(&self, size: u64) -> bool {
        let left = (self.containers.get().checked_sub(1), self.bytes.get().checked_sub(size));
        let (Some(containers), Some(bytes)) = left else { return false };
        self.containers.set(containers);
        self.bytes.set(bytes);
        true
    }
}

/// Says what the package in `container` is; `options` are for the containers in it. Of an address the last part is a hint:
/// the KB number and the architecture are taken from it where nothing in the package tells them. `base_manifest` is what
/// compressed manifests of the kind DCM are decoded with.
///
/// # Errors
/// [`InspectError`]: its manifest cannot be read, or it is an MSU in which nothing can be.
pub fn inspect(
    container: Container,
    options: &ContainerOptions,
    base_manifest: Option<&[u8]>,
) -> Result<PackageInfo, InspectError> {
    let path = container.path().to_string_lossy().into_owned();
    let name = path.rsplit(['/', '\\']).next().unwrap_or(&path).to_owned();
    let members = Opened { container, options: options.clone() };
    inspect_at(&members, &name, 1, &Inspection::new(base_manifest))
}

/// As [`inspect`], with members of any kind and the name by itself.
///
/// # Errors
/// As [`inspect`].
pub fn inspect_members(members: &dyn Members, name: &str) -> Result<PackageInfo, InspectError> {
    inspect_at(members, name, 1, &Inspection::new(None))
}

fn inspect_at(
    members: &dyn Members,
    name: &str,
    depth: usize,
    inspection: &Inspection<'_>,
) -> Result<PackageInfo, InspectError> {
    if depth > MAX_DEPTH {
        return Err(InspectError::TooDeep { package: name.to_owned() });
    }
    let paths = members.paths();
    let manifest = paths.iter().position(|path| comparable(path) == "update.mum");
    let mut info = match manifest {
        Some(member) => of_package(Some(&read_mum(members, member, name, inspection)?), &paths, name),
        None => match msu::inspect(members, name, depth, inspection)? {
            Some(info) => info,
            None => of_package(None, &paths, name),
        },
    };
    info.take_hints();
    Ok(info)
}

fn read_mum(
    members: &dyn Members,
    member: usize,
    name: &str,
    inspection: &Inspection<'_>,
) -> Result<Mum, InspectError> {
    let place = || (name.to_owned(), members.paths()[member].to_owned());
    let bytes = members.read(member, text::MAX_SIZE).map_err(|problem| {
        let (package, member) = place();
        InspectError::Member { package, member, problem }
    })?;
    Mum::parse_against(&bytes, inspection.base_manifest).map_err(|source| {
        let (package, member) = place();
        InspectError::Mum { package, member, source }
    })
}

/// A single package with this manifest and these members.
fn of_package(mum: Option<&Mum>, paths: &[&str], name: &str) -> PackageInfo {
    let (class, why) = classify(&Evidence::new(mum, paths.iter().copied()));
    let own = |text: fn(&Mum) -> &Option<String>| mum.and_then(|mum| text(mum).clone());
    let created = mum.and_then(|mum| Month::at_start(mum.created.as_deref()?));
    PackageInfo {
        name: name.to_owned(),
        class,
        why,
        kb: mum.and_then(Mum::kb),
        identity: mum.map(|mum| mum.identity.clone()),
        release_type: own(|mum| &mum.release_type),
        restart: own(|mum| &mum.restart),
        architecture: mum.and_then(|mum| Architecture::from_word(&mum.identity.architecture)),
        language: mum.map(|mum| mum.identity.language.clone()).filter(|language| !language.is_empty()),
        build: mum.and_then(|mum| build(mum.identity.version)),
        month: created.map(|month| ReleaseMonth { month, is_stated: false }),
        families: mum.map(|mum| families(class, mum)).unwrap_or_default(),
        parents: mum.map(|mum| mum.parents.clone()).unwrap_or_default(),
        capabilities: mum.map(|mum| mum.capabilities.clone()).unwrap_or_default(),
        has_psf: paths.iter().any(|path| comparable(path).ends_with("psf.cix.xml")),
        packages: Vec::new(),
        problems: Vec::new(),
    }
}

/// `26100.1742` of a package whose version begins so.
fn build(version: Version) -> Option<(u16, u16)> {
    let Version([build, revision, ..]) = version;
    (build >= 10_000).then_some((build, revision))
}

/// The builds of Windows that a package is for: those of its parents, else its own.
fn families(class: Class, mum: &Mum) -> Vec<&'static Family> {
    let mut families: Vec<&'static Family> = Vec::new();
    let mut add = |version| {
        for family in Family::of_version(version) {
            if !families.contains(&family) {
                families.push(family);
            }
        }
    };
    mum.parents.iter().for_each(|parent| add(parent.identity.version));
    // .NET Framework counts its own versions.
    if families.is_empty() && class != Class::DotNet {
        return Family::of_version(mum.identity.version);
    }
    families
}

impl PackageInfo {
    /// Takes from the name what the content does not tell.
    fn take_hints(&mut self) {
        self.kb = self.kb.or_else(|| Kb::find(&self.name));
        self.architecture = self.architecture.or_else(|| Architecture::find(&self.name));
        if let Some(month) = Month::at_start(&self.name) {
            self.month = Some(ReleaseMonth { month, is_stated: true });
        }
    }
}
