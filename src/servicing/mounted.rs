//! What `/Get-MountedImageInfo` lists: images that are mounted, or were when a program or the system stopped.

use std::path::{Path, PathBuf};

/// More mounts than Windows can have; the rest of the list is left alone.
const MAX_MOUNTS: usize = 1000;

/// An image that is mounted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mount {
    /// Where.
    pub directory: PathBuf,
    /// The archive.
    pub file: PathBuf,
    /// `Ok`, `Needs Remount` or `Invalid`.
    pub status: String,
}

/// The list, line by line.
#[derive(Clone, Debug, Default)]
pub struct List {
    /// What was listed so far.
    pub mounts: Vec<Mount>,
}

impl List {
    /// Takes the next line in.
    pub fn line(&mut self, line: &str) {
        // The first colon with a blank before it: paths have colons of their own.
        let Some((name, value)) = line.split_once(" : ") else { return };
        let value = value.trim();
        if name.trim() == "Mount Dir" && self.mounts.len() < MAX_MOUNTS {
            self.mounts.push(Mount { directory: value.into(), ..Mount::default() });
        }
        let Some(mount) = self.mounts.last_mut() else { return };
        match name.trim() {
            "Image File" => mount.file = value.into(),
            "Status" => mount.status = value.into(),
            _ => {}
        }
    }
}

/// Whether `path`, as DISM writes it, is `directory` or below it.
pub fn is_below(path: &Path, directory: &Path) -> bool {
    let plain = |path: &Path| {
        let text = path.to_string_lossy();
        let text = text.strip_prefix(r"\\?\").unwrap_or(&text);
        // Letter case does not count where DISM runs.
        PathBuf::from(if cfg!(windows) { text.to_lowercase() } else { text.to_owned() })
    };
    plain(path).starts_with(plain(directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<Mount> {
        let mut list = List::default();
        text.lines().for_each(|line| list.line(line));
        list.mounts
    }

    #[test]
    fn what_is_mounted() {
        let found = list(
            "Mounted images:\n\nMount Dir : C:\\work\\mount\\os-1\nImage File : C:\\work\\images\\os-1.wim\nImage Index : 1\n\
             Mounted Read/Write : Yes\nStatus : Needs Remount\n\nMount Dir : D:\\a : b\nImage File : D:\\x.wim\nStatus : Ok\n",
        );
        let mount = |directory: &str, file: &str, status: &str| Mount {
            directory: directory.into(),
            file: file.into(),
            status: status.into(),
        };
        let expected = [
            mount(r"C:\work\mount\os-1", r"C:\work\images\os-1.wim", "Needs Remount"),
            mount(r"D:\a : b", r"D:\x.wim", "Ok"),
        ];
        assert_eq!(found, expected);
        assert_eq!(list("Mounted images:\n\nNo mounted images found.\n"), []);
        assert_eq!(list("Status : Ok\nImage File : x\n : \n:"), []);
        assert_eq!(list(&"Mount Dir : x\n".repeat(2000)).len(), MAX_MOUNTS);
    }

    #[test]
    fn below_a_directory() {
        let is_below = |path: &str, directory: &str| super::is_below(Path::new(path), Path::new(directory));
        assert!(is_below(r"\\?\/refresh/mount/os-1", "/refresh") && is_below("/refresh", "/refresh"));
        assert!(!is_below("/refresh2/mount", "/refresh") && !is_below("", "/refresh"));
        assert_eq!(is_below("/REFRESH/mount", "/refresh"), cfg!(windows));
    }
}
