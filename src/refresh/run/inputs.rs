//! What each step is made from: digests of files, what is asked for, and the steps that it builds upon. Where these are what
//! they were, a step that is done need not be done again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::RunError;
use super::places::Places;
use super::record::Outcome;
use super::stamp::{PackageDigests, Stamp, listing};
use crate::catalog::class::Class;
use crate::refresh::media::{BOOT_ARCHIVE, INSTALL_ARCHIVES, Media};
use crate::refresh::plan::{Native, Plan, Step, Work};
use crate::refresh::settings::{Settings, StackFailure};
use crate::refresh::step::{Target, Task};
use crate::servicing::request::Request;
use crate::util::sha1::Hasher;

/// Under this name stands what is asked for.
const WORK: &str = "what is asked for";
/// What follows where the servicing stack fails. It matters only to a step that has failed, and to none that builds upon it.
const STACK_FAILURE: &str = "stack_failure";
/// Names of steps that another builds upon begin so.
const AFTER: &str = "after ";

/// What a step is made from: names, most of them paths, with the digest of each.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Sources(BTreeMap<String, String>);

impl Sources {
    /// One digest of all.
    pub(super) fn digest(&self) -> String {
        let mut hasher = Hasher::new();
        let all = self.0.iter().filter(|(name, _)| *name != STACK_FAILURE);
        all.for_each(|(name, digest)| hasher.update(format!("{name}\n{digest}\n").as_bytes()));
        hasher.finish().to_string()
    }

    /// What has become of `before`, of which `outcome` came, in words; `None` if that is just the same. Files are told before
    /// steps.
    pub(super) fn change_since(&self, before: &Self, outcome: Outcome) -> Option<String> {
        let names = self.0.keys().chain(before.0.keys());
        let names = names.filter(|name| *name != STACK_FAILURE || outcome == Outcome::Failed);
        let mut changed: Vec<&String> = names.filter(|name| self.0.get(*name) != before.0.get(*name)).collect();
        changed.sort_by_key(|name| (name.starts_with(AFTER), *name == WORK, name.as_str()));
        let name = *changed.first()?;
        Some(match (before.0.get(name), self.0.get(name)) {
            _ if name == WORK => "something else is asked for".into(),
            _ if name.starts_with(AFTER) => format!("it comes {name}"),
            (None, _) => format!("{name} is new"),
            (_, None) => format!("{name} is not needed any more"),
            _ => format!("{name} has changed"),
        })
    }
}

/// What the steps of a plan are made from, by their places.
#[derive(Clone, Debug)]
pub(super) struct Inputs {
    sources: Vec<Sources>,
    upon: Vec<Vec<u32>>,
}

impl Inputs {
    /// Looks at all that the steps of a plan are made from.
    pub(super) fn gather(settings: &Settings, plan: &Plan, packages: &mut PackageDigests) -> Result<Self, RunError> {
        let places = Places::new(settings, plan)?;
        let mut looking =
            Looking { settings, plan, features: features(settings)?, places, packages, stamps: BTreeMap::new() };
        let mut inputs = Self { sources: Vec::new(), upon: Vec::new() };
        for (place, step) in plan.steps.iter().enumerate() {
            let upon: Vec<u32> =
                (0..place as u32).filter(|earlier| builds_upon(step, &plan.steps[*earlier as usize])).collect();
            let mut sources = looking.sources(step)?;
            for earlier in &upon {
                let name = format!("{AFTER}{}", title(&plan.steps[*earlier as usize]));
                sources.0.insert(name, inputs.sources[*earlier as usize].digest());
            }
            inputs.sources.push(sources);
            inputs.upon.push(upon);
        }
        Ok(inputs)
    }

    /// What a step is made from.
    pub(super) fn of(&self, place: u32) -> &Sources {
        &self.sources[place as usize]
    }

    /// The steps that one builds upon.
    pub(super) fn upon(&self, place: u32) -> &[u32] {
        &self.upon[place as usize]
    }

    /// One digest of several steps.
    pub(super) fn digest(&self, places: impl Iterator<Item = u32>) -> String {
        let mut hasher = Hasher::new();
        places.for_each(|place| hasher.update(self.of(place).digest().as_bytes()));
        hasher.finish().to_string()
    }
}

/// A step as it is told: `step 12, OS 1`.
pub(super) fn title(step: &Step) -> String {
    let image = step.image.as_ref().map(|image| format!(" {}", image.index)).unwrap_or_default();
    let name = step.number.map_or_else(|| step.task.name().to_owned(), |number| format!("step {number}"));
    format!("{name}, {}{image}", step.target.name())
}

/// Whether a step needs what an earlier one has done. Those of one image in the hands of the servicer belong together anyway.
fn builds_upon(step: &Step, earlier: &Step) -> bool {
    if !step.is_done() || !earlier.is_done() {
        return false;
    }
    let is_same_image = (step.target, &step.image) == (earlier.target, &earlier.image);
    let is_same_target = step.target == earlier.target;
    let changes_image = earlier.is_serviced() || matches!(earlier.task, Task::PutWinre | Task::LangIni);
    // What is put onto the media, one over the other.
    let is_of_media = matches!(earlier.task, Task::CopyMedia | Task::SetupDu | Task::SaveSetup);
    match step.task {
        Task::TakeWinre | Task::CopyMedia | Task::ExpandFeatures => false,
        Task::PutWinre => {
            is_same_image && earlier.is_serviced() || (earlier.task, earlier.target) == (Task::Export, Target::WinRe)
        }
        Task::LangIni if !step.is_serviced() => {
            (is_same_image || earlier.target == Target::Os) && earlier.is_serviced()
        }
        Task::SaveSetup => is_same_image && changes_image,
        Task::Export => is_same_target && changes_image,
        Task::SetupDu => earlier.task == Task::CopyMedia,
        Task::SetupBinaries | Task::BootManagers | Task::PlaceLangIni => is_of_media,
        Task::CheckMedia => {
            earlier.target == Target::Media || earlier.task == Task::Export && earlier.target != Target::WinRe
        }
        Task::WriteIso => earlier.task == Task::CheckMedia,
        _ => match earlier.task {
            Task::TakeWinre => step.target == Target::WinRe,
            Task::ExpandFeatures => needs_features(step, earlier),
            _ => false,
        },
    }
}

/// Whether a step adds something that was taken out of an ISO image.
fn needs_features(step: &Step, expanded: &Step) -> bool {
    let (Work::Service(requests), Work::Native(Native::ExpandFeatures { paths, .. })) = (&step.work, &expanded.work)
    else {
        return false;
    };
    requests.iter().any(|request| match request {
        Request::AddPackage { path } => paths.iter().any(|inside| path.ends_with(inside)),
        Request::AddCapability { .. } => true,
        _ => false,
    })
}

/// Languages and features, if they are in an ISO image.
fn features(settings: &Settings) -> Result<Option<Media>, RunError> {
    Ok(settings.features.as_deref().map(Media::open).transpose()?.filter(Media::is_iso))
}

/// A look at what steps are made from.
struct Looking<'a> {
    settings: &'a Settings,
    plan: &'a Plan,
    features: Option<Media>,
    places: Places<'a>,
    packages: &'a mut PackageDigests,
    /// Archives that were looked at.
    stamps: BTreeMap<PathBuf, String>,
}

impl Looking<'_> {
    fn sources(&mut self, step: &Step) -> Result<Sources, RunError> {
        let mut sources = BTreeMap::new();
        if !step.is_done() {
            return Ok(Sources(sources));
        }
        sources.insert(WORK.to_owned(), format!("{:?}", step.work));
        let mut add = |name: String, digest: String| drop(sources.insert(name, digest));
        match &step.work {
            Work::Native(Native::CopyMedia) => {
                let media = self.places.media();
                add(media.root().display().to_string(), listing(media, self.places.copied())?);
            }
            Work::Native(Native::ExpandFeatures { iso, paths }) => {
                add(iso.display().to_string(), listing(&Media::open(iso)?, paths.iter().map(PathBuf::as_path))?);
            }
            Work::Native(Native::ExpandSetupDu { package }) => {
                add(package.display().to_string(), self.packages.of(package)?);
                // Behind it come Setup's files out of boot.wim.
                self.archive(BOOT_ARCHIVE, &mut add)?;
            }
            Work::Native(Native::LangIni) => {
                self.archive(BOOT_ARCHIVE, &mut add)?;
                self.archive(INSTALL_ARCHIVES[0], &mut add)?;
                add("langpacks".into(), self.places.language_packs().join(" "));
            }
            Work::Service(requests) => {
                let is_stack = (step.task, step.target) == (Task::ServicingStack, Target::Os);
                let follows = self.settings.stack_failure;
                // The default is not told: journals that do not know of it hold still.
                if is_stack && follows != StackFailure::default() {
                    add(STACK_FAILURE.to_owned(), format!("{follows:?}"));
                }
                self.original(step.target, &mut add)?;
                self.requests(requests, &mut add)?;
            }
            Work::Native(Native::TakeWinre { .. }) => self.archive(INSTALL_ARCHIVES[0], &mut add)?,
            Work::Native(_) => self.original(step.target, &mut add)?,
            Work::LeftOut(_) => {}
        }
        Ok(Sources(sources))
    }

    /// The archive that images of a target come from.
    fn original(&mut self, target: Target, add: &mut impl FnMut(String, String)) -> Result<(), RunError> {
        match target {
            Target::Os => self.archive(INSTALL_ARCHIVES[0], add),
            Target::WinPe => self.archive(BOOT_ARCHIVE, add),
            // Windows RE is what was taken out of the system; the media's steps have their own.
            Target::WinRe | Target::Media => Ok(()),
        }
    }

    fn archive(&mut self, path: &str, add: &mut impl FnMut(String, String)) -> Result<(), RunError> {
        let Some(path) = self.places.media().find(path) else { return Ok(()) };
        let stamp = match self.stamps.get(&path) {
            Some(stamp) => stamp.clone(),
            None => Stamp::of(&path)?.text(),
        };
        add(path.display().to_string(), stamp.clone());
        self.stamps.insert(path, stamp);
        Ok(())
    }

    fn requests(&mut self, requests: &[Request], add: &mut impl FnMut(String, String)) -> Result<(), RunError> {
        for request in requests {
            match request {
                Request::AddPackage { path } => {
                    self.package(path, add)?;
                    // DISM finds checkpoints beside a cumulative update.
                    for beside in self.beside(path) {
                        self.package(&beside, add)?;
                    }
                }
                // Out of an image they are what that has, which is looked at where they are taken out.
                Request::AddCapability { source, .. } if self.features.is_none() => {
                    let media = Media::open(source)?;
                    add(source.display().to_string(), listing(&media, media.files().map(|(_, path)| path))?);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn package(&mut self, path: &Path, add: &mut impl FnMut(String, String)) -> Result<(), RunError> {
        // What is taken out of an image is looked at in the image.
        let inside = path.strip_prefix(self.settings.expanded_features()).ok();
        let place = match (&self.features, inside) {
            (Some(iso), Some(inside)) => iso.root().join(inside),
            _ => path.to_owned(),
        };
        add(path.display().to_string(), self.packages.of(&place)?);
        Ok(())
    }

    /// Other cumulative updates in the directory of one.
    fn beside(&self, path: &Path) -> Vec<PathBuf> {
        let is_cumulative = |path: &Path| {
            self.plan.packages.iter().any(|package| package.path == path && package.class == Class::Cumulative)
        };
        if !is_cumulative(path) {
            return Vec::new();
        }
        let paths = self.plan.packages.iter().map(|package| package.path.clone());
        paths.filter(|other| other != path && other.parent() == path.parent() && is_cumulative(other)).collect()
    }
}
