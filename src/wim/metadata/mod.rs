//! The metadata resource: the tree of one image.
//!
//! A resource is a security table, the root dentry, and one list of dentries for every directory, all referring to each
//! other by offsets. [`Metadata`] keeps the bytes as they are, and beside them an arena with a few words per dentry: the
//! fields are read where they lie. That keeps a tree of 100,000 files at 24 bytes for each and lets nothing be lost.
//!
//! What a reader must not believe: offsets (they may lead in circles), lengths, counts, names. [`Metadata::parse`] checks
//! all of it once, marks the bytes that each dentry takes so that none is read twice, and descends with a stack of its
//! own; afterwards every access is plain.
//!
//! To make a tree, or to change one, there is [`TreeBuilder`]; by paths, [`TreeEditor`].

mod attributes;
mod builder;
mod dentry;
mod editor;
pub(in crate::wim) mod encode;
mod entry;
mod error;
mod inode;
mod lookup;
mod name;
mod new_file;
mod parse;
pub mod reparse;
mod security;
mod statistics;
mod stream;
pub mod tagged;
#[cfg(test)]
mod tests;

pub use attributes::Attributes;
pub use builder::{NodeId, TreeBuilder};
pub(in crate::wim) use editor::display as display_path;
pub use editor::{PathError, TreeEditor};
pub use entry::{Children, Entry};
pub use error::{EncodeError, MetadataError, MetadataWarning, WarningKind, Warnings};
pub use lookup::PreOrder;
pub use name::Name;
pub use new_file::NewFile;
pub use parse::ParseOptions;
pub use statistics::Statistics;
pub use stream::{NewStream, Stream, StreamKind, Streams};

use inode::LinkGroups;
use security::SecurityTable;

/// Names a dentry of one [`Metadata`]. Ids follow the order of the resource: a directory's children are neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DentryId(u32);

impl DentryId {
    /// The root directory.
    pub const ROOT: Self = Self(0);

    /// Its place in the order of the resource, from 0: for those who number files themselves. See [`Metadata::numbered`].
    pub fn number(self) -> u32 {
        self.0
    }

    fn index(self) -> usize {
        self.0 as usize
    }
}

impl From<DentryId> for u64 {
    fn from(id: DentryId) -> Self {
        id.0.into()
    }
}

/// The tree of one image.
#[derive(Clone)]
pub struct Metadata {
    bytes: Vec<u8>,
    security: SecurityTable,
    dentries: Vec<Dentry>,
    links: LinkGroups,
    warnings: Warnings,
}

/// What is not read out of the bytes each time.
#[derive(Clone, Copy)]
struct Dentry {
    /// Where it begins in the resource.
    offset: u32,
    parent: DentryId,
    first_child: DentryId,
    child_count: u32,
    /// The first name of the file that this is a name of.
    leader: DentryId,
    flags: Flags,
}

#[derive(Clone, Copy, Default)]
struct Flags {
    unsafe_name: bool,
    /// The children are sorted by [`crate::util::utf16::cmp_names`], so a name can be searched by halves.
    sorted_children: bool,
}

impl Metadata {
    /// The root directory.
    pub fn root(&self) -> Entry<'_> {
        self.entry(DentryId::ROOT)
    }

    /// A dentry of this tree.
    ///
    /// # Panics
    /// If `id` belongs to a larger tree.
    pub fn entry(&self, id: DentryId) -> Entry<'_> {
        Entry::new(self, id)
    }

    /// The dentry whose [`DentryId::number`] this is.
    pub fn numbered(&self, number: u32) -> Option<Entry<'_>> {
        ((number as usize) < self.dentries.len()).then(|| self.entry(DentryId(number)))
    }

    /// All dentries, the root included, in the order of the resource.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = Entry<'_>> {
        // The parser refuses more than u32::MAX dentries.
        (0..self.dentries.len() as u32).map(|index| self.entry(DentryId(index)))
    }

    /// How many dentries there are, the root included.
    pub fn len(&self) -> usize {
        self.dentries.len()
    }

    /// Whether the root directory is empty.
    pub fn is_empty(&self) -> bool {
        self.dentries.len() == 1
    }

    /// The oddities met while parsing.
    pub fn warnings(&self) -> &Warnings {
        &self.warnings
    }

    /// The security descriptors, in the order of their ids.
    pub fn security_descriptors(&self) -> impl Iterator<Item = &[u8]> {
        self.security.iter(&self.bytes)
    }

    /// The files with several names: for each the names, in the order of the resource.
    pub fn hard_links(&self) -> impl Iterator<Item = &[DentryId]> {
        self.links.iter()
    }

    /// Every reference to a blob, for the counts in the blob table: each name of a file counts once for each of its
    /// streams. Empty streams have no blob and are left out.
    pub fn blob_references(&self) -> impl Iterator<Item = (DentryId, Stream<'_>)> {
        self.entries()
            .flat_map(|entry| entry.streams().map(move |stream| (entry.id(), stream)))
            .filter(|(_, stream)| !stream.is_empty())
    }

    /// The resource, as it was parsed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The resource, written anew: lists in pre-order and sorted, streams arranged as Microsoft's tools want them.
    ///
    /// # Errors
    /// If what is written would be larger than a metadata resource may be.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        TreeBuilder::from(self.clone()).encode()
    }
}

impl std::fmt::Debug for Metadata {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metadata")
            .field("nbytes", &self.bytes.len())
            .field("dentries", &self.dentries.len())
            .finish_non_exhaustive()
    }
}
