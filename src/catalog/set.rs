//! A set of packages: whether they go together, and in which order they are applied.
//!
//! The cumulative update is the measure: the others must be for its architecture, its builds and, where Microsoft releases
//! them with it, its month. Since Windows 11 24H2 it may need others before it, *checkpoints*; those lie in its directory, and
//! nothing else does.

mod finding;
mod order;
#[cfg(test)]
mod tests;

pub use finding::{Finding, Standing};
pub use order::steps;

use std::collections::{HashMap, hash_map};
use std::path::Path;

use super::class::Class;
use super::identity::Kb;
use super::inspect::{PackageInfo, ReleaseMonth};
use super::release::{Checkpoint, Family, Month};

/// A file of a set.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// What the file is called.
    pub name: &'a str,
    /// Its directory. Packages of the same one are found by each other.
    pub directory: Option<&'a Path>,
    /// What it is.
    pub content: Content<'a>,
}

/// What a file of a set is.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// A package.
    Package(&'a PackageInfo),
    /// No container, so no package.
    Stray,
    /// A package that cannot be read, and why.
    Damaged(&'a str),
}

/// What there is to say about a set.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What there is to say about each file, in the order in which they were given.
    pub findings: Vec<Vec<Finding>>,
    /// The files that can be applied, by their indices, in the order in which that is done.
    pub order: Vec<usize>,
}

impl Report {
    /// The worst that is said about a file.
    pub fn standing(&self, file: usize) -> Standing {
        self.findings[file].iter().map(Finding::standing).max().unwrap_or(Standing::Good)
    }

    /// The worst that is said about any file.
    pub fn worst(&self) -> Standing {
        (0..self.findings.len()).map(|file| self.standing(file)).max().unwrap_or(Standing::Good)
    }
}

/// Looks a set over. What is to be said about a single file is said of a set of one, too.
pub fn check(entries: &[Entry<'_>]) -> Report {
    let mut set = Set::new(entries);
    set.check_each();
    set.check_duplicates();
    set.check_architectures();
    set.check_families();
    set.check_cumulative();
    set.check_stack();
    set.check_months();
    set.check_directories();
    let excluded = |file: &usize| set.findings[*file].iter().any(Finding::excludes);
    let usable = set.packages.iter().filter(|(file, _)| !excluded(file)).copied();
    Report { order: order::sorted(usable.collect()), findings: set.findings }
}

struct Set<'a> {
    entries: &'a [Entry<'a>],
    packages: Vec<(usize, &'a PackageInfo)>,
    /// The cumulative update that the set is about.
    target: Option<(usize, &'a PackageInfo)>,
    findings: Vec<Vec<Finding>>,
}

impl<'a> Set<'a> {
    fn new(entries: &'a [Entry<'a>]) -> Self {
        let package = |(file, entry): (usize, &Entry<'a>)| match entry.content {
            Content::Package(info) => Some((file, info)),
            Content::Stray | Content::Damaged(_) => None,
        };
        let packages: Vec<_> = entries.iter().enumerate().filter_map(package).collect();
        let cumulative = packages.iter().filter(|(_, info)| info.class == Class::Cumulative).copied();
        let target = cumulative.max_by_key(|(file, info)| (order::version(info), std::cmp::Reverse(*file)));
        Self { entries, packages, target, findings: vec![Vec::new(); entries.len()] }
    }

    fn name(&self, file: usize) -> String {
        self.entries[file].name.to_owned()
    }

    fn add(&mut self, file: usize, finding: Finding) {
        self.findings[file].push(finding);
    }

    fn check_each(&mut self) {
        for (file, entry) in self.entries.iter().enumerate() {
            match entry.content {
                Content::Stray => self.add(file, Finding::NoContainer),
                Content::Damaged(problem) => self.add(file, Finding::Unreadable { problem: problem.to_owned() }),
                Content::Package(info) => {
                    match info.class {
                        Class::Unknown => self.add(file, Finding::NoPackage),
                        Class::Hotpatch => self.add(file, Finding::Hotpatch),
                        _ => {}
                    }
                    for problem in &info.problems {
                        self.add(file, Finding::Partly { problem: problem.clone() });
                    }
                }
            }
        }
    }

    /// The same package twice.
    fn check_duplicates(&mut self) {
        let mut known: HashMap<String, usize> = HashMap::new();
        for (file, info) in self.packages.clone() {
            let key = match (&info.identity, info.kb) {
                (Some(identity), _) => identity.to_string().to_ascii_lowercase(),
                (None, Some(kb)) => format!("{} {kb} {:?}", info.class, info.architecture),
                (None, None) => continue,
            };
            match known.entry(key) {
                hash_map::Entry::Occupied(first) => {
                    let of = self.name(*first.get());
                    self.add(file, Finding::Duplicate { of });
                }
                hash_map::Entry::Vacant(vacant) => _ = vacant.insert(file),
            }
        }
    }

    fn check_architectures(&mut self) {
        let of_target = self.target.and_then(|(_, info)| info.architecture);
        let all = || self.packages.iter().filter_map(|(_, info)| info.architecture);
        let Some(expected) = of_target.or_else(|| most_common(all())) else { return };
        for (file, info) in self.packages.clone() {
            if let Some(found) = info.architecture.filter(|found| *found != expected) {
                self.add(file, Finding::Architecture { found, expected });
            }
        }
    }

    fn check_families(&mut self) {
        let first = |info: &PackageInfo| info.families.first().map(|family| family.builds[0]);
        let of_target = self.target.map(|(_, info)| info.families.clone()).filter(|families| !families.is_empty());
        let most = || {
            let build = most_common(self.packages.iter().filter_map(|(_, info)| first(info)))?;
            Some(vec![Family::of_build(build)?])
        };
        let Some(expected) = of_target.or_else(most) else { return };
        for (file, info) in self.packages.clone() {
            let fits = info.families.is_empty() || info.families.iter().any(|family| expected.contains(family));
            if !fits {
                let (found, expected) = (releases(&info.families), releases(&expected));
                self.add(file, Finding::Release { found, expected });
            }
        }
    }

    /// Of several cumulative updates all but the last must be checkpoints, and all checkpoints must be there.
    fn check_cumulative(&mut self) {
        let Some((target, last)) = self.target else { return };
        let cumulative: Vec<_> =
            self.packages.iter().filter(|(_, info)| info.class == Class::Cumulative).copied().collect();
        let builds_on_checkpoints = last.families.iter().any(|family| family.first_checkpoint.is_some());
        for (file, info) in &cumulative {
            let is_lower = order::version(info) < order::version(last);
            let is_checkpoint =
                info.is_known_checkpoint() || cumulative.iter().any(|(_, later)| builds_upon(later, info));
            if is_lower && !is_checkpoint {
                let by = self.name(target);
                let finding = match (builds_on_checkpoints, last.baseline()) {
                    (false, _) => Finding::Superseded { by },
                    (true, Some(_)) => Finding::NoCheckpoint { of: by },
                    (true, None) => Finding::PerhapsNoCheckpoint { of: by },
                };
                self.add(*file, finding);
            }
            for NeededCheckpoint { build, kb } in checkpoints(info) {
                let brings = |other: &PackageInfo| other.build == Some(build) || kb.is_some() && other.kb == kb;
                if !cumulative.iter().any(|(_, other)| brings(other)) {
                    self.add(*file, Finding::MissingCheckpoint { build, kb });
                }
            }
        }
    }

    /// A cumulative update comes with the servicing stack that it needs, or that must be there, too.
    fn check_stack(&mut self) {
        /// From which month on both are one package, or builds that have had nothing else.
        const COMBINED: (Month, u16) = (Month { year: 2021, month: 2 }, 20348);
        let has_stack = self.packages.iter().any(|(_, info)| info.class == Class::ServicingStack || info.is_combined());
        let Some((file, info)) = self.target.filter(|_| !has_stack) else { return };
        let is_late = info.month.is_some_and(|month| month.month > COMBINED.0);
        let is_combined_elsewhere = info.build.is_some_and(|(build, _)| build >= COMBINED.1 || is_late);
        self.add(file, if is_combined_elsewhere { Finding::NoStackInside } else { Finding::NoStack });
    }

    fn check_months(&mut self) {
        let is_dated = |info: &PackageInfo| {
            matches!(info.class, Class::SafeOsDu | Class::SetupDu | Class::ServicingStack | Class::DotNet)
        };
        let dated: Vec<(usize, ReleaseMonth)> = self
            .packages
            .iter()
            .filter(|(_, info)| is_dated(info))
            .filter_map(|(file, info)| Some((*file, info.month?)))
            .collect();
        let of_target = self.target.and_then(|(_, info)| info.month);
        let Some(expected) =
            of_target.or_else(|| dated.iter().map(|(_, month)| *month).max_by_key(|month| month.month))
        else {
            return;
        };
        for (file, month) in dated {
            // What is released together need not have been built in the same month.
            let slack = if month.is_stated && expected.is_stated { 0 } else { 1 };
            let (found, expected) = (month.month, expected.month);
            match found.since(expected) {
                later if later > slack => self.add(file, Finding::Newer { found, expected }),
                earlier if earlier < -slack => self.add(file, Finding::Older { found, expected }),
                _ => {}
            }
        }
    }

    /// Beside a cumulative update that looks for checkpoints lies nothing else.
    fn check_directories(&mut self) {
        let looks_around = |info: &PackageInfo| {
            info.class == Class::Cumulative && info.families.iter().any(|family| family.first_checkpoint.is_some())
        };
        let directories: Vec<&Path> = self
            .packages
            .iter()
            .filter(|(_, info)| looks_around(info))
            .filter_map(|(file, _)| self.entries[*file].directory)
            .collect();
        for (file, entry) in self.entries.iter().enumerate() {
            let is_beside = entry.directory.is_some_and(|directory| directories.contains(&directory));
            if !is_beside {
                continue;
            }
            match entry.content {
                Content::Package(info) if info.class != Class::Cumulative => self.add(file, Finding::BesideCheckpoints),
                _ => {}
            }
        }
    }
}

/// Whether `later` demands what `info` brings.
fn builds_upon(later: &PackageInfo, info: &PackageInfo) -> bool {
    later.baseline().is_some_and(|baseline| info.build == Some(baseline))
}

/// A cumulative update that another builds upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeededCheckpoint {
    /// The build and revision that it brings.
    pub build: (u16, u16),
    /// The article about it, if that is known.
    pub kb: Option<Kb>,
}

/// The checkpoints that a cumulative update needs: the first one of its builds, and what it demands itself.
pub fn checkpoints(info: &PackageInfo) -> Vec<NeededCheckpoint> {
    let mut needed = Vec::new();
    let Some((_, revision)) = info.build.filter(|_| info.class == Class::Cumulative) else { return needed };
    for family in &info.families {
        let later = |first: &Checkpoint| revision > first.revision && info.kb != Some(first.kb);
        if let Some(first) = family.first_checkpoint.filter(later) {
            needed.push(NeededCheckpoint { build: (family.builds[0], first.revision), kb: Some(first.kb) });
        }
    }
    if let Some(build) = info.baseline().filter(|build| needed.iter().all(|known| known.build != *build)) {
        needed.push(NeededCheckpoint { build, kb: None });
    }
    needed
}

fn releases(families: &[&Family]) -> String {
    let names: Vec<&str> = families.iter().flat_map(|family| family.releases).copied().collect();
    names.join(", ")
}

/// The value that is there most often; of several the first.
fn most_common<T: Copy + PartialEq>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut counts: Vec<(T, usize)> = Vec::new();
    for value in values {
        match counts.iter_mut().find(|(known, _)| *known == value) {
            Some((_, count)) => *count += 1,
            None => counts.push((value, 1)),
        }
    }
    let most = counts.iter().map(|(_, count)| *count).max()?;
    counts.into_iter().find(|(_, count)| *count == most).map(|(value, _)| value)
}
