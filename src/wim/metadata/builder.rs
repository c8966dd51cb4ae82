//! Making a tree, or changing one: an owned form.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::attributes::Attributes;
use super::encode::{self, Source};
use super::error::EncodeError;
use super::stream::{NewStream, StreamKind};
use super::{DentryId, Entry, Metadata, tagged};
use crate::util::filetime::FileTime;
use crate::util::sha1::Sha1;
use crate::util::utf16;

/// Names a file of one [`TreeBuilder`]. Those that were added later are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(usize);

/// A file or directory to be written.
///
/// Nothing is checked but what the format cannot hold: names that no file may have can be written, so that the reading
/// side can be tested with them.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// The name, UTF-16LE.
    pub name: Vec<u8>,
    /// The 8.3 name, UTF-16LE; empty for none.
    pub short_name: Vec<u8>,
    /// The attributes.
    pub attributes: Attributes,
    /// The number of the security descriptor, from [`TreeBuilder::add_security_descriptor`].
    pub security_id: Option<u32>,
    /// When it was created.
    pub creation_time: FileTime,
    /// When it was last read.
    pub access_time: FileTime,
    /// When it was last written.
    pub write_time: FileTime,
    /// The streams. A data stream that is missing from a file is written as an empty one.
    pub streams: Vec<NewStream>,
    /// With [`Attributes::REPARSE_POINT`] the tag, 16 reserved bits and 16 bits of flags, from the lowest up; else the
    /// hard link group id, 0 for none.
    pub(super) reparse_or_link: u64,
    /// Encoded tagged items.
    pub(super) tagged_items: Vec<u8>,
    pub(super) unused: [u8; 16],
    pub(super) unknown: [u8; 4],
    children: Vec<NodeId>,
}

impl NewFile {
    fn new(name: &str, attributes: Attributes, streams: Vec<NewStream>) -> Self {
        Self {
            name: utf16::from_str(name),
            short_name: Vec::new(),
            attributes,
            security_id: None,
            creation_time: FileTime::ZERO,
            access_time: FileTime::ZERO,
            write_time: FileTime::ZERO,
            streams,
            reparse_or_link: 0,
            tagged_items: Vec::new(),
            unused: [0; 16],
            unknown: [0; 4],
            children: Vec::new(),
        }
    }

    /// A directory.
    pub fn directory(name: &str) -> Self {
        Self::new(name, Attributes::DIRECTORY, Vec::new())
    }

    /// A file whose content is the blob `data`; [`Sha1::ZERO`] for an empty file.
    pub fn file(name: &str, data: Sha1) -> Self {
        Self::new(name, Attributes::NORMAL, vec![NewStream::unnamed(StreamKind::Data, data)])
    }

    /// A reparse point, whose data (without its 8-byte header) is the blob `data`. Add [`Attributes::DIRECTORY`] for a
    /// junction or a link to a directory.
    pub fn reparse_point(name: &str, tag: u32, data: Sha1) -> Self {
        let streams = vec![NewStream::unnamed(StreamKind::Reparse, data)];
        Self { reparse_or_link: tag.into(), ..Self::new(name, Attributes::REPARSE_POINT, streams) }
    }

    /// The same with another stream.
    #[must_use]
    pub fn with_stream(mut self, stream: NewStream) -> Self {
        self.streams.push(stream);
        self
    }

    /// The same with more attributes. NORMAL, which stands for "no other", goes.
    #[must_use]
    pub fn with_attributes(mut self, attributes: Attributes) -> Self {
        self.attributes = (self.attributes & !Attributes::NORMAL) | attributes;
        self
    }

    /// The same with all three times set.
    #[must_use]
    pub fn with_times(mut self, time: FileTime) -> Self {
        (self.creation_time, self.access_time, self.write_time) = (time, time, time);
        self
    }

    /// The same with an 8.3 name.
    #[must_use]
    pub fn with_short_name(mut self, name: &str) -> Self {
        self.short_name = utf16::from_str(name);
        self
    }

    /// The same with a security descriptor.
    #[must_use]
    pub fn with_security_id(mut self, id: u32) -> Self {
        self.security_id = Some(id);
        self
    }

    /// The same with a tagged item.
    ///
    /// # Panics
    /// If `data` has 4 GiB or more.
    #[must_use]
    pub fn with_tagged_item(mut self, tag: u32, data: &[u8]) -> Self {
        assert!(u32::try_from(data.len()).is_ok(), "a tagged item has less than 4 GiB");
        tagged::encode(tag, data, &mut self.tagged_items);
        self
    }

    /// The same with a hard link group id. For a reparse point, these are tag and flags instead.
    #[must_use]
    pub fn with_hard_link_group(mut self, group: u64) -> Self {
        self.reparse_or_link = group;
        self
    }

    /// The same in the place of another file: with its names, security descriptor, time of creation, tagged items, and
    /// what its attributes say besides the kind of file. Content and the other times are the new file's.
    #[must_use]
    pub(in crate::wim) fn in_place_of(self, old: &Self) -> Self {
        const KEPT: Attributes = Attributes(
            Attributes::READONLY.0
                | Attributes::HIDDEN.0
                | Attributes::SYSTEM.0
                | Attributes::ARCHIVE.0
                | Attributes::TEMPORARY.0
                | Attributes::COMPRESSED.0
                | Attributes::NOT_CONTENT_INDEXED.0,
        );
        let attributes = (self.attributes & !(Attributes::NORMAL | KEPT)) | (old.attributes & KEPT);
        Self {
            name: old.name.clone(),
            short_name: old.short_name.clone(),
            attributes: if attributes == Attributes(0) { Attributes::NORMAL } else { attributes },
            security_id: old.security_id,
            creation_time: old.creation_time,
            tagged_items: old.tagged_items.clone(),
            unused: old.unused,
            unknown: old.unknown,
            ..self
        }
    }

    /// The same as a file that has no other names.
    #[must_use]
    pub(in crate::wim) fn alone(mut self) -> Self {
        if !self.attributes.contains(Attributes::REPARSE_POINT) {
            self.reparse_or_link = 0;
        }
        self
    }

    /// Whether other entries can be in it: a junction or a link to a directory is none.
    pub(in crate::wim) fn is_directory(&self) -> bool {
        self.attributes & (Attributes::DIRECTORY | Attributes::REPARSE_POINT) == Attributes::DIRECTORY
    }

    pub(super) fn display_name(&self) -> String {
        utf16::to_string_lossy(&self.name)
    }
}

/// What a tree says about an entry, but for what is in it. The number of its security descriptor is that of its tree.
impl From<Entry<'_>> for NewFile {
    fn from(entry: Entry<'_>) -> Self {
        // Where names of one file disagree, the first one's metadata is the file's.
        let file = entry.first_entry();
        let raw = file.raw();
        let is_plain_directory = file.is_directory() && !file.is_reparse_point();
        Self {
            name: entry.name().as_utf16le().to_vec(),
            short_name: entry.short_name().as_utf16le().to_vec(),
            attributes: file.attributes(),
            security_id: file.security_id(),
            creation_time: file.creation_time(),
            access_time: file.access_time(),
            write_time: file.write_time(),
            streams: file.streams().map(NewStream::from).collect(),
            reparse_or_link: if is_plain_directory { 0 } else { raw.reparse_or_link() },
            tagged_items: raw.tagged_items().to_vec(),
            unused: raw.unused(),
            unknown: raw.unknown(),
            children: Vec::new(),
        }
    }
}

/// A tree in the making.
///
/// Of a tree that is changed, only the entries that change are kept in the owned form: the others are read where they
/// are when they are asked for.
#[derive(Clone, Debug)]
pub struct TreeBuilder {
    /// The tree that is changed. The ids of its entries come first, in its order.
    base: Option<Metadata>,
    /// Its entries that differ from what it says.
    changed: HashMap<NodeId, NewFile>,
    /// Group ids of its files, by their first names, where another file has the one that it says.
    regrouped: HashMap<DentryId, u64>,
    /// Entries that were added.
    added: Vec<NewFile>,
    descriptors: Vec<Vec<u8>>,
    descriptor_ids: HashMap<Vec<u8>, u32>,
    groups: GroupIds,
}

/// Hands out hard link group ids that no file has.
#[derive(Clone, Debug, Default)]
struct GroupIds {
    taken: HashSet<u64>,
    last: u64,
}

impl GroupIds {
    fn fresh(&mut self) -> u64 {
        loop {
            self.last = self.last.wrapping_add(1);
            if self.last != 0 && self.taken.insert(self.last) {
                return self.last;
            }
        }
    }
}

impl Default for TreeBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl TreeBuilder {
    /// The root directory.
    pub const ROOT: NodeId = NodeId(0);

    /// A tree with nothing but a root directory.
    pub fn new() -> Self {
        Self {
            base: None,
            changed: HashMap::new(),
            regrouped: HashMap::new(),
            added: vec![NewFile::directory("")],
            descriptors: Vec::new(),
            descriptor_ids: HashMap::new(),
            groups: GroupIds::default(),
        }
    }

    /// Adds a file or directory to the directory `parent`.
    pub fn add(&mut self, parent: NodeId, file: NewFile) -> NodeId {
        let id = self.next_id();
        self.groups.taken.insert(file.reparse_or_link);
        self.added.push(NewFile { children: Vec::new(), ..file });
        self.file_mut(parent).children.push(id);
        id
    }

    /// Adds another name for the file `of`, whose metadata it repeats.
    pub fn add_hard_link(&mut self, parent: NodeId, name: &str, of: NodeId) -> NodeId {
        let id = self.add(parent, NewFile::file(name, Sha1::ZERO));
        self.make_hard_link(id, of);
        id
    }

    /// Makes a file another name of the file `of`, whose metadata it repeats.
    pub(in crate::wim) fn make_hard_link(&mut self, id: NodeId, of: NodeId) {
        let mut original = self.file(of).into_owned();
        if original.reparse_or_link == 0 {
            original.reparse_or_link = self.groups.fresh();
            self.file_mut(of).reparse_or_link = original.reparse_or_link;
        }
        let link = self.file_mut(id);
        let (name, short_name) = (std::mem::take(&mut link.name), std::mem::take(&mut link.short_name));
        *link = NewFile { name, short_name, children: Vec::new(), ..original };
    }

    /// The number under which files refer to a security descriptor; equal descriptors have the same.
    pub fn add_security_descriptor(&mut self, descriptor: &[u8]) -> u32 {
        *self.descriptor_ids.entry(descriptor.to_vec()).or_insert_with(|| {
            self.descriptors.push(descriptor.to_vec());
            (self.descriptors.len() - 1) as u32
        })
    }

    /// The name that the next file to be added will have.
    pub(in crate::wim) fn next_id(&self) -> NodeId {
        NodeId(self.base_len() + self.added.len())
    }

    fn base_len(&self) -> usize {
        self.base.as_ref().map_or(0, Metadata::len)
    }

    /// A file, to be changed.
    pub fn file_mut(&mut self, id: NodeId) -> &mut NewFile {
        let Some(entry) = in_base(&self.base, id) else {
            let place = id.0 - self.base_len();
            return &mut self.added[place];
        };
        let regrouped = &self.regrouped;
        self.changed.entry(id).or_insert_with(|| from_base(entry, regrouped))
    }

    /// A file.
    pub fn file(&self, id: NodeId) -> Cow<'_, NewFile> {
        match self.find(id) {
            Found::Owned(file) => Cow::Borrowed(file),
            Found::InBase(entry) => Cow::Owned(from_base(entry, &self.regrouped)),
        }
    }

    /// The name of a file, UTF-16LE.
    pub fn name(&self, id: NodeId) -> &[u8] {
        match self.find(id) {
            Found::Owned(file) => &file.name,
            Found::InBase(entry) => entry.name().as_utf16le(),
        }
    }

    /// What is in a directory, in no order.
    pub fn children(&self, id: NodeId) -> Cow<'_, [NodeId]> {
        match self.find(id) {
            Found::Owned(file) => Cow::Borrowed(&file.children),
            Found::InBase(entry) => Cow::Owned(children_in_base(entry)),
        }
    }

    fn find(&self, id: NodeId) -> Found<'_> {
        match in_base(&self.base, id) {
            Some(entry) => self.changed.get(&id).map_or(Found::InBase(entry), Found::Owned),
            None => Found::Owned(&self.added[id.0 - self.base_len()]),
        }
    }

    /// Puts a file that was taken out, and whatever is below it, into the directory `parent`.
    pub(super) fn put_back(&mut self, parent: NodeId, id: NodeId) {
        self.file_mut(parent).children.push(id);
    }

    /// Takes a file, and whatever is below it, out of the directory `parent`. Answers whether it was there.
    pub fn remove(&mut self, parent: NodeId, id: NodeId) -> bool {
        let children = &mut self.file_mut(parent).children;
        let before = children.len();
        children.retain(|child| *child != id);
        children.len() < before
    }

    /// Writes the metadata resource, uncompressed.
    ///
    /// # Errors
    /// If a name, a number of streams or the whole is larger than the format allows.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        encode::encode(self)
    }
}

impl Source for TreeBuilder {
    type Descriptor = Vec<u8>;

    fn descriptors(&self) -> &[Vec<u8>] {
        &self.descriptors
    }

    fn count(&self) -> usize {
        self.next_id().0
    }

    fn file(&self, id: usize) -> Cow<'_, NewFile> {
        Self::file(self, NodeId(id))
    }

    fn sorted_children(&self, directory: usize) -> Vec<usize> {
        let mut children = self.children(NodeId(directory)).into_owned();
        children.sort_by(|a, b| utf16::cmp_names(self.name(*a), self.name(*b)));
        children.into_iter().map(|child| child.0).collect()
    }
}

/// Where a file is.
enum Found<'a> {
    /// It was added or changed.
    Owned(&'a NewFile),
    /// It is as the tree has it that is changed.
    InBase(Entry<'a>),
}

fn in_base(base: &Option<Metadata>, id: NodeId) -> Option<Entry<'_>> {
    base.as_ref()?.numbered(u32::try_from(id.0).ok()?)
}

/// A file of a tree that is changed, as it was.
fn from_base(entry: Entry<'_>, regrouped: &HashMap<DentryId, u64>) -> NewFile {
    let mut file = NewFile { children: children_in_base(entry), ..NewFile::from(entry) };
    if let Some(group) = regrouped.get(&entry.first_link()).filter(|_| entry.hard_link_group() != 0) {
        file.reparse_or_link = *group;
    }
    file
}

fn children_in_base(entry: Entry<'_>) -> Vec<NodeId> {
    entry.children().map(|child| NodeId(child.id().index())).collect()
}

/// Everything a parsed tree holds, to be changed and written again.
impl From<Metadata> for TreeBuilder {
    fn from(tree: Metadata) -> Self {
        let taken = tree.entries().map(|entry| entry.hard_link_group()).collect();
        let mut groups = GroupIds { taken, last: 0 };
        let regrouped = split_inconsistent_groups(&tree, &mut groups);
        let descriptors: Vec<Vec<u8>> = tree.security_descriptors().map(<[u8]>::to_vec).collect();
        let mut descriptor_ids = HashMap::new();
        for (id, descriptor) in descriptors.iter().enumerate() {
            descriptor_ids.entry(descriptor.clone()).or_insert(id as u32);
        }
        let base = Some(tree);
        Self { base, changed: HashMap::new(), regrouped, added: Vec::new(), descriptors, descriptor_ids, groups }
    }
}

/// Gives files that share a group id, but not their contents, ids of their own; answers which, by their first names.
fn split_inconsistent_groups(tree: &Metadata, groups: &mut GroupIds) -> HashMap<DentryId, u64> {
    let mut used: HashSet<u64> = HashSet::new();
    let mut ids: HashMap<DentryId, u64> = HashMap::new();
    for entry in tree.entries().filter(|entry| entry.hard_link_group() != 0) {
        let group = entry.hard_link_group();
        let fresh_unless_first = || if used.insert(group) { group } else { groups.fresh() };
        ids.entry(entry.first_link()).or_insert_with(fresh_unless_first);
    }
    ids.retain(|first, id| tree.entry(*first).hard_link_group() != *id);
    ids
}
