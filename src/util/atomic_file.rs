//! A file that appears whole or not at all.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::{file_name, new_file};

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
        // The system would say something about handles or parameters, and Wine leads to a device of Unix.
        if cfg!(windows) && file_name::is_path_of_device(target) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "this is the name of a device"));
        }
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
        // That the directory is not there is told without the temporary's name, which the library adds.
        let temporary = builder.tempfile_in(directory).map_err(|error| directory.metadata().err().unwrap_or(error))?;
        Ok(Self { temporary, target })
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
        if let Err(error) = replace(&temporary, &self.target) {
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

/// Renames a file over another one. While that is open, Windows does so with NTFS since Windows 10 alone; elsewhere (FAT, network
/// shares, Wine) the other one is moved aside first, which can be done, and is gone when nobody has it open any more.
fn replace(file: &Path, target: &Path) -> io::Result<()> {
    let error = match std::fs::rename(file, target) {
        Err(error) if cfg!(windows) && error.kind() == io::ErrorKind::PermissionDenied => error,
        result => return result,
    };
    // What may not be written to is not replaced.
    if !target.metadata().is_ok_and(|old| old.is_file() && !old.permissions().readonly()) {
        return Err(error);
    }
    let aside = target.with_file_name(new_file::temporary_name());
    if std::fs::rename(target, &aside).is_err() {
        return Err(error);
    }
    let result = std::fs::rename(file, target);
    // Nothing can be done about an old file that cannot be removed, or brought back.
    let _ = if result.is_ok() { std::fs::remove_file(&aside) } else { std::fs::rename(&aside, target) };
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

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
    fn what_cannot_be_a_file_is_told_plainly() {
        let directory = tempfile::tempdir().unwrap();
        let error = |path: &Path| AtomicFile::create(path).unwrap_err();
        let missing = error(&directory.path().join("missing/out.wim"));
        assert!(missing.kind() == io::ErrorKind::NotFound && !missing.to_string().contains("partial"), "{missing}");
        assert_eq!(error(directory.path()).kind(), io::ErrorKind::IsADirectory);
        if cfg!(windows) {
            assert_eq!(error(Path::new("nul")).to_string(), "this is the name of a device");
        }
    }

    #[test]
    fn a_file_is_replaced_while_it_is_open() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("out.wim");
        std::fs::write(&target, "old").unwrap();
        let mut held = File::open(&target).unwrap();
        let file = AtomicFile::create(&target).unwrap();
        file.file().write_all(b"new").unwrap();
        file.commit().unwrap();
        let mut old = String::new();
        held.read_to_string(&mut old).unwrap();
        drop(held);
        assert_eq!((old.as_str(), &*std::fs::read(&target).unwrap()), ("old", &b"new"[..]));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
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
