//! Files that are read before the Windows Overlay Filter is at work: the boot loader finds them plain or not at all.

use crate::wim::metadata::{DentryId, Entry, Metadata};

/// Directories and files below the root of the image, in lower case; `*` stands for anything. A directory stands for all that
/// is in it.
const PATTERNS: &[&str] = &[
    "bootmgr",
    "windows/apppatch/drvmain.sdb",
    "windows/boot/dvd",
    "windows/boot/efi",
    "windows/bootstat.dat",
    "windows/fonts/vgaoem.fon",
    "windows/fonts/vgasys.fon",
    "windows/inf/errata.inf",
    "windows/system32/config",
    "windows/system32/drivers/*.sys",
    "windows/system32/ntoskrnl.exe",
    "windows/system32/ntkrnlpa.exe",
    "windows/system32/hal*.dll",
    "windows/system32/bootvid.dll",
    "windows/system32/ci.dll",
    "windows/system32/pshed.dll",
    "windows/system32/clfs.sys",
    "windows/system32/mcupdate_*.dll",
    "windows/system32/kd*.dll",
    "windows/system32/kbd*.dll",
    "windows/system32/*.nls",
    "windows/system32/apisetschema.dll",
    "windows/system32/api-ms-win*.dll",
    "windows/system32/ext-ms-win*.dll",
    "windows/system32/kernelbase.dll",
    "windows/system32/codeintegrity/driver.stl",
    // Wherever they are.
    "**/winload.*",
    "**/winresume.*",
];

/// Whether one of the names of a file is such a one: they share what is on disk.
pub(super) fn is_one(tree: &Metadata, file: &Entry<'_>) -> bool {
    let own = [file.id()];
    let names: &[DentryId] = file.links().unwrap_or(&own);
    names.iter().any(|name| fits_any(&tree.entry(*name).path().to_lowercase()))
}

/// `path` is in lower case and separated by `/`.
fn fits_any(path: &str) -> bool {
    let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
    PATTERNS.iter().any(|pattern| match pattern.strip_prefix("**/") {
        Some(name_pattern) => names.last().is_some_and(|name| fits(name_pattern, name)),
        None => {
            let patterns: Vec<&str> = pattern.split('/').collect();
            patterns.len() <= names.len() && patterns.iter().zip(&names).all(|(pattern, name)| fits(pattern, name))
        }
    })
}

/// At most one `*`.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => name.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)),
        None => pattern == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_starts_windows_is_found() {
        for path in [
            "/windows/system32/winload.efi",
            "/windows/winsxs/amd64_x/winload.exe",
            "/windows/system32/config/software",
            "/windows/system32/drivers/ntfs.sys",
            "/windows/system32/kdcom.dll",
            "/windows/system32/l_intl.nls",
            "/windows/boot/efi/de-de/bootmgr.efi.mui",
            "/bootmgr",
        ] {
            assert!(fits_any(path), "{path}");
        }
        for path in [
            "/windows/system32/kernel32.dll",
            "/windows/system32/drivers/etc/hosts",
            "/system32/config/software",
            "/windows/system32/sub/kdcom.dll",
            "/windows/explorer.exe",
            "/windows/notes/bootmgr",
        ] {
            assert!(!fits_any(path), "{path}");
        }
    }
}
