//! Which Windows a captured tree holds, as far as its files tell without the registry.

use super::scan::{Kind, NodeIndex, Scan};
use crate::pe;
use crate::wim::xml::{ImageXml, WindowsVersion, XmlError};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A kernel has some 12 MiB.
const MAX_KERNEL_NBYTES: u64 = 64 << 20;

/// Files that a Windows directory has, below it.
const SIGNS: [&[&str]; 3] =
    [&["System32", "kernel32.dll"], &["System32", "config", "SOFTWARE"], &["System32", "config", "SYSTEM"]];

/// What was found out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Windows {
    /// The name of the Windows directory.
    system_root: String,
    /// Windows' number for the processor.
    architecture: Option<u32>,
    version: Option<WindowsVersion>,
}

impl Windows {
    /// The Windows in a tree: the directory in its root that has the most of its signs; of several, the one called so.
    pub(super) fn find(scan: &Scan) -> Option<Self> {
        let signs = |directory: &NodeIndex| SIGNS.iter().filter(|path| scan.find(*directory, path).is_some()).count();
        let is_named = |directory: &NodeIndex| scan.nodes[*directory as usize].name.eq_ignore_ascii_case("windows");
        let directories = scan.children(0).filter(|index| scan.nodes[*index as usize].kind == Kind::Directory);
        let best = directories.max_by_key(|directory| (signs(directory), is_named(directory)))?;
        if signs(&best) == 0 {
            return None;
        }
        let file = |path: &[&str]| scan.find(best, path).and_then(|node| read(&scan.path(node)));
        let kernel = file(&["System32", "ntoskrnl.exe"]);
        let library = file(&["System32", "kernel32.dll"]);
        let headers = library.as_deref().or(kernel.as_deref());
        Some(Self {
            system_root: scan.nodes[best as usize].name.to_uppercase(),
            architecture: headers.and_then(pe::machine).and_then(pe::architecture),
            version: kernel.as_deref().and_then(pe::file_version).map(WindowsVersion::from),
        })
    }

    /// States it in the image's element.
    pub(super) fn describe(&self, image: &mut ImageXml) -> Result<(), XmlError> {
        if let Some(architecture) = self.architecture {
            image.set("WINDOWS/ARCH", &architecture.to_string())?;
        }
        if let Some(WindowsVersion { major, minor, build, revision }) = self.version {
            for (name, number) in [("MAJOR", major), ("MINOR", minor), ("BUILD", build), ("SPBUILD", revision)] {
                image.set(&format!("WINDOWS/VERSION/{name}"), &number.to_string())?;
            }
        }
        image.set("WINDOWS/SYSTEMROOT", &self.system_root)
    }
}

/// The file, unless it is too large to be what is looked for.
fn read(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let file: File = crate::util::os::open_unfollowed(path).ok()?;
    file.take(MAX_KERNEL_NBYTES).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
