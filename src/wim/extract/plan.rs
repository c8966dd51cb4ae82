//! What is to be made where: the part of an extraction that touches nothing.
//!
//! A plan is made before anything else is, to see whether there is room. If directories then cannot be made, another
//! plan is made without them: a name in such a directory must not become the one that other names of the file are
//! linked to.

use std::collections::HashMap;

use super::names::NameRules;
use super::outcome::{LeftOut, Problem, Refused};
use super::select::Selection;
use super::spool::Extent;
use super::unix::Unix;
use crate::util::os::{Abilities, Times};
use crate::util::sha1::Sha1;
use crate::util::utf16;
use crate::wim::metadata::{DentryId, Entry, Metadata, StreamKind, reparse};

/// A directory to be made.
#[derive(Debug)]
pub(super) struct Directory {
    /// Its parent's index; the target's own for the target.
    pub(super) parent: u32,
    /// Its name; empty for the target.
    pub(super) name: String,
    pub(super) dentry: DentryId,
    /// How many directories are between it and the target.
    pub(super) depth: u32,
    /// Whether it could not be made.
    pub(super) failed: bool,
}

/// A name in a directory.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The directory's index.
    pub(super) directory: u32,
    pub(super) name: String,
    pub(super) dentry: DentryId,
}

/// A link, or where the target can hold it any other reparse point, to be made once its reparse data is read.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) place: Place,
    pub(super) data: Vec<u8>,
    /// The index of the file that it is besides.
    pub(super) file: Option<u32>,
}

/// A named stream, to be made once its file is there.
#[derive(Debug)]
pub(super) struct StreamPlace {
    pub(super) owner: Owner,
    pub(super) dentry: DentryId,
    pub(super) name: String,
    /// Where its content waits.
    pub(super) extents: Vec<Extent>,
}

/// What a stream belongs to, by index.
#[derive(Clone, Copy, Debug)]
pub(super) enum Owner {
    Directory(u32),
    File(u32),
    Link(u32),
}

/// Another name for a file.
#[derive(Debug)]
pub(super) struct HardLink {
    pub(super) place: Place,
    /// The index of the file.
    pub(super) file: u32,
}

/// Who receives the content of a blob.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    /// A file, by index.
    File(u32),
    /// A link's reparse data, by index.
    Link(u32),
    /// A named stream, by index.
    Stream(u32),
}

impl Target {
    /// The file's index, if it is one.
    pub(super) fn file(self) -> Option<u32> {
        match self {
            Self::File(file) => Some(file),
            Self::Link(_) | Self::Stream(_) => None,
        }
    }

    /// The link's index, if it is one.
    pub(super) fn link(self) -> Option<u32> {
        match self {
            Self::Link(link) => Some(link),
            Self::File(_) | Self::Stream(_) => None,
        }
    }

    /// The stream's index, if it is one.
    pub(super) fn stream(self) -> Option<u32> {
        match self {
            Self::Stream(stream) => Some(stream),
            Self::File(_) | Self::Link(_) => None,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Each after its parent; the target first.
    pub(super) directories: Vec<Directory>,
    pub(super) files: Vec<Place>,
    pub(super) hard_links: Vec<HardLink>,
    pub(super) links: Vec<Link>,
    pub(super) streams: Vec<StreamPlace>,
    /// Who needs which blob; in the order of the tree.
    pub(super) blobs: Vec<(Sha1, Vec<Target>)>,
    /// Files without content.
    pub(super) empty_files: Vec<u32>,
    pub(super) refused: Vec<Refused>,
    pub(super) left_out: LeftOut,
}

/// How names are chosen, and what is refused.
#[derive(Clone, Copy, Debug)]
pub(super) struct Naming {
    pub(super) rules: NameRules,
    /// Whether the target tells names apart that differ in letter case only.
    pub(super) case_sensitive: bool,
    /// Whether owners and modes count, and what else an image says that only Unix has.
    pub(super) unix_data: bool,
    /// What else the target can hold.
    pub(super) abilities: Abilities,
}

impl Naming {
    /// The name under which `entry` is extracted, unless it is refused.
    fn target_name(&self, entry: &Entry<'_>) -> Result<String, Problem> {
        if self.unix_data {
            Unix::check(entry)?;
        }
        self.rules.target_name(entry)
    }

    /// Whether the entry is made out of its reparse data.
    fn is_point(&self, entry: &Entry<'_>) -> bool {
        entry.reparse_tag().is_some_and(|tag| self.abilities.reparse_points || reparse::is_link_tag(tag))
    }
}

/// Entries that are no directories, each with the index of its directory.
type Others = Vec<(DentryId, u32)>;

/// Whether somewhere in the tree two names of one directory differ in letter case only.
pub(super) fn has_case_twins(tree: &Metadata) -> bool {
    tree.entries().any(|directory| directory.children().len() > 1 && !case_twins(directory.children()).is_empty())
}

/// Those of some siblings whose name differs in letter case only from that of one before, with that one.
fn case_twins<'a>(siblings: impl Iterator<Item = Entry<'a>>) -> HashMap<DentryId, DentryId> {
    let name_of = |entry: &Entry<'a>| entry.name().as_utf16le();
    let folded = |a: &Entry<'a>, b: &Entry<'a>| utf16::cmp_ignore_case(name_of(a), name_of(b));
    let mut siblings: Vec<Entry<'a>> = siblings.collect();
    if !siblings.is_sorted_by(|a, b| folded(a, b).is_le()) {
        siblings.sort_by(folded);
    }
    let mut twins = HashMap::new();
    for same in siblings.chunk_by(|a, b| folded(a, b).is_eq()) {
        twins.extend(same[1..].iter().map(|twin| (twin.id(), same[0].id())));
    }
    twins
}

/// Directories that could not be made, by index; those in other such directories without a problem of their own.
pub(super) type FailedDirectories = Vec<(u32, Option<Problem>)>;

impl Plan {
    /// Plans all that is selected, except what is in directories that could not be made.
    pub(super) fn new(tree: &Metadata, selection: &Selection, naming: Naming, failed: FailedDirectories) -> Self {
        let (mut plan, others) = Self::directories(tree, selection, naming);
        for (index, problem) in failed {
            let directory = &mut plan.directories[index as usize];
            directory.failed = true;
            let dentry = directory.dentry;
            plan.refused.extend(problem.map(|problem| Refused { dentry, problem }));
        }
        plan.others(tree, &others, naming);
        plan
    }

    /// Plans the directories; answers what else is selected.
    fn directories(tree: &Metadata, selection: &Selection, naming: Naming) -> (Self, Others) {
        let mut plan = Self::default();
        let mut others = Others::new();
        plan.directories.push(Directory {
            parent: 0,
            name: String::new(),
            dentry: DentryId::ROOT,
            depth: 0,
            failed: false,
        });
        let mut pending = vec![(DentryId::ROOT, 0, selection.is_everything())];
        while let Some((id, index, is_chosen)) = pending.pop() {
            let is_wanted = |child: &Entry<'_>| {
                is_chosen || selection.chosen.contains(&child.id()) || selection.ancestors.contains(&child.id())
            };
            let wanted = || tree.entry(id).children().filter(is_wanted);
            let twins = if naming.case_sensitive { HashMap::new() } else { case_twins(wanted()) };
            for child in wanted() {
                let child_id = child.id();
                let is_chosen = is_chosen || selection.chosen.contains(&child_id);
                // What is below a reparse point belongs to wherever it leads.
                let may_enter = child.is_directory() && !child.is_reparse_point();
                if let Some(other) = twins.get(&child_id) {
                    plan.refuse(child, Problem::CaseCollision { other: tree.entry(*other).name().to_string() });
                } else if !is_chosen && !may_enter {
                    plan.refuse(child, Problem::NotInDirectory);
                } else if !child.is_directory() || naming.is_point(&child) {
                    others.push((child_id, index));
                } else {
                    match naming.target_name(&child) {
                        Ok(name) => {
                            let depth = plan.directories[index as usize].depth + 1;
                            if may_enter {
                                // Directories are no more than dentries, whose number fits in 32 bits.
                                pending.push((child_id, plan.directories.len() as u32, is_chosen));
                            } else {
                                plan.left_out.reparse_points += 1;
                            }
                            plan.directories.push(Directory {
                                parent: index,
                                name,
                                dentry: child_id,
                                depth,
                                failed: false,
                            });
                        }
                        Err(problem) => plan.refuse(child, problem),
                    }
                }
            }
        }
        (plan, others)
    }

    /// Plans everything else, in the directories that could be made.
    fn others(&mut self, tree: &Metadata, others: &Others, naming: Naming) {
        let mut files_of_inodes: HashMap<DentryId, u32> = HashMap::new();
        let mut blob_indices: HashMap<Sha1, usize> = HashMap::new();
        for (id, directory) in others {
            if self.directories[*directory as usize].failed {
                continue;
            }
            let entry = tree.entry(*id);
            let name = match naming.target_name(&entry) {
                Ok(name) => name,
                Err(problem) => {
                    self.refuse(entry, problem);
                    continue;
                }
            };
            let place = Place { directory: *directory, name, dentry: *id };
            let planned = self.other(entry, place, naming, &mut files_of_inodes, &mut blob_indices);
            match planned {
                Ok(owner) => self.named_streams(entry, owner, naming, &mut blob_indices),
                Err(problem) => self.refuse(entry, problem),
            }
        }
        for index in 0..self.directories.len() {
            let Directory { dentry, failed, .. } = self.directories[index];
            let owner = (!failed).then_some(Owner::Directory(index as u32));
            self.named_streams(tree.entry(dentry), owner, naming, &mut blob_indices);
        }
    }

    /// Plans the named streams of an entry, or counts them. Without an owner, they are those of another name.
    fn named_streams(
        &mut self,
        entry: Entry<'_>,
        owner: Option<Owner>,
        naming: Naming,
        blob_indices: &mut HashMap<Sha1, usize>,
    ) {
        for stream in entry.streams().filter(|stream| stream.kind == StreamKind::Named) {
            if !naming.abilities.named_streams {
                self.left_out.named_streams += 1;
                continue;
            }
            let Some(owner) = owner else { continue };
            let Some(name) = stream.name.to_str().filter(|_| stream.name.is_safe()) else {
                self.left_out.named_streams += 1;
                continue;
            };
            // As many as entries and stream entries: fewer than the bytes of the metadata.
            let index = self.streams.len() as u32;
            self.streams.push(StreamPlace { owner, dentry: entry.id(), name, extents: Vec::new() });
            if !stream.is_empty() {
                self.want(stream.sha1, Target::Stream(index), blob_indices);
            }
        }
    }

    /// Answers what named streams belong to, unless the entry is a further name of a file.
    fn other(
        &mut self,
        entry: Entry<'_>,
        place: Place,
        naming: Naming,
        files_of_inodes: &mut HashMap<DentryId, u32>,
        blob_indices: &mut HashMap<Sha1, usize>,
    ) -> Result<Option<Owner>, Problem> {
        if entry.is_encrypted() {
            return Err(Problem::Encrypted);
        }
        if let Some(tag) = entry.reparse_tag() {
            if naming.is_point(&entry) {
                let data = entry.stream(StreamKind::Reparse).filter(|stream| !stream.is_empty());
                if data.is_none() && reparse::is_link_tag(tag) {
                    return Err(Problem::ReparseSize { nbytes: 0 });
                }
                let index = self.links.len() as u32;
                let content = entry.stream(StreamKind::Data).filter(|stream| !stream.is_empty());
                let content = content.filter(|_| !entry.is_directory() && !reparse::is_link_tag(tag));
                let file = content.map(|content| {
                    let file = self.files.len() as u32;
                    self.files.push(place.clone());
                    self.want(content.sha1, Target::File(file), blob_indices);
                    file
                });
                self.links.push(Link { place, data: Vec::new(), file });
                if let Some(data) = data {
                    self.want(data.sha1, Target::Link(index), blob_indices);
                }
                return Ok(Some(Owner::Link(index)));
            }
            self.left_out.reparse_points += 1;
        }
        let index = self.files.len() as u32;
        if entry.link_count() > 1 {
            match files_of_inodes.entry(entry.first_link()) {
                std::collections::hash_map::Entry::Occupied(file) => {
                    self.hard_links.push(HardLink { place, file: *file.get() });
                    return Ok(None);
                }
                std::collections::hash_map::Entry::Vacant(vacant) => drop(vacant.insert(index)),
            }
        }
        self.files.push(place);
        match entry.stream(StreamKind::Data).filter(|stream| !stream.is_empty()) {
            Some(stream) => self.want(stream.sha1, Target::File(index), blob_indices),
            None => self.empty_files.push(index),
        }
        Ok(Some(Owner::File(index)))
    }

    fn want(&mut self, sha1: Sha1, target: Target, blob_indices: &mut HashMap<Sha1, usize>) {
        let index = *blob_indices.entry(sha1).or_insert(self.blobs.len());
        match self.blobs.get_mut(index) {
            Some((_, targets)) => targets.push(target),
            None => self.blobs.push((sha1, vec![target])),
        }
    }

    fn refuse(&mut self, entry: Entry<'_>, problem: Problem) {
        self.refused.push(Refused { dentry: entry.id(), problem });
    }
}

/// The times that what stands for `entry` gets.
pub(super) fn times_of(entry: &Entry<'_>) -> Times {
    Times { creation: entry.creation_time(), access: entry.access_time(), write: entry.write_time() }
}
