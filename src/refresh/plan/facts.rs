//! What a plan is made from: the images of the media, packages, and the directory with languages and features.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::PlanError;
use crate::address::container::ContainerOptions;
use crate::catalog::class::Class;
use crate::catalog::gather::{self, GatherError};
use crate::catalog::identity::{Kb, Version};
use crate::catalog::set::{self, Finding, Standing};
use crate::refresh::media::images::{Archive, ImageFacts};
use crate::refresh::media::{BOOT_ARCHIVE, INSTALL_ARCHIVES, Media};
use crate::refresh::settings::Settings;
use crate::servicing::request::Request;
use crate::util::progress::Control;
use crate::wim::ImageIndex;
use crate::wim::xml::Architecture;

/// What a plan is made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The images of boot.wim, if it is there …
    pub boot: Option<Vec<ImageFacts>>,
    /// … and which of them starts.
    pub boot_index: Option<u32>,
    /// The images of install.wim, if it is there.
    pub install: Option<Vec<ImageFacts>>,
    /// The winre.wim in the first of these.
    pub winre: Option<ImageFacts>,
    /// The packages.
    pub packages: Vec<PackageFacts>,
    /// Languages and features on demand.
    pub features: Option<FeatureSource>,
    /// What is not quite right, and does no harm.
    pub warnings: Vec<String>,
}

/// What of a package matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageFacts {
    /// Where it is.
    pub path: PathBuf,
    /// Its kind.
    pub class: Class,
    /// Whether it is a cumulative update with its servicing stack.
    pub is_combined: bool,
    /// What it is for.
    pub architecture: Option<&'static str>,
    /// Its version; packages of a kind follow each other by it.
    pub version: Version,
    /// Its article.
    pub kb: Option<Kb>,
    /// Bytes of the file; `None`: unknown.
    pub size: Option<u64>,
    /// What is wrong with it, if anything is.
    pub fault: Option<Fault>,
}

/// What is wrong with a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// In words.
    pub problem: String,
    /// What it concerns.
    pub concern: Concern,
}

/// What the fault of a package concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Concern {
    /// Nothing but the file: no step would add it.
    Itself,
    /// The steps that would add it.
    Steps,
    /// The whole set: what is mixed or incomplete is not added to anything.
    Set,
}

impl Concern {
    fn of(finding: &Finding) -> Self {
        match finding {
            Finding::NoPackage | Finding::Hotpatch | Finding::Duplicate { .. } | Finding::Superseded { .. } => {
                Self::Itself
            }
            Finding::Partly { .. } => Self::Steps,
            _ => Self::Set,
        }
    }
}

/// Languages and features on demand: the contents of their ISO image in a directory, or the image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeatureSource {
    /// The directory; of an image, the one into which files are taken out of it.
    root: PathBuf,
    /// Paths below the root, by how they are compared.
    files: BTreeMap<String, PathBuf>,
    /// The image.
    iso: Option<PathBuf>,
}

/// Where the features are since Windows 11.
const FEATURES: &str = "LanguagesAndOptionalFeatures";

impl FeatureSource {
    /// A directory with these files, whose paths begin at it and have `/` between their parts.
    pub fn new(root: &Path, files: impl IntoIterator<Item = String>) -> Self {
        let files = files.into_iter().map(|path| (path.to_lowercase(), root.join(path))).collect();
        Self { root: root.to_owned(), files, iso: None }
    }

    /// Lists a directory, or an ISO image out of which files will be taken into `expanded`.
    ///
    /// # Errors
    /// As [`Media::open`].
    pub fn open(path: &Path, expanded: &Path) -> Result<Self, PlanError> {
        let media = Media::open(path)?;
        let root = if media.is_iso() { expanded } else { path };
        let files = media.files().map(|(compared, path)| (compared.to_owned(), root.join(path))).collect();
        Ok(Self { root: root.to_owned(), files, iso: media.is_iso().then(|| path.to_owned()) })
    }

    /// The image, if it is one, and what has to be taken out of it for these requests: paths below its root.
    pub(super) fn needed<'a>(
        &self,
        requests: impl Iterator<Item = &'a Request>,
    ) -> Option<(PathBuf, BTreeSet<PathBuf>)> {
        let iso = self.iso.clone()?;
        let mut needed = BTreeSet::new();
        let mut take = |from: &Path| {
            let inside = self.files.values().filter(|path| path.starts_with(from));
            needed.extend(inside.filter_map(|path| Some(path.strip_prefix(&self.root).ok()?.to_owned())));
        };
        for request in requests {
            match request {
                Request::AddPackage { path } => take(path),
                // DISM looks for what a feature needs in the whole directory.
                Request::AddCapability { source, .. } => take(source),
                _ => {}
            }
        }
        Some((iso, needed)).filter(|(_, needed)| !needed.is_empty())
    }

    /// The directory that features are added from.
    pub fn capabilities(&self) -> PathBuf {
        let prefix = format!("{}/", FEATURES.to_lowercase());
        let inside = self.files.iter().find(|(path, _)| path.starts_with(&prefix));
        // By the name that it has: letter case may count where the files are.
        let name = inside.and_then(|(_, path)| path.strip_prefix(&self.root).ok()?.iter().next());
        name.map_or_else(|| self.root.clone(), |name| self.root.join(name))
    }

    /// The language pack of the system for a language, or what it would be called and where it was looked for.
    pub(super) fn language_pack(&self, tag: &str, architecture: &str) -> Result<PathBuf, PlanError> {
        let name = |kind: &str| format!("Microsoft-Windows-{kind}-Language-Pack_{architecture}_{tag}.cab");
        let places = [format!("{FEATURES}/"), format!("{architecture}/langpacks/"), String::new()];
        let mut paths =
            places.iter().flat_map(|place| ["Client", "Server"].map(|kind| format!("{place}{}", name(kind))));
        let found = paths.find_map(|path| self.files.get(&path.to_lowercase()));
        found.cloned().ok_or_else(|| PlanError::NoLanguagePack { path: self.root.clone(), name: name("Client") })
    }

    /// A file of the optional components for Windows PE and RE.
    pub(super) fn component(&self, name: &str, architecture: &str) -> Option<PathBuf> {
        let path = format!("Windows Preinstallation Environment/{architecture}/WinPE_OCs/{name}");
        self.files.get(&path.to_lowercase()).cloned()
    }

    /// The language pack for Windows PE and RE.
    pub(super) fn pe_language_pack(&self, tag: &str, architecture: &str) -> Result<PathBuf, PlanError> {
        let name = format!("{tag}/lp.cab");
        let found = self.component(&name, architecture);
        found.ok_or_else(|| PlanError::NoLanguagePack { path: self.root.clone(), name })
    }
}

impl Facts {
    /// Looks at what the settings name.
    ///
    /// # Errors
    /// [`PlanError`]: something cannot be read.
    pub fn gather(settings: &Settings, control: Control<'_>) -> Result<Self, PlanError> {
        let media = Media::open(&settings.media)?;
        if let Some(iso) = &settings.iso {
            // What it needs is not told at the very end.
            media.boot_images(iso.signer, iso.prompt)?;
        }
        let mut facts = Self::default();
        if let Some(path) = media.find(BOOT_ARCHIVE) {
            let boot = Archive::open(&path)?;
            facts.boot_index = boot.wim().boot_index().map(ImageIndex::get);
            facts.boot = Some(boot.images()?);
        }
        match media.find(INSTALL_ARCHIVES[0]) {
            Some(path) => {
                let install = Archive::open(&path)?;
                facts.install = Some(install.images()?);
                if let Some(winre) = install.winre(ImageIndex::FIRST)? {
                    facts.winre = winre.images()?.into_iter().next();
                }
            }
            None => {
                if let Some(path) = media.install_archives().into_iter().next() {
                    return Err(PlanError::NotServiceable { path });
                }
            }
        }
        if facts.boot.is_none() && facts.install.is_none() {
            return Err(PlanError::NoImages { path: settings.media.clone() });
        }
        facts.packages(settings, control)?;
        let expanded = settings.expanded_features();
        facts.features = settings.features.as_deref().map(|path| FeatureSource::open(path, &expanded)).transpose()?;
        Ok(facts)
    }

    fn packages(&mut self, settings: &Settings, control: Control<'_>) -> Result<(), PlanError> {
        // Directories that are not there, or have nothing in them, are those of a month without such packages.
        let defaults = Settings::default().packages;
        let is_absent_default = |path: &&PathBuf| !path.exists() && defaults.iter().any(|own| path.ends_with(own));
        let named = settings.packages.iter().filter(|path| !is_absent_default(path));
        let mut paths: Vec<PathBuf> = Vec::new();
        for path in named {
            let Ok(entries) = fs::read_dir(path) else {
                paths.push(path.clone());
                continue;
            };
            let mut inside: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
            inside.sort();
            if inside.iter().all(|path| path.is_dir()) {
                // The directory of the directories: each is looked at by itself, as checkpoints must be.
                paths.extend(inside.into_iter().filter(|path| has_entries(path)));
            } else {
                paths.push(path.clone());
            }
        }
        let options = ContainerOptions::default();
        let mut warnings = Vec::new();
        let mut leave_out = |path: &Path, why: &'static str| warnings.push(format!("{}: {why}", path.display()));
        let files = gather::gather(&paths, None, &options, control, &mut leave_out)?;
        let report = set::check(&files.iter().map(gather::File::entry).collect::<Vec<_>>());
        // DISM searches the directories of cumulative updates: whatever lies there concerns it.
        let is_cumulative =
            |file: &&gather::File| file.package().is_some_and(|package| package.class == Class::Cumulative);
        let searched: Vec<_> = files.iter().filter(is_cumulative).map(|file| file.path.parent()).collect();
        for (index, file) in files.iter().enumerate() {
            let mut fault: Option<Fault> = None;
            for finding in &report.findings[index] {
                if finding.standing() != Standing::Bad {
                    warnings.push(format!("{}: {finding}", file.name()));
                    continue;
                }
                let is_searched = searched.contains(&file.path.parent());
                let concern = if is_searched { Concern::Set } else { Concern::of(finding) };
                if fault.as_ref().is_none_or(|fault| fault.concern < concern) {
                    fault = Some(Fault { problem: finding.to_string(), concern });
                }
            }
            let info = file.package();
            if info.is_none() && fault.is_none() {
                continue; // no package, and told as a warning
            }
            self.packages.push(PackageFacts {
                path: file.path.clone(),
                class: info.map_or(Class::Unknown, |info| info.class),
                is_combined: info.is_some_and(|info| info.is_combined()),
                architecture: info.and_then(|info| info.architecture).map(|architecture| architecture.name()),
                version: info.and_then(|info| info.identity.as_ref()).map(|id| id.version).unwrap_or_default(),
                kb: info.and_then(|info| info.kb),
                size: file.path.metadata().ok().map(|metadata| metadata.len()),
                fault,
            });
        }
        self.warnings.append(&mut warnings);
        Ok(())
    }

    /// What the media are for: that of Setup, else that of an edition.
    pub fn architecture(&self) -> Option<Architecture> {
        let boot = self.boot.iter().flatten().rev();
        boot.chain(self.install.iter().flatten()).find_map(|image| image.architecture)
    }
}

fn has_entries(directory: &Path) -> bool {
    fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some())
}

impl From<GatherError> for PlanError {
    fn from(error: GatherError) -> Self {
        match error {
            GatherError::Interrupted => Self::Interrupted,
            error => Self::Packages(Box::new(error)),
        }
    }
}
