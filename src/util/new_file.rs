//! A file that is there when it is complete, and not before.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::os::{self, Dir, Ownership, Times};

/// A name for what will replace something, which has its own until then.
pub fn temporary_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!(".wimkit-{}-{}.tmp", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Whether going on with other files is no use: nothing more can be written.
pub fn is_fatal(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(error.kind(), Kind::StorageFull | Kind::QuotaExceeded | Kind::ReadOnlyFilesystem)
}

/// A file in the making. Unless it is [finished](Self::finish), it is removed when dropped; what it was to replace stays.
#[derive(Debug)]
pub struct NewFile<'a> {
    /// To be written to.
    pub file: File,
    directory: Arc<Dir>,
    name: &'a str,
    /// The name that it has until then, where another file has its own.
    temporary: Option<String>,
    is_finished: bool,
}

impl<'a> NewFile<'a> {
    /// Makes a file in `directory`. Something that has the name is no error with `overwrite`.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::AlreadyExists`] if anything has the name, a link included.
    pub fn create(directory: Arc<Dir>, name: &'a str, overwrite: bool) -> io::Result<Self> {
        let (file, temporary) = match directory.create_file(name) {
            Err(error) if overwrite && error.kind() == io::ErrorKind::AlreadyExists => {
                let temporary = temporary_name();
                (directory.create_file(&temporary)?, Some(temporary))
            }
            result => (result?, None),
        };
        Ok(Self { file, directory, name, temporary, is_finished: false })
    }

    /// Gives the file its times, its mode and its name.
    ///
    /// # Errors
    /// What the system says; the file is then removed when dropped.
    pub fn finish(&mut self, times: &Times) -> io::Result<()> {
        self.finish_owned(times, None).map(drop)
    }

    /// As [`Self::finish`], with an owner. Answers whether owner, group and mode could all be set.
    ///
    /// # Errors
    /// As [`Self::finish`], but for a privilege that is missing.
    pub fn finish_owned(&mut self, times: &Times, ownership: Option<&Ownership>) -> io::Result<bool> {
        let is_complete = os::finish_file(&self.file, times, ownership)?;
        if let Some(temporary) = &self.temporary {
            self.directory.rename(temporary, self.name)?;
        }
        self.is_finished = true;
        Ok(is_complete)
    }
}

impl Drop for NewFile<'_> {
    fn drop(&mut self) {
        if !self.is_finished {
            // The error that led here matters more than one of the removal.
            self.directory.remove_file(self.temporary.as_deref().unwrap_or(self.name)).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const TIMES: Times = Times {
        creation: crate::util::filetime::FileTime::ZERO,
        access: crate::util::filetime::FileTime::ZERO,
        write: crate::util::filetime::FileTime(132_223_104_000_000_000),
    };

    #[test]
    fn only_what_is_finished_is_there() {
        let place = tempfile::tempdir().unwrap();
        let directory = Arc::new(Dir::open(place.path()).unwrap());
        let path = place.path().join("name");
        let create = |overwrite| NewFile::create(Arc::clone(&directory), "name", overwrite);
        drop(create(false).unwrap());
        assert!(!path.exists());

        let mut first = create(false).unwrap();
        first.file.write_all(b"first").unwrap();
        first.finish(&TIMES).unwrap();
        drop(first); // not every system replaces a file that is open
        assert_eq!(create(false).unwrap_err().kind(), io::ErrorKind::AlreadyExists);

        let mut second = create(true).unwrap();
        second.file.write_all(b"second").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        drop(second);
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        let mut third = create(true).unwrap();
        third.file.write_all(b"third").unwrap();
        third.finish(&TIMES).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"third");
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1);
        let written = std::fs::metadata(&path).unwrap().modified().unwrap();
        assert_eq!(crate::util::filetime::FileTime::from(written), TIMES.write);
    }
}
