//! Where the files of a run are.

use std::fs;
use std::path::{Path, PathBuf};

use super::{RunError, native};
use crate::refresh::media::boot::{DIRECTORIES_2023, MANAGERS, Signer, TRUST_LIST, manager_of, place_2023};
use crate::refresh::media::images::LANG_INI;
use crate::refresh::media::lang_ini::is_tag;
use crate::refresh::media::{BOOT_ARCHIVE, INSTALL_ARCHIVES, Media};
use crate::refresh::plan::{Native, Plan, Step, Work};
use crate::refresh::settings::Settings;
use crate::refresh::step::{Target, Task};
use crate::servicing::presentation::Presentation;
use crate::servicing::{ServicingError, Workplace};
use crate::wim::ImageIndex;

/// Asks the servicer for something about all images of the run with this work directory.
pub(super) fn at_work<T>(
    work: &Path,
    ask: impl FnOnce(&Workplace<'_>) -> Result<T, ServicingError>,
) -> Result<T, RunError> {
    let [applied, scratch, logs] = [Presentation::Apply.directory(), "scratch", "logs"].map(|name| work.join(name));
    Ok(ask(&Workplace { work, applied: &applied, scratch: &scratch, logs: &logs })?)
}

/// Where the files of a run are.
#[derive(Debug)]
pub(super) struct Places<'a> {
    settings: &'a Settings,
    plan: &'a Plan,
    media: Media,
}

impl<'a> Places<'a> {
    /// Lists the original media.
    pub(super) fn new(settings: &'a Settings, plan: &'a Plan) -> Result<Self, RunError> {
        Ok(Self { settings, plan, media: Media::open(&settings.media)? })
    }

    /// The original media.
    pub(super) fn media(&self) -> &Media {
        &self.media
    }

    /// Where the new media are.
    pub(super) fn new_media(&self) -> &Path {
        &self.settings.new_media
    }

    /// The path of a file in the new media, below their root.
    pub(super) fn inside_new_media<'p>(&self, path: &'p Path) -> Option<&'p Path> {
        path.strip_prefix(&self.settings.new_media).ok()
    }

    /// A path in the work directory.
    pub(super) fn in_work(&self, path: &str) -> PathBuf {
        self.settings.work.join(path)
    }

    /// Where files are kept that go from images onto the media.
    pub(super) fn saved(&self) -> PathBuf {
        self.in_work("saved")
    }

    /// Where a file of the new media is or will be: letter case is that of the original.
    pub(super) fn in_new_media(&self, path: &str) -> PathBuf {
        let original = self.media.find(path);
        let inside = original.as_deref().and_then(|original| original.strip_prefix(self.media.root()).ok());
        self.settings.new_media.join(inside.unwrap_or(Path::new(path)))
    }

    /// An image as a file of its own.
    pub(super) fn own_file(&self, target: Target, image: Option<u32>) -> PathBuf {
        let image = image.map(|image| format!("-{image}")).unwrap_or_default();
        self.in_work("images").join(format!("{}{image}.wim", target.name().to_lowercase()))
    }

    /// Where an image comes from.
    pub(super) fn original(&self, target: Target, image: Option<u32>) -> (PathBuf, ImageIndex) {
        let index = image.and_then(ImageIndex::new).unwrap_or(ImageIndex::FIRST);
        match target {
            Target::WinRe => (self.in_work("images/winre-original.wim"), ImageIndex::FIRST),
            Target::WinPe => (self.media.place(BOOT_ARCHIVE), index),
            Target::Os | Target::Media => (self.media.place(INSTALL_ARCHIVES[0]), index),
        }
    }

    /// Where an image is when all that is planned is done to it: a file of its own if anything is.
    pub(super) fn current(&self, target: Target, image: Option<u32>) -> (PathBuf, ImageIndex) {
        let is_changed = |step: &Step| {
            let own = step.image.as_ref().map(|image| image.index);
            let changes = matches!(step.work, Work::Service(_) | Work::Native(Native::PutWinre | Native::LangIni));
            changes && (step.target, own) == (target, image)
        };
        match self.plan.steps.iter().any(is_changed) {
            true => (self.own_file(target, image), ImageIndex::FIRST),
            false => self.original(target, image),
        }
    }

    /// Where images of a target are exported to.
    pub(super) fn exported(&self, target: Target) -> PathBuf {
        match target {
            Target::WinRe => self.in_work("images/winre-new.wim"),
            Target::WinPe => self.in_new_media(BOOT_ARCHIVE),
            Target::Os | Target::Media => self.in_new_media(INSTALL_ARCHIVES[0]),
        }
    }

    /// The files of the media that are copied, by their paths below the root: all but the archives that are written anew.
    pub(super) fn copied(&self) -> impl Iterator<Item = &Path> {
        let exports = self.plan.done().filter(|step| step.task == Task::Export && step.target != Target::WinRe);
        let anew: Vec<PathBuf> = exports.map(|step| self.exported(step.target)).collect();
        let paths = self.media.files().map(|(_, path)| path);
        paths.filter(move |path| !anew.contains(&self.settings.new_media.join(path)))
    }

    /// Languages whose packs lie on the media, `langpacks/ja-jp/lp.cab`.
    pub(super) fn language_packs(&self) -> Vec<String> {
        let tag = |path: &str| Some(path.strip_prefix("langpacks/")?.strip_suffix("/lp.cab")?.to_owned());
        self.media.files().filter_map(|(compared, _)| tag(compared)).filter(|tag| is_tag(tag)).collect()
    }

    /// What a step is going to write; of what the servicer does that is known only when it is done.
    pub(super) fn written(&self, step: &Step) -> Result<Vec<PathBuf>, RunError> {
        let Work::Native(work) = &step.work else { return Ok(Vec::new()) };
        let image = step.image.as_ref().map(|image| image.index);
        Ok(match work {
            Native::CopyMedia => self.copied().map(|path| self.settings.new_media.join(path)).collect(),
            Native::ExpandFeatures { paths, .. } => {
                paths.iter().map(|path| self.settings.expanded_features().join(path)).collect()
            }
            Native::TakeWinre { .. } => vec![self.original(Target::WinRe, None).0],
            Native::Export { .. } => vec![self.exported(step.target)],
            Native::PutWinre | Native::LangIni => vec![self.own_file(step.target, image)],
            Native::SaveFiles { paths, .. } => paths.iter().map(|path| self.saved().join(saved_name(path))).collect(),
            Native::ExpandSetupDu { package } => {
                let inside = native::setup_du_paths(package)?;
                inside.iter().map(|path| self.in_new_media(path)).collect()
            }
            Native::PlaceSetup { .. } | Native::PlaceLangIni | Native::PlaceBootManagers => {
                self.placed(work).into_iter().map(|(_, to)| to).collect()
            }
            Native::WriteIso(iso) => vec![iso.path.clone()],
            Native::CheckMedia => Vec::new(),
        })
    }
}

impl Places<'_> {
    /// Where files are kept of the directories with what belongs to the boot managers of 2023.
    pub(super) fn saved_2023(&self) -> PathBuf {
        self.saved().join("2023")
    }

    /// Which kept files a step puts where on the media.
    pub(super) fn placed(&self, work: &Native) -> Vec<(PathBuf, PathBuf)> {
        let saved = self.saved();
        match work {
            Native::PlaceSetup { names } => {
                let pair = |name: &String| (saved.join(name), self.in_new_media(&format!("sources/{name}")));
                names.iter().map(pair).collect()
            }
            Native::PlaceLangIni => vec![(saved.join("lang.ini"), self.in_new_media(LANG_INI))],
            Native::PlaceBootManagers => self.placed_managers(),
            _ => Vec::new(),
        }
    }

    fn placed_managers(&self) -> Vec<(PathBuf, PathBuf)> {
        // Before the media are copied they are those of the original.
        let new = Media::open(&self.settings.new_media).unwrap_or_else(|_| self.media.clone());
        let mut placed = Vec::new();
        for (compared, path) in new.files() {
            if let Some(manager) = compared.rsplit('/').next().and_then(manager_of) {
                placed.push((self.saved().join(manager), self.settings.new_media.join(path)));
            }
        }
        for directory in DIRECTORIES_2023 {
            let from = self.saved_2023().join(directory);
            let mut names: Vec<_> =
                fs::read_dir(&from).into_iter().flatten().flatten().map(|entry| entry.file_name()).collect();
            names.sort();
            for name in names {
                let to = name.to_str().and_then(|name| place_2023(directory, name));
                // Media that have a trust list keep theirs.
                let to = to.filter(|to| to != TRUST_LIST || self.media.find(to).is_none());
                placed.extend(to.map(|to| (from.join(&name), self.in_new_media(&to))));
            }
        }
        placed
    }
}

/// Under which name a file of an image is kept: boot managers of either authority under that which they have on media.
pub(super) fn saved_name(path: &str) -> &str {
    let manager = MANAGERS.into_iter().find(|name| Signer::Windows2023.manager_path(name) == path);
    manager.unwrap_or_else(|| path.rsplit('/').next().unwrap_or(path))
}
