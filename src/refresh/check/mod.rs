//! Whether installation media are consistent.
//!
//! What must agree: Setup on the media and in boot.wim, the boot managers, architectures, builds, languages, and Windows RE
//! in each edition; and every archive must be intact.

mod finding;
mod languages;

pub use finding::{Finding, Problem};

use super::media::boot::{self, Signer, TRUST_LIST, TRUST_LIST_IN_IMAGE};
use super::media::images::{Archive, ImageFacts, MAX_EXECUTABLE_NBYTES, architecture_of, version_of};
use super::media::{BOOT_ARCHIVE, INSTALL_ARCHIVES, Media, MediaError, images};
use crate::catalog::set::Standing;
use crate::codec::Format;
use crate::pe::FileVersion;
use crate::util::progress::Control;
use crate::wim::ImageIndex;
use crate::wim::verify::{self, VerifyError};
use crate::wim::xml::{Architecture, WindowsVersion};

/// The image of boot.wim that is Setup.
pub const SETUP_IMAGE: u32 = 2;

/// How media are checked.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether every blob of every archive is read and compared with its digest.
    pub verify: bool,
    /// Bytes of decoded data that may be in memory at once.
    pub memory: u64,
}

/// Whether media are consistent.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What they are for.
    pub architecture: Option<Architecture>,
    /// Files that boot.wim has, too.
    pub binaries: Vec<Binary>,
    /// The images of boot.wim.
    pub boot: Vec<ImageFacts>,
    /// The images of the system, each with the version of the Windows RE in it.
    pub editions: Vec<(ImageFacts, Option<WindowsVersion>)>,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// A file that is on the media and in boot.wim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    /// Its path on the media.
    pub path: String,
    /// Its version there.
    pub media: Option<FileVersion>,
    /// Its version in boot.wim.
    pub boot: Option<FileVersion>,
}

impl Report {
    /// The worst that is said.
    pub fn standing(&self) -> Standing {
        self.findings.iter().map(|finding| finding.problem.standing()).max().unwrap_or(Standing::Good)
    }

    fn find(&mut self, path: impl Into<String>, problem: Problem) {
        self.findings.push(Finding { path: path.into(), problem });
    }
}

/// Why media could not be checked to the end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The files cannot be listed.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// It was asked to stop.
    #[error("interrupted")]
    Interrupted,
}

/// Checks media.
///
/// # Errors
/// [`CheckError`]. What is wrong with the media themselves is a [`Finding`].
pub fn check(media: &Media, options: &Options, control: Control<'_>) -> Result<Report, CheckError> {
    let mut report = Report::default();
    let boot = archive(media, &[BOOT_ARCHIVE], &mut report);
    let install = archive(media, &INSTALL_ARCHIVES, &mut report);
    report.boot = boot.as_ref().map(|boot| facts(boot, BOOT_ARCHIVE, &mut report)).unwrap_or_default();
    if let Some(boot) = &boot {
        check_boot(boot, &mut report);
    }
    if let Some((archive, path)) = install.as_ref().zip(media.install_archives().first()) {
        let name = name(media, path);
        check_editions(archive, &name, &mut report);
    }
    check_architectures(media, &mut report)?;
    if let Some(setup) = boot.as_ref().and_then(setup_image) {
        let boot = boot.as_ref().expect("its image was found");
        check_binaries(media, boot, setup, &mut report)?;
        languages::check_languages(media, Some((boot, setup)), &mut report)?;
    } else {
        languages::check_languages(media, None, &mut report)?;
    }
    if options.verify {
        let opened = [(boot, BOOT_ARCHIVE.to_owned()), (install, INSTALL_ARCHIVES[0].to_owned())];
        for (archive, path) in opened.iter().filter_map(|(archive, path)| Some((archive.as_ref()?, path))) {
            verify(archive, path, &mut report, options, control)?;
        }
    }
    Ok(report)
}

/// The path below the root.
fn name(media: &Media, path: &std::path::Path) -> String {
    path.strip_prefix(media.root()).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

/// Opens the first of the archives that is there; there must be one, and only one.
fn archive(media: &Media, paths: &[&str], report: &mut Report) -> Option<Archive> {
    let found: Vec<_> = paths.iter().filter_map(|path| media.find(path)).collect();
    let Some(first) = found.first() else {
        report.find(paths[0], Problem::Missing);
        return None;
    };
    for other in &found[1..] {
        report.find(name(media, other), Problem::SecondArchive);
    }
    Archive::open(first).map_err(|error| unreadable(name(media, first), &error, report)).ok()
}

fn unreadable(path: String, error: &impl ToString, report: &mut Report) {
    report.find(path, Problem::Unreadable { problem: error.to_string() });
}

fn facts(archive: &Archive, path: &str, report: &mut Report) -> Vec<ImageFacts> {
    archive.images().map_err(|error| unreadable(path.to_owned(), &error, report)).unwrap_or_default()
}

fn setup_image(boot: &Archive) -> Option<ImageIndex> {
    ImageIndex::new(SETUP_IMAGE).filter(|setup| setup.get() <= boot.wim().image_count())
}

fn check_boot(boot: &Archive, report: &mut Report) {
    const CHUNK_SIZE: u32 = 32768;
    let wim = boot.wim();
    let (count, boot_index) = (wim.image_count(), wim.boot_index().map(ImageIndex::get));
    if count != SETUP_IMAGE || boot_index != Some(SETUP_IMAGE) {
        report.find(BOOT_ARCHIVE, Problem::BootImages { count, boot: boot_index });
    }
    let header = wim.header();
    let format = header.format().ok().flatten(); // opening has refused unknown ones
    let starts = match format {
        None => true,
        Some(format) => format != Format::Lzms && header.chunk_size == CHUNK_SIZE,
    };
    let is_solid = wim.contents().is_ok_and(|contents| !contents.solid_resources.is_empty());
    if !starts || is_solid {
        let solid = if is_solid { "solid " } else { "" };
        let format = format.map_or("no compression".to_owned(), |format| format.name().to_uppercase());
        let found = format!("{solid}{format} with chunks of {} bytes", header.chunk_size);
        report.find(BOOT_ARCHIVE, Problem::BootCompression { found });
    }
}

fn check_editions(install: &Archive, path: &str, report: &mut Report) {
    let facts = facts(install, path, report);
    let first = facts.first().and_then(|first| first.winre);
    for image in facts {
        let place = format!("{path}!/{}", image.index);
        let winre = match ImageIndex::new(image.index).map(|index| install.winre(index)) {
            _ if image.winre.is_none() => {
                report.find(&place, Problem::NoWinre);
                None
            }
            Some(Ok(winre)) => winre,
            Some(Err(error)) => {
                unreadable(format!("{place}/{}", images::WINRE), &error, report);
                None
            }
            None => None,
        };
        if first.is_some() && image.winre.is_some() && image.winre != first {
            report.find(&place, Problem::WinreDiffers);
        }
        let version = winre.and_then(|winre| winre.wim().xml().image(1)?.windows()?.version);
        report.editions.push((image, version));
    }
    let build = |version: Option<WindowsVersion>| version.map(|version| version.build);
    let boot = report.boot.iter().find_map(|image| build(image.version));
    let system = report.editions.iter().find_map(|(image, _)| build(image.version));
    if let (Some(boot), Some(install)) = (boot, system)
        && boot != install
    {
        report.find(BOOT_ARCHIVE, Problem::Build { boot, install });
    }
}

fn check_architectures(media: &Media, report: &mut Report) -> Result<(), MediaError> {
    let named = |path: &str, image: &ImageFacts| Some((format!("{path}!/{}", image.index), image.architecture?));
    let mut found: Vec<(String, Architecture)> = Vec::new();
    // That of Setup, else that of an edition, counts.
    found.extend(report.boot.iter().rev().filter_map(|image| named(BOOT_ARCHIVE, image)));
    found.extend(report.editions.iter().filter_map(|(image, _)| named(INSTALL_ARCHIVES[0], image)));
    for (path, architecture) in EFI_LOADERS {
        // One for each architecture may lie side by side; what counts is that it is what it is called.
        if let Some(file) = media.find(path)
            && let Some(machine) = architecture_of(&file)?
            && machine != architecture
        {
            report.find(path, Problem::Architecture { found: machine, expected: architecture });
        }
    }
    report.architecture = found.first().map(|(_, architecture)| *architecture);
    let Some(expected) = report.architecture else { return Ok(()) };
    for (path, found) in found.into_iter().filter(|(_, found)| *found != expected) {
        report.find(path, Problem::Architecture { found, expected });
    }
    if let Some((path, _)) = EFI_LOADERS.iter().find(|(_, architecture)| *architecture == expected)
        && media.find(path).is_none()
    {
        report.find(*path, Problem::Missing);
    }
    Ok(())
}

/// What UEFI firmware starts, by architecture.
const EFI_LOADERS: [(&str, Architecture); 4] = [
    ("efi/boot/bootx64.efi", Architecture(9)),
    ("efi/boot/bootia32.efi", Architecture(0)),
    ("efi/boot/bootaa64.efi", Architecture(12)),
    ("efi/boot/bootarm.efi", Architecture(5)),
];

/// Setup and boot managers, on the media and in boot.wim.
fn check_binaries(media: &Media, archive: &Archive, setup: ImageIndex, report: &mut Report) -> Result<(), MediaError> {
    let setup_files = ["sources/setup.exe", "sources/setuphost.exe"].map(|path| (path.to_owned(), path.to_owned(), 27));
    let managers = media.files().filter_map(|(path, _)| {
        let manager = boot::manager_of(path.rsplit('/').next()?)?;
        Some((path.to_owned(), manager))
    });
    let mut compared = Vec::from(setup_files);
    let mut has_newer = false;
    for (path, manager) in managers {
        let in_boot = in_image(media, archive, setup, &path, manager)?;
        has_newer |= in_boot == Signer::Windows2023.manager_path(manager);
        compared.push((path, in_boot, 28));
    }
    if has_newer
        && media.find(TRUST_LIST).is_none()
        && archive.file(setup, TRUST_LIST_IN_IMAGE).is_ok_and(|file| file.is_some())
    {
        report.find(TRUST_LIST, Problem::NoTrustList);
    }
    for (path, in_boot, step) in compared {
        let boot = match archive.version(setup, &in_boot) {
            Ok(Some(version)) => version,
            Ok(None) => continue,
            Err(error) => {
                unreadable(format!("{BOOT_ARCHIVE}!/{setup}/{in_boot}"), &error, report);
                continue;
            }
        };
        let Some(file) = media.find(&path) else {
            report.find(path, Problem::Missing);
            continue;
        };
        let media = version_of(&file)?;
        if media != boot {
            report.find(&path, Problem::Version { media, boot, step });
        }
        report.binaries.push(Binary { path, media, boot });
    }
    Ok(())
}

/// Where the image has the boot manager that media have: the one that is signed by the same authority. Of those that do not tell by
/// whom, the one with the same bytes.
fn in_image(
    media: &Media,
    archive: &Archive,
    setup: ImageIndex,
    path: &str,
    manager: &str,
) -> Result<String, MediaError> {
    let [usual, newer] = [Signer::Windows2011, Signer::Windows2023].map(|signer| signer.manager_path(manager));
    let bytes = media.find(path).map(|file| Media::read(&file, MAX_EXECUTABLE_NBYTES)).transpose()?.unwrap_or_default();
    let is_newer = match Signer::of(&bytes) {
        Some(signer) => signer == Signer::Windows2023,
        None => archive.read(setup, &newer, MAX_EXECUTABLE_NBYTES).is_ok_and(|own| own.as_ref() == Some(&bytes)),
    };
    // An image without any has the usual ones.
    let has_newer = is_newer && archive.file(setup, &newer).is_ok_and(|file| file.is_some());
    Ok(if has_newer { newer } else { usual })
}

/// Reads all of an archive, and the Windows RE in it.
fn verify(
    archive: &Archive,
    path: &str,
    report: &mut Report,
    options: &Options,
    control: Control<'_>,
) -> Result<(), CheckError> {
    let options = verify::Options { memory: options.memory, ..verify::Options::default() };
    let mut archives = vec![(path.to_owned(), archive.clone())];
    // The same Windows RE in several editions is verified once.
    let mut seen = Vec::new();
    for (image, hash) in report.editions.iter().filter_map(|(image, _)| Some((image.index, image.winre?))) {
        let index = ImageIndex::new(image).filter(|_| path == INSTALL_ARCHIVES[0] && !seen.contains(&hash));
        if let Some(Ok(Some(winre))) = index.map(|index| archive.winre(index)) {
            seen.push(hash);
            archives.push((format!("{path}!/{image}/{}", images::WINRE), winre));
        }
    }
    for (path, archive) in archives {
        match verify::verify(archive.wim(), &options, control) {
            Ok(outcome) if outcome.is_good() => {}
            Ok(outcome) => report.find(path, Problem::Damaged { findings: outcome.findings.len() }),
            Err(VerifyError::Interrupted) => return Err(CheckError::Interrupted),
            Err(error) => unreadable(path, &error, report),
        }
    }
    Ok(())
}
