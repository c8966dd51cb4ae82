//! Carrying out commands on one tree.
//!
//! It is done twice: before anything is written, to learn whether every command can be carried out, and again when the
//! hashes of all that is added are known. So only one tree at a time is in memory.

use super::Command;
use super::gather::{Gathered, Origin};
use crate::util::sha1::Sha1;
use crate::util::utf16;
use crate::wim::capture::scan::NodeIndex;
use crate::wim::capture::tree::new_file;
use crate::wim::metadata::{
    DentryId, Entry, Metadata, Name, NewFile, NodeId, PathError, TreeBuilder, TreeEditor, display_path,
};
use std::borrow::Cow;
use std::collections::HashMap;

/// What the commands did to one image, in entries: files, links and directories.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// New ones.
    pub added: u64,
    /// Files in the place of others.
    pub replaced: u64,
    /// Those that were deleted.
    pub deleted: u64,
    /// Those that were renamed; a directory counts once.
    pub renamed: u64,
}

/// A change that cannot be made: which command, and why.
pub(super) type Fault = (usize, PathError);

/// Carries out those of `commands` on `metadata` that are `selected`. `hashes`: those of the contents that were
/// gathered; `None` if they are not known yet, and only the faults are wanted.
pub(super) fn edit<S>(
    metadata: Metadata,
    commands: &[&Command<S>],
    selected: &[usize],
    gathered: &Gathered<'_>,
    hashes: Option<&[Option<Sha1>]>,
    any_names: bool,
) -> Result<(TreeBuilder, Changes), Fault> {
    let editor = TreeEditor::new(TreeBuilder::from(metadata), any_names);
    let unknown = || vec![Some(Sha1::ZERO); gathered.scan.contents.len()].into();
    let hashes = hashes.map_or_else(unknown, Cow::Borrowed);
    let mut edit = Edit { editor, gathered, hashes, changes: Changes::default() };
    for index in selected {
        edit.carry_out(commands[*index], gathered.origins[*index]).map_err(|problem| (*index, problem))?;
    }
    Ok((edit.editor.into_tree(), edit.changes))
}

struct Edit<'a> {
    editor: TreeEditor,
    gathered: &'a Gathered<'a>,
    /// Of the contents that were gathered; `None` for one that could not be read.
    hashes: Cow<'a, [Option<Sha1>]>,
    changes: Changes,
}

/// An entry that is added.
struct Item {
    file: NewFile,
    /// What entries have in common that are names of one file.
    identity: Option<u64>,
    /// Whether its source says all about it that an image does. If not, what a file says that it replaces stays.
    is_complete: bool,
}

/// What is done with the items of one `add`.
struct Adding {
    no_replace: bool,
    /// Entries of this command have at least this id: beside those, others may differ in letter case alone.
    first_id: NodeId,
    /// First names of the files that were added, by their identity.
    files: HashMap<u64, NodeId>,
}

impl Edit<'_> {
    fn carry_out<S>(&mut self, command: &Command<S>, origin: Origin) -> Result<(), PathError> {
        match command {
            Command::Add { destination, no_replace, .. } => {
                let first_id = self.editor.tree().next_id();
                let adding = Adding { no_replace: *no_replace, first_id, files: HashMap::new() };
                match origin {
                    Origin::None => Ok(()),
                    Origin::Disk(root) => self.add_from_disk(root, destination, adding),
                    Origin::Content(content) => self.add_content(content, destination, adding),
                    Origin::Image { tree, entry } => self.add_from_image(tree, entry, destination, adding),
                }
            }
            Command::Delete { path, force, recursive } => self.delete(path, *force, *recursive),
            Command::Rename { from, to } => {
                self.editor.rename(from, to)?;
                self.changes.renamed += 1;
                Ok(())
            }
        }
    }

    fn delete(&mut self, path: &str, force: bool, recursive: bool) -> Result<(), PathError> {
        let is_missing = |error: &PathError| matches!(error, PathError::NotFound { .. });
        let place = match self.editor.locate(path) {
            Err(error) if force && is_missing(&error) => return Ok(()),
            located => located?,
        };
        let Some(place) = place else {
            // The root itself stays.
            if !recursive {
                return Err(PathError::IsADirectory { path: "/".into() });
            }
            for child in self.editor.tree().children(TreeBuilder::ROOT).to_vec() {
                self.changes.deleted += self.editor.count(child);
                self.editor.remove(TreeBuilder::ROOT, child);
            }
            return Ok(());
        };
        let Some(entry) = place.entry else {
            return if force { Ok(()) } else { Err(PathError::NotFound { path: display_path(path) }) };
        };
        if self.editor.tree().file(entry).is_directory() && !recursive {
            return Err(PathError::IsADirectory { path: display_path(path) });
        }
        self.changes.deleted += self.editor.count(entry);
        self.editor.remove(place.directory, entry);
        Ok(())
    }

    fn add_from_disk(&mut self, root: NodeIndex, destination: &str, mut adding: Adding) -> Result<(), PathError> {
        let scan = &self.gathered.scan;
        let mut ids: Vec<Option<NodeId>> = Vec::new();
        for index in scan.tree(root) {
            let node = &scan.nodes[index as usize];
            let identity = node.content().map(u64::from);
            let item = new_file(node, &self.hashes).map(|mut file| {
                let descriptor = file.security_id.map(|number| &scan.descriptors[number as usize]);
                file.security_id = descriptor.map(|bytes| self.editor.tree_mut().add_security_descriptor(bytes));
                Item { file, identity, is_complete: false }
            });
            let id = match item {
                Some(item) if index == root => Some(self.add_root(item, destination, &mut adding)?),
                // A parent comes before its children.
                Some(item) => match ids[(node.parent - root) as usize] {
                    Some(directory) => Some(self.put(directory, item, &mut adding)?),
                    None => None,
                },
                None => None,
            };
            ids.push(id);
        }
        Ok(())
    }

    fn add_content(&mut self, content: u32, destination: &str, mut adding: Adding) -> Result<(), PathError> {
        let Some(hash) = self.hashes[content as usize] else { return Ok(()) };
        let file = NewFile::file("", hash).with_times(self.gathered.now);
        self.add_root(Item { file, identity: None, is_complete: false }, destination, &mut adding)?;
        Ok(())
    }

    fn add_from_image(
        &mut self,
        tree: usize,
        start: DentryId,
        destination: &str,
        mut adding: Adding,
    ) -> Result<(), PathError> {
        let metadata = &self.gathered.trees[tree].metadata;
        let mut ids: HashMap<DentryId, NodeId> = HashMap::new();
        for entry in metadata.pre_order(start) {
            let item = self.item_of(entry);
            let id = if entry.id() == start {
                self.add_root(item, destination, &mut adding)?
            } else {
                let directory = ids[&entry.parent()];
                if !Name::new(&item.file.name).is_safe() {
                    self.editor.check_name(&item.file.name, || entry.path())?;
                }
                self.put(directory, item, &mut adding)?
            };
            if entry.children().len() != 0 {
                ids.insert(entry.id(), id);
            }
        }
        Ok(())
    }

    fn item_of(&mut self, entry: Entry<'_>) -> Item {
        let mut file = NewFile::from(entry);
        file.security_id =
            entry.security_descriptor().map(|descriptor| self.editor.tree_mut().add_security_descriptor(descriptor));
        let identity = (entry.link_count() > 1).then(|| {
            let first: DentryId = entry.first_link();
            first.into()
        });
        Item { file, identity, is_complete: true }
    }

    /// Puts what is added at the path that the command names.
    fn add_root(&mut self, mut item: Item, destination: &str, adding: &mut Adding) -> Result<NodeId, PathError> {
        let (place, made) = self.editor.prepare(destination)?;
        self.changes.added += made;
        let Some(place) = place else {
            return if item.file.is_directory() {
                Ok(TreeBuilder::ROOT)
            } else {
                Err(PathError::IsADirectory { path: "/".into() })
            };
        };
        if utf16::units(&item.file.name).ne(utf16::units(&place.name)) {
            // The short name was made for the name it had.
            item.file.short_name.clear();
            item.file.name = place.name;
        }
        self.put(place.directory, item, adding)
    }

    /// Puts an entry into a directory, where something of its name may be.
    fn put(&mut self, directory: NodeId, item: Item, adding: &mut Adding) -> Result<NodeId, PathError> {
        let Item { mut file, identity, is_complete } = item;
        let existing = self.editor.child(directory, &file.name);
        // Of one source, names that differ in case alone are different files.
        let existing = existing.filter(|id| *id < adding.first_id || self.editor.tree().name(*id) == file.name);
        let known = identity.and_then(|identity| adding.files.get(&identity)).copied();
        let Some(old_id) = existing else {
            self.changes.added += 1;
            if self.has_short_name(directory, &file.short_name) {
                file.short_name.clear();
            }
            let short_name = file.short_name.clone();
            let id = match known {
                Some(first) => self.editor.add_hard_link(directory, &file.name, first),
                None => self.editor.add(directory, file.alone()),
            };
            self.editor.tree_mut().file_mut(id).short_name = short_name;
            remember(adding, identity, id);
            return Ok(id);
        };
        let old = self.editor.tree().file(old_id).into_owned();
        let path = |edit: &Self| edit.editor.path_of(old_id);
        match (file.is_directory(), old.is_directory()) {
            (true, true) => return Ok(old_id),
            (true, false) => return Err(PathError::NotADirectory { path: path(self) }),
            (false, true) => return Err(PathError::IsADirectory { path: path(self) }),
            (false, false) if adding.no_replace => return Err(PathError::Exists { path: path(self) }),
            (false, false) => {}
        }
        self.changes.replaced += 1;
        let file = if is_complete { file } else { file.in_place_of(&old) };
        let (name, short_name) = (old.name, old.short_name);
        self.editor.remove(directory, old_id);
        let id = match known {
            Some(first) => self.editor.add_hard_link(directory, &name, first),
            None => {
                let mut file = file.alone();
                file.name = name;
                self.editor.add(directory, file)
            }
        };
        self.editor.tree_mut().file_mut(id).short_name = short_name;
        remember(adding, identity, id);
        Ok(id)
    }

    /// Whether a directory has an entry of this short name.
    fn has_short_name(&self, directory: NodeId, short_name: &[u8]) -> bool {
        let tree = self.editor.tree();
        let is_taken = |child: &NodeId| {
            let other = tree.file(*child);
            utf16::eq_ignore_case(&other.short_name, short_name) || utf16::eq_ignore_case(&other.name, short_name)
        };
        !short_name.is_empty() && tree.children(directory).iter().any(is_taken)
    }
}

fn remember(adding: &mut Adding, identity: Option<u64>, id: NodeId) {
    if let Some(identity) = identity {
        adding.files.entry(identity).or_insert(id);
    }
}
