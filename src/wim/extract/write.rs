//! Receives the blobs and makes the files.
//!
//! Making a file costs more than filling it: most files are small. Blobs that lie wholly in one batch are therefore
//! written side by side, by as many threads as there are; only a blob that goes on from batch to batch is written
//! piece by piece. A file whose blob turns out to be damaged is removed. What is overwritten goes only when the new file
//! is complete.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use rayon::prelude::*;

use super::directories::Directories;
use super::outcome::Problem;
use super::plan::{Place, Target, times_of};
use super::spool::{Extent, Spool};
use super::unix::Unix;
use super::windows::Windows;
use crate::util::new_file::{NewFile, is_fatal, temporary_name};
use crate::util::os::{self, Dir, Ownership};
use crate::util::sha1::Sha1;
use crate::wim::engine::{BlobEnd, Segment, Sink};
use crate::wim::metadata::{Attributes, Entry, Metadata, reparse};
use crate::wim::verify::Damage;

/// With holes: the shortest run of zeros that is left out, in bytes. Shorter ones cost more in extents than they save.
const HOLE: usize = 64 << 10;
/// How much of a file is copied at a time to its twins.
const COPY: usize = 1 << 20;

/// What stays the same while files are written.
pub(super) struct Writing<'a> {
    pub(super) tree: &'a Metadata,
    pub(super) directories: Directories<'a>,
    pub(super) files: &'a [Place],
    pub(super) sparse: bool,
    pub(super) overwrite: bool,
    /// `None`: owners and modes are left alone.
    pub(super) unix: Option<&'a Unix>,
    /// `None`: the target holds nothing that only NTFS has.
    pub(super) windows: Option<&'a Windows>,
    pub(super) spool: &'a Spool,
}

impl Writing<'_> {
    /// Makes something at `place`, whose name must be free unless it may be overwritten: what has the name then goes when the
    /// new is there.
    pub(super) fn make(&self, place: &Place, make: impl Fn(&Dir, &str) -> io::Result<()>) -> io::Result<()> {
        let directory = self.directories.get(place.directory)?;
        match make(&directory, &place.name) {
            Err(error) if self.may_replace(&error) => {
                let temporary = temporary_name();
                let made = make(&directory, &temporary).and_then(|()| directory.rename(&temporary, &place.name));
                // It is also left where both are names of one file.
                directory.remove_file(&temporary).ok();
                made
            }
            result => result,
        }
    }

    fn may_replace(&self, error: &io::Error) -> bool {
        self.overwrite && error.kind() == io::ErrorKind::AlreadyExists
    }

    fn begin<'p>(&self, place: &'p Place) -> io::Result<OpenFile<'p>> {
        let directory = self.directories.get(place.directory)?;
        let new = NewFile::create(directory, &place.name, self.overwrite)?;
        // The file has the attribute, whether it has holes or not.
        let is_marked = || self.tree.entry(place.dentry).attributes().contains(Attributes::SPARSE_FILE);
        let is_sparse = self.windows.is_some_and(|windows| windows.abilities.sparse_files && is_marked());
        let is_prepared = is_sparse && os::make_sparse(&new.file);
        Ok(OpenFile { new, place, holes: self.sparse || is_prepared, is_prepared, ends_in_hole: false })
    }

    fn finish(&self, open: &mut OpenFile<'_>) -> io::Result<()> {
        if open.ends_in_hole {
            let end = open.new.file.stream_position()?;
            open.new.file.set_len(end)?;
        }
        // Where names of one file disagree, the first one's times are the file's.
        let entry = self.tree.entry(open.place.dentry);
        let times = times_of(&self.tree.entry(entry.first_link()));
        let ownership = self.ownership(&entry);
        let is_complete = open.new.finish_owned(&times, ownership.as_ref())?;
        self.note(ownership.as_ref(), is_complete);
        Ok(())
    }

    /// To whom an entry is to belong; `None` if that is left alone.
    pub(super) fn ownership(&self, entry: &Entry<'_>) -> Option<Ownership> {
        self.unix?;
        entry.unix_data().map(|data| data.ownership())
    }

    /// Takes notice of whether an entry belongs to whom it should.
    pub(super) fn note(&self, of_file: Option<&Ownership>, is_complete: bool) {
        if let Some(unix) = self.unix {
            unix.note(of_file, is_complete);
        }
    }

    /// Makes a file without content, which may be a device, pipe or socket.
    pub(super) fn empty_file(&self, file: u32) -> io::Result<()> {
        let place = &self.files[file as usize];
        match self.special_file(place)? {
            None => self.finish(&mut self.begin(place)?),
            Some(is_made) => {
                if let Some(unix) = self.unix.filter(|_| !is_made) {
                    unix.leave_out(file);
                }
                Ok(())
            }
        }
    }

    /// Makes a device, pipe or socket, if `place` is of one; answers then whether the privileges sufficed.
    fn special_file(&self, place: &Place) -> io::Result<Option<bool>> {
        let entry = self.tree.entry(place.dentry);
        let facts = self.unix.zip(Unix::special(&entry)).zip(self.ownership(&entry));
        let Some(((unix, special), ownership)) = facts else { return Ok(None) };
        let times = times_of(&self.tree.entry(entry.first_link()));
        let is_permitted = Cell::new(true);
        let made = self.make(place, |directory, name| {
            is_permitted.set(unix.make(directory, name, special, &ownership, &times)?);
            // What is to be replaced stays.
            if is_permitted.get() { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
        });
        if is_permitted.get() { made.map(|()| Some(true)) } else { Ok(Some(false)) }
    }

    /// Makes a file of which all content is at hand.
    fn whole_file(&self, file: u32, segments: &[Segment<'_>]) -> io::Result<()> {
        let mut open = self.begin(&self.files[file as usize])?;
        segments.iter().try_for_each(|segment| open.write(segment.data))?;
        self.finish(&mut open)
    }

    /// Makes a file with the content of another.
    fn copy(&self, from: &File, to: &Place) -> io::Result<()> {
        let mut to = self.begin(to)?;
        self.copy_content(from, &mut to)?;
        self.finish(&mut to)
    }

    fn copy_content(&self, mut from: &File, to: &mut OpenFile<'_>) -> io::Result<()> {
        let size = from.metadata()?.len();
        let done = if to.holes { 0 } else { os::copy_range(from, 0, &to.new.file, 0, size)? };
        from.seek(SeekFrom::Start(done))?;
        to.new.file.seek(SeekFrom::Start(done))?;
        let mut buffer = vec![0; COPY];
        loop {
            match from.read(&mut buffer)? {
                0 => return Ok(()),
                nbytes => to.write(&buffer[..nbytes])?,
            }
        }
    }

    /// Makes a further name of a finished file as a file of its own.
    pub(super) fn copy_name(&self, original: &Place, place: &Place) -> io::Result<()> {
        if self.special_file(place)?.is_some() {
            return Ok(()); // the original was made, so this was
        }
        let from = self.directories.get(original.directory)?.open_file(&original.name)?;
        self.copy(&from, place)
    }
}

/// A file that is being written.
struct OpenFile<'p> {
    new: NewFile<'p>,
    place: &'p Place,
    /// Whether long runs of zeros are left out.
    holes: bool,
    /// Whether the system knows that it will have holes.
    is_prepared: bool,
    /// Whether its length is still to be stretched over a hole at its end.
    ends_in_hole: bool,
}

impl OpenFile<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<()> {
        let mut rest = data;
        if !self.holes {
            return self.new.file.write_all(rest);
        }
        while !rest.is_empty() {
            let (piece, others) = rest.split_at(rest.len().min(HOLE));
            rest = others;
            self.ends_in_hole = piece.len() == HOLE && piece.iter().all(|byte| *byte == 0);
            if self.ends_in_hole && !self.is_prepared {
                self.is_prepared = os::make_sparse(&self.new.file);
                self.ends_in_hole = self.is_prepared;
            }
            if self.ends_in_hole {
                self.new.file.seek_relative(HOLE as i64)?;
            } else {
                self.new.file.write_all(piece)?;
            }
        }
        Ok(())
    }
}

/// A file or link that could not be made.
pub(super) struct Failed {
    pub(super) target: Target,
    pub(super) problem: Problem,
}

/// One blob and who receives it.
pub(super) struct Wanted {
    pub(super) sha1: Sha1,
    pub(super) targets: Vec<Target>,
}

/// The blob that goes on in the next batch.
struct Carried<'a> {
    request: usize,
    /// The index of the file that receives it, and the file; `None` once that failed.
    open: Option<(u32, OpenFile<'a>)>,
    failed: Vec<Failed>,
    link_data: Vec<u8>,
    extents: Vec<Extent>,
}

impl Carried<'_> {
    fn new(request: usize, failed: Vec<Failed>) -> Self {
        Self { request, open: None, failed, link_data: Vec::new(), extents: Vec::new() }
    }
}

/// Writes what the engine reads.
pub(in crate::wim) struct Extractor<'a> {
    writing: &'a Writing<'a>,
    wanted: &'a [Wanted],
    carried: Option<Carried<'a>>,
    /// What could not be made.
    pub(super) failed: Vec<Failed>,
    /// Reparse data that came.
    pub(super) link_data: Vec<(u32, Vec<u8>)>,
    /// Contents of named streams that came.
    pub(super) stream_data: Vec<(u32, Vec<Extent>)>,
}

/// Sorts an error of one file: its own problem, or everybody's.
pub(super) fn problem_of(error: io::Error) -> Result<Problem, io::Error> {
    if is_fatal(&error) { Err(error) } else { Ok(Problem::from_io(error)) }
}

impl<'a> Extractor<'a> {
    pub(super) fn new(writing: &'a Writing<'a>, wanted: &'a [Wanted]) -> Self {
        Self { writing, wanted, carried: None, failed: Vec::new(), link_data: Vec::new(), stream_data: Vec::new() }
    }

    /// Removes the file that was begun and will not be finished.
    pub(super) fn abandon(&mut self) {
        self.carried = None;
    }

    /// Takes in a part of a blob that is not all in one batch.
    fn part(&mut self, request: usize, segments: &[Segment<'_>]) -> io::Result<()> {
        let targets = &self.wanted[request].targets;
        let is_start = segments.first().is_some_and(|segment| segment.offset == 0);
        let mut carried = match self.carried.take() {
            Some(carried) if carried.request == request && !is_start => carried,
            _ => self.begin(request, targets)?,
        };
        let wants_data = targets.iter().any(|target| target.link().is_some());
        if targets.iter().any(|target| target.stream().is_some()) {
            carried.extents.push(self.writing.spool.put(segments.iter().map(|segment| segment.data))?);
        }
        for segment in segments {
            // More than a link can have is told from its size; nobody needs to hold it.
            if wants_data && carried.link_data.len() as u64 <= reparse::MAX_NBYTES {
                carried.link_data.extend(segment.data);
            }
            let Some((file, mut open)) = carried.open.take() else { continue };
            match open.write(segment.data) {
                Ok(()) => carried.open = Some((file, open)),
                Err(error) => {
                    carried.failed.push(Failed { target: Target::File(file), problem: problem_of(error)? });
                }
            }
        }
        match segments.last().and_then(|segment| segment.end) {
            None => self.carried = Some(carried),
            Some(BlobEnd::Intact) => self.finish(carried, targets)?,
            Some(end) => self.failed.extend(damaged(&self.wanted[request], end)),
        }
        Ok(())
    }

    /// Opens the first of the files that can be made.
    fn begin(&self, request: usize, targets: &[Target]) -> io::Result<Carried<'a>> {
        let mut failed = Vec::new();
        for file in targets.iter().filter_map(|target| target.file()) {
            match self.writing.begin(&self.writing.files[file as usize]) {
                Ok(open) => return Ok(Carried { open: Some((file, open)), ..Carried::new(request, failed) }),
                Err(error) => failed.push(Failed { target: Target::File(file), problem: problem_of(error)? }),
            }
        }
        Ok(Carried::new(request, failed))
    }

    /// Completes the file, and copies it to the blob's other targets.
    fn finish(&mut self, mut carried: Carried<'a>, targets: &[Target]) -> io::Result<()> {
        let tried = |file: u32, failed: &[Failed]| failed.iter().any(|failure| failure.target.file() == Some(file));
        for target in targets {
            match target {
                Target::Link(link) => self.link_data.push((*link, carried.link_data.clone())),
                Target::Stream(stream) => self.stream_data.push((*stream, carried.extents.clone())),
                Target::File(file) => {
                    let Some((first, open)) = &mut carried.open else { continue };
                    if tried(*file, &carried.failed) {
                        continue;
                    }
                    let done = if file == first {
                        self.writing.finish(open)
                    } else {
                        self.writing.copy(&open.new.file, &self.writing.files[*file as usize])
                    };
                    if let Err(error) = done {
                        carried.failed.push(Failed { target: *target, problem: problem_of(error)? });
                    }
                }
            }
        }
        self.failed.append(&mut carried.failed);
        Ok(())
    }
}

/// Tells all that want a damaged blob.
fn damaged(wanted: &Wanted, end: BlobEnd) -> impl Iterator<Item = Failed> + '_ {
    let damage = match end {
        BlobEnd::Intact => None,
        BlobEnd::Mismatch { found } => Some(Damage::Mismatch { found }),
        BlobEnd::Unreadable(error) => Some(Damage::Unreadable(error)),
    };
    damage.into_iter().flat_map(move |damage| {
        let problem = move || Problem::Damaged { sha1: wanted.sha1, damage };
        wanted.targets.iter().map(move |target| Failed { target: *target, problem: problem() })
    })
}

/// What came of a blob that was all in one batch.
#[derive(Default)]
struct Made {
    failed: Vec<Failed>,
    link_data: Vec<(u32, Vec<u8>)>,
    stream_data: Vec<(u32, Vec<Extent>)>,
}

impl Sink for Extractor<'_> {
    type Error = io::Error;

    fn accept(&mut self, batch: &[Segment<'_>]) -> Result<(), io::Error> {
        let mut whole = Vec::new();
        for segments in batch.chunk_by(|a, b| a.request == b.request) {
            let (first, last) = (&segments[0], &segments[segments.len() - 1]);
            if first.offset == 0
                && last.end.is_some()
                && self.carried.as_ref().is_none_or(|c| c.request != first.request)
            {
                whole.push(segments);
            } else {
                self.part(first.request, segments)?;
            }
        }
        let (writing, wanted) = (self.writing, self.wanted);
        let made: Vec<Made> = whole
            .par_iter()
            .map(|segments| {
                let wanted = &wanted[segments[0].request];
                let mut made = Made::default();
                match segments[segments.len() - 1].end {
                    Some(BlobEnd::Intact) => {}
                    end => {
                        made.failed.extend(end.into_iter().flat_map(|end| damaged(wanted, end)));
                        return Ok(made);
                    }
                }
                if wanted.targets.iter().any(|target| target.stream().is_some()) {
                    let extent = writing.spool.put(segments.iter().map(|segment| segment.data))?;
                    let streams = wanted.targets.iter().filter_map(|target| target.stream());
                    made.stream_data.extend(streams.map(|stream| (stream, vec![extent])));
                }
                for target in &wanted.targets {
                    match target {
                        Target::Stream(_) => {}
                        Target::Link(link) => {
                            let data = segments.iter().flat_map(|segment| segment.data).copied().collect();
                            made.link_data.push((*link, data));
                        }
                        Target::File(file) => {
                            if let Err(error) = writing.whole_file(*file, segments) {
                                made.failed.push(Failed { target: *target, problem: problem_of(error)? });
                            }
                        }
                    }
                }
                Ok(made)
            })
            .collect::<Result<_, io::Error>>()?;
        for made in made {
            self.failed.extend(made.failed);
            self.link_data.extend(made.link_data);
            self.stream_data.extend(made.stream_data);
        }
        Ok(())
    }
}
