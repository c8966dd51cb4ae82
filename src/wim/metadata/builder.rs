//! Making a tree, or changing one.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::encode::{self, Source};
use super::error::EncodeError;
use super::new_file::NewFile;
use super::{DentryId, Entry, Metadata};
use crate::util::sha1::Sha1;
use crate::util::utf16;

/// Names a file of one [`TreeBuilder`]. Those that were added later are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(usize);

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
