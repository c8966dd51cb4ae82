//! A file that appears whole or not at all.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Written beside its target, then synced and renamed over it. Dropped before [`AtomicFile::commit`], it leaves
/// nothing behind and the target as it was.
#[derive(Debug)]
pub struct AtomicFile {
    temporary: tempfile::NamedTempFile,
    target: PathBuf,
}

impl AtomicFile {
    /// Begins a file that will become `target`. If `target` is a symbolic link, the file it points to is replaced.
    ///
    /// # Errors
    /// The directory does not exist or cannot be written.
    pub fn create(target: &Path) -> io::Result<Self> {
        let target = match target.canonicalize() {
            Ok(real) => real,
            Err(error) if error.kind() == io::ErrorKind::NotFound => target.to_owned(),
            Err(error) => return Err(error),
        };
        if target.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let directory = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let mut prefix = std::ffi::OsString::from(".");
        prefix.push(target.file_name().unwrap_or_default());
        prefix.push(".");
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(".partial");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // The mode of the file that is replaced, or what the umask leaves of the usual one.
            let mode = target.metadata().map_or(0o666, |metadata| metadata.permissions().mode() & 0o777);
            builder.permissions(std::fs::Permissions::from_mode(mode));
        }
        Ok(Self { temporary: builder.tempfile_in(directory)?, target })
    }

    /// Whether a file of this name is what a program that was killed has left of one.
    pub fn is_leftover(name: &str) -> bool {
        let middle = name.strip_prefix('.').and_then(|name| name.strip_suffix(".partial"));
        let random = middle.and_then(|middle| middle.rsplit_once('.')).map(|(_, random)| random);
        random.is_some_and(|random| random.len() == 6 && random.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    }

    /// The file being written.
    pub fn file(&self) -> &File {
        self.temporary.as_file()
    }

    /// Where the file will appear.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Syncs the file, renames it over the target and syncs the directory.
    ///
    /// # Errors
    /// Any of these fails; the target is then as it was.
    pub fn commit(self) -> io::Result<()> {
        self.temporary.as_file().sync_all()?;
        // The standard library's rename replaces a target that is still open, on Windows too.
        let (file, temporary) = self.temporary.keep().map_err(|error| error.error)?;
        drop(file);
        if let Err(error) = std::fs::rename(&temporary, &self.target) {
            let _ = std::fs::remove_file(&temporary);
            return Err(error);
        }
        #[cfg(unix)]
        if let Some(directory) = self.target.parent() {
            let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
            // The rename has happened; a directory that cannot be synced does not undo it.
            let _ = File::open(directory).and_then(|directory| directory.sync_all());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn leftovers_are_known_by_their_names() {
        let directory = tempfile::tempdir().unwrap();
        let file = AtomicFile::create(&directory.path().join("install.wim")).unwrap();
        let name = std::fs::read_dir(directory.path()).unwrap().next().unwrap().unwrap().file_name();
        assert!(AtomicFile::is_leftover(name.to_str().unwrap()), "{name:?}");
        drop(file);
        for name in
            ["install.wim", ".partial", ".a.partial", ".a.12345.partial", "a.123456.partial", ".a.12345-.partial"]
        {
            assert!(!AtomicFile::is_leftover(name), "{name}");
        }
    }

    #[test]
    fn appears_on_commit_and_leaves_nothing_on_drop() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("out.wim");
        std::fs::write(&target, "old").unwrap();

        let dropped = AtomicFile::create(&target).unwrap();
        dropped.file().write_all(b"half").unwrap();
        drop(dropped);
        assert_eq!(std::fs::read(&target).unwrap(), b"old");

        let committed = AtomicFile::create(&target).unwrap();
        committed.file().write_all(b"new").unwrap();
        committed.commit().unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
