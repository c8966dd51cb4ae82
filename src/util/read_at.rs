//! Positioned reading: one face for a file, a mapped file and a slice.
#![allow(unsafe_code)] // memory maps

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::path::Path;

/// Random access to bytes that do not change while they are read.
pub trait ReadAt: Send + Sync {
    /// The length in bytes.
    fn size(&self) -> u64;

    /// Fills `buf` from the bytes at `offset`.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] if the source ends before `buf` is full; any other error of the source.
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()>;

    /// All bytes as one slice, where the source is memory or mapped.
    fn as_slice(&self) -> Option<&[u8]> {
        None
    }

    /// The file behind the source, where the source is a whole file: lets a copy stay inside the kernel.
    fn as_file(&self) -> Option<&File> {
        None
    }
}

/// `length` bytes at `offset`: borrowed where the source is memory or mapped, else read into a new vector.
///
/// The range is checked against the source's size before anything is allocated.
///
/// # Errors
/// [`io::ErrorKind::UnexpectedEof`] if the range passes the end of the source.
pub fn bytes_at(source: &dyn ReadAt, offset: u64, length: usize) -> io::Result<Cow<'_, [u8]>> {
    let end = offset.checked_add(length as u64).filter(|&end| end <= source.size());
    let Some(end) = end else { return Err(io::ErrorKind::UnexpectedEof.into()) };
    if let Some(all) = source.as_slice() {
        return Ok(Cow::Borrowed(&all[offset as usize..end as usize]));
    }
    let mut buf = vec![0; length];
    source.read_exact_at(&mut buf, offset)?;
    Ok(Cow::Owned(buf))
}

impl<T: ReadAt + ?Sized> ReadAt for std::sync::Arc<T> {
    fn size(&self) -> u64 {
        (**self).size()
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        (**self).read_exact_at(buf, offset)
    }

    fn as_slice(&self) -> Option<&[u8]> {
        (**self).as_slice()
    }

    fn as_file(&self) -> Option<&File> {
        (**self).as_file()
    }
}

impl<T: AsRef<[u8]> + Send + Sync> ReadAt for io::Cursor<T> {
    fn size(&self) -> u64 {
        self.get_ref().as_ref().len() as u64
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let all = self.get_ref().as_ref();
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let bytes = all.get(start..).and_then(|rest| rest.get(..buf.len())).ok_or(io::ErrorKind::UnexpectedEof)?;
        buf.copy_from_slice(bytes);
        Ok(())
    }

    fn as_slice(&self) -> Option<&[u8]> {
        Some(self.get_ref().as_ref())
    }
}

/// Fills `buf` from `file` at `offset`, wherever the file's cursor is.
///
/// # Errors
/// [`io::ErrorKind::UnexpectedEof`] if the file ends before `buf` is full; any other error of the read.
#[cfg(unix)]
pub fn read_exact_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buf, offset)
}

/// Fills `buf` from `file` at `offset`, wherever the file's cursor is.
///
/// # Errors
/// [`io::ErrorKind::UnexpectedEof`] if the file ends before `buf` is full; any other error of the read.
#[cfg(windows)]
pub fn read_exact_at(file: &File, mut buf: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buf.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, buf, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                buf = &mut buf[n..];
                offset += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A file read by position. Several threads may read at once.
#[derive(Debug)]
pub struct PositionedFile {
    file: File,
    size: u64,
}

impl PositionedFile {
    /// Takes an open file; its size is asked once.
    ///
    /// # Errors
    /// The size cannot be asked, or the file is a directory.
    pub fn new(file: File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(Self { size: metadata.len(), file })
    }
}

impl ReadAt for PositionedFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        // Systems disagree about offsets beyond what a file can have.
        if offset > self.size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        read_exact_at(&self.file, buf, offset)
    }

    fn as_file(&self) -> Option<&File> {
        Some(&self.file)
    }
}

/// A file mapped into memory: no copy, and pages that the kernel can drop.
///
/// If another program cuts the file shorter while it is mapped, touching the missing part kills the process (SIGBUS
/// on Unix). That is why [`open`] maps only files of local file systems, and why mapping can be turned off.
#[derive(Debug)]
pub struct MappedFile {
    map: memmap2::Mmap,
    file: File,
}

impl MappedFile {
    /// Maps the whole of `file`.
    ///
    /// # Errors
    /// The system refuses to map it (an empty file, a pipe, a size beyond the address space).
    pub fn new(file: File) -> io::Result<Self> {
        // SAFETY: the map is only read. That no one else changes the file meanwhile cannot be had from any system;
        // a changed byte can make a check fail but no Rust invariant depends on two reads agreeing across calls of
        // this crate's parsers, which copy what they check. A shrinking file raises a signal, as documented above.
        let map = unsafe { memmap2::Mmap::map(&file)? };
        Ok(Self { map, file })
    }
}

impl ReadAt for MappedFile {
    fn size(&self) -> u64 {
        self.map.len() as u64
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let bytes = self.map.get(start..).and_then(|rest| rest.get(..buf.len()));
        buf.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn as_slice(&self) -> Option<&[u8]> {
        Some(&self.map)
    }

    fn as_file(&self) -> Option<&File> {
        Some(&self.file)
    }
}

/// Opens `path` for reading: mapped if it lies on a local file system, else (and with `no_mmap`) read by position.
///
/// # Errors
/// The file cannot be opened.
pub fn open(path: &Path, no_mmap: bool) -> io::Result<Box<dyn ReadAt>> {
    let file = File::open(path).map_err(|error| match error.kind() {
        // All that Windows says of one.
        io::ErrorKind::PermissionDenied if cfg!(windows) && path.is_dir() => io::ErrorKind::IsADirectory.into(),
        _ => error,
    })?;
    let may_map = !no_mmap && file.metadata()?.is_file() && crate::util::os::is_local(&file);
    if may_map { map(file) } else { Ok(Box::new(PositionedFile::new(file)?)) }
}

/// What was written to a file that only this process knows, or to memory.
///
/// # Errors
/// What the system says.
pub fn spooled(written: tempfile::SpooledTempFile) -> io::Result<Box<dyn ReadAt>> {
    match written.into_inner() {
        tempfile::SpooledData::InMemory(bytes) => Ok(Box::new(bytes)),
        tempfile::SpooledData::OnDisk(file) => map(file),
    }
}

/// A file that cannot be mapped (an empty one) can still be read.
fn map(file: File) -> io::Result<Box<dyn ReadAt>> {
    match MappedFile::new(file.try_clone()?) {
        Ok(mapped) => Ok(Box::new(mapped)),
        Err(_) => Ok(Box::new(PositionedFile::new(file)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_directory_is_told_as_one() {
        let directory = tempfile::tempdir().unwrap();
        let read = open(directory.path(), true).and_then(|source| source.read_exact_at(&mut [0], 0));
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::IsADirectory);
    }

    #[test]
    fn every_source_reads_the_same() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"0123456789").unwrap();
        let sources: [Box<dyn ReadAt>; 3] = [
            Box::new(io::Cursor::new(b"0123456789")),
            open(file.path(), false).unwrap(),
            open(file.path(), true).unwrap(),
        ];
        for source in sources {
            let mut buf = [0; 4];
            source.read_exact_at(&mut buf, 3).unwrap();
            assert_eq!(&buf, b"3456");
            assert_eq!(source.read_exact_at(&mut buf, 7).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
            assert_eq!(source.read_exact_at(&mut buf, u64::MAX).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
            assert_eq!(bytes_at(&*source, 8, 2).unwrap().as_ref(), b"89");
            assert!(bytes_at(&*source, 8, 3).is_err() && bytes_at(&*source, u64::MAX, 1).is_err());
        }
    }
}
