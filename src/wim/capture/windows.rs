//! Which Windows a captured tree holds, as far as its files tell without the registry.

use super::scan::{Kind, NodeIndex, Scan};
use crate::util::le;
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
            architecture: headers.and_then(machine).and_then(architecture),
            version: kernel.as_deref().and_then(file_version),
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

/// The machine field of a Portable Executable.
fn machine(file: &[u8]) -> Option<u16> {
    let header = le::u32(file, 0x3C)? as usize;
    if le::array(file, header)? != *b"PE\0\0" {
        return None;
    }
    le::u16(file, header.checked_add(4)?)
}

/// Windows' number for a machine.
fn architecture(machine: u16) -> Option<u32> {
    Some(match machine {
        0x014C => 0,
        0x01C0 | 0x01C2 | 0x01C4 => 5,
        0x0200 => 6,
        0x8664 => 9,
        0xAA64 => 12,
        _ => return None,
    })
}

/// The fixed part of the version resource: its signature, then its own version, then the file's in two words.
///
/// It is found by its key and its signature, which stand side by side nowhere else, instead of through the tree of
/// resources: a file that is odd elsewhere still tells.
fn file_version(file: &[u8]) -> Option<WindowsVersion> {
    const KEY: &str = "VS_VERSION_INFO";
    const SIGNATURE: u32 = 0xFEEF_04BD;
    let key = crate::util::utf16::from_str(KEY);
    let first = key[0];
    let mut at = 0;
    while let Some(found) = file.get(at..)?.iter().position(|byte| *byte == first) {
        at += found;
        if file[at..].starts_with(&key) {
            // The NUL of the key, then padding to a multiple of four in the resource.
            let fixed = (at + key.len() + 2..).take(4).find(|start| le::u32(file, *start) == Some(SIGNATURE));
            if let Some(fixed) = fixed {
                let (high, low) = (le::u32(file, fixed + 8)?, le::u32(file, fixed + 12)?);
                return Some(WindowsVersion {
                    major: high >> 16,
                    minor: high & 0xFFFF,
                    build: low >> 16,
                    revision: low & 0xFFFF,
                });
            }
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::utf16;

    /// As much of a Portable Executable as is looked at.
    fn executable(machine: u16, version: Option<[u16; 4]>) -> Vec<u8> {
        let mut file = vec![0; 0x40];
        file[0x3C] = 0x40;
        file.extend(b"PE\0\0");
        file.extend(machine.to_le_bytes());
        file.extend([0; 64]);
        file.extend(utf16::from_str("VS_VERSION_INFO, a mention in passing"));
        if let Some([major, minor, build, revision]) = version {
            file.resize(file.len().next_multiple_of(4) + 6, 0);
            file.extend(utf16::from_str("VS_VERSION_INFO"));
            file.extend([0; 4]);
            file.extend(0xFEEF_04BD_u32.to_le_bytes());
            file.extend(0x0001_0000_u32.to_le_bytes());
            for number in [minor, major, revision, build] {
                file.extend(number.to_le_bytes());
            }
        }
        file
    }

    #[test]
    fn versions_and_machines() {
        let version = WindowsVersion { major: 10, minor: 0, build: 26100, revision: 4061 };
        let kernel = executable(0x8664, Some([10, 0, 26100, 4061]));
        assert_eq!(file_version(&kernel), Some(version));
        assert_eq!(machine(&kernel).and_then(architecture), Some(9));
        assert_eq!(file_version(&executable(0xAA64, None)), None);
        for end in 0..kernel.len() {
            assert_eq!(file_version(&kernel[..end]), None);
            machine(&kernel[..end]);
        }
        let mut far = kernel.clone();
        far[0x3C..0x40].fill(0xFF);
        assert_eq!(machine(&far), None);
        assert_eq!(architecture(0x1234), None);
    }
}
