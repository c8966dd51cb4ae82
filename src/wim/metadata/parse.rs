//! From bytes to a checked tree.

use super::attributes::Attributes;
use super::dentry::{END_NBYTES, FIXED_NBYTES, NO_SECURITY, RawDentry, field};
use super::error::{MetadataError, WarningKind, Warnings};
use super::inode::{LinkGroups, LinkKey};
use super::name::Name;
use super::security::SecurityTable;
use super::stream::{StreamKind, Streams};
use super::tagged::TaggedItems;
use super::{Dentry, DentryId, Flags, Metadata};
use crate::util::sha1::Sha1;
use crate::util::utf16;

/// The limits that [`Metadata::parse`] keeps.
#[derive(Clone, Copy, Debug)]
pub struct ParseOptions {
    /// How deep directories may nest; never more than 16,384.
    pub max_depth: u32,
    /// How large a security descriptor may be, in bytes.
    pub max_security_descriptor_nbytes: u64,
}

impl ParseOptions {
    const MAX_DEPTH: u32 = 16_384;
}

impl Default for ParseOptions {
    fn default() -> Self {
        Self { max_depth: 512, max_security_descriptor_nbytes: 64 << 10 }
    }
}

/// A metadata resource has at most 2 GiB, so that every offset in it fits in 32 bits.
pub(super) const MAX_NBYTES: u64 = 2 << 30;

/// Which bytes belong to a dentry that was read. Without it, lists that lead into each other would make the tree
/// endless, or as large as the square of the resource.
struct Claims {
    /// One bit for each 8 bytes of the resource: a dentry has at least 104.
    slots: Vec<u64>,
}

impl Claims {
    fn new(nbytes: usize) -> Self {
        Self { slots: vec![0; (nbytes / 8).div_ceil(64)] }
    }

    /// Marks the bytes; false if any of them was marked before.
    fn claim(&mut self, start: usize, end: usize) -> bool {
        let (start, end) = (start / 8, end / 8);
        let mut free = true;
        let mut slot = start;
        while slot < end {
            let bit = slot % 64;
            let count = (64 - bit).min(end - slot);
            let mask = (u64::MAX >> (64 - count)) << bit;
            let word = &mut self.slots[slot / 64];
            free &= *word & mask == 0;
            *word |= mask;
            slot += count;
        }
        free
    }
}

/// A directory whose list of children is still to be read.
struct Pending {
    directory: DentryId,
    /// Where the list begins.
    list: u64,
    /// The depth of its children.
    depth: u32,
}

struct Parser<'a> {
    bytes: &'a [u8],
    max_depth: u32,
    security_count: usize,
    dentries: Vec<Dentry>,
    claims: Claims,
    link_keys: Vec<LinkKey>,
    warnings: Warnings,
}

impl Metadata {
    /// Parses an uncompressed metadata resource.
    ///
    /// # Errors
    /// If an offset, length or count in it contradicts another or the limits; the error names the place. What is odd
    /// but can be read is told by [`Metadata::warnings`].
    pub fn parse(bytes: impl Into<Vec<u8>>, options: &ParseOptions) -> Result<Self, MetadataError> {
        let mut bytes = bytes.into();
        if bytes.len() as u64 > MAX_NBYTES {
            return Err(MetadataError::TooLarge { size: bytes.len() as u64, limit: MAX_NBYTES });
        }
        let (security, mut root) = SecurityTable::parse(&bytes, options.max_security_descriptor_nbytes)?;
        if RawDentry::parse(&bytes, root)?.is_none() {
            // An end marker in place of the root: the image is empty. A root of our own spares every caller the case.
            root = bytes.len().next_multiple_of(8);
            bytes.resize(root, 0);
            bytes.extend(empty_root());
        }
        let mut parser = Parser {
            bytes: &bytes,
            max_depth: options.max_depth.min(ParseOptions::MAX_DEPTH),
            security_count: security.len(),
            // As many as a resource of this size has if names are of ordinary length.
            dentries: Vec::with_capacity(bytes.len() / 160),
            claims: Claims::new(bytes.len()),
            link_keys: Vec::new(),
            warnings: Warnings::default(),
        };
        parser.tree(root)?;
        let Parser { mut dentries, link_keys, mut warnings, .. } = parser;
        let links = LinkGroups::new(link_keys, |first, group| {
            warnings.push(dentries[first.index()].offset as usize, || WarningKind::InconsistentHardLinks(group));
        });
        for members in links.iter() {
            for member in &members[1..] {
                dentries[member.index()].leader = members[0];
            }
        }
        Ok(Self { bytes, security, dentries, links, warnings })
    }
}

/// A root dentry without children.
fn empty_root() -> Vec<u8> {
    let mut root = vec![0; FIXED_NBYTES.next_multiple_of(8)];
    root[field::LENGTH] = root.len() as u8;
    root[field::ATTRIBUTES..][..4].copy_from_slice(&Attributes::DIRECTORY.0.to_le_bytes());
    root[field::SECURITY_ID..][..4].copy_from_slice(&NO_SECURITY.to_le_bytes());
    root
}

impl<'a> Parser<'a> {
    fn tree(&mut self, root: usize) -> Result<(), MetadataError> {
        let dentry = RawDentry::parse(self.bytes, root)?.expect("the caller has seen that there is a root");
        let attributes = dentry.attributes();
        if !attributes.contains(Attributes::DIRECTORY) {
            return Err(MetadataError::RootNotDirectory { offset: root as u64, attributes: attributes.0 });
        }
        if !dentry.name().is_empty() {
            self.warnings.push(root, || WarningKind::NamedRoot);
        }
        let end = self.check_contents(root, &dentry)?;
        self.claims.claim(root, end);
        let list = self.add(DentryId::ROOT, root, &dentry);
        let mut pending = Vec::from_iter(list.map(|list| Pending { directory: DentryId::ROOT, list, depth: 1 }));
        while let Some(directory) = pending.pop() {
            let children = self.list(&directory)?;
            // The first child's list comes next, as it does in the resource.
            for child in children.rev() {
                let offset = self.dentries[child as usize].offset as usize;
                let dentry = RawDentry::parsed_before(self.bytes, offset);
                let list = dentry.subdirectory_offset();
                if list != 0 && dentry.attributes().contains(Attributes::DIRECTORY) {
                    pending.push(Pending { directory: DentryId(child), list, depth: directory.depth + 1 });
                }
            }
        }
        Ok(())
    }

    /// Reads one list of children; answers their ids.
    fn list(&mut self, directory: &Pending) -> Result<std::ops::Range<u32>, MetadataError> {
        let bytes = self.bytes;
        let first = self.dentries.len() as u32;
        let list = usize::try_from(directory.list).unwrap_or(usize::MAX);
        let mut offset = list;
        let mut previous: Option<&[u8]> = None;
        let mut sorted = true;
        while let Some(dentry) = RawDentry::parse(bytes, offset)? {
            if directory.depth > self.max_depth {
                return Err(MetadataError::TooDeep { offset: directory.list, limit: self.max_depth });
            }
            let end = self.check_contents(offset, &dentry)?;
            if !self.claims.claim(offset, end) {
                return Err(MetadataError::Cycle {
                    dentry: self.dentries[directory.directory.index()].offset.into(),
                    offset: directory.list,
                    visited: offset as u64,
                });
            }
            let name = dentry.name();
            sorted &= previous.is_none_or(|previous| utf16::cmp_names(previous, name).is_lt());
            previous = Some(name);
            self.add(directory.directory, offset, &dentry);
            offset = end;
        }
        if !sorted {
            self.drop_duplicates(first);
        }
        let end = self.dentries.len() as u32;
        let parent = &mut self.dentries[directory.directory.index()];
        (parent.first_child, parent.child_count) = (DentryId(first), end - first);
        parent.flags.sorted_children = sorted;
        Ok(first..end)
    }

    /// Checks the extra stream entries and the tagged items; answers where the next dentry begins.
    fn check_contents(&mut self, offset: usize, dentry: &RawDentry<'a>) -> Result<usize, MetadataError> {
        let mut items = TaggedItems::new(dentry.tagged_items());
        items.by_ref().for_each(drop);
        if items.cut_off() {
            self.warnings.push(offset, || WarningKind::TaggedItem);
        }
        let mut entries = dentry.stream_entries(offset);
        for entry in entries.by_ref() {
            entry?;
        }
        let end = entries.offset();
        debug_assert!(end >= offset + END_NBYTES);
        Ok(end)
    }

    /// Adds a checked dentry; answers where its children are, if it may have any.
    fn add(&mut self, parent: DentryId, offset: usize, dentry: &RawDentry<'a>) -> Option<u64> {
        let id = DentryId(self.dentries.len() as u32);
        let attributes = dentry.attributes();
        let security_id = dentry.security_id();
        if security_id != NO_SECURITY && security_id as usize >= self.security_count {
            let count = self.security_count as u32;
            self.warnings.push(offset, || WarningKind::SecurityIdOutOfRange { id: security_id, count });
        }
        let name = Name::new(dentry.name());
        let unsafe_name = id != DentryId::ROOT && !name.is_safe();
        if unsafe_name {
            self.warnings.push(offset, || WarningKind::UnsafeName(name.to_string()));
        }
        if dentry.extra_streams() != 0 && Streams::new(dentry, offset).any(|stream| stream.kind == StreamKind::Unknown)
        {
            self.warnings.push(offset, || WarningKind::UnknownStream);
        }
        let list = Some(dentry.subdirectory_offset()).filter(|list| *list != 0);
        let is_directory = attributes.contains(Attributes::DIRECTORY);
        if list.is_some() && !is_directory {
            self.warnings.push(offset, || WarningKind::ChildrenOfFile);
        }
        let group = dentry.reparse_or_link();
        if group != 0 && (attributes & (Attributes::DIRECTORY | Attributes::REPARSE_POINT)).0 == 0 {
            let data = Streams::new(dentry, offset)
                .find(|stream| matches!(stream.kind, StreamKind::Data | StreamKind::EfsRaw))
                .map_or(Sha1::ZERO, |stream| stream.sha1);
            self.link_keys.push(LinkKey { group, data, dentry: id });
        }
        self.dentries.push(Dentry {
            offset: offset as u32,
            parent,
            first_child: id,
            child_count: 0,
            leader: id,
            flags: Flags { unsafe_name, sorted_children: false },
        });
        list.filter(|_| is_directory)
    }

    /// Takes out of the list that begins with dentry `first` those whose exact name came before.
    fn drop_duplicates(&mut self, first: u32) {
        let bytes = self.bytes;
        let name_of = |dentry: &Dentry| RawDentry::parsed_before(bytes, dentry.offset as usize).name();
        let list = &self.dentries[first as usize..];
        let mut by_name: Vec<usize> = (0..list.len()).collect();
        by_name.sort_by_key(|index| name_of(&list[*index]));
        let is_duplicate = |pair: &[usize]| name_of(&list[pair[0]]) == name_of(&list[pair[1]]);
        let mut duplicates: Vec<usize> =
            by_name.windows(2).filter(|pair| is_duplicate(pair)).map(|pair| pair[1]).collect();
        if duplicates.is_empty() {
            return;
        }
        duplicates.sort_unstable();
        for index in &duplicates {
            let dentry = &list[*index];
            self.warnings
                .push(dentry.offset as usize, || WarningKind::DuplicateName(Name::new(name_of(dentry)).to_string()));
        }
        // Ids after the first one taken out shift. Link keys were added in the order of ids, so those to mend are last.
        let is_kept = |index: &usize| duplicates.binary_search(index).is_err();
        let kept_indices: Vec<usize> = (0..list.len()).filter(is_kept).collect();
        let kept: Vec<Dentry> = kept_indices.iter().map(|index| list[*index]).collect();
        self.dentries.truncate(first as usize);
        let list_keys = self.link_keys.partition_point(|key| key.dentry.0 < first);
        for mut key in self.link_keys.split_off(list_keys) {
            if let Ok(index) = kept_indices.binary_search(&((key.dentry.0 - first) as usize)) {
                key.dentry = DentryId(first + index as u32);
                self.link_keys.push(key);
            }
        }
        self.dentries.extend(kept.into_iter().enumerate().map(|(index, mut dentry)| {
            let id = DentryId(first + index as u32);
            (dentry.first_child, dentry.leader) = (id, id);
            dentry
        }));
    }
}
