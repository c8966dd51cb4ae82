//! The steps that wimkit does itself, each by what the plan says of it.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::RunError;
use super::native;
use super::places::saved_name;
use super::record::{Outcome, Record};
use super::sizes;
use super::work::{Means, Run};
use crate::cab::target_path;
use crate::catalog::set::Standing;
use crate::refresh::check::{self, check};
use crate::refresh::media::boot::{MANAGERS, Signer, place_2023};
use crate::refresh::media::images::{Archive, LANG_INI, WINRE};
use crate::refresh::media::lang_ini::{self, LangIni, Languages};
use crate::refresh::media::{INSTALL_ARCHIVES, Media};
use crate::refresh::plan::{Native, Step};
use crate::refresh::step::{Target, Task};
use crate::util::filetime::FileTime;
use crate::wim::ImageIndex;
use crate::wim::update::Source;

impl Run<'_> {
    /// Makes an image a file of its own, as it was in the beginning.
    pub(super) fn prepare(&self, target: Target, image: Option<u32>, means: Means<'_>) -> Result<PathBuf, RunError> {
        let own = self.places.own_file(target, image);
        native::export(&[self.places.original(target, image)], &own, None, means)?;
        Ok(own)
    }

    /// Whether the check of the media has found them bad.
    fn is_media_bad(&self) -> bool {
        let mut steps = (0..).zip(&self.plan.steps);
        steps.any(|(place, step)| {
            step.task == Task::CheckMedia
                && self.records.get(&place).is_some_and(|record| record.outcome == Outcome::Failed)
        })
    }

    /// Does a step. Answers what came of it, and the files that it has written.
    pub(super) fn native(
        &self,
        step: &Step,
        work: &Native,
        begun: FileTime,
    ) -> Result<(Record, Vec<PathBuf>), RunError> {
        let (means, places) = (self.means(), &self.places);
        let Means { control, memory } = means;
        let new_media = &self.settings.new_media;
        let mut written = places.written(step)?;
        let mut record = Record::new(begun);
        match work {
            Native::CopyMedia => native::copy_files(places.media(), places.copied(), new_media, control)?,
            Native::ExpandFeatures { iso, paths } => {
                let paths = paths.iter().map(PathBuf::as_path);
                native::copy_files(&Media::open(iso)?, paths, &self.settings.expanded_features(), control)?;
            }
            Native::TakeWinre { index } => {
                let (install, index) = places.original(Target::Os, Some(*index));
                native::take_winre(&install, index, &places.original(Target::WinRe, None).0, control)?;
            }
            Native::Export { images, boot } => {
                let target = places.exported(step.target);
                let is_alone = step.target == Target::WinRe;
                let own = |image: &u32| places.current(step.target, (!is_alone).then_some(*image));
                let sources: Vec<_> = images.iter().map(own).collect();
                let boot = boot.and_then(|boot| images.iter().position(|image| *image == boot));
                native::export(&sources, &target, boot, means)?;
                let original = places.original(step.target, images.first().copied()).0;
                record.sizes = Some(sizes::sizes(sizes::archive_of(step.target), &original, &target));
            }
            Native::PutWinre => {
                let own = self.own(step)?;
                native::put_into(Source::Disk(places.exported(Target::WinRe)), WINRE, &own, means)?;
            }
            Native::LangIni => {
                let own = self.own(step)?;
                let archive = Archive::open(&own)?;
                let old = archive.read(ImageIndex::FIRST, LANG_INI, lang_ini::MAX_NBYTES)?.unwrap_or_default();
                let before = LangIni::parse(&old).unwrap_or_else(|error| {
                    record.notes.push(format!("the old one is not heeded: {error}"));
                    LangIni::default()
                });
                let new = before.renewed(&self.languages()?);
                let languages: Vec<_> = new.languages.iter().map(|(tag, number)| format!("{tag} = {number}")).collect();
                record.notes.push(languages.join(", "));
                drop(archive);
                native::put_into(Source::Bytes(new.to_bytes(&old)), LANG_INI, &own, means)?;
            }
            Native::SaveFiles { paths, directories } => {
                self.save_files(step, paths, &mut record)?;
                written.extend(self.save_directories(step, directories)?);
            }
            Native::ExpandSetupDu { package } => {
                (record.notes, written) = native::expand_setup_du(package, places, means)?;
            }
            Native::PlaceSetup { .. } | Native::PlaceBootManagers | Native::PlaceLangIni => {
                places.placed(work).iter().try_for_each(|(from, to)| native::place(from, to, control))?;
            }
            Native::CheckMedia => {
                let report = check(&Media::open(new_media)?, &check::Options { verify: true, memory }, control)?;
                let findings = report.findings.iter();
                record.notes.extend(findings.map(|finding| format!("{}: {}", finding.path, finding.problem)));
                if report.standing() == Standing::Bad {
                    record.outcome = Outcome::Failed;
                }
            }
            Native::WriteIso(_) if self.is_media_bad() => {
                record.outcome = Outcome::Skipped;
                record.notes.push("not written: the media are not consistent".into());
                written.clear();
            }
            Native::WriteIso(iso) => native::write_iso(iso, new_media, control)?,
        }
        Ok((record, written))
    }

    /// The image of a step as a file of its own: as the servicer has left it, or else as it was in the beginning.
    fn own(&self, step: &Step) -> Result<PathBuf, RunError> {
        let image = step.image.as_ref().map(|image| image.index);
        let is_serviced =
            |other: &Step| other.is_serviced() && (other.target, &other.image) == (step.target, &step.image);
        match self.plan.steps.iter().any(is_serviced) {
            true => Ok(self.places.own_file(step.target, image)),
            false => self.prepare(step.target, image, self.means()),
        }
    }

    /// The languages that the system's images have now, and those whose packs lie on the media.
    fn languages(&self) -> Result<Languages, RunError> {
        let mut found = Languages { packs: self.places.language_packs(), ..Languages::default() };
        let Some(original) = self.places.media().find(INSTALL_ARCHIVES[0]) else { return Ok(found) };
        let count = Archive::open(&original)?.wim().image_count();
        for index in 1..=count {
            let (wim, image) = self.places.current(Target::Os, Some(index));
            let archive = Archive::open(&wim)?;
            let windows = archive.wim().xml().image(image.get()).and_then(|image| image.windows()).unwrap_or_default();
            let mut languages = windows.languages;
            // Whoever added one knows it, even if the image does not state it.
            let is_pack = |step: &Step| {
                step.task == Task::LanguagePack
                    && step.target == Target::Os
                    && step.image.as_ref().is_some_and(|image| image.index == index)
            };
            let mut steps = (0..).zip(&self.plan.steps).filter(|(_, step)| is_pack(step) && step.is_serviced());
            let is_done = |place: u32| self.records.get(&place).is_some_and(|record| record.outcome == Outcome::Done);
            if steps.any(|(place, _)| is_done(place)) {
                languages.extend(self.settings.languages.iter().map(|language| language.tag.clone()));
            }
            found.images.push(languages);
            found.default = found.default.or(windows.default_language);
            let fallbacks = windows.fallback_languages.into_iter();
            found.fallbacks.extend(fallbacks.map(|fallback| (fallback.of, fallback.language)));
        }
        Ok(found)
    }

    /// Keeps files of an image.
    fn save_files(&self, step: &Step, paths: &[String], record: &mut Record) -> Result<(), RunError> {
        let (wim, index): (PathBuf, ImageIndex) =
            self.places.current(step.target, step.image.as_ref().map(|image| image.index));
        for path in paths {
            let manager = MANAGERS.into_iter().find(|name| Signer::Windows2023.manager_path(name) == **path);
            let target = self.places.saved().join(saved_name(path));
            match (native::save_file(&wim, index, path, &target, self.control), manager) {
                // Images have them since updates of 2024. Media without any would not start at all.
                (Err(error @ RunError::NotInImage { .. }), Some(name)) => {
                    let older = Signer::Windows2011.manager_path(name);
                    native::save_file(&wim, index, &older, &target, self.control)?;
                    record.outcome = Outcome::Failed;
                    record.notes.push(format!("{error}: that of 2011, {older}, is taken instead"));
                }
                (result, _) => result?,
            }
        }
        Ok(())
    }

    /// Keeps the files of directories of an image, in the place of those that were kept before. Answers where they are.
    fn save_directories(&self, step: &Step, directories: &[String]) -> Result<Vec<PathBuf>, RunError> {
        let saved = self.places.saved_2023();
        match fs::remove_dir_all(&saved) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(RunError::Io { path: saved, source });
            }
            _ => {}
        }
        let (wim, index) = self.places.current(step.target, step.image.as_ref().map(|image| image.index));
        let archive = Archive::open(&wim)?;
        let tree = archive.wim().metadata(index)?;
        let mut written = Vec::new();
        for directory in directories {
            for entry in tree.lookup(directory).into_iter().flat_map(|directory| directory.children()) {
                // Whatever has another kind of name goes nowhere, and least of all out of the directory.
                let Some(name) = entry.name().to_str() else { continue };
                if place_2023(directory, &name).is_none() || target_path(&name).is_err() {
                    continue;
                }
                let target = saved.join(directory).join(&name);
                native::save_file(&wim, index, &format!("{directory}/{name}"), &target, self.control)?;
                written.push(target);
            }
        }
        Ok(written)
    }
}
