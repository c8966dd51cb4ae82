//! The bytes of a captured file, opened when they are wanted and watched for changes.

use super::error::Problem;
use super::scan::{ContentSource, FileState, Scan};
use crate::util::os;
use crate::util::read_at::{ReadAt, read_exact_at};
use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// One content as the reading engine sees it.
///
/// A resource that has begun must get all its bytes. So reading never fails: once something is wrong, what is missing is
/// zeros, and [`SourceFile::take_problem`] tells why they must not be used.
pub(super) struct SourceFile<'a> {
    scan: &'a Scan,
    content: u32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Open as long as there is more to read.
    file: Option<Arc<File>>,
    delivered: u64,
    problem: Option<Problem>,
}

impl<'a> SourceFile<'a> {
    pub(super) fn new(scan: &'a Scan, content: u32) -> Self {
        Self { scan, content, state: Mutex::default() }
    }

    pub(super) fn content(&self) -> u32 {
        self.content
    }

    /// What went wrong, once.
    pub(super) fn take_problem(&self) -> Option<Problem> {
        self.lock().problem.take()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn source(&self) -> &'a ContentSource {
        &self.scan.contents[self.content as usize].source
    }

    /// Reads a piece of a file, or of a stream of it; the last one finds out whether it is what it was.
    fn read(
        &self,
        buf: &mut [u8],
        offset: u64,
        open: impl FnOnce() -> io::Result<File>,
        is_unchanged: impl FnOnce(&File) -> io::Result<bool>,
    ) -> Result<(), Problem> {
        let known = self.lock().file.clone();
        let file = match known {
            Some(file) => file,
            None => Arc::new(open()?),
        };
        let read = read_exact_at(&file, buf, offset);
        let is_last = {
            let mut state = self.lock();
            state.delivered += buf.len() as u64;
            let is_last = state.delivered >= self.size();
            state.file = (!is_last).then(|| Arc::clone(&file));
            is_last
        };
        // A file cut shorter, or something else in its place: say so rather than what reading it gave.
        if (is_last || read.is_err()) && !is_unchanged(&file)? {
            return Err(Problem::Changed);
        }
        Ok(read?)
    }
}

impl ReadAt for SourceFile<'_> {
    fn size(&self) -> u64 {
        self.scan.contents[self.content as usize].size
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let read = match self.source() {
            ContentSource::File { node, state } => {
                let open = || os::open_unfollowed(&self.scan.opened_path(*node));
                self.read(buf, offset, open, |file| Ok(FileState::of(file)? == *state))
            }
            ContentSource::Stream { node, name, state } => {
                let open = || os::open_stream(&self.scan.opened_path(*node), name);
                let now = |file: &File| Ok::<_, io::Error>(FileState::of(file)?.of_stream(file.metadata()?.len()));
                self.read(buf, offset, open, |file| Ok(now(file)? == *state))
            }
            ContentSource::Reader { reader, .. } => reader.read_exact_at(buf, offset).map_err(Problem::Io),
            // The engine takes bytes from `as_slice`, and blobs are not read at all.
            ContentSource::Bytes(_) | ContentSource::Blob(_) => return Err(io::ErrorKind::Unsupported.into()),
        };
        if let Err(problem) = read {
            buf.fill(0);
            self.lock().problem.get_or_insert(problem);
        }
        Ok(())
    }

    fn as_slice(&self) -> Option<&[u8]> {
        match self.source() {
            ContentSource::Bytes(bytes) => Some(bytes),
            ContentSource::Reader { reader, .. } => reader.as_slice(),
            ContentSource::File { .. } | ContentSource::Stream { .. } | ContentSource::Blob(_) => None,
        }
    }
}
