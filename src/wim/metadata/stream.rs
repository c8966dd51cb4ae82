//! Which hash belongs to which stream of a file.
//!
//! A dentry has one main hash and any number of extra entries, and nothing but their order says which of the unnamed ones
//! is the reparse data and which the file's content. This is the one place that knows the rules, for reading
//! ([`Streams`]) and for writing ([`Layout`]).

use super::attributes::Attributes;
use super::dentry::{RawDentry, StreamEntries};
use super::name::Name;
use crate::util::sha1::Sha1;

/// What a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreamKind {
    /// The unnamed data stream: the content of the file.
    Data,
    /// A named data stream ("alternate data stream").
    Named,
    /// The data of a reparse point, without its 8-byte header.
    Reparse,
    /// The encrypted file as the system's raw export gives it; it contains all streams.
    EfsRaw,
    /// An unnamed stream beyond those that have a meaning.
    Unknown,
}

/// One stream of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream<'a> {
    /// What it is.
    pub kind: StreamKind,
    /// Its name; empty unless it is a named one.
    pub name: Name<'a>,
    /// The blob with its content; all zero for an empty stream.
    pub sha1: Sha1,
    pub(super) reserved: [u8; 8],
}

impl Stream<'_> {
    /// Whether it has no content. No blob is stored for it.
    pub fn is_empty(&self) -> bool {
        self.sha1.is_zero()
    }
}

/// The streams of a file: the unnamed ones in the order of their roles, named ones where they stand.
///
/// A file that is no directory always has a data stream, though perhaps an empty one; a directory does not.
#[derive(Clone)]
pub struct Streams<'a> {
    attributes: Attributes,
    main: Option<Sha1>,
    entries: StreamEntries<'a>,
    unnamed_seen: u32,
    done: bool,
}

impl<'a> Streams<'a> {
    pub(super) fn new(dentry: &RawDentry<'a>, offset: usize) -> Self {
        let (attributes, entries) = (dentry.attributes(), dentry.stream_entries(offset));
        let unnamed_extra = || entries.clone().flatten().any(|entry| entry.name.is_empty());
        let plain_directory = attributes & (Attributes::DIRECTORY | Attributes::REPARSE_POINT) == Attributes::DIRECTORY;
        let main = Some(dentry.main_hash()).filter(|hash| !hash.is_zero() || !(plain_directory || unnamed_extra()));
        Self { attributes, main, entries, unnamed_seen: 0, done: false }
    }

    fn unnamed(&mut self, sha1: Sha1, reserved: [u8; 8]) -> Option<Stream<'a>> {
        let kind = if self.attributes.contains(Attributes::ENCRYPTED) {
            if sha1.is_zero() {
                return None;
            }
            // The raw export holds all streams; whatever else is listed contradicts it.
            self.done = true;
            StreamKind::EfsRaw
        } else {
            let role = self.unnamed_seen + u32::from(!self.attributes.contains(Attributes::REPARSE_POINT));
            self.unnamed_seen += 1;
            match role {
                0 => StreamKind::Reparse,
                1 => StreamKind::Data,
                _ => StreamKind::Unknown,
            }
        };
        Some(Stream { kind, name: Name::new(&[]), sha1: blob_of(sha1), reserved })
    }
}

/// The blob that a stored hash stands for. Some writers give an empty stream the hash of nothing, for which there is no blob.
fn blob_of(hash: Sha1) -> Sha1 {
    if hash == Sha1::EMPTY { Sha1::ZERO } else { hash }
}

impl<'a> Iterator for Streams<'a> {
    type Item = Stream<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(stream) = self.main.take().and_then(|sha1| self.unnamed(sha1, [0; 8])) {
            return Some(stream);
        }
        while !self.done {
            let entry = self.entries.next()?.ok()?;
            if entry.name.is_empty() {
                if let Some(stream) = self.unnamed(entry.hash, entry.reserved) {
                    return Some(stream);
                }
            } else if !self.attributes.contains(Attributes::ENCRYPTED) {
                let name = Name::new(entry.name);
                return Some(Stream {
                    kind: StreamKind::Named,
                    name,
                    sha1: blob_of(entry.hash),
                    reserved: entry.reserved,
                });
            }
        }
        None
    }
}

impl std::fmt::Debug for Streams<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// A stream to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewStream {
    /// What it is.
    pub kind: StreamKind,
    /// Its name, UTF-16LE; empty unless it is a named one.
    pub name: Vec<u8>,
    /// The blob with its content; all zero for an empty stream.
    pub sha1: Sha1,
    pub(super) reserved: [u8; 8],
}

impl NewStream {
    /// An unnamed stream.
    pub fn unnamed(kind: StreamKind, sha1: Sha1) -> Self {
        Self { kind, name: Vec::new(), sha1, reserved: [0; 8] }
    }

    /// A named data stream.
    pub fn named(name: &str, sha1: Sha1) -> Self {
        Self { kind: StreamKind::Named, name: crate::util::utf16::from_str(name), sha1, reserved: [0; 8] }
    }
}

impl From<Stream<'_>> for NewStream {
    fn from(stream: Stream<'_>) -> Self {
        let Stream { kind, name, sha1, reserved } = stream;
        Self { kind, name: name.as_utf16le().to_vec(), sha1, reserved }
    }
}

/// How the streams of a file are to be stored: the only arrangement that all of Microsoft's readers accept.
pub(super) struct Layout<'a> {
    pub(super) main: Sha1,
    pub(super) extras: Vec<&'a NewStream>,
}

impl<'a> Layout<'a> {
    /// Arranges `streams`; `empty` stands for a data stream that must be there but was not given.
    pub(super) fn new(attributes: Attributes, streams: &'a [NewStream], empty: &'a NewStream) -> Self {
        let of_kind = |kind| streams.iter().filter(move |stream| stream.kind == kind);
        if attributes.contains(Attributes::ENCRYPTED) {
            let main = of_kind(StreamKind::EfsRaw).next().map_or(Sha1::ZERO, |stream| stream.sha1);
            return Self { main, extras: Vec::new() };
        }
        let mut all: Vec<&NewStream> = of_kind(StreamKind::Reparse).collect();
        let unnamed_data = of_kind(StreamKind::Data).next();
        if attributes.contains(Attributes::DIRECTORY) {
            // An unnamed stream on a directory, even an empty one, makes Microsoft's tools refuse the image.
            all.extend(unnamed_data.filter(|stream| !stream.sha1.is_zero()));
        } else {
            all.push(unnamed_data.unwrap_or(empty));
        }
        all.extend(of_kind(StreamKind::Unknown));
        match all.as_slice() {
            [] if of_kind(StreamKind::Named).next().is_none() => Self { main: Sha1::ZERO, extras: all },
            [only] if of_kind(StreamKind::Named).next().is_none() => Self { main: only.sha1, extras: Vec::new() },
            _ => {
                all.extend(of_kind(StreamKind::Named));
                Self { main: Sha1::ZERO, extras: all }
            }
        }
    }
}
