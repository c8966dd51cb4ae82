//! The images of the sample: trees on disk that are captured.

use std::path::Path;

use super::executable::executable;
use super::{LANG_INI, Maker, OLD, SampleError, TOKEN};
use crate::codec::Format;
use crate::pe::FileVersion;
use crate::wim::capture::{self, CaptureError};
use crate::wim::edit::{self, ImageEdit};
use crate::wim::export::{self, Compression, ExportError};
use crate::wim::{OpenOptions, Wim};

/// Optional components that Windows PE and RE have.
const COMPONENTS: [&str; 3] = ["WinPE-WMI", "WinPE-Scripting", "WinPE-SecureStartup"];

/// What the XML document says of an image.
struct Description {
    name: &'static str,
    flags: &'static str,
    edition: &'static str,
    installation: &'static str,
}

/// Writes boot.wim and install.wim.
pub(super) fn write(maker: &Maker<'_>, sources: &Path) -> Result<(), SampleError> {
    let place = maker.temporary()?;
    let pe = place.path().join("pe");
    windows(maker, &pe, &COMPONENTS)?;
    let boot = sources.join("boot.wim");
    add(maker, &pe, &boot, &PE, false)?;

    for (path, version) in [
        ("sources/setup.exe", OLD),
        ("sources/setuphost.exe", OLD),
        ("Windows/Boot/EFI/bootmgfw.efi", OLD),
        ("Windows/Boot/EFI/bootmgr.efi", OLD),
        ("Windows/Boot/EFI_EX/bootmgfw_EX.efi", OLD),
        ("Windows/Boot/EFI_EX/bootmgr_EX.efi", OLD),
    ] {
        put_executable(maker, &pe, path, version)?;
    }
    maker.put(&pe.join("Windows/Boot/EFI/boot.stl"), b"a pretend list of certificates\r\n")?;
    maker.put(&pe.join("sources/lang.ini"), LANG_INI)?;
    add(maker, &pe, &boot, &SETUP, true)?;

    let recovery = place.path().join("re");
    windows(maker, &recovery, &COMPONENTS)?;
    put_executable(maker, &recovery, "sources/recovery/RecEnv.exe", OLD)?;
    let winre = place.path().join("winre.wim");
    add(maker, &recovery, &winre, &RECOVERY, true)?;
    let winre = std::fs::read(&winre).map_err(|source| SampleError::Io { path: winre.clone(), source })?;

    let system = place.path().join("os");
    windows(maker, &system, &[])?;
    maker.put(&system.join("Windows/System32/Recovery/Winre.wim"), &winre)?;
    maker.put(&system.join("Windows/System32/Recovery/ReAgent.xml"), b"<WindowsRE version=\"2.0\"/>\r\n")?;
    put_executable(maker, &system, "Windows/explorer.exe", OLD)?;
    let install = sources.join("install.wim");
    for description in EDITIONS {
        maker.put(&system.join("Windows/edition.txt"), description.edition.as_bytes())?;
        add(maker, &system, &install, description, false)?;
    }
    Ok(())
}

const PE: Description =
    Description { name: "Microsoft Windows PE (amd64)", flags: "9", edition: "WindowsPE", installation: "WindowsPE" };
const SETUP: Description = Description { name: "Microsoft Windows Setup (amd64)", flags: "2", ..PE };
const RECOVERY: Description = Description { name: "Microsoft Windows Recovery Environment (amd64)", ..PE };
const EDITIONS: &[Description] = &[
    Description { name: "Windows 11 Home", flags: "Core", edition: "Core", installation: "Client" },
    Description { name: "Windows 11 Pro", flags: "Professional", edition: "Professional", installation: "Client" },
];

/// What every Windows has: a kernel that tells its version, a library, some text, and its packages.
fn windows(maker: &Maker<'_>, root: &Path, components: &[&str]) -> Result<(), SampleError> {
    for path in ["Windows/System32/ntoskrnl.exe", "Windows/System32/kernel32.dll"] {
        put_executable(maker, root, path, OLD)?;
    }
    let log: String = (1..2000).map(|line| format!("{line}: a line of a log that compresses well\r\n")).collect();
    maker.put(&root.join("Windows/setuplog.txt"), log.as_bytes())?;
    let packages = root.join("Windows/servicing/Packages");
    for component in components {
        let name = format!("{component}-Package~{TOKEN}~amd64~~{OLD}.mum");
        let manifest = format!(
            "<assembly><assemblyIdentity name=\"{component}-Package\" version=\"{OLD}\" \
             processorArchitecture=\"amd64\" language=\"neutral\" publicKeyToken=\"{TOKEN}\"/>\
             <package releaseType=\"Feature Pack\"/></assembly>"
        );
        maker.put(&packages.join(name), manifest.as_bytes())?;
    }
    maker.put(&root.join("Windows/servicing/Version/sample.txt"), b"the servicing stack\r\n")
}

fn put_executable(maker: &Maker<'_>, root: &Path, path: &str, version: FileVersion) -> Result<(), SampleError> {
    let name = path.rsplit('/').next().unwrap_or(path);
    maker.put(&root.join(path), &executable(name, version))
}

/// Captures a tree as the next image of a file, and describes it as Windows' own tools do.
fn add(maker: &Maker<'_>, tree: &Path, wim: &Path, description: &Description, boot: bool) -> Result<(), SampleError> {
    let options = capture::Options {
        name: description.name.into(),
        description: Some(description.name.into()),
        flags: Some(description.flags.into()),
        boot,
        compression: Some(Compression::new(Some(Format::Lzx))),
        time_limit: Some(maker.time),
        ..capture::Options::default()
    };
    let capture = if wim.exists() { capture::append } else { capture::capture };
    let done = capture(tree, wim, &options, maker.control).map_err(|error| match error {
        CaptureError::Interrupted => SampleError::Interrupted,
        error => error.into(),
    })?;
    let properties = [
        ("DISPLAYNAME", description.name),
        ("DISPLAYDESCRIPTION", description.name),
        ("WINDOWS/PRODUCTNAME", "Microsoft® Windows® Operating System"),
        ("WINDOWS/EDITIONID", description.edition),
        ("WINDOWS/INSTALLATIONTYPE", description.installation),
        ("WINDOWS/PRODUCTTYPE", "WinNT"),
        ("WINDOWS/LANGUAGES/LANGUAGE", "en-US"),
        ("WINDOWS/LANGUAGES/DEFAULT", "en-US"),
    ];
    let properties = properties.map(|(path, value)| (path.to_owned(), value.to_owned()));
    let edits = [ImageEdit { image: done.index.get(), properties: properties.into() }];
    let stopped = |error| match error {
        ExportError::Interrupted => SampleError::Interrupted,
        error => error.into(),
    };
    let open = || Wim::open(wim, &OpenOptions::default());
    edit::edit(&open()?, &edits, None, maker.control).map_err(stopped)?;
    // Without what the changes left behind.
    export::optimize(open()?, &export::Options::default(), maker.control).map(drop).map_err(stopped)
}
