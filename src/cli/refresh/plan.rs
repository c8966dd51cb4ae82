//! `wimkit refresh plan`: what a refresh does, before anything is done.

use super::super::Context;
use super::super::exit::{Failure, Outcome};
use super::super::human::{Counted, Human};
use super::super::printer::{self, Out, visible, warn};
use super::document::Document;
use clap::Args;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use wimkit::refresh::commands::commands;
use wimkit::refresh::media::boot::Signer;
use wimkit::refresh::plan::{self, Facts, Native, PlanError, Reason, Step, Work};
use wimkit::refresh::settings::{By, IsoSettings, Language, Settings, SettingsError, SettingsFile};
use wimkit::servicing::presentation::Presentation;

/// Show what a refresh does, step by step, before anything is done
///
/// The steps have the numbers of Microsoft's guide, from 1 to 28; a dash stands before what that does without a number.
#[derive(Args, Debug)]
pub(crate) struct Plan {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Show each package and feature, and the command lines of DISM
    #[arg(long, short)]
    long: bool,
}

/// The settings: a file, and flags that take the place of what is in it.
#[derive(Args, Debug)]
pub(super) struct SettingsArgs {
    /// The file with the settings [default: refresh.toml if it is there]
    file: Option<PathBuf>,
    /// The media as they are: a directory, or their ISO image
    #[arg(long, value_name = "PATH", help_heading = "Settings")]
    media: Option<PathBuf>,
    /// Where the new media go
    #[arg(long, value_name = "DIR", help_heading = "Settings")]
    new_media: Option<PathBuf>,
    /// Where images are worked on
    #[arg(long, value_name = "DIR", help_heading = "Settings")]
    work: Option<PathBuf>,
    /// Update packages, a directory of them, or a directory of such directories
    #[arg(long, value_name = "PATH", help_heading = "Settings")]
    packages: Vec<PathBuf>,
    /// The ISO image with languages and features on demand, or a directory with its contents
    #[arg(long, value_name = "PATH", help_heading = "Settings")]
    features: Option<PathBuf>,
    /// Take boot managers that are signed by Microsoft's authority of 2011, or of 2023
    #[arg(long, value_name = "YEAR", help_heading = "Settings")]
    boot_managers: Option<Signer>,
    /// Who writes lang.ini where languages are added: dism, or wimkit itself (native)
    #[arg(long, value_name = "WHO", help_heading = "Settings")]
    lang_ini: Option<By>,
    /// How images are presented to DISM: it mounts them (mount), or wimkit applies and captures them (apply)
    #[arg(long, value_name = "HOW", help_heading = "Settings")]
    images: Option<Presentation>,
    /// Write a bootable ISO image of the new media
    #[arg(long, value_name = "FILE", help_heading = "Settings")]
    iso: Option<PathBuf>,
    /// Add a language, and fonts for its script if it needs them: ja-jp:Jpan
    #[arg(long, value_name = "TAG[:SCRIPT]", help_heading = "Settings")]
    language: Vec<LanguageWord>,
    /// Service this edition only, by its number
    #[arg(long, value_name = "N", help_heading = "Settings")]
    edition: Vec<u32>,
}

/// A language with its script.
#[derive(Clone, Debug)]
struct LanguageWord(Language);

impl FromStr for LanguageWord {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (tag, fonts) = text.split_once(':').map_or((text, None), |(tag, fonts)| (tag, Some(fonts.to_owned())));
        Ok(Self(Language { tag: tag.into(), fonts }))
    }
}

/// The settings in the file that `init` writes, if it is there.
pub(crate) fn settings_here() -> Result<Option<SettingsFile>, Failure> {
    let file = Path::new("refresh.toml");
    Ok(if file.exists() { Some(SettingsFile::read(file)?) } else { None })
}

impl SettingsArgs {
    /// What is to be done, and the file that this comes from.
    pub(super) fn settings(&self) -> Result<(Settings, Option<SettingsFile>), Failure> {
        let file = match &self.file {
            Some(file) => Some(SettingsFile::read(file)?),
            None => settings_here()?,
        };
        let mut settings = file.as_ref().map(|file| file.settings.clone()).unwrap_or_default();
        let Self { media, new_media, work, packages, features, boot_managers, iso, language, edition, .. } = self;
        let own = [(media, &mut settings.media), (new_media, &mut settings.new_media), (work, &mut settings.work)];
        for (flag, setting) in own {
            if let Some(path) = flag {
                setting.clone_from(path);
            }
        }
        if !packages.is_empty() {
            settings.packages.clone_from(packages);
        }
        if !language.is_empty() {
            settings.languages = language.iter().map(|word| word.0.clone()).collect();
        }
        if !edition.is_empty() {
            settings.editions.clone_from(edition);
        }
        settings.features = features.clone().or(settings.features);
        settings.lang_ini = self.lang_ini.unwrap_or(settings.lang_ini);
        settings.images = self.images.unwrap_or(settings.images);
        settings.boot_managers = boot_managers.unwrap_or(settings.boot_managers);
        if let Some(path) = iso {
            let path = path.clone();
            settings.iso = Some(match settings.iso {
                Some(iso) => IsoSettings { path, ..iso },
                None => IsoSettings::new(path),
            });
        }
        Ok((settings, file))
    }
}

impl Plan {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        let (settings, _) = self.settings.settings()?;
        let facts = Facts::gather(&settings, context.control())?;
        let plan = plan::plan(&settings, &facts)?;
        for warning in &plan.warnings {
            warn(visible(warning));
        }
        if context.global.json {
            printer::json(&Document::new(&settings, &plan))?;
        } else {
            self.write(&settings, &plan)?;
            let (done, all) = (plan.done().count(), plan.steps.len());
            context.say(format_args!("{}: {done} are done, {} left out", Counted(all as u64, "step"), all - done));
        }
        Ok(Outcome::Done)
    }

    /// Writes a line for each step that is done, and one for neighbours that are left out for the same reason.
    fn write(&self, settings: &Settings, plan: &plan::Plan) -> Result<(), Failure> {
        let mut out = Out::new();
        writeln!(out, "{} to {}", settings.media.display(), settings.new_media.display())?;
        match plan.applied_bytes {
            None => writeln!(out, "images are mounted by DISM")?,
            Some(bytes) => {
                let directory = settings.work.join(settings.images.directory());
                let room = Human(bytes);
                writeln!(out, "images are applied to {}: {room} at a time, and what updates add", directory.display())?;
            }
        }
        let mut last_target = None;
        let mut steps = plan.steps.as_slice();
        while let Some((step, rest)) = steps.split_first() {
            let heading = (step.target, step.image.as_ref().map(|image| image.index));
            if last_target.replace(heading) != Some(heading) {
                let image = step.image.as_ref().map(|image| format!(" {} {}", image.index, image.name));
                writeln!(out, "\n{}{}", step.target.name(), visible(&image.unwrap_or_default()))?;
            }
            steps = match &step.work {
                Work::LeftOut(reason) => {
                    let is_same = |next: &&Step| {
                        matches!(&next.work, Work::LeftOut(other) if other == reason)
                            && (next.target, &next.image) == (step.target, &step.image)
                    };
                    let more = rest.iter().take_while(is_same).count();
                    let (same, rest) = steps.split_at(1 + more);
                    write_left_out(same, reason, &mut out)?;
                    rest
                }
                _ => {
                    self.write_step(step, settings, &mut out)?;
                    rest
                }
            };
        }
        out.finish()
    }

    fn write_step(&self, step: &Step, settings: &Settings, out: &mut Out) -> Result<(), Failure> {
        let number = step.number.map_or("-".to_owned(), |number| number.to_string());
        let what = match &step.work {
            Work::Service(requests) => {
                let titles: Vec<String> = requests.iter().map(|request| request.title()).collect();
                match titles.as_slice() {
                    [one] => one.clone(),
                    [first, rest @ ..] => format!("{first} and {} more", rest.len()),
                    [] => String::new(),
                }
            }
            Work::Native(native) => describe(native),
            Work::LeftOut(_) => String::new(),
        };
        writeln!(out, "  {number:>2}  {:<24}  {}", step.task.title(), visible(&what))?;
        if self.long {
            for command in commands(step, settings) {
                writeln!(out, "      {}", visible(&command))?;
            }
        }
        Ok(())
    }
}

fn write_left_out(steps: &[Step], reason: &Reason, out: &mut Out) -> Result<(), Failure> {
    let numbers: Vec<u8> = steps.iter().filter_map(|step| step.number).collect();
    let (numbers, what) = match (numbers.as_slice(), steps) {
        ([], [step, ..]) => ("-".to_owned(), step.task.title().to_owned()),
        ([number], [.., step]) => (number.to_string(), step.task.title().to_owned()),
        ([first, .., last], _) => (first.to_string(), format!("to {last}")),
        _ => return Ok(()),
    };
    writeln!(out, "  {numbers:>2}  {what:<24}  left out: {reason}")
}

fn describe(native: &Native) -> String {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match native {
        Native::CopyMedia => "all files, made writable".into(),
        Native::ExpandFeatures { iso, paths } => {
            format!("{} of {}", Counted(paths.len() as u64, "file"), name(iso))
        }
        Native::TakeWinre { index } => format!("out of edition {index}"),
        Native::Export { images, boot } => {
            let boot = boot.map(|boot| format!(", number {boot} starts")).unwrap_or_default();
            format!("{}{boot}", Counted(images.len() as u64, "image"))
        }
        Native::PutWinre => "the same for every edition".into(),
        Native::SaveFiles { paths, .. } => format!("{} for the media", Counted(paths.len() as u64, "file")),
        Native::ExpandSetupDu { package } => format!("{}, newer files only", name(package)),
        Native::PlaceSetup { names } => format!("{} of Windows PE", names.join(", ")),
        Native::PlaceBootManagers => "those of Windows PE".into(),
        Native::LangIni => "by wimkit, when the image is serviced".into(),
        Native::PlaceLangIni => "that of Windows PE".into(),
        Native::CheckMedia => "versions, languages, images".into(),
        Native::WriteIso(iso) => name(&iso.path),
        _ => String::new(),
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        let hint = error.hint();
        Self::new(error, Some(hint))
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Interrupted => Self::Interrupted,
            PlanError::Packages(error) => (*error).into(),
            PlanError::Settings(error) => error.into(),
            error => {
                let hint = error.hint();
                Self::new(error, hint)
            }
        }
    }
}
