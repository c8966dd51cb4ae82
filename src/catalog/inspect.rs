//! What an update package is: its class, article, version, architecture, language, and what it is for.
//!
//! An MSU is looked through: it is what the packages in it are.

mod msu;
#[cfg(test)]
mod tests;

use std::fmt;

use super::class::{Class, Evidence, classify, comparable};
use super::identity::{Architecture, Identity, Kb, Version};
use super::mum::{Mum, MumError, Parent};
use super::release::{Family, Month};
use super::text;

/// Containers may stand so deep in each other.
pub const MAX_DEPTH: usize = 4;

/// The files of a container, whatever it is made of.
pub trait Members {
    /// Their paths, in the order of their indices.
    fn paths(&self) -> Vec<&str>;

    /// Reads members of at most `limit` bytes each, by their indices. What is stored together is decoded once.
    fn read(&self, members: &[usize], limit: usize, receive: &mut dyn FnMut(usize, Result<Vec<u8>, String>));

    /// Opens members that are containers themselves.
    fn open(&self, members: &[usize], receive: &mut dyn FnMut(usize, Result<Box<dyn Members + '_>, String>));
}

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

impl fmt::Display for PackageInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.class.title())
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
            Self::Mum { source: MumError::Text(text::TextError::Compressed { .. }), .. } => {
                Some("Windows decodes such manifests when it installs the package")
            }
            _ => None,
        }
    }
}

/// Says what the package is whose members these are. Its `name` is a hint only: the KB number and the architecture are taken
/// from it where nothing in the package tells them.
///
/// # Errors
/// [`InspectError`]: its manifest cannot be read, or it is an MSU in which nothing can be.
pub fn inspect(members: &dyn Members, name: &str) -> Result<PackageInfo, InspectError> {
    inspect_at(members, name, 1)
}

fn inspect_at(members: &dyn Members, name: &str, depth: usize) -> Result<PackageInfo, InspectError> {
    if depth > MAX_DEPTH {
        return Err(InspectError::TooDeep { package: name.to_owned() });
    }
    let paths = members.paths();
    let manifest = paths.iter().position(|path| comparable(path) == "update.mum");
    let mut info = match manifest {
        Some(member) => {
            let mum = read_mum(members, member, name)?;
            of_package(Some(&mum), &paths, name)
        }
        None => match msu::inspect(members, name, depth)? {
            Some(info) => info,
            None => of_package(None, &paths, name),
        },
    };
    info.take_hints();
    Ok(info)
}

fn read_mum(members: &dyn Members, member: usize, name: &str) -> Result<Mum, InspectError> {
    let bytes = read_one(members, member, text::MAX_SIZE).map_err(|problem| InspectError::Member {
        package: name.to_owned(),
        member: members.paths()[member].to_owned(),
        problem,
    })?;
    let member = || members.paths()[member].to_owned();
    Mum::parse(&bytes).map_err(|source| InspectError::Mum { package: name.to_owned(), member: member(), source })
}

fn read_one(members: &dyn Members, member: usize, limit: usize) -> Result<Vec<u8>, String> {
    let mut answer = Err("it was not found".to_owned());
    members.read(&[member], limit, &mut |_, read| answer = read);
    answer
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
