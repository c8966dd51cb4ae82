//! Pretend installation media, small and complete, to try everything on: boot.wim with two images, install.wim with two
//! editions that each hold a winre.wim, setup files and boot managers with versions, and packages of this month beside them.
//!
//! The same bytes come out each time.

mod error;
mod executable;
mod images;
mod packages;

pub use error::SampleError;

use std::fs;
use std::path::{Path, PathBuf};

use crate::pe::FileVersion;
use crate::util::filetime::FileTime;
use crate::util::progress::Control;
use executable::executable;

/// The version of the media …
const OLD: FileVersion = FileVersion([10, 0, 26100, 1742]);
/// … and of what the packages bring.
const NEW: FileVersion = FileVersion([10, 0, 26100, 4061]);
/// The token of Microsoft's key, which stands in the names of packages.
const TOKEN: &str = "31bf3856ad364e35";
/// 2024-09-06T12:00:00Z: when everything was written.
const WRITTEN: i64 = 1_725_624_000;

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The media.
    pub media: PathBuf,
    /// The packages: `CU` with the cumulative update and its checkpoint, `Other` with the rest.
    pub packages: PathBuf,
}

/// Makes the sample in `directory`, which must be empty or not be there: `oldMedia` and `packages`.
///
/// # Errors
/// [`SampleError`]; what was written so far is left then.
pub fn make(directory: &Path, control: Control<'_>) -> Result<Sample, SampleError> {
    let maker = Maker { root: directory, time: FileTime::from_unix(WRITTEN, 0), control };
    maker.directory(directory)?;
    let mut entries = fs::read_dir(directory).map_err(at(directory))?;
    if entries.next().is_some() {
        return Err(SampleError::NotEmpty { path: directory.to_owned() });
    }
    let sample = Sample { media: directory.join("oldMedia"), packages: directory.join("packages") };
    media(&maker, &sample.media)?;
    images::write(&maker, &sample.media.join("sources"))?;
    packages::write(&maker, &sample.packages)?;
    Ok(sample)
}

/// The default languages as Setup has them.
const LANG_INI: &[u8] = b"\r\n[Available UI Languages]\r\nen-us = 3\r\n\r\n[Fallback Languages]\r\nen-us = en-us\r\n";

/// The files of the media besides the images.
fn media(maker: &Maker<'_>, root: &Path) -> Result<(), SampleError> {
    for (path, version) in [
        ("setup.exe", OLD),
        ("bootmgr.efi", OLD),
        ("efi/boot/bootx64.efi", OLD),
        ("efi/microsoft/boot/memtest.efi", OLD),
        ("sources/setup.exe", OLD),
        ("sources/setuphost.exe", OLD),
        ("sources/appraiserres.dll", OLD),
        // Newer than what the Setup update brings.
        ("sources/setupcore.dll", NEW),
    ] {
        let name = path.rsplit('/').next().unwrap_or(path);
        maker.put(&root.join(path), &executable(name, version))?;
    }
    let texts: [(&str, &[u8]); 11] = [
        ("autorun.inf", b"[AutoRun.Amd64]\r\nopen=setup.exe\r\n"),
        ("bootmgr", b"a pretend boot manager\r\n"),
        ("boot/bcd", b"a pretend store\r\n"),
        ("boot/boot.sdi", b"a pretend disk\r\n"),
        ("boot/etfsboot.com", b"a pretend boot sector\r\n"),
        ("efi/microsoft/boot/bcd", b"a pretend store\r\n"),
        ("efi/microsoft/boot/efisys.bin", b"a pretend floppy disk that asks for a key\r\n"),
        ("efi/microsoft/boot/efisys_noprompt.bin", b"a pretend floppy disk\r\n"),
        ("sources/lang.ini", LANG_INI),
        ("sources/idwbinfo.txt", b"[BUILDINFO]\r\nBuildArch=amd64\r\nBuildBranch=ge_release\r\n"),
        ("sources/ei.cfg", b"[Channel]\r\nRetail\r\n[VL]\r\n0\r\n"),
    ];
    texts.iter().try_for_each(|(path, content)| maker.put(&root.join(path), content))
}

/// What everything is made with.
#[derive(Clone, Copy)]
struct Maker<'a> {
    root: &'a Path,
    time: FileTime,
    control: Control<'a>,
}

impl Maker<'_> {
    fn directory(&self, path: &Path) -> Result<(), SampleError> {
        fs::create_dir_all(path).map_err(at(path))
    }

    /// Writes a file, and the directories it is in.
    fn put(&self, path: &Path, content: &[u8]) -> Result<(), SampleError> {
        if self.control.interrupted() {
            return Err(SampleError::Interrupted);
        }
        if let Some(parent) = path.parent() {
            self.directory(parent)?;
        }
        fs::write(path, content).map_err(at(path))
    }

    /// A directory of its own, which is gone when it is dropped.
    fn temporary(&self) -> Result<tempfile::TempDir, SampleError> {
        tempfile::Builder::new().prefix(".wimkit-sample-").tempdir_in(self.root).map_err(at(self.root))
    }
}

/// An error of the system, with the file it is about.
fn at(path: &Path) -> impl FnOnce(std::io::Error) -> SampleError + use<'_> {
    move |source| SampleError::Io { path: path.to_owned(), source }
}
