//! Portable Executables: what their headers and their version resource tell.

use std::fmt;
use std::str::FromStr;

use crate::util::{le, utf16};

/// The version of a file, such as 10.0.26100.4061, as its version resource has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileVersion(pub [u16; 4]);

impl fmt::Display for FileVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([major, minor, build, revision]) = self;
        f.pad(&format!("{major}.{minor}.{build}.{revision}"))
    }
}

impl serde::Serialize for FileVersion {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text that is no version of a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no version such as 10.0.26100.1")]
pub struct ParseFileVersionError(String);

impl FromStr for FileVersion {
    type Err = ParseFileVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseFileVersionError(text.to_owned());
        let numbers: Option<Vec<u16>> = text.split('.').map(|part| part.parse().ok()).collect();
        numbers.and_then(|numbers| numbers.try_into().ok()).map(Self).ok_or_else(wrong)
    }
}

/// The machine field of the headers.
pub fn machine(file: &[u8]) -> Option<u16> {
    let header = le::u32(file, 0x3C)? as usize;
    if le::array(file, header)? != *b"PE\0\0" {
        return None;
    }
    le::u16(file, header.checked_add(4)?)
}

/// Windows' number for a machine.
pub fn architecture(machine: u16) -> Option<u32> {
    Some(match machine {
        0x014C => 0,
        0x01C0 | 0x01C2 | 0x01C4 => 5,
        0x0200 => 6,
        0x8664 => 9,
        0xAA64 => 12,
        _ => return None,
    })
}

/// The certificates that a file is signed with, as they are in it; `None` if it is not signed.
pub fn certificates(file: &[u8]) -> Option<&[u8]> {
    /// Number and size of an entry of the directories behind the optional header.
    const SECURITY: usize = 4 * 8;
    let optional = (le::u32(file, 0x3C)? as usize).checked_add(24)?;
    let directories = match le::u16(file, optional)? {
        0x10B => 96,
        0x20B => 112,
        _ => return None,
    };
    let entry = optional.checked_add(directories + SECURITY)?;
    // Alone among the directories this one has no address in memory, but an offset in the file.
    let (offset, size) = (le::u32(file, entry)? as usize, le::u32(file, entry + 4)? as usize);
    file.get(offset..offset.checked_add(size)?).filter(|certificates| !certificates.is_empty())
}

/// The version of a file, out of the fixed part of its version resource.
pub fn file_version(file: &[u8]) -> Option<FileVersion> {
    let fixed = version_resource(file)?;
    let (high, low) = (le::u32(file, fixed + 8)?, le::u32(file, fixed + 12)?);
    Some(FileVersion([(high >> 16) as u16, high as u16, (low >> 16) as u16, low as u16]))
}

/// The product that a file belongs to, such as `Microsoft® Windows® Operating System`: the first that the texts of its
/// version resource name.
pub fn product_name(file: &[u8]) -> Option<String> {
    /// The texts follow the fixed part, and have some hundred bytes.
    const MAX_NBYTES: usize = 8 << 10;
    let texts = file.get(version_resource(file)?..)?;
    let texts = &texts[..texts.len().min(MAX_NBYTES)];
    let key = utf16::from_str("ProductName\0");
    let units = |bytes: &[u8]| bytes.as_chunks::<2>().0.to_vec();
    let (texts, key) = (units(texts), units(&key));
    let found = texts.windows(key.len()).position(|window| window == key)?;
    // Padding to a multiple of four, then the text and its NUL.
    let value = &texts[found + key.len()..];
    let value = if value.first() == Some(&[0, 0]) { &value[1..] } else { value };
    let end = value.iter().position(|unit| *unit == [0, 0])?;
    utf16::to_string(value[..end].as_flattened()).filter(|name| !name.is_empty())
}

/// Where the fixed part of the version resource is: its signature, then its own version, then the file's in two words.
///
/// It is found by its key and its signature, which stand side by side nowhere else, instead of through the tree of
/// resources: a file that is odd elsewhere still tells.
fn version_resource(file: &[u8]) -> Option<usize> {
    const KEY: &str = "VS_VERSION_INFO";
    const SIGNATURE: u32 = 0xFEEF_04BD;
    let key = utf16::from_str(KEY);
    let first = key[0];
    let mut at = 0;
    while let Some(found) = file.get(at..)?.iter().position(|byte| *byte == first) {
        at += found;
        if file[at..].starts_with(&key) {
            // The NUL of the key, then padding to a multiple of four in the resource.
            let fixed = (at + key.len() + 2..).take(4).find(|start| le::u32(file, *start) == Some(SIGNATURE));
            if fixed.is_some() {
                return fixed;
            }
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let version = FileVersion([10, 0, 26100, 4061]);
        let kernel = executable(0x8664, Some(version.0));
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

    #[test]
    fn certificates_are_where_the_directory_says() {
        for (magic, directories) in [(0x10B_u16, 96), (0x20B, 112)] {
            let mut file = executable(0x8664, None);
            let optional = u32::from_le_bytes(file[0x3C..0x40].try_into().unwrap()) as usize + 24;
            let entry = optional + directories + 32;
            file.resize(file.len().max(entry + 8), 0);
            file[optional..optional + 2].copy_from_slice(&magic.to_le_bytes());
            file[entry..entry + 8].fill(0);
            assert_eq!(certificates(&file), None, "not signed");
            let offset = file.len();
            file[entry..entry + 4].copy_from_slice(&(offset as u32).to_le_bytes());
            file[entry + 4..entry + 8].copy_from_slice(&11_u32.to_le_bytes());
            assert_eq!(certificates(&file), None, "behind the end");
            file.extend(b"certificate");
            assert_eq!(certificates(&file), Some(&b"certificate"[..]));
            file[entry..entry + 8].fill(0xFF);
            assert_eq!(certificates(&file), None);
        }
    }

    #[test]
    fn the_product_is_named_behind_the_version() {
        let version = Some([10, 0, 26100, 1]);
        for padding in ["", "\0"] {
            let mut file = executable(0x8664, version);
            file.extend(utf16::from_str(&format!("ProductName\0{padding}Windows®\0rest")));
            assert_eq!(product_name(&file).as_deref(), Some("Windows®"));
            let text = file.len() - 2 * "Windows®\0rest".chars().count();
            for end in text..text + 16 {
                assert_eq!(product_name(&file[..end]), None, "no end of the text");
            }
        }
        let mut before = utf16::from_str("ProductName\0Windows\0");
        before.extend(executable(0x8664, version));
        assert_eq!(product_name(&before), None);
    }

    #[test]
    fn versions_as_text() {
        let version: FileVersion = "10.0.26100.1".parse().unwrap();
        assert_eq!((version, version.to_string().as_str()), (FileVersion([10, 0, 26100, 1]), "10.0.26100.1"));
        assert!(version < "10.0.26100.4061".parse().unwrap());
        for wrong in ["", "10.0.1", "10.0.1.2.3", "10.0.70000.1", "a.b.c.d"] {
            assert!(wrong.parse::<FileVersion>().is_err(), "{wrong}");
        }
    }
}
