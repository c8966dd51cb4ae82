//! Looking at a tree on disk: names, kinds, sizes and times, without reading any file.
//!
//! Directories wait on a stack of their own, so that no depth of the tree matters; each one's names are sorted as images
//! sort them, so that what is written does not depend on the order of the file system.

use super::error::{CaptureError, Problem};
use super::exclude::Exclusions;
use super::link::LinkRoot;
use super::report::{Findings, LeftOut};
use crate::util::filetime::FileTime;
use crate::util::os::{self, FileId};
use crate::util::progress::Control;
use crate::util::utf16;
use std::collections::HashMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};

/// Names an entry of one [`Scan`]; the root is 0.
pub(super) type NodeIndex = u32;

/// What was found.
#[derive(Debug)]
pub(super) struct Scan {
    root: PathBuf,
    /// In an order in which a directory comes before what is in it.
    pub nodes: Vec<Node>,
    pub contents: Vec<Content>,
}

/// A name in the tree.
#[derive(Debug)]
pub(super) struct Node {
    pub parent: NodeIndex,
    /// Empty for the root.
    pub name: Box<str>,
    pub times: Times,
    pub kind: Kind,
}

/// Creation, last access and last write.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub creation: FileTime,
    pub access: FileTime,
    pub write: FileTime,
}

/// What a name stands for. Numbers are places in [`Scan::contents`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    /// A file; names of one file have the same content.
    File(u32),
    /// A symbolic link, with its reparse data.
    Link {
        data: u32,
        to_directory: bool,
        is_not_fixed: bool,
    },
}

/// The bytes of a file, perhaps none, or of a link.
#[derive(Debug)]
pub(super) struct Content {
    pub size: u64,
    pub source: ContentSource,
}

#[derive(Debug)]
pub(super) enum ContentSource {
    /// The file with this first name, as it was when it was looked at.
    File {
        node: NodeIndex,
        state: FileState,
    },
    Bytes(Box<[u8]>),
}

/// By what a change of a file shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileState {
    id: Option<FileId>,
    size: u64,
    is_file: bool,
    modified: Option<std::time::SystemTime>,
}

impl FileState {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            id: os::identify(metadata).map(|(id, _)| id),
            size: metadata.len(),
            is_file: metadata.is_file(),
            modified: metadata.modified().ok(),
        }
    }
}

impl Scan {
    /// The path of an entry on disk.
    pub(super) fn path(&self, node: NodeIndex) -> PathBuf {
        let mut path = self.root.clone();
        path.extend(self.names(node));
        path
    }

    /// What is in a directory.
    pub(super) fn children(&self, directory: NodeIndex) -> impl Iterator<Item = NodeIndex> {
        let is_child = move |(index, node): &(NodeIndex, &Node)| node.parent == directory && *index != 0;
        (0..).zip(&self.nodes).filter(is_child).map(|(index, _)| index)
    }

    /// The entry with this path below a directory; letter case does not count.
    pub(super) fn find(&self, directory: NodeIndex, path: &[&str]) -> Option<NodeIndex> {
        let name_of = |index: NodeIndex| &*self.nodes[index as usize].name;
        path.iter().try_fold(directory, |directory, name| {
            self.children(directory).find(|child| name_of(*child).eq_ignore_ascii_case(name))
        })
    }

    /// The names from the root down to an entry.
    fn names(&self, mut node: NodeIndex) -> Vec<&str> {
        let mut names = Vec::new();
        while node != 0 {
            let Node { parent, name, .. } = &self.nodes[node as usize];
            names.push(&**name);
            node = *parent;
        }
        names.reverse();
        names
    }
}

/// How a tree is looked at.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    pub exclusions: &'a Exclusions,
    /// Take names that Windows cannot have.
    pub any_names: bool,
    /// Make absolute links inside the tree count from its root.
    pub fix_links: bool,
    /// The file that is written: no part of what goes into it.
    pub destination: Option<FileId>,
    /// The latest time that the image may tell.
    pub time_limit: FileTime,
}

/// Looks at the tree below `root`. What cannot be captured goes to `findings`, which may stop it.
pub(super) fn scan(
    root: &Path,
    rules: &Rules<'_>,
    findings: &mut Findings,
    control: Control<'_>,
) -> Result<Scan, CaptureError> {
    let fatal = |error: std::io::Error| CaptureError::Unreadable { path: root.to_owned(), problem: error.into() };
    let metadata = root.metadata().map_err(fatal)?;
    if !metadata.is_dir() {
        return Err(CaptureError::NotADirectory { path: root.to_owned() });
    }
    let links = LinkRoot { canonical: root.canonicalize().map_err(fatal)?, fix_up: rules.fix_links };
    let top =
        Node { parent: 0, name: Box::default(), times: times(&metadata, rules.time_limit), kind: Kind::Directory };
    let scan = Scan { root: root.to_owned(), nodes: vec![top], contents: Vec::new() };
    let mut scanner = Scanner { rules, links, scan, findings, by_id: HashMap::new() };
    let mut pending = vec![0];
    while let Some(directory) = pending.pop() {
        if control.interrupted() {
            return Err(CaptureError::Interrupted);
        }
        let first = scanner.scan.nodes.len();
        scanner.directory(directory)?;
        let nodes = &scanner.scan.nodes;
        let is_directory = |index: &usize| nodes[*index].kind == Kind::Directory;
        pending.extend((first..nodes.len()).rev().filter(is_directory).map(|index| index as NodeIndex));
    }
    Ok(scanner.scan)
}

struct Scanner<'a> {
    rules: &'a Rules<'a>,
    links: LinkRoot,
    scan: Scan,
    findings: &'a mut Findings,
    /// Contents of files with several names.
    by_id: HashMap<FileId, Kind>,
}

impl Scanner<'_> {
    /// Adds what is in a directory.
    fn directory(&mut self, directory: NodeIndex) -> Result<(), CaptureError> {
        let path = self.scan.path(directory);
        let mut names = Vec::new();
        let listing = match std::fs::read_dir(&path) {
            Ok(listing) => listing,
            Err(error) => return self.findings.skip(path, error.into()),
        };
        for entry in listing {
            match entry {
                Ok(entry) => match entry.file_name().into_string() {
                    Ok(name) => names.push(name),
                    Err(_) => self.findings.skip(entry.path(), Problem::NameNotText)?,
                },
                Err(error) => self.findings.skip(path.clone(), error.into())?,
            }
        }
        let mut names: Vec<(Vec<u8>, String)> = names.into_iter().map(|name| (utf16::from_str(&name), name)).collect();
        names.sort_by(|(a, _), (b, _)| utf16::cmp_names(a, b));
        let mut before: Option<(Vec<u8>, String)> = None;
        let above: Vec<String> = self.scan.names(directory).into_iter().map(str::to_owned).collect();
        for (key, name) in names {
            let entry_path = path.join(&name);
            let mut from_root: Vec<&str> = above.iter().map(String::as_str).collect();
            from_root.push(&name);
            if self.rules.exclusions.excludes(&from_root) {
                self.findings.excluded += 1;
                continue;
            }
            let twin = before.as_ref().filter(|(other, _)| utf16::eq_ignore_case(other, &key));
            let fault = match twin {
                _ if self.rules.any_names => None,
                Some((_, other)) => Some(Problem::CaseTwin { other: other.clone() }),
                None => Problem::name_fault(&name),
            };
            match Problem::name_impossible(&name).or(fault) {
                Some(problem) => self.findings.skip(entry_path, problem)?,
                None => {
                    self.entry(directory, &name, entry_path)?;
                    before = Some((key, name));
                }
            }
        }
        Ok(())
    }

    fn entry(&mut self, parent: NodeIndex, name: &str, path: PathBuf) -> Result<(), CaptureError> {
        let metadata = match path.symlink_metadata() {
            Ok(metadata) => metadata,
            Err(error) => return self.findings.skip(path, error.into()),
        };
        let identity = os::identify(&metadata);
        if identity.is_some() && identity.map(|(id, _)| id) == self.rules.destination {
            self.findings.leave_out(path, LeftOut::Destination);
            return Ok(());
        }
        let file_type = metadata.file_type();
        let kind = if file_type.is_dir() {
            Kind::Directory
        } else if file_type.is_symlink() {
            match self.links.read(&path) {
                Ok(link) => {
                    let data = self.content(link.data.len() as u64, ContentSource::Bytes(link.data.into()));
                    Kind::Link { data, to_directory: link.to_directory, is_not_fixed: link.is_not_fixed }
                }
                Err(problem) => return self.findings.skip(path, problem),
            }
        } else if file_type.is_file() {
            self.file(&metadata, identity)
        } else {
            self.findings.leave_out(path, LeftOut::Special);
            return Ok(());
        };
        let times = times(&metadata, self.rules.time_limit);
        self.scan.nodes.push(Node { parent, name: name.into(), times, kind });
        Ok(())
    }

    fn file(&mut self, metadata: &Metadata, identity: Option<(FileId, u64)>) -> Kind {
        if let Some(known) = identity.and_then(|(id, _)| self.by_id.get(&id)) {
            return *known;
        }
        let node = self.scan.nodes.len() as NodeIndex;
        let state = FileState::of(metadata);
        let kind = Kind::File(self.content(metadata.len(), ContentSource::File { node, state }));
        if let Some((id, 2..)) = identity {
            self.by_id.insert(id, kind);
        }
        kind
    }

    fn content(&mut self, size: u64, source: ContentSource) -> u32 {
        self.scan.contents.push(Content { size, source });
        self.scan.contents.len() as u32 - 1
    }
}

/// The times of a file. Where the system keeps no time of creation that it would let a program set, the last write stands
/// for it: so that an image that is applied and captured again is the same.
fn times(metadata: &Metadata, limit: FileTime) -> Times {
    let known = |time: std::io::Result<std::time::SystemTime>| time.map_or(FileTime::ZERO, FileTime::from).min(limit);
    let write = known(metadata.modified());
    let creation = if cfg!(windows) { known(metadata.created()) } else { write };
    // Capturing is an access itself: what is to be reproducible cannot tell it.
    let access = if limit == FileTime(u64::MAX) { known(metadata.accessed()) } else { write };
    Times { creation, access, write }
}
