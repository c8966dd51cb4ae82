//! The file a WIM is written to: a new one that appears when complete, or an existing one that grows.

use crate::util::atomic_file::AtomicFile;
use crate::util::os;
use crate::util::progress::Control;
use crate::util::read_at::ReadAt;
use crate::util::write_at::write_all_at;
use crate::wim::header::{HEADER_SIZE, Header, flag};
use rayon::prelude::*;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;

/// Bytes gathered before they are written.
const BUFFER_SIZE: usize = 1 << 20;
/// Bytes that one thread copies between two looks at the interrupt flag.
const COPY_PIECE: u64 = 16 << 20;
/// Where the flags stand in the header.
const FLAGS_OFFSET: u64 = 0x10;

/// Sequential, buffered writing with corrections of what was written before.
///
/// Unless [`Output::commit`] succeeds, dropping it undoes everything: a new file vanishes, an existing one is cut to its
/// old end and its header is as it was.
#[derive(Debug)]
pub struct Output {
    target: Target,
    /// Where the buffer's first byte will go.
    flushed: u64,
    buffer: Vec<u8>,
}

#[derive(Debug)]
enum Target {
    /// With the file that it replaces, from which it keeps other writers.
    New(AtomicFile, Option<File>),
    Existing(Appended),
}

/// An existing file that is being appended to.
#[derive(Debug)]
struct Appended {
    file: File,
    old_end: u64,
    old_flags: u32,
    /// Set when the old state must no longer be restored.
    committed: bool,
}

impl Drop for Appended {
    fn drop(&mut self) {
        if !self.committed {
            // Best effort: if even this fails, the old header still refers to the old tables, and a reader warns of
            // the flag.
            let _ = cut_back(&self.file, self.old_end, self.old_flags);
        }
    }
}

/// Opens the existing file `path` for changes and keeps other writers out. [`io::ErrorKind::WouldBlock`]: one of them was
/// faster, and holds the file or has given it another header than `header`.
fn open_to_change(path: &Path, header: &Header) -> io::Result<File> {
    let file = os::open_alone(path)?;
    // What was planned was planned from the header that was read before the lock was held.
    let mut bytes = [0; HEADER_SIZE];
    crate::util::read_at::read_exact_at(&file, &mut bytes, 0)?;
    if Header::decode(&bytes).ok().as_ref() != Some(header) {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    Ok(file)
}

/// Takes off all behind `end`, and then the mark of being written.
fn cut_back(file: &File, end: u64, flags: u32) -> io::Result<()> {
    file.set_len(end)?;
    write_all_at(file, &flags.to_le_bytes(), FLAGS_OFFSET)?;
    file.sync_all()
}

/// Makes the file `path`, which a writer left unfinished, what its `header` says: nothing is behind `end`, and it is no
/// longer marked as being written. Returns the bytes that were taken off.
///
/// # Errors
/// The file cannot be written, or another writer holds it ([`io::ErrorKind::WouldBlock`]).
pub(in crate::wim) fn recover(path: &Path, header: &Header, end: u64) -> io::Result<u64> {
    let file = open_to_change(path, header)?;
    let behind = file.metadata()?.len().saturating_sub(end);
    cut_back(&file, end, header.flags & !flag::WRITE_IN_PROGRESS)?;
    Ok(behind)
}

impl Output {
    /// Begins a new file that will replace `path`. The first byte written is the header's first.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { target: Target::New(AtomicFile::create(path)?, None), flushed: 0, buffer: Vec::new() })
    }

    /// As [`Output::create`], for a file that replaces `path`, whose header is `header`: what another writer adds to it
    /// meanwhile would be lost.
    ///
    /// # Errors
    /// As [`Output::create`], or another writer holds it ([`io::ErrorKind::WouldBlock`]).
    pub fn replace(path: &Path, header: &Header) -> io::Result<Self> {
        let held = match open_to_change(path, header) {
            // Who may not write to a file may yet replace it; whoever may is then not kept out.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => None,
            held => Some(held?),
        };
        Ok(Self { target: Target::New(AtomicFile::create(path)?, held), flushed: 0, buffer: Vec::new() })
    }

    /// Goes on behind `end` of the existing file `path`, whose header is `header`, after marking it as being written.
    ///
    /// # Errors
    /// The file cannot be opened for writing, or another writer holds it ([`io::ErrorKind::WouldBlock`]).
    pub fn append(path: &Path, header: &Header, end: u64) -> io::Result<Self> {
        let file = open_to_change(path, header)?;
        let appended = Appended { file, old_end: end, old_flags: header.flags, committed: false };
        write_all_at(&appended.file, &(header.flags | flag::WRITE_IN_PROGRESS).to_le_bytes(), FLAGS_OFFSET)?;
        appended.file.sync_all()?;
        Ok(Self { target: Target::Existing(appended), flushed: end, buffer: Vec::new() })
    }

    fn file(&self) -> &File {
        match &self.target {
            Target::New(atomic, _) => atomic.file(),
            Target::Existing(appended) => &appended.file,
        }
    }

    /// Where the next byte goes.
    pub fn position(&self) -> u64 {
        self.flushed + self.buffer.len() as u64
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// The disk is full, or another error of the write.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.buffer.len() + bytes.len() > BUFFER_SIZE {
            self.flush()?;
        }
        if bytes.len() >= BUFFER_SIZE {
            write_all_at(self.file(), bytes, self.flushed)?;
            self.flushed += bytes.len() as u64;
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        Ok(())
    }

    /// Appends `count` zero bytes, to be filled in by [`Output::patch`].
    ///
    /// # Errors
    /// As [`Output::write`].
    pub fn reserve(&mut self, count: u64) -> io::Result<()> {
        const ZEROS: [u8; 4096] = [0; 4096];
        let mut left = count;
        while left > 0 {
            let piece = left.min(ZEROS.len() as u64);
            self.write(&ZEROS[..piece as usize])?;
            left -= piece;
        }
        Ok(())
    }

    /// Overwrites bytes that were written before.
    ///
    /// # Errors
    /// As [`Output::write`].
    pub fn patch(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        debug_assert!(offset + bytes.len() as u64 <= self.position());
        if let Some(start) = offset.checked_sub(self.flushed) {
            self.buffer[start as usize..start as usize + bytes.len()].copy_from_slice(bytes);
            return Ok(());
        }
        if offset + bytes.len() as u64 > self.flushed {
            self.flush()?;
        }
        write_all_at(self.file(), bytes, offset)
    }

    /// Goes back to `position`, before which everything stays; what was behind it is lost.
    ///
    /// # Errors
    /// As [`Output::write`].
    pub fn rewind(&mut self, position: u64) -> io::Result<()> {
        debug_assert!(position <= self.position());
        self.flush()?;
        self.flushed = position;
        Ok(())
    }

    /// Hands the buffer to the system.
    ///
    /// # Errors
    /// As [`Output::write`].
    pub fn flush(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            write_all_at(self.file(), &self.buffer, self.flushed)?;
            self.flushed += self.buffer.len() as u64;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Copies a range of `source`, inside the kernel where both are files and the system can. `false` = interrupted.
    ///
    /// # Errors
    /// As [`Output::write`]; the source cannot be read.
    pub fn copy_from(&mut self, source: &dyn ReadAt, range: Range<u64>, control: Control<'_>) -> io::Result<bool> {
        let mut at = range.start;
        // A small range is cheaper through the buffer than through two system calls.
        if let Some(file) = source.as_file().filter(|_| range.end - range.start >= BUFFER_SIZE as u64) {
            self.flush()?;
            while at < range.end {
                if control.interrupted() {
                    return Ok(false);
                }
                let length = (range.end - at).min(COPY_PIECE * rayon::current_num_threads() as u64);
                let copied = self.copy_in_kernel(file, at, length)?;
                self.flushed += copied;
                at += copied;
                control.progress.advance(copied);
                if copied < length {
                    break; // the system cannot; the rest goes through memory
                }
            }
        }
        let mut scratch = Vec::new();
        while at < range.end {
            if control.interrupted() {
                return Ok(false);
            }
            let piece = (range.end - at).min(BUFFER_SIZE as u64);
            match source.as_slice() {
                Some(all) if range.end <= all.len() as u64 => self.write(&all[at as usize..(at + piece) as usize])?,
                _ => {
                    scratch.resize(piece as usize, 0);
                    source.read_exact_at(&mut scratch, at)?;
                    self.write(&scratch)?;
                }
            }
            control.progress.advance(piece);
            at += piece;
        }
        Ok(true)
    }

    /// Copies `length` bytes to the end of the flushed ones, pieces side by side: filling the page cache keeps one core
    /// busy, and several do it faster. Returns how many bytes were copied without a gap.
    fn copy_in_kernel(&self, source: &File, at: u64, length: u64) -> io::Result<u64> {
        let pieces: Vec<io::Result<u64>> = (0..length.div_ceil(COPY_PIECE))
            .into_par_iter()
            .map(|piece| {
                let start = piece * COPY_PIECE;
                let size = COPY_PIECE.min(length - start);
                os::copy_range(source, at + start, self.file(), self.flushed + start, size)
            })
            .collect();
        let mut copied = 0;
        for (piece, result) in (0..).zip(pieces) {
            let done = result?;
            copied += done;
            if done < COPY_PIECE.min(length - piece * COPY_PIECE) {
                break;
            }
        }
        Ok(copied)
    }

    /// Writes the final header and makes everything durable.
    ///
    /// # Errors
    /// As [`Output::write`]; nothing of the old file is lost then.
    pub fn commit(mut self, header: &Header) -> io::Result<()> {
        self.flush()?;
        let header: [u8; HEADER_SIZE] = header.encode();
        // A rewound resource can have left bytes behind the end.
        self.file().set_len(self.flushed)?;
        match self.target {
            Target::New(atomic, held) => {
                write_all_at(atomic.file(), &header, 0)?;
                atomic.file().sync_all()?;
                // Windows replaces no file that is open for writing: there, other writers are kept out until now. Elsewhere, until
                // the new file has taken the place.
                let held = held.filter(|_| !cfg!(windows));
                atomic.commit()?;
                drop(held);
                Ok(())
            }
            Target::Existing(mut appended) => {
                // Everything the new header refers to is on the disk before it; the header is one small write.
                appended.file.sync_all()?;
                write_all_at(&appended.file, &header, 0)?;
                appended.committed = true;
                appended.file.sync_all()
            }
        }
    }
}

impl ReadAt for Output {
    /// The bytes that were handed to the system so far.
    fn size(&self) -> u64 {
        self.flushed
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        crate::util::read_at::read_exact_at(self.file(), buf, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::read_at::PositionedFile;

    fn header() -> Header {
        Header { flags: flag::RP_FIX, ..Header::new(None, 0) }
    }

    #[test]
    fn patches_reach_the_buffer_and_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        let mut output = Output::create(&path).unwrap();
        output.reserve(208).unwrap();
        output.reserve(BUFFER_SIZE as u64).unwrap();
        output.write(&vec![3; BUFFER_SIZE + 5]).unwrap();
        output.write(b"tail").unwrap();
        output.patch(b"early", 300).unwrap();
        let end = output.position();
        output.patch(b"T", end - 4).unwrap();
        output.patch(b"xxTa", end - 6).unwrap();
        output.write(b"garbage").unwrap();
        output.rewind(end).unwrap();
        output.commit(&header()).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.len() as u64, end);
        assert_eq!(&bytes[300..305], b"early");
        assert!(bytes.ends_with(b"\x03\x03xxTail"));
    }

    #[test]
    fn an_abandoned_append_leaves_the_old_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("old");
        let mut old = header().encode().to_vec();
        old.extend(b"content");
        std::fs::write(&path, &old).unwrap();

        let mut output = Output::append(&path, &header(), old.len() as u64).unwrap();
        assert_eq!(Output::append(&path, &header(), 0).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        output.write(&vec![1; 2 * BUFFER_SIZE]).unwrap();
        let during = std::fs::read(&path).unwrap();
        assert!(during.len() > old.len() && during[0x10] == 0xC0);
        drop(output);
        assert_eq!(std::fs::read(&path).unwrap(), old);

        let mut output = Output::append(&path, &header(), old.len() as u64).unwrap();
        output.write(b" more").unwrap();
        output.commit(&header()).unwrap();
        old.extend(b" more");
        assert_eq!(std::fs::read(&path).unwrap(), old);
    }

    #[test]
    fn who_read_the_file_before_another_changed_it_must_not_write() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("old");
        std::fs::write(&path, header().encode()).unwrap();
        let end = HEADER_SIZE as u64;
        let changed = Header { boot_index: 1, ..header() };
        Output::append(&path, &header(), end).unwrap().commit(&changed).unwrap();
        assert_eq!(Output::append(&path, &header(), end).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(recover(&path, &header(), end).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(std::fs::read(&path).unwrap(), changed.encode());
    }

    #[test]
    fn copies_ranges_of_files_and_of_memory() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("source");
        let content: Vec<u8> = (0..3 << 20).map(|i: u32| (i >> 7) as u8).collect();
        std::fs::write(&path, &content).unwrap();
        let file = PositionedFile::new(File::open(&path).unwrap()).unwrap();
        let memory = io::Cursor::new(content.clone());
        let sources: [&dyn ReadAt; 2] = [&file, &memory];
        for source in sources {
            for range in [5..10, 7..(3 << 20) - 1] {
                let target = directory.path().join("target");
                let mut output = Output::create(&target).unwrap();
                output.reserve(208).unwrap();
                assert!(output.copy_from(source, range.clone(), Control::silent()).unwrap());
                output.commit(&header()).unwrap();
                assert!(std::fs::read(&target).unwrap()[208..] == content[range.start as usize..range.end as usize]);
            }
        }
    }
}
