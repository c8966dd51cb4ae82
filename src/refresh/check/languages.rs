//! The languages that Setup offers, against those that there are.

use super::{Problem, Report, SETUP_IMAGE, unreadable};
use crate::refresh::media::images::{self, Archive, ImageFacts};
use crate::refresh::media::lang_ini::{self, LangIni};
use crate::refresh::media::{BOOT_ARCHIVE, Media, MediaError};
use crate::wim::ImageIndex;

/// Compares `lang.ini` on the media with that in boot.wim, and with the languages of the editions.
pub(super) fn check_languages(
    media: &Media,
    boot: Option<(&Archive, ImageIndex)>,
    report: &mut Report,
) -> Result<(), MediaError> {
    let in_boot = match boot.map(|(boot, setup)| boot.read(setup, images::LANG_INI, lang_ini::MAX_NBYTES)) {
        Some(Ok(found)) => found,
        Some(Err(error)) => {
            unreadable(format!("{BOOT_ARCHIVE}!/{SETUP_IMAGE}/{}", images::LANG_INI), &error, report);
            None
        }
        None => None,
    };
    let Some(path) = media.find(images::LANG_INI) else {
        if in_boot.is_some() {
            report.find(images::LANG_INI, Problem::Missing);
        }
        return Ok(());
    };
    let bytes = Media::read(&path, lang_ini::MAX_NBYTES)?;
    let parsed = match LangIni::parse(&bytes) {
        Ok(parsed) => parsed,
        Err(error) => {
            report.find(images::LANG_INI, Problem::LangIni { problem: error.to_string() });
            return Ok(());
        }
    };
    let has = |image: &ImageFacts, wanted: &str| {
        image.languages.is_empty() || image.languages.iter().any(|language| language.eq_ignore_ascii_case(wanted))
    };
    for (language, _) in &parsed.languages {
        // Number 1 stands for a language whose pack lies on the media.
        let is_pack = media.find(&format!("langpacks/{language}/lp.cab")).is_some();
        let with = report.editions.iter().filter(|(image, _)| has(image, language)).count();
        let language = language.clone();
        match with {
            _ if is_pack || with == report.editions.len() => {}
            0 => report.find(images::LANG_INI, Problem::Language { language }),
            _ => report.find(images::LANG_INI, Problem::LanguageInPart { language }),
        }
    }
    if in_boot.is_some_and(|bytes| LangIni::parse(&bytes).as_ref() != Ok(&parsed)) {
        report.find(images::LANG_INI, Problem::LangIniDiffers);
    }
    Ok(())
}
