//! Which contents are stored, and storing them.
//!
//! A content is stored once. Whether two files are equal is not known before both are read, and compressing is the
//! dear part, so equal ones must be found first; but reading everything twice would be dear on a slow disk. Files of
//! different sizes differ: only those that share their size with another file, or with a blob of the destination, are
//! hashed beforehand, and all others while they are compressed.

use super::error::{CaptureError, Problem};
use super::present::{Place, Present};
use super::report::Findings;
use super::scan::{ContentSource, Scan};
use super::source::SourceFile;
use crate::util::progress::Control;
use crate::util::read_at::ReadAt;
use crate::util::sha1::Sha1;
use crate::wim::WimError;
use crate::wim::encoder::Encoding;
use crate::wim::engine::{BlobEnd, BlobSource, Request, Segment, Sink, Stopped, memory_needed, read_blobs};
use crate::wim::export::{ExportError, SolidKey, check_solid_size};
use crate::wim::header::{Header, ResourceHeader};
use crate::wim::resource::{ChunkMap, DecoderPool};
use crate::wim::writer::{OpenSolid, WimWriter};
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// So many files are given to the reading engine at once: what it keeps of each must not grow with the tree.
const GROUP: usize = 8192;

/// What became of the contents.
#[derive(Debug, Default)]
pub(in crate::wim) struct Stored {
    /// The hash of each content, zero for one without bytes; `None`: it cannot be captured.
    pub hashes: Vec<Option<Sha1>>,
    /// Blobs that were written, and their bytes.
    pub blobs: u64,
    pub bytes: u64,
    /// Blobs that the destination had.
    pub present: u64,
    /// Blobs that are left to the files to which the destination is a delta.
    pub elsewhere: u64,
}

/// Where contents go.
pub(in crate::wim) struct Target<'a> {
    pub writer: &'a mut WimWriter,
    pub path: &'a Path,
    /// What need not be stored.
    pub present: Present<'a>,
    /// How the solid resource is compressed, where contents go into one.
    pub solid: Option<Encoding>,
    /// Bytes of data and of compressor contexts that may be in memory at once.
    pub memory: u64,
}

/// Stores the contents of `scan` that the target does not have.
pub(in crate::wim) fn store(
    scan: &Scan,
    target: &mut Target<'_>,
    findings: &mut Findings,
    control: Control<'_>,
) -> Result<Stored, CaptureError> {
    let known = scan.contents.iter().map(|content| (content.size == 0).then_some(Sha1::ZERO)).collect();
    let mut store = Store { scan, target, findings, control, known, failed: HashSet::new() };
    store.hash_those_of_equal_sizes()?;

    let mut stored = Stored::default();
    let with_bytes = (0..).zip(&scan.contents).filter(|(content, of)| of.size > 0 && !store.failed.contains(content));
    let (mut hashed, mut wanted): (Vec<u32>, Vec<u32>) =
        with_bytes.map(|(content, _)| content).partition(|content| store.known[*content as usize].is_some());
    hashed.sort_by_cached_key(|content| store.known[*content as usize]);
    // Contents that are equal, the first one in front: it stands for all.
    let mut missing: Vec<&[u32]> = Vec::new();
    for equal in hashed.chunk_by(|a, b| store.known[*a as usize] == store.known[*b as usize]) {
        let place = store.known[equal[0] as usize].map(|hash| store.target.present.find(&hash));
        match place.flatten() {
            Some(Place::Own) => stored.present += 1,
            Some(Place::Elsewhere) => stored.elsewhere += 1,
            Some(Place::Brought) => {}
            None => missing.push(equal),
        }
    }
    loop {
        wanted.extend(missing.iter().map(|equal| equal[0]));
        if wanted.is_empty() {
            break;
        }
        wanted.sort_unstable();
        for content in store.encode(std::mem::take(&mut wanted))? {
            stored.blobs += 1;
            stored.bytes += scan.contents[content as usize].size;
        }
        // If a file changes between hashing and compressing, the next one that had its old content stands for the others.
        missing.retain_mut(|equal| {
            let first = equal[0];
            *equal = &equal[1..];
            store.failed.contains(&first) && !equal.is_empty()
        });
    }
    stored.hashes = store.known;
    Ok(stored)
}

struct Store<'a, 'b> {
    scan: &'a Scan,
    target: &'a mut Target<'b>,
    findings: &'a mut Findings,
    control: Control<'a>,
    /// Hashes of the contents that were read, or are at hand; zero for one without bytes.
    known: Vec<Option<Sha1>>,
    failed: HashSet<u32>,
}

impl Store<'_, '_> {
    fn hash_those_of_equal_sizes(&mut self) -> Result<(), CaptureError> {
        let mut counts: HashMap<u64, u32> = HashMap::new();
        for content in &self.scan.contents {
            *counts.entry(content.size).or_default() += 1;
        }
        let existing = self.target.present.sizes();
        let mut to_read = Vec::new();
        for ((index, content), known) in (0..).zip(&self.scan.contents).zip(&mut self.known) {
            match &content.source {
                _ if content.size == 0 => {}
                ContentSource::Bytes(bytes) => *known = Some(Sha1::of(bytes)),
                ContentSource::Blob(sha1) => *known = Some(*sha1),
                _ if counts[&content.size] > 1 || existing.contains(&content.size) => to_read.push(index),
                ContentSource::File { .. } | ContentSource::Stream { .. } | ContentSource::Reader { .. } => {}
            }
        }
        self.control.progress.begin("Comparing files of equal sizes", self.size_of(&to_read));
        for group in to_read.chunks(GROUP) {
            self.read(group, Purpose::Hashing, None)?;
        }
        Ok(())
    }

    fn size_of(&self, contents: &[u32]) -> u64 {
        contents.iter().map(|content| self.scan.contents[*content as usize].size).sum()
    }

    /// Compresses contents; answers which were captured.
    fn encode(&mut self, mut wanted: Vec<u32>) -> Result<Vec<u32>, CaptureError> {
        let total = self.size_of(&wanted);
        self.control.progress.begin("Capturing", total);
        let mut solid = match self.target.solid {
            Some(encoding) => {
                wanted.sort_by_cached_key(|content| self.solid_key(*content));
                let memory = self.target.memory - self.reading_memory();
                check_solid_size(&encoding, total)?;
                let open = self.target.writer.begin_solid(encoding, total, memory);
                Some(open.map_err(|source| output_error(self.target.path, source))?)
            }
            None => None,
        };
        for group in wanted.chunks(GROUP) {
            self.read(group, Purpose::Storing, solid.as_mut())?;
        }
        if let Some(open) = solid {
            self.target.writer.finish_solid(open).map_err(|source| output_error(self.target.path, source))?;
        }
        wanted.retain(|content| !self.failed.contains(content));
        Ok(wanted)
    }

    /// Reads contents, for their hashes alone or to store them.
    fn read(&mut self, group: &[u32], purpose: Purpose, solid: Option<&mut OpenSolid>) -> Result<(), CaptureError> {
        let sources: Vec<SourceFile<'_>> = group.iter().map(|content| SourceFile::new(self.scan, *content)).collect();
        let files: Vec<&dyn ReadAt> = sources.iter().map(|source| source as &dyn ReadAt).collect();
        let requests: Vec<Request> = (0..).zip(&sources).map(|(file, source)| self.request(file, source)).collect();
        let memory = self.reading_memory();
        let needed = memory_needed(&requests);
        if needed > memory {
            let needed = needed * (self.target.memory / memory.max(1)).max(1);
            let path = self.target.path.to_owned();
            return Err(ExportError::Wim(WimError::Memory { path, needed, limit: self.target.memory }).into());
        }
        let control = self.control;
        let mut reader = Reader {
            scan: self.scan,
            sources: &sources,
            known: &mut self.known,
            failed: &mut self.failed,
            findings: &mut *self.findings,
            writer: (purpose == Purpose::Storing).then_some(&mut *self.target.writer),
            solid,
            path: self.target.path,
        };
        read_blobs(&files, &requests, &mut reader, &DecoderPool::new(), memory, control).map_err(
            |stopped| match stopped {
                Stopped::Interrupted => CaptureError::Interrupted,
                Stopped::Sink(error) => error,
            },
        )
    }

    fn request(&self, file: usize, source: &SourceFile<'_>) -> Request {
        let size = source.size();
        let resource = ResourceHeader { size_in_wim: size, flags: 0, offset_in_wim: 0, uncompressed_size: size };
        let source_map = match ChunkMap::new(&resource, &Header::new(None, 0), size) {
            Ok(map) => BlobSource::Resource(map),
            Err(error) => BlobSource::Broken(error),
        };
        let sha1 = self.known[source.content() as usize].unwrap_or_default();
        Request { sha1, size, file, source: source_map }
    }

    fn solid_key(&self, content: u32) -> SolidKey {
        match &self.scan.contents[content as usize].source {
            ContentSource::File { node, .. } => SolidKey::new(Some(&self.scan.nodes[*node as usize].name)),
            ContentSource::Stream { name, .. } => SolidKey::new(Some(name)),
            ContentSource::Reader { name, .. } => SolidKey::new(name.rsplit(['/', '\\']).next()),
            ContentSource::Bytes(_) | ContentSource::Blob(_) => SolidKey::new(None),
        }
    }

    /// A solid resource is where memory goes into compressor contexts; reading gets the smaller part.
    fn reading_memory(&self) -> u64 {
        self.target.memory / if self.target.solid.is_some() { 4 } else { 1 }
    }
}

fn output_error(path: &Path, source: std::io::Error) -> CaptureError {
    ExportError::Output { path: path.to_owned(), source }.into()
}

/// What contents are read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Hashing,
    Storing,
}

/// The sink of both passes.
struct Reader<'a> {
    scan: &'a Scan,
    sources: &'a [SourceFile<'a>],
    known: &'a mut [Option<Sha1>],
    failed: &'a mut HashSet<u32>,
    findings: &'a mut Findings,
    /// `None`: the hashes are all that is wanted.
    writer: Option<&'a mut WimWriter>,
    solid: Option<&'a mut OpenSolid>,
    path: &'a Path,
}

impl Reader<'_> {
    /// Takes notice of a content that has been read to its end.
    fn end(&mut self, request: usize, end: BlobEnd) -> Result<(), CaptureError> {
        let source = &self.sources[request];
        let content = source.content();
        let problem = match (source.take_problem(), end) {
            (Some(problem), _) => problem,
            (None, BlobEnd::Intact) => return Ok(()),
            (None, BlobEnd::Mismatch { found }) => match self.known[content as usize].replace(found) {
                None => return Ok(()),
                // It hashed to something else before, and its times do not tell.
                Some(_) => Problem::Changed,
            },
            (None, BlobEnd::Unreadable(error)) => Problem::Io(std::io::Error::other(error)),
        };
        // Its bytes may be in the file already. Without a hash, they are nobody's.
        self.known[content as usize] = None;
        self.failed.insert(content);
        match &self.scan.contents[content as usize].source {
            // Without one of its streams, the file is not captured.
            ContentSource::File { node, .. } | ContentSource::Stream { node, .. } => {
                self.findings.skip(self.scan.path(*node), problem)
            }
            ContentSource::Reader { name, .. } => self.findings.skip(Path::new(&**name).to_owned(), problem),
            ContentSource::Bytes(_) | ContentSource::Blob(_) => Ok(()),
        }
    }
}

impl Sink for Reader<'_> {
    type Error = CaptureError;

    fn accept(&mut self, batch: &[Segment<'_>]) -> Result<(), CaptureError> {
        for segment in batch {
            if let Some(end) = segment.end {
                self.end(segment.request, end)?;
            }
        }
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let blob = |request: usize| {
            let source = &self.sources[request];
            (self.known[source.content() as usize].unwrap_or_default(), source.size())
        };
        let written = match &mut self.solid {
            Some(open) => writer.push_solid(open, batch, blob),
            None => writer.push(batch, blob),
        };
        written.map_err(|source| output_error(self.path, source))
    }
}
