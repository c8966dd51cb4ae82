//! What wimkit does itself. Whatever is here can be done again after it was interrupted, and comes to the same.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::RunError;
use super::places::Places;
use super::work::Means;
use crate::address;
use crate::address::container::{Container, ContainerOptions, Member};
use crate::cab::target_path;
use crate::iso::create;
use crate::pe;
use crate::refresh::media::Media;
use crate::refresh::media::boot::BootImages;
use crate::refresh::media::images::{Archive, WINRE, version_of};
use crate::refresh::settings::IsoSettings;
use crate::util::atomic_file::AtomicFile;
use crate::util::progress::Control;
use crate::util::read_at::ReadAt;
use crate::wim::export::{self, Boot, ExportError, Selection};
use crate::wim::update::{self, Command, Source};
use crate::wim::{ImageIndex, OpenOptions, Wim, recover};

/// Bytes that are copied at a time.
const PIECE: usize = 1 << 20;

fn at(path: &Path) -> impl FnOnce(io::Error) -> RunError + use<'_> {
    move |source| RunError::Io { path: path.to_owned(), source }
}

pub(super) fn make_directory(path: &Path) -> Result<(), RunError> {
    fs::create_dir_all(path).map_err(at(path))
}

fn check(control: Control<'_>) -> Result<(), RunError> {
    if control.interrupted() { Err(RunError::Interrupted) } else { Ok(()) }
}

/// Writes a file whole or not at all; it can be written to whatever it was made from.
fn put(source: &dyn ReadAt, target: &Path, control: Control<'_>) -> Result<(), RunError> {
    if let Some(parent) = target.parent() {
        make_directory(parent)?;
    }
    make_writable(target)?;
    let file = AtomicFile::create(target).map_err(at(target))?;
    let mut buffer = vec![0; PIECE.min(source.size() as usize)];
    let mut offset = 0;
    while offset < source.size() {
        check(control)?;
        let length = (source.size() - offset).min(PIECE as u64) as usize;
        source.read_exact_at(&mut buffer[..length], offset).map_err(at(target))?;
        io::Write::write_all(&mut file.file(), &buffer[..length]).map_err(at(target))?;
        control.progress.advance(length as u64);
        offset += length as u64;
    }
    file.commit().map_err(at(target))
}

/// Clears the read-only bit of a file, if it is there.
pub(super) fn make_writable(path: &Path) -> Result<(), RunError> {
    let Ok(metadata) = path.symlink_metadata() else { return Ok(()) };
    let mut permissions = metadata.permissions();
    if !permissions.readonly() {
        return Ok(());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        permissions.set_mode(permissions.mode() | 0o200);
    }
    #[cfg(not(unix))]
    #[expect(clippy::permissions_set_readonly_false, reason = "that is about Unix, this is the attribute READONLY")]
    permissions.set_readonly(false);
    fs::set_permissions(path, permissions).map_err(at(path))
}

/// Removes what a program that was killed has left of files that it was writing below a directory. Those that the original
/// media have stay.
pub(super) fn sweep(directory: &Path, original: &Media) -> Result<(), RunError> {
    if !directory.is_dir() {
        return Ok(());
    }
    let found = Media::open(directory)?;
    for (compared, path) in found.files() {
        let is_leftover = path.file_name().and_then(|name| name.to_str()).is_some_and(AtomicFile::is_leftover);
        if is_leftover && original.find(compared).is_none() {
            let path = directory.join(path);
            fs::remove_file(&path).map_err(at(&path))?;
        }
    }
    Ok(())
}

/// Writes an ISO image of media.
pub(super) fn write_iso(settings: &IsoSettings, media: &Path, control: Control<'_>) -> Result<(), RunError> {
    let IsoSettings { path, label, prompt, signer } = settings;
    let BootImages { bios, efi } = Media::open(media)?.boot_images(*signer, *prompt)?;
    if let Some(parent) = path.parent() {
        make_directory(parent)?;
    }
    let options = create::Options { label: label.clone(), bios, efi, share: true };
    create::create(media, path, &options, control)?;
    Ok(())
}

/// Copies files of media, by their paths below the root; they keep their times, and can be written.
pub(super) fn copy_files<'a>(
    media: &Media,
    paths: impl Iterator<Item = &'a Path>,
    target: &Path,
    control: Control<'_>,
) -> Result<(), RunError> {
    make_directory(target)?;
    for path in paths {
        let to = target.join(path);
        let (source, modified) = media.open_file(path)?;
        put(&*source, &to, control)?;
        File::options().write(true).open(&to).and_then(|file| file.set_modified(modified)).map_err(at(&to))?;
    }
    Ok(())
}

/// Takes the winre.wim out of an image.
pub(super) fn take_winre(
    install: &Path,
    image: ImageIndex,
    target: &Path,
    control: Control<'_>,
) -> Result<(), RunError> {
    save_file(install, image, WINRE, target, control)
}

/// Keeps a file of an image.
pub(super) fn save_file(
    wim: &Path,
    image: ImageIndex,
    path: &str,
    target: &Path,
    control: Control<'_>,
) -> Result<(), RunError> {
    let missing = || RunError::NotInImage { wim: wim.to_owned(), image, path: path.to_owned() };
    let source = Archive::open(wim)?.file(image, path)?.ok_or_else(missing)?;
    put(&source, target, control)
}

/// Writes images of files, in order, as the images of a new one.
pub(super) fn export(
    sources: &[(PathBuf, ImageIndex)],
    target: &Path,
    boot: Option<usize>,
    Means { control, memory }: Means<'_>,
) -> Result<(), RunError> {
    if let Some(parent) = target.parent() {
        make_directory(parent)?;
    }
    // Where the media are an ISO image, addresses lead into it.
    let addresses = OpenOptions { opener: address::open_wim, memory, ..OpenOptions::default() };
    let open = |(path, image): &(PathBuf, ImageIndex)| Ok((Wim::open(path, &addresses)?, *image));
    let wims = sources.iter().map(open).collect::<Result<Vec<_>, ExportError>>()?;
    let selections: Vec<_> = wims.iter().map(|(wim, image)| Selection { wim, images: vec![*image] }).collect();
    // The bootable image is stated and not inherited: an image on its own was none.
    let boot = boot.map_or(Boot::None, Boot::Exported);
    let options = export::Options { replace: true, boot, memory, ..export::Options::default() };
    export::export(&selections, target, &options, control)?;
    Ok(())
}

/// Puts a file into the only image of an archive, in the place of what is there.
pub(super) fn put_into(source: Source<'_>, path: &str, wim: &Path, means: Means<'_>) -> Result<(), RunError> {
    let Means { control, memory } = means;
    // What a program that was killed here has left behind the old images.
    recover::recover(&Wim::open(wim, &OpenOptions::default())?, control)?;
    let command = Command::add(source, path);
    update::update(wim, &[command], &update::Options { memory, ..update::Options::default() }, control)?;
    Ok(())
}

/// Where the files of a Setup update go on the media.
pub(super) fn setup_du_paths(package: &Path) -> Result<Vec<String>, RunError> {
    Container::open(package, &ContainerOptions::default())?
        .members()
        .iter()
        .map(|member| setup_du_path(package, member))
        .collect()
}

fn setup_du_path(package: &Path, member: &Member) -> Result<String, RunError> {
    let parts = target_path(&member.path);
    let parts = parts.map_err(|_| RunError::UnsafeName { path: package.to_owned(), name: member.path.clone() })?;
    Ok(format!("sources/{}", parts.join("/")))
}

/// Puts what is in a Setup update into `sources`, but for what the original media have newer. Answers what it has to say, and the
/// files that it has written.
pub(super) fn expand_setup_du(
    package: &Path,
    places: &Places<'_>,
    Means { control, memory }: Means<'_>,
) -> Result<(Vec<String>, Vec<PathBuf>), RunError> {
    /// Files of a Setup update are smaller.
    const MAX_NBYTES: usize = 1 << 30;
    let container = Container::open(package, &ContainerOptions { memory, ..ContainerOptions::default() })?;
    let mut report = Vec::new();
    let mut written = Vec::new();
    for (index, member) in container.members().iter().enumerate() {
        let path = setup_du_path(package, member)?;
        let content = container.read(index, MAX_NBYTES)?;
        let version = pe::file_version(&content);
        let old = places.media().find(&path).map(|old| version_of(&old)).transpose()?;
        let what = match (old, version) {
            (Some(Some(old)), Some(version)) if old > version => {
                report.push(format!("{path}: {old} is kept, the update has {version}"));
                continue;
            }
            (Some(Some(old)), Some(version)) => format!("{path}: {version} takes the place of {old}"),
            (Some(_), _) => format!("{path}: that of the update takes its place"),
            (None, _) => format!("{path}: new"),
        };
        let target = places.in_new_media(&path);
        put(&io::Cursor::new(content), &target, control)?;
        report.push(what);
        written.push(target);
    }
    Ok((report, written))
}

/// Puts a kept file into its place, over the one that is there.
pub(super) fn place(from: &Path, to: &Path, control: Control<'_>) -> Result<(), RunError> {
    let source = File::open(from).and_then(crate::util::read_at::PositionedFile::new).map_err(at(from))?;
    put(&source, to, control)
}
