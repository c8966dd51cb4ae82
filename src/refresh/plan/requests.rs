//! What the image servicer is asked for at a step, or why it is not.

use std::path::PathBuf;

use super::facts::{FeatureSource, PackageFacts};
use super::packages::Packages;
use super::sequence::Sequence;
use super::{PlanError, Reason};
use crate::catalog::class::Class;
use crate::refresh::media::images::ImageFacts;
use crate::refresh::settings::{Checkpoints, StackMode};
use crate::refresh::step::{Target, Task};
use crate::servicing::request::{CleanUp, Request};

/// What a servicer is asked for, or why it is not.
type Wanted = Result<Vec<Request>, Reason>;

fn add(package: &PackageFacts) -> Request {
    Request::AddPackage { path: package.path.clone() }
}

fn add_all(paths: Vec<PathBuf>) -> Wanted {
    let requests: Vec<Request> = paths.into_iter().map(|path| Request::AddPackage { path }).collect();
    if requests.is_empty() { Err(Reason::NoFiles) } else { Ok(requests) }
}

impl Sequence<'_> {
    /// What is asked for at a step on an image.
    pub(super) fn wanted(&self, task: Task, target: Target, image: &ImageFacts) -> Result<Wanted, PlanError> {
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
                let package = self.packages.safe_os.ok_or_else(|| self.packages.missing(Class::SafeOsDu));
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
        if requests.is_empty() { Err(self.packages.missing(Class::DotNet)) } else { Ok(requests) }
    }
}
