//! From settings and facts to steps: a pure function.

use super::facts::Facts;
use super::packages::Packages;
use super::{ImageName, Native, Plan, PlanError, Reason, Step, Work, order};
use crate::catalog::class::Class;
use crate::refresh::check::SETUP_IMAGE;
use crate::refresh::media::boot::{DIRECTORIES_2023, MANAGERS, Signer};
use crate::refresh::media::images::{ImageFacts, LANG_INI};
use crate::refresh::settings::{By, Checkpoints, Settings};
use crate::refresh::step::{self, Target, Task};
use crate::servicing::presentation::Presentation;
use crate::wim::xml::WindowsVersion;

/// From this version on Setup has a setuphost.exe that must agree, too.
const SETUPHOST_SINCE: WindowsVersion = WindowsVersion { major: 10, minor: 0, build: 26100, revision: 0 };

/// Makes the plan.
///
/// # Errors
/// [`PlanError`]: the settings ask for what cannot be, packages do not belong, or an image has pending operations.
pub fn plan(settings: &Settings, facts: &Facts) -> Result<Plan, PlanError> {
    settings.check()?;
    let packages = Packages::choose(settings, facts)?;
    let sequence = Sequence { settings, facts, packages };
    sequence.check()?;
    let (steps, warnings) = (sequence.steps()?, sequence.warnings());
    let applied_bytes = (settings.images == Presentation::Apply).then(|| applied_bytes(&steps, settings, facts));
    let (architecture, packages) = (facts.architecture(), facts.packages.clone());
    let plan = Plan { architecture, steps, applied_bytes, packages, warnings };
    order::check(&plan)?;
    Ok(plan)
}

/// Bytes of the files of images that are serviced at the same time, as the images state them: at most.
fn applied_bytes(steps: &[Step], settings: &Settings, facts: &Facts) -> u64 {
    let most = |target: Target| {
        let images = match target {
            Target::WinRe => facts.winre.as_slice(),
            Target::Os => facts.install.as_deref().unwrap_or_default(),
            Target::WinPe => facts.boot.as_deref().unwrap_or_default(),
            Target::Media => &[],
        };
        let is_it = |step: &Step, image: &ImageFacts| {
            let is_image = step.image.as_ref().is_none_or(|own| own.index == image.index);
            step.is_serviced() && step.target == target && is_image
        };
        let serviced = images.iter().filter(|image| steps.iter().any(|step| is_it(step, image)));
        let mut sizes: Vec<u64> = serviced.map(|image| image.bytes).collect();
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        sizes.into_iter().take(settings.jobs.get()).fold(0, u64::saturating_add)
    };
    [Target::WinRe, Target::Os, Target::WinPe].into_iter().map(most).max().unwrap_or_default()
}

pub(super) struct Sequence<'a> {
    pub(super) settings: &'a Settings,
    pub(super) facts: &'a Facts,
    pub(super) packages: Packages<'a>,
}

impl Sequence<'_> {
    fn check(&self) -> Result<(), PlanError> {
        let editions = self.facts.install.as_deref().unwrap_or_default();
        for index in &self.settings.editions {
            if !editions.iter().any(|image| image.index == *index) {
                return Err(PlanError::NoEdition { index: *index, count: editions.len() });
            }
        }
        let boot = self.facts.boot.iter().flatten().map(|image| ("boot.wim", image));
        let chosen = editions.iter().filter(|image| self.is_chosen(image)).map(|image| ("install.wim", image));
        let mut pending = boot.chain(chosen).filter(|(_, image)| image.is_pending);
        if let Some((archive, image)) = pending.next() {
            return Err(PlanError::Pending { archive, index: image.index });
        }
        if self.settings.checkpoints == Checkpoints::Separate && self.settings.is_customized() {
            return Err(PlanError::SeparateCheckpoints);
        }
        let what = match self.settings {
            _ if self.facts.features.is_some() => return Ok(()),
            Settings { languages, .. } if !languages.is_empty() => "languages",
            Settings { capabilities, .. } if !capabilities.is_empty() => "features on demand",
            Settings { dotnet35: true, .. } => ".NET Framework 3.5 and its files",
            _ => return Ok(()),
        };
        Err(PlanError::NoFeatures { what })
    }

    fn is_chosen(&self, image: &ImageFacts) -> bool {
        self.settings.editions.is_empty() || self.settings.editions.contains(&image.index)
    }

    /// All steps, in order.
    fn steps(&self) -> Result<Vec<Step>, PlanError> {
        let mut steps = vec![native(Task::CopyMedia, Target::Media, None, Native::CopyMedia)];
        let has_winre = self.recovery(&mut steps)?;
        self.system(&mut steps, has_winre)?;
        let has_saved = self.preinstallation(&mut steps)?;
        self.media(&mut steps, has_saved);
        let requests = steps.iter().flat_map(|step| match &step.work {
            Work::Service(requests) => requests.as_slice(),
            _ => &[],
        });
        if let Some((iso, paths)) = self.facts.features.as_ref().and_then(|features| features.needed(requests)) {
            let expand = Native::ExpandFeatures { iso, paths };
            steps.insert(1, native(Task::ExpandFeatures, Target::Media, None, expand));
        }
        Ok(steps)
    }

    /// Steps 1 to 8, on the winre.wim of the first edition. Answers whether there is a new one then.
    fn recovery(&self, steps: &mut Vec<Step>) -> Result<bool, PlanError> {
        let target = Target::WinRe;
        let reason = match (&self.facts.install, &self.facts.winre) {
            _ if !self.settings.targets.winre => Some(Reason::TurnedOff),
            (None, _) => Some(Reason::NoImages(Target::Os)),
            (_, None) => Some(Reason::NoWinre),
            _ => None,
        };
        let (Some(winre), None) = (&self.facts.winre, &reason) else {
            leave_out(steps, target, &reason.unwrap_or(Reason::NoWinre));
            return Ok(false);
        };
        let serviced = self.image_steps(target, winre, None)?;
        let is_serviced = serviced.iter().any(Step::is_serviced);
        let or_not = |native| if is_serviced { Work::Native(native) } else { Work::LeftOut(Reason::NothingServiced) };
        let index = self.facts.install.iter().flatten().next().map_or(1, |image| image.index);
        steps.push(unnumbered(Task::TakeWinre, target, None, or_not(Native::TakeWinre { index })));
        steps.extend(serviced);
        let export = Native::Export { images: vec![winre.index], boot: Some(winre.index) };
        steps.push(numbered(Task::Export, target, None, or_not(export)));
        Ok(is_serviced)
    }

    /// Steps 9 to 16, on each edition.
    fn system(&self, steps: &mut Vec<Step>, has_winre: bool) -> Result<(), PlanError> {
        let target = Target::Os;
        let Some(images) = &self.facts.install else {
            leave_out(steps, target, &Reason::NoImages(target));
            return Ok(());
        };
        if !self.settings.targets.os && !has_winre {
            leave_out(steps, target, &Reason::TurnedOff);
            return Ok(());
        }
        let mut is_changed = false;
        for image in images {
            let name = Some(name(image));
            if self.settings.targets.os && self.is_chosen(image) {
                let serviced = self.image_steps(target, image, name.clone())?;
                is_changed |= serviced.iter().any(Step::is_serviced);
                steps.extend(serviced);
            }
            if has_winre && image.winre.is_some() {
                is_changed = true;
                steps.push(native(Task::PutWinre, target, name, Native::PutWinre));
            }
        }
        let export = Native::Export { images: images.iter().map(|image| image.index).collect(), boot: None };
        let work = if is_changed { Work::Native(export) } else { Work::LeftOut(Reason::NothingServiced) };
        steps.push(numbered(Task::Export, target, None, work));
        Ok(())
    }

    /// Steps 17 to 25, on each image of boot.wim. Answers which files are kept for the media.
    fn preinstallation(&self, steps: &mut Vec<Step>) -> Result<Option<Vec<String>>, PlanError> {
        let target = Target::WinPe;
        let Some(images) = &self.facts.boot else {
            leave_out(steps, target, &Reason::NoImages(target));
            return Ok(None);
        };
        let mut is_changed = false;
        let mut saved = None;
        if !self.settings.targets.winpe {
            leave_out(steps, target, &Reason::TurnedOff);
        }
        for image in images {
            if self.settings.targets.winpe {
                let serviced = self.image_steps(target, image, Some(name(image)))?;
                is_changed |= serviced.iter().any(Step::is_serviced);
                steps.extend(serviced);
                if self.is_native_lang_ini(target, image) {
                    steps.push(numbered(Task::LangIni, target, Some(name(image)), Work::Native(Native::LangIni)));
                }
            }
            if image.index == SETUP_IMAGE {
                let mut names = vec!["setup.exe".to_owned()];
                if image.version.is_some_and(|version| version >= SETUPHOST_SINCE) {
                    names.push("setuphost.exe".into());
                }
                let setup = names.iter().map(|name| format!("sources/{name}"));
                let managers = MANAGERS.map(|name| self.settings.boot_managers.manager_path(name));
                let has_new = image.has_lang_ini && self.settings.targets.winpe && !self.settings.languages.is_empty();
                let lang_ini = has_new.then(|| LANG_INI.to_owned());
                let paths = setup.chain(managers).chain(lang_ini).collect();
                let is_2023 = self.settings.boot_managers == Signer::Windows2023;
                let directories = DIRECTORIES_2023.iter().filter(|_| is_2023).map(|path| (*path).to_owned()).collect();
                steps.push(native(
                    Task::SaveSetup,
                    target,
                    Some(self::name(image)),
                    Native::SaveFiles { paths, directories },
                ));
                saved = Some(names);
            }
        }
        if self.settings.targets.winpe {
            let images = images.iter().map(|image| image.index).collect();
            let export = Native::Export { images, boot: self.facts.boot_index };
            let work = if is_changed { Work::Native(export) } else { Work::LeftOut(Reason::NothingServiced) };
            steps.push(numbered(Task::Export, target, None, work));
        }
        Ok(saved)
    }

    /// Steps 26 to 28, on the files of the media.
    fn media(&self, steps: &mut Vec<Step>, saved: Option<Vec<String>>) {
        let target = Target::Media;
        let setup = match self.packages.setup {
            Some(package) => Work::Native(Native::ExpandSetupDu { package: package.path.clone() }),
            None => Work::LeftOut(self.packages.missing(Class::SetupDu)),
        };
        steps.push(numbered(Task::SetupDu, target, None, setup));
        let [binaries, managers] = match saved {
            Some(names) => [Native::PlaceSetup { names }, Native::PlaceBootManagers].map(Work::Native),
            None => [(); 2].map(|()| Work::LeftOut(Reason::NoImages(Target::WinPe))),
        };
        steps.push(numbered(Task::SetupBinaries, target, None, binaries));
        steps.push(numbered(Task::BootManagers, target, None, managers));
        let is_kept = |step: &Step| match &step.work {
            Work::Native(Native::SaveFiles { paths, .. }) => paths.iter().any(|path| path == LANG_INI),
            _ => false,
        };
        if steps.iter().any(is_kept) {
            steps.push(native(Task::PlaceLangIni, target, None, Native::PlaceLangIni));
        }
        steps.push(native(Task::CheckMedia, target, None, Native::CheckMedia));
        if let Some(iso) = &self.settings.iso {
            steps.push(native(Task::WriteIso, target, None, Native::WriteIso(iso.clone())));
        }
    }

    /// The numbered steps on one image, without its export.
    fn image_steps(&self, target: Target, image: &ImageFacts, name: Option<ImageName>) -> Result<Vec<Step>, PlanError> {
        let is_later = |task| task == Task::LangIni && self.is_native_lang_ini(target, image);
        let steps = step::of_image(target).filter(|step| !is_later(step.task)).map(|step| {
            let work = match self.wanted(step.task, target, image)? {
                Ok(requests) => Work::Service(requests),
                Err(reason) => Work::LeftOut(reason),
            };
            Ok(Step { number: Some(step.number), task: step.task, target, image: name.clone(), work })
        });
        let mut steps: Vec<Step> = steps.collect::<Result<_, PlanError>>()?;
        // An image that nothing is added to has nothing to clean up.
        let is_addition = |step: &&Step| step.is_serviced() && !matches!(step.task, Task::CleanUp | Task::LangIni);
        if !steps.iter().any(|step| is_addition(&step)) {
            for step in steps.iter_mut().filter(|step| matches!(step.work, Work::Service(_))) {
                step.work = Work::LeftOut(Reason::NothingServiced);
            }
        }
        Ok(steps)
    }

    /// Whether wimkit itself writes the lang.ini of an image, when that is serviced.
    fn is_native_lang_ini(&self, target: Target, image: &ImageFacts) -> bool {
        let Settings { lang_ini, languages, .. } = self.settings;
        target == Target::WinPe && image.has_lang_ini && *lang_ini == By::Native && !languages.is_empty()
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = self.facts.warnings.clone();
        let faulty = self.packages.faulty.iter();
        warnings
            .extend(faulty.map(|(package, fault)| format!("{}: not added: {}", package.path.display(), fault.problem)));
        let mut warn = |text: &str| warnings.push(text.to_owned());
        if self.facts.boot.is_none() {
            warn("the media have no boot.wim: Windows PE, Setup and boot managers stay as they are");
        }
        match &self.facts.install {
            None => warn("the media have no install.wim: the system and Windows RE stay as they are"),
            Some(_) if self.facts.winre.is_none() => {
                warn("image 1 of install.wim has no winre.wim: Windows RE stays as it is");
            }
            Some(_) => {}
        }
        if self.packages.cumulative.is_none() {
            warn("there is no cumulative update among the packages");
        }
        let leaves_pending =
            !self.settings.components.is_empty() || self.settings.dotnet35 || !self.packages.dotnet.is_empty();
        if leaves_pending && self.settings.targets.os && self.facts.install.is_some() {
            warn("components and .NET leave operations pending: next month begin with these original media again");
        }
        warnings
    }
}

fn name(image: &ImageFacts) -> ImageName {
    ImageName { index: image.index, name: image.name.clone() }
}

fn unnumbered(task: Task, target: Target, image: Option<ImageName>, work: Work) -> Step {
    Step { number: None, task, target, image, work }
}

fn native(task: Task, target: Target, image: Option<ImageName>, native: Native) -> Step {
    unnumbered(task, target, image, Work::Native(native))
}

fn numbered(task: Task, target: Target, image: Option<ImageName>, work: Work) -> Step {
    Step { number: step::number(task, target), task, target, image, work }
}

/// Leaves out all steps of a target.
fn leave_out(steps: &mut Vec<Step>, target: Target, reason: &Reason) {
    let of_target = step::GUIDE.iter().filter(|step| step.target == target);
    steps.extend(of_target.map(|step| numbered(step.task, target, None, Work::LeftOut(reason.clone()))));
}
