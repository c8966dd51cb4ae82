//! Changing a tree by paths, as users name them: either separator, and letter case does not count.

use std::collections::HashMap;

use super::builder::{NodeId, TreeBuilder};
use super::name::Name;
use super::new_file::NewFile;
use crate::util::{file_name, utf16};

/// The longest name of a file on Windows, in UTF-16 code units.
const MAX_NAME_UNITS: usize = 255;

/// What cannot be done at a path inside an image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// Nothing has this name.
    #[error("{path}: no such file or directory in the image")]
    NotFound {
        /// The path, as far as nothing was found.
        path: String,
    },
    /// What would have to be a directory is none; links are not followed.
    #[error("{path}: this is no directory")]
    NotADirectory {
        /// The path.
        path: String,
    },
    /// What would have to be a file is a directory.
    #[error("{path}: this is a directory")]
    IsADirectory {
        /// The path.
        path: String,
    },
    /// A directory that could go only if it were empty.
    #[error("{path}: this directory is not empty")]
    NotEmpty {
        /// The path.
        path: String,
    },
    /// Something is there, and was to stay.
    #[error("{path}: something of this name exists")]
    Exists {
        /// The path.
        path: String,
    },
    /// A directory cannot be moved below itself.
    #[error("{from}: this directory cannot be moved to {to}, which is inside it")]
    IntoItself {
        /// The directory.
        from: String,
        /// Where it was to go.
        to: String,
    },
    /// The root stays where it is.
    #[error("/: the root of an image can be neither moved nor replaced")]
    Root,
    /// No file may have this name.
    #[error("{path}: a file cannot have this name: {why}")]
    Name {
        /// The path.
        path: String,
        /// Which rule it breaks.
        why: &'static str,
    },
}

/// A tree, and what its directories hold by name.
#[derive(Clone, Debug)]
pub struct TreeEditor {
    tree: TreeBuilder,
    /// Of the directories that were looked into, their entries by upper-case name. Names that differ in case only are
    /// rare, but an image may have them.
    names: HashMap<NodeId, HashMap<Vec<u16>, Vec<NodeId>>>,
    any_names: bool,
}

/// Where an entry is or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::wim) struct Place {
    pub directory: NodeId,
    /// The last part of the path, UTF-16LE.
    pub name: Vec<u8>,
    /// What is there.
    pub entry: Option<NodeId>,
}

impl TreeEditor {
    /// Begins with `tree`. `any_names`: take new names that Windows cannot have.
    pub fn new(tree: TreeBuilder, any_names: bool) -> Self {
        Self { tree, names: HashMap::new(), any_names }
    }

    /// The tree as it is now.
    pub fn tree(&self) -> &TreeBuilder {
        &self.tree
    }

    /// The tree, to change what needs no path. Entries are to be added and removed through this editor alone.
    pub fn tree_mut(&mut self) -> &mut TreeBuilder {
        &mut self.tree
    }

    /// The changed tree.
    pub fn into_tree(self) -> TreeBuilder {
        self.tree
    }

    /// The entry at `path`.
    ///
    /// # Errors
    /// [`PathError::NotFound`]; [`PathError::NotADirectory`] for what the path goes through.
    pub fn find(&mut self, path: &str) -> Result<NodeId, PathError> {
        match self.locate(path)? {
            None => Ok(TreeBuilder::ROOT),
            Some(place) => place.entry.ok_or_else(|| PathError::NotFound { path: display(path) }),
        }
    }

    /// Where `path` leads; `None` for the root.
    pub(in crate::wim) fn locate(&mut self, path: &str) -> Result<Option<Place>, PathError> {
        let Some((directories, name)) = split(path) else { return Ok(None) };
        let mut directory = TreeBuilder::ROOT;
        for depth in 0..directories.len() {
            let so_far = || join(&directories[..=depth]);
            let found = self.child(directory, &utf16::from_str(directories[depth]));
            directory = found.ok_or_else(|| PathError::NotFound { path: so_far() })?;
            self.check_directory(directory, so_far)?;
        }
        let name = utf16::from_str(name);
        let entry = self.child(directory, &name);
        Ok(Some(Place { directory, name, entry }))
    }

    /// As [`Self::locate`], for something new: makes the directories that lead there, and answers how many.
    pub(in crate::wim) fn prepare(&mut self, path: &str) -> Result<(Option<Place>, u64), PathError> {
        let Some((directories, name)) = split(path) else { return Ok((None, 0)) };
        let mut directory = TreeBuilder::ROOT;
        let mut made = 0;
        for depth in 0..directories.len() {
            let so_far = || join(&directories[..=depth]);
            let name = utf16::from_str(directories[depth]);
            directory = match self.child(directory, &name) {
                Some(found) => found,
                None => {
                    self.check_name(&name, so_far)?;
                    made += 1;
                    self.add(directory, NewFile::directory(directories[depth]))
                }
            };
            self.check_directory(directory, so_far)?;
        }
        let name = utf16::from_str(name);
        let entry = self.child(directory, &name);
        if entry.is_none() {
            self.check_name(&name, || display(path))?;
        }
        Ok((Some(Place { directory, name, entry }), made))
    }

    /// The entry of this name (UTF-16LE) in a directory: the exact one, else one that differs in case only.
    pub(in crate::wim) fn child(&mut self, directory: NodeId, name: &[u8]) -> Option<NodeId> {
        let tree = &self.tree;
        let names = self.names.entry(directory).or_insert_with(|| {
            let mut names: HashMap<Vec<u16>, Vec<NodeId>> = HashMap::new();
            for child in tree.children(directory).iter() {
                names.entry(fold(tree.name(*child))).or_default().push(*child);
            }
            names
        });
        let candidates = names.get(&fold(name))?;
        candidates.iter().find(|id| tree.name(**id) == name).or(candidates.first()).copied()
    }

    /// Adds an entry to a directory that has none of its name.
    pub(in crate::wim) fn add(&mut self, directory: NodeId, file: NewFile) -> NodeId {
        let id = self.tree.add(directory, file);
        self.enter(directory, id);
        id
    }

    /// Adds another name of a file to a directory that has none of that name.
    pub(in crate::wim) fn add_hard_link(&mut self, directory: NodeId, name: &[u8], of: NodeId) -> NodeId {
        let id = self.tree.add_hard_link(directory, "", of);
        self.tree.file_mut(id).name = name.to_vec();
        self.enter(directory, id);
        id
    }

    fn enter(&mut self, directory: NodeId, id: NodeId) {
        if let Some(names) = self.names.get_mut(&directory) {
            names.entry(fold(self.tree.name(id))).or_default().push(id);
        }
    }

    /// Takes an entry, and whatever is below it, out of its directory.
    pub(in crate::wim) fn remove(&mut self, directory: NodeId, id: NodeId) {
        self.tree.remove(directory, id);
        let key = fold(self.tree.name(id));
        if let Some(candidates) = self.names.get_mut(&directory).and_then(|names| names.get_mut(&key)) {
            candidates.retain(|candidate| *candidate != id);
            if candidates.is_empty() {
                self.names.get_mut(&directory).and_then(|names| names.remove(&key));
            }
        }
    }

    /// Moves an entry as `rename` of POSIX does: what is at the new path gives way, if it is a file in the place of a
    /// file, or an empty directory in the place of a directory. A name may change in letter case only.
    ///
    /// # Errors
    /// [`PathError`]. Nothing has changed then.
    pub(in crate::wim) fn rename(&mut self, from: &str, to: &str) -> Result<(), PathError> {
        let (from_path, to_path) = (display(from), display(to));
        let source = self.locate(from)?.ok_or(PathError::Root)?;
        let moved = source.entry.ok_or(PathError::NotFound { path: from_path.clone() })?;
        let target = self.locate(to)?.ok_or(PathError::Root)?;
        self.check_name(&target.name, || to_path.clone())?;
        if self.contains(moved, target.directory) {
            return Err(PathError::IntoItself { from: from_path, to: to_path });
        }
        if let Some(old) = target.entry.filter(|old| *old != moved) {
            match (self.tree.file(moved).is_directory(), self.tree.file(old).is_directory()) {
                (false, true) => return Err(PathError::IsADirectory { path: to_path }),
                (true, false) => return Err(PathError::NotADirectory { path: to_path }),
                (true, true) if !self.tree.children(old).is_empty() => {
                    return Err(PathError::NotEmpty { path: to_path });
                }
                _ => self.remove(target.directory, old),
            }
        }
        self.remove(source.directory, moved);
        let file = self.tree.file_mut(moved);
        if file.name != target.name {
            // The short name was made for the old name.
            file.short_name.clear();
            file.name = target.name;
        }
        self.tree.put_back(target.directory, moved);
        self.enter(target.directory, moved);
        Ok(())
    }

    /// Whether `below` is `directory` or somewhere inside it.
    fn contains(&self, directory: NodeId, below: NodeId) -> bool {
        let mut pending = vec![directory];
        while let Some(id) = pending.pop() {
            if id == below {
                return true;
            }
            pending.extend(self.tree.children(id).iter());
        }
        false
    }

    /// The path of an entry that is in the tree. It is searched for, so this is for messages.
    pub(in crate::wim) fn path_of(&self, id: NodeId) -> String {
        let mut pending = vec![(TreeBuilder::ROOT, String::new())];
        while let Some((directory, path)) = pending.pop() {
            if directory == id {
                return path;
            }
            let path_of = |child: &NodeId| format!("{path}/{}", utf16::to_string_lossy(self.tree.name(*child)));
            pending.extend(self.tree.children(directory).iter().map(|child| (*child, path_of(child))));
        }
        String::new()
    }

    /// How many entries go if this one goes.
    pub(in crate::wim) fn count(&self, id: NodeId) -> u64 {
        let mut count = 0;
        let mut pending = vec![id];
        while let Some(id) = pending.pop() {
            count += 1;
            pending.extend(self.tree.children(id).iter());
        }
        count
    }

    fn check_directory(&self, id: NodeId, path: impl FnOnce() -> String) -> Result<(), PathError> {
        if self.tree.file(id).is_directory() { Ok(()) } else { Err(PathError::NotADirectory { path: path() }) }
    }

    /// Whether something new may have this name.
    pub(in crate::wim) fn check_name(&self, name: &[u8], path: impl FnOnce() -> String) -> Result<(), PathError> {
        let text = || utf16::to_string(name);
        let why = if !Name::new(name).is_safe() {
            Some("it is empty, . or .., or has a NUL or a separator in it")
        } else if name.len() / 2 > MAX_NAME_UNITS {
            Some("it has more than 255 UTF-16 code units")
        } else if self.any_names {
            None
        } else {
            text().and_then(|text| file_name::windows_fault(&text))
        };
        why.map_or(Ok(()), |why| Err(PathError::Name { path: path(), why }))
    }
}

/// The directories that lead to an entry, and its name; `None` for the root.
fn split(path: &str) -> Option<(Vec<&str>, &str)> {
    let mut parts: Vec<&str> = path.split(['/', '\\']).filter(|part| !part.is_empty()).collect();
    let name = parts.pop()?;
    Some((parts, name))
}

fn join(parts: &[&str]) -> String {
    parts.iter().flat_map(|part| ["/", part]).collect()
}

/// A path as messages show it.
pub(in crate::wim) fn display(path: &str) -> String {
    match split(path) {
        Some((mut parts, name)) => {
            parts.push(name);
            join(&parts)
        }
        None => "/".to_owned(),
    }
}

fn fold(name: &[u8]) -> Vec<u16> {
    utf16::units(name).map(utf16::upper_case).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::sha1::Sha1;

    /// A tree with these paths; those that end with a slash are directories.
    fn editor(paths: &[&str]) -> TreeEditor {
        let mut editor = TreeEditor::new(TreeBuilder::new(), false);
        for path in paths {
            let (place, _) = editor.prepare(path).unwrap();
            let place = place.unwrap();
            let name = utf16::to_string(&place.name).unwrap();
            let file =
                if path.ends_with('/') { NewFile::directory(&name) } else { NewFile::file(&name, Sha1([1; 20])) };
            editor.add(place.directory, file);
        }
        editor
    }

    /// All paths, sorted.
    fn paths(editor: &TreeEditor) -> Vec<String> {
        let mut found = Vec::new();
        let mut pending = vec![(TreeBuilder::ROOT, String::new())];
        while let Some((directory, path)) = pending.pop() {
            for child in editor.tree().children(directory).iter() {
                let path = format!("{path}/{}", utf16::to_string_lossy(editor.tree().name(*child)));
                found.push(path.clone());
                pending.push((*child, path));
            }
        }
        found.sort();
        found
    }

    #[test]
    fn paths_ignore_case_and_take_either_separator() {
        let mut editor = editor(&["Windows/System32/a.dll"]);
        let file = editor.find("windows\\SYSTEM32//A.DLL").unwrap();
        assert_eq!(editor.find("/Windows/System32/a.dll"), Ok(file));
        assert_eq!(editor.find("\\"), Ok(TreeBuilder::ROOT));
        assert_eq!(
            editor.find("windows/system/x"),
            Err(PathError::NotFound { path: "/windows/system".into() }),
            "as far as it leads"
        );
        let through_a_file = PathError::NotADirectory { path: "/Windows/System32/a.dll".into() };
        assert_eq!(editor.find("/Windows/System32/a.dll/x"), Err(through_a_file));
        // An exact name comes first, where an image has both.
        let directory = editor.find("Windows").unwrap();
        let [upper, lower] = ["X", "x"].map(|name| editor.add(directory, NewFile::directory(name)));
        assert_eq!((editor.find("Windows/X"), editor.find("Windows/x")), (Ok(upper), Ok(lower)));
        editor.remove(directory, upper);
        assert_eq!(editor.find("Windows/X"), Ok(lower));
    }

    #[test]
    fn new_names_must_be_possible() {
        let mut editor = editor(&[]);
        for name in ["..", ".", "a:b", "con", "a\0", "trailing.", &"x".repeat(256)] {
            let error = editor.prepare(&format!("new/{name}")).unwrap_err();
            assert!(matches!(error, PathError::Name { .. }), "{name}: {error}");
        }
        let mut any = TreeEditor::new(TreeBuilder::new(), true);
        assert!(any.prepare("con/a:b").is_ok() && any.prepare("a/..").is_err());
    }

    #[test]
    fn renaming_is_that_of_posix() {
        let tree = ["d/x", "d/sub/", "e/", "f", "g", "full/y"];
        let moved = |from: &str, to: &str| {
            let mut editor = editor(&tree);
            editor.find("d/x").unwrap(); // so that directories are known by name
            let before = paths(&editor);
            let result = editor.rename(from, to);
            if result.is_err() {
                assert_eq!(paths(&editor), before, "{from} {to}");
            } else {
                // What is known by name is what is there.
                for path in paths(&editor) {
                    editor.find(&path).unwrap();
                }
            }
            result.map(|()| paths(&editor).join(" "))
        };
        let ok = |from, to| moved(from, to).unwrap();
        assert_eq!(ok("f", "e/f2"), "/d /d/sub /d/x /e /e/f2 /full /full/y /g");
        assert_eq!(ok("f", "g"), "/d /d/sub /d/x /e /full /full/y /g");
        assert_eq!(ok("d", "e"), "/e /e/sub /e/x /f /full /full/y /g");
        assert_eq!(ok("d", "D"), "/D /D/sub /D/x /e /f /full /full/y /g");
        assert_eq!(ok("d", "d").split(' ').count(), 8);
        let path = |path: &str| path.to_owned();
        assert_eq!(moved("d", "D/sub/z"), Err(PathError::IntoItself { from: path("/d"), to: path("/D/sub/z") }));
        assert_eq!(moved("d", "d/x2"), Err(PathError::IntoItself { from: path("/d"), to: path("/d/x2") }));
        assert_eq!(moved("d", "full"), Err(PathError::NotEmpty { path: path("/full") }));
        assert_eq!(moved("f", "d"), Err(PathError::IsADirectory { path: path("/d") }));
        assert_eq!(moved("d", "f"), Err(PathError::NotADirectory { path: path("/f") }));
        assert_eq!(moved("none", "f"), Err(PathError::NotFound { path: path("/none") }));
        assert_eq!(moved("f", "no/f"), Err(PathError::NotFound { path: path("/no") }));
        assert_eq!(moved("/", "x"), Err(PathError::Root));
        assert_eq!(moved("f", "/"), Err(PathError::Root));
        assert!(matches!(moved("f", "nul.txt"), Err(PathError::Name { .. })));
    }

    #[test]
    fn a_new_name_has_no_old_short_name() {
        let mut editor = editor(&["long name.txt"]);
        let id = editor.find("long name.txt").unwrap();
        editor.tree_mut().file_mut(id).short_name = utf16::from_str("LONGNA~1.TXT");
        editor.rename("long name.txt", "long name.txt").unwrap();
        assert!(!editor.tree().file(id).short_name.is_empty());
        editor.rename("long name.txt", "x").unwrap();
        assert!(editor.tree().file(id).short_name.is_empty());
    }
}
