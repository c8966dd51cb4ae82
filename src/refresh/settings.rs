//! What a refresh is to do: a TOML file, or flags.

mod choice;
mod error;
mod file;

pub use choice::{By, Checkpoints, Servicer, StackFailure, StackMode};
pub use error::SettingsError;
pub use file::{Changes, SettingsFile, renewed};

use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use crate::servicing::presentation::Presentation;
use crate::servicing::program::DEFAULT_LIMIT;
use crate::servicing::request::CleanUp;

use super::media::boot::Signer;
use super::media::lang_ini::is_tag;

/// The file that `wimkit refresh init` writes: every setting with its meaning.
pub const TEMPLATE: &str = include_str!("template.toml");

/// A language to add.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Language {
    /// Such as `ja-jp`.
    pub tag: String,
    /// The script whose fonts it needs, such as `Jpan`.
    #[serde(default)]
    pub fonts: Option<String>,
}

/// Which images are serviced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Targets {
    /// Windows RE.
    pub winre: bool,
    /// The system.
    pub os: bool,
    /// Windows PE and Setup.
    pub winpe: bool,
}

impl Default for Targets {
    fn default() -> Self {
        Self { winre: true, os: true, winpe: true }
    }
}

/// How each kind of image is cleaned up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CleanUps {
    /// Windows RE.
    pub winre: CleanUp,
    /// The system.
    pub os: CleanUp,
    /// Windows PE and Setup.
    pub winpe: CleanUp,
}

impl Default for CleanUps {
    fn default() -> Self {
        Self { winre: CleanUp::ResetBaseDefer, os: CleanUp::Plain, winpe: CleanUp::ResetBaseDefer }
    }
}

/// An ISO image of the new media.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IsoSettings {
    /// The image; it is replaced if it exists.
    pub path: PathBuf,
    /// The volume's name.
    #[serde(default = "default_label")]
    pub label: String,
    /// Whether EFI firmware asks for a key before it starts.
    #[serde(default = "default_prompt")]
    pub prompt: bool,
    /// Who has signed what EFI firmware starts.
    #[serde(default)]
    pub signer: Signer,
}

impl IsoSettings {
    /// An image at `path`, and all else as it usually is.
    pub fn new(path: PathBuf) -> Self {
        Self { path, label: default_label(), prompt: default_prompt(), signer: Signer::default() }
    }
}

fn default_label() -> String {
    crate::iso::create::DEFAULT_LABEL.into()
}

const fn default_prompt() -> bool {
    true
}

/// What a refresh is to do.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The media as they are: a directory, or their ISO image. They are never written to.
    pub media: PathBuf,
    /// Where the new media go.
    pub new_media: PathBuf,
    /// Where images are worked on: on a roomy disk.
    pub work: PathBuf,
    /// Update packages, and directories of them. They are told apart by what is in them.
    pub packages: Vec<PathBuf>,
    /// The ISO image with languages and features on demand, or a directory with its contents.
    pub features: Option<PathBuf>,
    /// Languages to add.
    pub languages: Vec<Language>,
    /// Further features on demand, by the names of their capabilities.
    pub capabilities: Vec<String>,
    /// Optional components to turn on.
    pub components: Vec<String>,
    /// Whether .NET Framework 3.5 is added.
    pub dotnet35: bool,
    /// The editions to service, by their numbers; none: all.
    pub editions: Vec<u32>,
    /// How the servicing stack gets in.
    pub servicing_stack: StackMode,
    /// How checkpoints get in.
    pub checkpoints: Checkpoints,
    /// What follows where step 9 fails.
    pub stack_failure: StackFailure,
    /// Who writes lang.ini where languages were added.
    pub lang_ini: By,
    /// Who services images.
    pub servicer: Servicer,
    /// The program that DISM is; `None`: that of this Windows.
    pub dism: Option<PathBuf>,
    /// The codes that a recorded servicer answers with; `None`: success.
    pub answers: Option<PathBuf>,
    /// How images are presented to DISM.
    pub images: Presentation,
    /// So many images of one archive are serviced at the same time.
    pub jobs: NonZeroUsize,
    /// How many seconds a call of DISM may take.
    pub dism_timeout: u64,
    /// What is serviced.
    pub targets: Targets,
    /// How it is cleaned up.
    pub clean_up: CleanUps,
    /// Who has signed the boot managers that get onto the media.
    pub boot_managers: Signer,
    /// An ISO image of the new media, if one is wanted.
    pub iso: Option<IsoSettings>,
    /// Where the folders of reports go; `None`: below `work`.
    pub reports: Option<PathBuf>,
    /// The database of all runs; `None`: that of this user.
    pub database: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            media: "oldMedia".into(),
            new_media: "newMedia".into(),
            work: "work".into(),
            packages: ["CU", "Other"].map(|name| Path::new("packages").join(name)).into(),
            features: None,
            languages: Vec::new(),
            capabilities: Vec::new(),
            components: Vec::new(),
            dotnet35: false,
            editions: Vec::new(),
            servicing_stack: StackMode::default(),
            checkpoints: Checkpoints::default(),
            stack_failure: StackFailure::default(),
            lang_ini: By::default(),
            servicer: Servicer::default(),
            dism: None,
            answers: None,
            images: Presentation::default(),
            jobs: NonZeroUsize::MIN,
            dism_timeout: DEFAULT_LIMIT.as_secs(),
            targets: Targets::default(),
            clean_up: CleanUps::default(),
            boot_managers: Signer::default(),
            iso: None,
            reports: None,
            database: None,
        }
    }
}

impl Settings {
    /// Reads a file. Paths in it begin at its directory.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let text = fs::read_to_string(path).map_err(|source| SettingsError::Io { path: path.to_owned(), source })?;
        let settings = basic_toml::from_str::<Self>(&text);
        let settings = settings.map_err(|source| SettingsError::Toml { path: path.to_owned(), source })?;
        Ok(settings.below(path.parent().unwrap_or(Path::new(""))))
    }

    /// All paths.
    fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let own = [&mut self.media, &mut self.new_media, &mut self.work];
        let others = self.packages.iter_mut().chain(&mut self.features);
        let iso = self.iso.as_mut().map(|iso| &mut iso.path);
        let servicer = self.dism.iter_mut().chain(&mut self.answers);
        own.into_iter().chain(others).chain(iso).chain(servicer).chain(&mut self.reports).chain(&mut self.database)
    }

    /// The same with paths that begin at `directory`.
    fn below(mut self, directory: &Path) -> Self {
        // With the separators of the system, of which a file may have others, and which DISM is given.
        self.paths().for_each(|path| *path = directory.join(path.components().collect::<PathBuf>()));
        self
    }

    /// The same with paths that mean the same from everywhere.
    ///
    /// # Errors
    /// The current directory is not known.
    pub fn absolute(&self) -> io::Result<Self> {
        let mut settings = self.clone();
        for path in settings.paths() {
            *path = std::path::absolute(&*path)?;
        }
        Ok(settings)
    }

    /// Where the folders of reports go.
    pub fn reports(&self) -> PathBuf {
        self.reports.clone().unwrap_or_else(|| self.work.join("reports"))
    }

    /// Where files go that are taken out of an ISO image with languages and features.
    pub fn expanded_features(&self) -> PathBuf {
        self.work.join("features")
    }

    /// Whether anything but updates is added.
    pub fn is_customized(&self) -> bool {
        !self.languages.is_empty() || !self.capabilities.is_empty() || !self.components.is_empty() || self.dotnet35
    }

    /// Refuses what cannot be meant.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn check(&self) -> Result<(), SettingsError> {
        if let Some(language) = self.languages.iter().find(|language| !is_tag(&language.tag)) {
            return Err(SettingsError::Tag { tag: language.tag.clone() });
        }
        for (first, second, names) in [
            (&self.media, &self.new_media, "media and new_media"),
            (&self.media, &self.work, "media and work"),
            (&self.new_media, &self.work, "new_media and work"),
        ] {
            let [one, other] = [first, second].map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone()));
            if one.starts_with(&other) || other.starts_with(&one) {
                return Err(SettingsError::Overlap { first: first.clone(), second: second.clone(), names });
            }
        }
        // Beside the media, and not in them.
        let iso = self.iso.as_ref().map(|iso| iso.path.clone());
        for (name, path) in [("reports", &self.reports), ("database", &self.database), ("iso", &iso)] {
            for media in [&self.media, &self.new_media] {
                let [own, media] = [path.as_ref().unwrap_or(&self.work), media]
                    .map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone()));
                if own.starts_with(&media) {
                    return Err(SettingsError::InMedia { name, path: own, media });
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_has_every_setting_at_its_default() {
        assert_eq!(basic_toml::from_str::<Settings>(TEMPLATE).unwrap(), Settings::default());
        // Without the comments' marks the examples count, and are settings that exist.
        let is_example = |line: &&str| line.starts_with("#:");
        let examples: Vec<&str> = TEMPLATE.lines().filter(is_example).map(|line| &line[2..]).collect();
        let settings = basic_toml::from_str::<Settings>(&examples.join("\n")).unwrap();
        assert!(settings.is_customized() && settings.features.is_some(), "{settings:?}");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let with = |text: &str| basic_toml::from_str::<Settings>(text);
        assert!(with("medai = \"x\"").is_err());
        assert!(with("[clean_up]\nos = \"sometimes\"").is_err());
        let error = |text: &str| with(text).unwrap().check().unwrap_err().to_string();
        assert_eq!(error("languages = [{ tag = \"../x\" }]"), "\"../x\" is no language such as ja-jp");
        assert!(error("new_media = \"oldMedia/new\"").ends_with("media and new_media must be apart from each other"));
        assert!(error("work = \"newMedia\"").contains("new_media and work"));
        assert!(error("reports = \"newMedia/reports\"").contains("reports must not be in the media"));
        assert!(error("database = \"oldMedia\"").contains("database must not be in the media"));
        assert!(error("iso = { path = \"newMedia/x.iso\" }").contains("iso must not be in the media"));
        assert!(with("reports = \".\"").unwrap().check().is_ok());
        assert!(with("").unwrap().check().is_ok());
    }
}
