//! From settings and facts to steps: a pure function.

use std::path::PathBuf;

use super::facts::{Facts, FeatureSource, PackageFacts};
use super::{ImageName, Native, Plan, PlanError, Reason, Step, Work, order};
use crate::catalog::class::Class;
use crate::refresh::check::SETUP_IMAGE;
use crate::refresh::media::boot::MANAGERS;
use crate::refresh::media::images::ImageFacts;
use crate::refresh::settings::{Checkpoints, Settings, StackMode};
use crate::refresh::step::{self, Target, Task};
use crate::servicing::request::{CleanUp, Request};
use crate::wim::xml::WindowsVersion;

/// From this version on Setup has a setuphost.exe that must agree, too.
const SETUPHOST_SINCE: WindowsVersion = WindowsVersion { major: 10, minor: 0, build: 26100, revision: 0 };

/// What a servicer is asked for, or why it is not.
type Wanted = Result<Vec<Request>, Reason>;

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
    let plan = Plan { architecture: facts.architecture(), steps, packages: facts.packages.clone(), warnings };
    order::check(&plan)?;
    Ok(plan)
}

/// The packages by what they are for.
#[derive(Default)]
struct Packages<'a> {
    stack: Option<&'a PackageFacts>,
    cumulative: Option<&'a PackageFacts>,
    /// Lower cumulative updates, upon which that one builds; the lowest first.
    checkpoints: Vec<&'a PackageFacts>,
    safe_os: Option<&'a PackageFacts>,
    setup: Option<&'a PackageFacts>,
    dotnet: Vec<&'a PackageFacts>,
}

impl<'a> Packages<'a> {
    fn choose(settings: &Settings, facts: &'a Facts) -> Result<Self, PlanError> {
        let mut packages = Self::default();
        let expected = facts.architecture();
        for package in &facts.packages {
            let path = || package.path.clone();
            if let Some(problem) = &package.problem {
                return Err(PlanError::Package { path: path(), problem: problem.clone() });
            }
            if let (Some(found), Some(expected)) = (package.architecture, expected)
                && expected.name() != Some(found)
            {
                return Err(PlanError::Architecture { path: path(), found: found.into(), expected });
            }
            let slot = match package.class {
                Class::ServicingStack => &mut packages.stack,
                Class::SafeOsDu => &mut packages.safe_os,
                Class::SetupDu => &mut packages.setup,
                Class::Cumulative => {
                    packages.checkpoints.push(package);
                    continue;
                }
                Class::DotNet => {
                    packages.dotnet.push(package);
                    continue;
                }
                _ => continue,
            };
            if let Some(first) = slot.replace(package) {
                return Err(PlanError::TwoPackages { first: first.path.clone(), second: path() });
            }
        }
        packages.checkpoints.sort_by_key(|package| package.version);
        packages.cumulative = packages.checkpoints.pop();
        let mode = match settings.servicing_stack {
            StackMode::Combined => return Ok(packages),
            StackMode::SeparateFirst => "separate-first",
            StackMode::SeparateOnly => "separate-only",
        };
        if packages.stack.is_none() { Err(PlanError::NoStack { mode }) } else { Ok(packages) }
    }
}

fn add(package: &PackageFacts) -> Request {
    Request::AddPackage { path: package.path.clone() }
}

fn add_all(paths: Vec<PathBuf>) -> Wanted {
    let requests: Vec<Request> = paths.into_iter().map(|path| Request::AddPackage { path }).collect();
    if requests.is_empty() { Err(Reason::NoFiles) } else { Ok(requests) }
}

struct Sequence<'a> {
    settings: &'a Settings,
    facts: &'a Facts,
    packages: Packages<'a>,
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
        let is_serviced = serviced.iter().any(order::is_serviced);
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
                is_changed |= serviced.iter().any(order::is_serviced);
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
                is_changed |= serviced.iter().any(order::is_serviced);
                steps.extend(serviced);
            }
            if image.index == SETUP_IMAGE {
                let mut names = vec!["setup.exe".to_owned()];
                if image.version.is_some_and(|version| version >= SETUPHOST_SINCE) {
                    names.push("setuphost.exe".into());
                }
                let setup = names.iter().map(|name| format!("sources/{name}"));
                let managers = MANAGERS.map(|name| self.settings.boot_managers.manager_path(name));
                let paths = setup.chain(managers).collect();
                steps.push(native(Task::SaveSetup, target, Some(self::name(image)), Native::SaveFiles { paths }));
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
            None => Work::LeftOut(Reason::NoPackage(Class::SetupDu)),
        };
        steps.push(numbered(Task::SetupDu, target, None, setup));
        let [binaries, managers] = match saved {
            Some(names) => [Native::PlaceSetup { names }, Native::PlaceBootManagers].map(Work::Native),
            None => [(); 2].map(|()| Work::LeftOut(Reason::NoImages(Target::WinPe))),
        };
        steps.push(numbered(Task::SetupBinaries, target, None, binaries));
        steps.push(numbered(Task::BootManagers, target, None, managers));
        steps.push(native(Task::CheckMedia, target, None, Native::CheckMedia));
        if let Some(iso) = &self.settings.iso {
            steps.push(native(Task::WriteIso, target, None, Native::WriteIso(iso.clone())));
        }
    }

    /// The numbered steps on one image, without its export.
    fn image_steps(&self, target: Target, image: &ImageFacts, name: Option<ImageName>) -> Result<Vec<Step>, PlanError> {
        let steps = step::of_image(target).map(|step| {
            let work = match self.wanted(step.task, target, image)? {
                Ok(requests) => Work::Service(requests),
                Err(reason) => Work::LeftOut(reason),
            };
            Ok(Step { number: Some(step.number), task: step.task, target, image: name.clone(), work })
        });
        let mut steps: Vec<Step> = steps.collect::<Result<_, PlanError>>()?;
        // An image that nothing is added to has nothing to clean up.
        let is_addition =
            |step: &&Step| order::is_serviced(step) && !matches!(step.task, Task::CleanUp | Task::LangIni);
        if !steps.iter().any(|step| is_addition(&step)) {
            for step in steps.iter_mut().filter(|step| matches!(step.work, Work::Service(_))) {
                step.work = Work::LeftOut(Reason::NothingServiced);
            }
        }
        Ok(steps)
    }

    fn wanted(&self, task: Task, target: Target, image: &ImageFacts) -> Result<Wanted, PlanError> {
        let settings = self.settings;
        let languages = &settings.languages;
        let is_of_language =
            matches!(task, Task::LanguagePack | Task::LocalizedPackages | Task::FontSupport | Task::TextToSpeech);
        if is_of_language && languages.is_empty() {
            return Ok(Err(Reason::NoLanguage));
        }
        Ok(match task {
            Task::ServicingStack => self.stack(target),
            Task::LanguagePack => self.language_packs(target)?,
            Task::LocalizedPackages => add_all(self.localized(image)),
            Task::FontSupport => add_all(self.of_languages(|tag| vec![format!("WinPE-FontSupport-{tag}.cab")])),
            Task::TextToSpeech => add_all(self.text_to_speech()),
            Task::LangIni if !image.has_lang_ini => Err(Reason::NotSetup),
            Task::LangIni if languages.is_empty() => Err(Reason::NoLanguage),
            Task::LangIni => Ok(vec![Request::GenLangIni]),
            Task::Features => self.features(),
            Task::SafeOs => {
                let package = self.packages.safe_os.ok_or(Reason::NoPackage(Class::SafeOsDu));
                package.map(|package| vec![add(package)])
            }
            Task::Cumulative => {
                let package = self.packages.cumulative.ok_or(Reason::NoPackage(Class::Cumulative));
                package.map(|package| vec![add(package)])
            }
            Task::CleanUp => match self.clean_up(target) {
                CleanUp::Off => Err(Reason::TurnedOff),
                how => Ok(vec![Request::CleanUp { how }]),
            },
            Task::Components if settings.components.is_empty() => Err(Reason::NotAsked),
            Task::Components => {
                let feature = |name: &String| Request::EnableFeature { name: name.clone(), source: None };
                Ok(settings.components.iter().map(feature).collect())
            }
            Task::DotNet => self.dotnet(),
            _ => Err(Reason::NotAsked),
        })
    }

    fn clean_up(&self, target: Target) -> CleanUp {
        let clean_up = self.settings.clean_up;
        match target {
            Target::WinRe => clean_up.winre,
            Target::WinPe => clean_up.winpe,
            Target::Os | Target::Media => clean_up.os,
        }
    }

    fn stack(&self, target: Target) -> Wanted {
        let Packages { stack, cumulative, checkpoints, .. } = &self.packages;
        let combined = || {
            let package = cumulative.ok_or(Reason::NoPackage(Class::Cumulative))?;
            if !package.is_combined {
                return Err(Reason::NoPackage(Class::ServicingStack));
            }
            // Windows RE is brought to its level by the Safe OS update: the checkpoints are not for it.
            let is_separate = self.settings.checkpoints == Checkpoints::Separate && target != Target::WinRe;
            let before = checkpoints.iter().filter(|_| is_separate).copied();
            Ok(before.chain([package]).map(add).collect::<Vec<_>>())
        };
        let stack = stack.map(add);
        match self.settings.servicing_stack {
            StackMode::Combined => combined(),
            StackMode::SeparateOnly => Ok(stack.into_iter().collect()),
            StackMode::SeparateFirst => Ok(stack.into_iter().chain(combined()?).collect()),
        }
    }

    fn source(&self) -> &FeatureSource {
        self.facts.features.as_ref().expect("`check` has refused settings that need one without it")
    }

    fn architecture(&self) -> &'static str {
        self.facts.architecture().and_then(|architecture| architecture.name()).unwrap_or("x64")
    }

    fn language_packs(&self, target: Target) -> Result<Wanted, PlanError> {
        let (source, architecture) = (self.source(), self.architecture());
        let paths = self.settings.languages.iter().map(|language| match target {
            Target::Os => source.language_pack(&language.tag, architecture),
            _ => source.pe_language_pack(&language.tag, architecture),
        });
        Ok(add_all(paths.collect::<Result<_, _>>()?))
    }

    /// Files for Windows PE and RE, of those that `names` gives for each language the ones that are there.
    fn of_languages(&self, names: impl Fn(&str) -> Vec<String>) -> Vec<PathBuf> {
        let names = self.settings.languages.iter().flat_map(|language| names(&language.tag));
        names.filter_map(|name| self.source().component(&name, self.architecture())).collect()
    }

    /// For each optional component that the image has, its part for each language.
    fn localized(&self, image: &ImageFacts) -> Vec<PathBuf> {
        let of = |tag: &str| image.components.iter().map(|name| format!("{tag}/{name}_{tag}.cab")).collect();
        self.of_languages(of)
    }

    /// The base once, then each language; nothing without the base.
    fn text_to_speech(&self) -> Vec<PathBuf> {
        let Some(base) = self.source().component("WinPE-Speech-TTS.cab", self.architecture()) else {
            return Vec::new();
        };
        let languages = self.of_languages(|tag| vec![format!("WinPE-Speech-TTS-{tag}.cab")]);
        if languages.is_empty() { languages } else { [vec![base], languages].concat() }
    }

    fn features(&self) -> Wanted {
        let mut names = Vec::new();
        for language in &self.settings.languages {
            let tag = &language.tag;
            if let Some(script) = &language.fonts {
                let (upper, mut lower) = (script.to_uppercase(), script.to_lowercase());
                lower.replace_range(..1.min(lower.len()), upper.get(..1).unwrap_or_default());
                names.push(format!("Language.Fonts.{lower}~~~und-{upper}~0.0.1.0"));
            }
            let kinds = ["Basic", "OCR", "Handwriting", "TextToSpeech", "Speech"];
            names.extend(kinds.map(|kind| format!("Language.{kind}~~~{tag}~0.0.1.0")));
        }
        names.extend(self.settings.capabilities.iter().cloned());
        if names.is_empty() {
            return Err(Reason::NotAsked);
        }
        let source = self.source().capabilities();
        Ok(names.into_iter().map(|name| Request::AddCapability { name, source: source.clone() }).collect())
    }

    fn dotnet(&self) -> Wanted {
        let mut requests = Vec::new();
        if self.settings.dotnet35 {
            let source = self.source().capabilities();
            requests.push(Request::AddCapability { name: "NetFX3~~~~".into(), source });
        }
        requests.extend(self.packages.dotnet.iter().copied().map(add));
        if requests.is_empty() { Err(Reason::NoPackage(Class::DotNet)) } else { Ok(requests) }
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = self.facts.warnings.clone();
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
