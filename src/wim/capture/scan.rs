//! Looking at trees on disk: names, kinds, sizes and times, without reading any file.
//!
//! What NTFS keeps of a file is taken as it is found; other systems have nothing of the kind.
//!
//! Directories wait on a stack of their own, so that no depth of the tree matters; each one's names are sorted as images
//! sort them, so that what is written does not depend on the order of the file system.

mod windows;

use super::error::{CaptureError, Problem};
use super::exclude::Exclusions;
use super::keep::Kept;
use super::link::{LinkRoot, NewLink};
use super::report::{Findings, LeftOut};
use crate::util::filetime::FileTime;
use crate::util::os::{self, FileId, Look, UnixFacts};
use crate::util::progress::Control;
use crate::util::read_at::{PositionedFile, ReadAt};
use crate::util::sha1::Sha1;
use crate::util::utf16;
use crate::wim::metadata::Attributes;
use crate::wim::metadata::reparse::{self, SYMLINK};
use crate::wim::windows::Files;
use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Names an entry of one [`Scan`]; the root of the first tree is 0.
pub(in crate::wim) type NodeIndex = u32;

/// What was found: trees, one behind the other, and contents, of their files and others.
#[derive(Debug, Default)]
pub(in crate::wim) struct Scan {
    roots: Vec<Root>,
    /// In an order in which a directory comes before what is in it.
    pub nodes: Vec<Node>,
    pub contents: Vec<Content>,
    /// The security descriptors of files, each once.
    pub descriptors: Vec<Box<[u8]>>,
    /// What of an earlier image the first tree keeps, besides contents.
    pub kept: Option<Kept>,
}

#[derive(Debug)]
struct Root {
    node: NodeIndex,
    /// As it was named.
    path: PathBuf,
    /// As the system is asked for what is below it.
    opened: PathBuf,
}

/// A name in a tree.
#[derive(Debug)]
pub(in crate::wim) struct Node {
    /// Of a root, itself.
    pub parent: NodeIndex,
    /// Empty for a root.
    pub name: Box<str>,
    pub times: Times,
    pub kind: Kind,
    pub unix: Option<UnixFacts>,
    pub windows: Option<Box<WindowsNode>>,
}

impl Node {
    /// The content by which names of one file are known; directories have none.
    pub(in crate::wim) fn content(&self) -> Option<u32> {
        match self.kind {
            Kind::Directory => None,
            Kind::File(content) | Kind::Link { data: content, .. } => Some(content),
        }
    }
}

/// The contents of named streams, in the order of the file system.
pub(in crate::wim) type NamedContents = Box<[(Box<str>, u32)]>;

/// What NTFS keeps of a file with a name. Numbers are places in the lists of the [`Scan`].
#[derive(Debug)]
pub(in crate::wim) struct WindowsNode {
    pub attributes: Attributes,
    /// UTF-16LE.
    pub short_name: Box<[u8]>,
    pub descriptor: Option<u32>,
    /// Named streams, with their contents.
    pub streams: NamedContents,
    pub object_id: Option<Box<[u8; 64]>>,
    pub extended_attributes: Box<[u8]>,
}

/// Creation, last access and last write.
#[derive(Clone, Copy, Debug)]
pub(in crate::wim) struct Times {
    pub creation: FileTime,
    pub access: FileTime,
    pub write: FileTime,
}

/// What a name stands for. Numbers are places in [`Scan::contents`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::wim) enum Kind {
    Directory,
    /// A file; names of one file have the same content. With Unix data also a device, pipe or socket, which has no bytes.
    File(u32),
    /// A symbolic link or another reparse point, with its reparse data.
    Link {
        data: u32,
        tag: u32,
        reserved: u16,
        /// Windows tells links to directories from others.
        to_directory: bool,
        is_not_fixed: bool,
        /// What the file holds besides.
        content: Option<u32>,
    },
}

/// The bytes of a file, perhaps none, or of a link.
#[derive(Debug)]
pub(in crate::wim) struct Content {
    pub size: u64,
    pub source: ContentSource,
}

pub(in crate::wim) enum ContentSource {
    /// The file with this first name, as it was when it was looked at.
    File {
        node: NodeIndex,
        state: FileState,
    },
    /// The named stream of the file with this first name.
    Stream {
        node: NodeIndex,
        name: Box<str>,
        state: FileState,
    },
    Bytes(Box<[u8]>),
    /// What a blob at hand holds, by its hash.
    Blob(Sha1),
    /// Anything else that can be read, and what to call it.
    Reader {
        reader: Arc<dyn ReadAt>,
        name: Box<str>,
    },
}

impl ContentSource {
    /// When the file was written last, to the tick; `None` for what is no file, and where the system does not say.
    pub(super) fn written(&self) -> Option<FileTime> {
        match self {
            Self::File { state, .. } => state.modified.map(FileTime::from),
            Self::Stream { .. } | Self::Bytes(_) | Self::Blob(_) | Self::Reader { .. } => None,
        }
    }
}

impl std::fmt::Debug for ContentSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File { node, .. } => write!(f, "File({node})"),
            Self::Stream { node, name, .. } => write!(f, "Stream({node}, {name:?})"),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Blob(sha1) => write!(f, "Blob({sha1})"),
            Self::Reader { name, .. } => write!(f, "Reader({name:?})"),
        }
    }
}

/// By what a change of a file shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::wim) struct FileState {
    id: Option<FileId>,
    size: u64,
    is_file: bool,
    modified: Option<std::time::SystemTime>,
}

impl FileState {
    fn new(metadata: &Metadata, id: Option<FileId>) -> Self {
        Self { id, size: metadata.len(), is_file: metadata.is_file(), modified: metadata.modified().ok() }
    }

    /// The state of an open file.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        Ok(Self::new(&file.metadata()?, os::identify_open(file)))
    }

    /// The same of a stream of it. A directory has streams, too.
    #[must_use]
    pub(super) fn of_stream(self, size: u64) -> Self {
        Self { size, is_file: true, ..self }
    }
}

impl Scan {
    /// The path of an entry, as messages tell it.
    pub(super) fn path(&self, node: NodeIndex) -> PathBuf {
        self.below(&self.root(node).path, node)
    }

    /// The path by which the system is asked for an entry.
    pub(super) fn opened_path(&self, node: NodeIndex) -> PathBuf {
        self.below(&self.root(node).opened, node)
    }

    fn root(&self, node: NodeIndex) -> &Root {
        &self.roots[self.roots.partition_point(|root| root.node <= node) - 1]
    }

    fn below(&self, root: &Path, node: NodeIndex) -> PathBuf {
        let mut path = root.to_owned();
        path.extend(self.names(node));
        path
    }

    /// The entries of the tree that begins at `root`, which is the first.
    pub(in crate::wim) fn tree(&self, root: NodeIndex) -> std::ops::Range<NodeIndex> {
        let next = self.roots.iter().find(|other| other.node > root);
        root..next.map_or(self.nodes.len() as NodeIndex, |other| other.node)
    }

    /// The first tree, to look for something in it.
    pub(super) fn places(&self) -> Places<'_> {
        let mut by_parent: Vec<NodeIndex> = self.tree(0).filter(|index| *index != 0).collect();
        by_parent.sort_by_key(|index| self.nodes[*index as usize].parent);
        Places { scan: self, by_parent }
    }

    /// The names from the root down to an entry.
    fn names(&self, mut node: NodeIndex) -> Vec<&str> {
        let mut names = Vec::new();
        while let Node { parent, name, .. } = &self.nodes[node as usize]
            && *parent != node
        {
            names.push(&**name);
            node = *parent;
        }
        names.reverse();
        names
    }

    /// Opens a content to be read; `None` for a blob, which is not here.
    pub(in crate::wim) fn open_content(&self, content: u32) -> Option<io::Result<Box<dyn ReadAt + '_>>> {
        Some(match &self.contents[content as usize].source {
            ContentSource::File { node, .. } => self.open(*node),
            ContentSource::Stream { node, name, .. } => {
                let opened = os::open_stream(&self.opened_path(*node), name);
                opened.and_then(PositionedFile::new).map(|file| Box::new(file) as Box<dyn ReadAt>)
            }
            ContentSource::Bytes(bytes) => Ok(Box::new(io::Cursor::new(bytes))),
            ContentSource::Reader { reader, .. } => Ok(Box::new(Arc::clone(reader))),
            ContentSource::Blob(_) => return None,
        })
    }

    fn open(&self, file: NodeIndex) -> io::Result<Box<dyn ReadAt + '_>> {
        Ok(Box::new(PositionedFile::new(os::open_unfollowed(&self.opened_path(file))?)?))
    }

    /// Takes in a content; answers its number.
    pub(in crate::wim) fn add_content(&mut self, size: u64, source: ContentSource) -> u32 {
        self.contents.push(Content { size, source });
        self.contents.len() as u32 - 1
    }
}

/// A tree of a scan in which directories know what is in them: all of the scan for each of them would be dear.
pub(super) struct Places<'a> {
    scan: &'a Scan,
    by_parent: Vec<NodeIndex>,
}

impl Places<'_> {
    fn node(&self, index: NodeIndex) -> &Node {
        &self.scan.nodes[index as usize]
    }

    /// What is in a directory.
    pub(super) fn children(&self, directory: NodeIndex) -> &[NodeIndex] {
        let start = self.by_parent.partition_point(|index| self.node(*index).parent < directory);
        let rest = &self.by_parent[start..];
        &rest[..rest.partition_point(|index| self.node(*index).parent == directory)]
    }
}

impl Files for Places<'_> {
    type File = NodeIndex;

    fn directories(&self) -> Vec<(NodeIndex, String)> {
        let directories = self.children(0).iter().filter(|index| self.node(**index).kind == Kind::Directory);
        directories.map(|index| (*index, self.node(*index).name.to_string())).collect()
    }

    fn find(&self, directory: NodeIndex, path: &[&str]) -> Option<NodeIndex> {
        let found = path.iter().try_fold(directory, |directory, name| {
            self.children(directory).iter().copied().find(|child| self.node(*child).name.eq_ignore_ascii_case(name))
        });
        let is_file = |found: &NodeIndex| match self.node(*found).kind {
            Kind::File(content) => matches!(self.scan.contents[content as usize].source, ContentSource::File { .. }),
            Kind::Directory | Kind::Link { .. } => false,
        };
        found.filter(is_file)
    }

    fn open(&self, file: NodeIndex) -> io::Result<Box<dyn ReadAt + '_>> {
        self.scan.open(file)
    }

    fn path(&self, file: NodeIndex) -> String {
        self.scan.path(file).display().to_string()
    }
}

/// How a tree is looked at.
#[derive(Debug)]
pub(in crate::wim) struct Rules<'a> {
    pub exclusions: &'a Exclusions,
    /// Take names that Windows cannot have.
    pub any_names: bool,
    /// Make absolute links inside the tree count from its root.
    pub fix_links: bool,
    /// Keep owners and modes, and take what has no content.
    pub unix_data: bool,
    /// The file that is written: no part of what goes into it.
    pub destination: Option<FileId>,
    /// The latest time that the image may tell.
    pub time_limit: FileTime,
}

/// Looks at the tree below the directory `root`. What cannot be captured goes to `findings`, which may stop it.
pub(super) fn scan(
    root: &Path,
    rules: &Rules<'_>,
    findings: &mut Findings,
    control: Control<'_>,
) -> Result<Scan, CaptureError> {
    let metadata = root.metadata().map_err(|source| CaptureError::Root { path: root.to_owned(), source })?;
    if !metadata.is_dir() {
        return Err(CaptureError::NotADirectory { path: root.to_owned() });
    }
    let mut scanner = Scanner::new(rules, findings);
    scanner.add_directory(root, control)?;
    Ok(scanner.into_scan())
}

fn unreadable(path: &Path, error: io::Error) -> CaptureError {
    CaptureError::Unreadable { path: path.to_owned(), problem: error.into() }
}

/// Looks at trees, one after the other. Names of one file are such across the trees, too.
pub(in crate::wim) struct Scanner<'a> {
    rules: &'a Rules<'a>,
    links: LinkRoot,
    scan: Scan,
    findings: &'a mut Findings,
    /// Contents of files with several names.
    by_id: HashMap<FileId, Kind>,
    descriptors: HashMap<Box<[u8]>, u32>,
    /// Files whose security descriptors may not be read.
    without_descriptor: u64,
}

impl<'a> Scanner<'a> {
    pub(in crate::wim) fn new(rules: &'a Rules<'a>, findings: &'a mut Findings) -> Self {
        let links = LinkRoot { canonical: PathBuf::new(), fix_up: rules.fix_links };
        Self {
            rules,
            links,
            scan: Scan::default(),
            findings,
            by_id: HashMap::new(),
            descriptors: HashMap::new(),
            without_descriptor: 0,
        }
    }

    pub(in crate::wim) fn into_scan(self) -> Scan {
        if self.without_descriptor > 0 {
            let count = self.without_descriptor;
            self.findings.warnings.push(format!("{count} security descriptors may not be read and are left out"));
        }
        self.scan
    }

    /// Looks at what `path` names: a directory with all that is in it, a file, or a link. Answers the root of its tree,
    /// or why it has none.
    pub(in crate::wim) fn add(
        &mut self,
        path: &Path,
        control: Control<'_>,
    ) -> Result<Result<NodeIndex, LeftOut>, CaptureError> {
        let metadata = path.symlink_metadata().map_err(|error| unreadable(path, error))?;
        if metadata.is_dir() {
            return self.add_directory(path, control).map(Ok);
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        self.links.canonical = parent.canonicalize().map_err(|error| unreadable(path, error))?;
        let directory = os::verbatim(parent).map_err(|error| unreadable(path, error))?;
        let opened = path.file_name().map_or_else(|| path.to_owned(), |name| directory.join(name));
        let node = self.begin_tree(path, opened.clone());
        self.entry(node, "", path.to_owned(), &opened)?;
        if self.scan.nodes.len() as NodeIndex > node {
            return Ok(Ok(node));
        }
        self.scan.roots.pop();
        Ok(Err(self.findings.left_out.pop().map_or(LeftOut::Special, |(_, what)| what)))
    }

    fn explain_privileges(&mut self) {
        let missing = os::missing_for_reading();
        if !missing.is_empty() {
            self.findings.warnings.push(format!(
                "without {}, files that deny access cannot be read, and what security descriptors say about recording is \
                 left out; run it as an administrator for all of it",
                missing.join(" and ")
            ));
        }
    }

    fn begin_tree(&mut self, path: &Path, opened: PathBuf) -> NodeIndex {
        if self.scan.roots.is_empty() {
            self.explain_privileges();
        }
        let node = self.scan.nodes.len() as NodeIndex;
        self.scan.roots.push(Root { node, path: path.to_owned(), opened });
        node
    }

    fn add_directory(&mut self, path: &Path, control: Control<'_>) -> Result<NodeIndex, CaptureError> {
        let failed = |error| unreadable(path, error);
        self.links.canonical = path.canonicalize().map_err(failed)?;
        let look = os::look(&self.links.canonical).map_err(failed)?;
        let root = self.begin_tree(path, os::verbatim(path).map_err(failed)?);
        let Look { metadata, identity, windows } = look;
        let windows = windows.map(|facts| self.windows_node(root, facts, Kind::Directory, &metadata, identity));
        let windows =
            windows.transpose().map_err(|problem| CaptureError::Unreadable { path: path.to_owned(), problem })?;
        self.push(root, "", Kind::Directory, &metadata, windows);
        let mut pending = vec![root];
        while let Some(directory) = pending.pop() {
            if control.interrupted() {
                return Err(CaptureError::Interrupted);
            }
            let first = self.scan.nodes.len();
            self.directory(directory)?;
            let nodes = &self.scan.nodes;
            let is_directory = |index: &usize| nodes[*index].kind == Kind::Directory;
            pending.extend((first..nodes.len()).rev().filter(is_directory).map(|index| index as NodeIndex));
        }
        Ok(root)
    }

    /// Adds what is in a directory.
    fn directory(&mut self, directory: NodeIndex) -> Result<(), CaptureError> {
        let (path, opened) = (self.scan.path(directory), self.scan.opened_path(directory));
        let mut names = Vec::new();
        let listing = match std::fs::read_dir(&opened) {
            Ok(listing) => listing,
            Err(error) => return self.findings.skip(path, error.into()),
        };
        for entry in listing {
            match entry {
                Ok(entry) => match entry.file_name().into_string() {
                    Ok(name) => names.push(name),
                    Err(name) => self.findings.skip(path.join(name), Problem::NameNotText)?,
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
            let opened_path = opened.join(&name);
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
                    self.entry(directory, &name, entry_path, &opened_path)?;
                    before = Some((key, name));
                }
            }
        }
        Ok(())
    }

    fn entry(&mut self, parent: NodeIndex, name: &str, path: PathBuf, opened: &Path) -> Result<(), CaptureError> {
        let Look { metadata, identity, mut windows } = match os::look(opened) {
            Ok(look) => look,
            Err(error) => return self.findings.skip(path, error.into()),
        };
        if identity.is_some() && identity.map(|(id, _)| id) == self.rules.destination {
            self.findings.leave_out(path, LeftOut::Destination);
            return Ok(());
        }
        let node = self.scan.nodes.len() as NodeIndex;
        let file_type = metadata.file_type();
        let point = match windows.as_mut().map(windows::reparse_point).transpose() {
            Ok(point) => point.flatten(),
            Err(problem) => return self.findings.skip(path, problem),
        };
        let kind = if let Some(point) = point {
            let is_directory = windows.as_ref().is_some_and(windows::is_directory);
            if is_directory && !reparse::is_name_surrogate(point.tag) {
                self.findings.leave_out(path.clone(), LeftOut::Behind);
            }
            let content = (!is_directory && metadata.len() > 0).then(|| self.content(node, &metadata, identity));
            self.reparse_point(point, is_directory, content)
        } else if file_type.is_dir() {
            Kind::Directory
        } else if file_type.is_symlink() {
            match self.links.read(&path) {
                Ok(link) => {
                    let data = self.scan.add_content(link.data.len() as u64, ContentSource::Bytes(link.data.into()));
                    let NewLink { to_directory, is_not_fixed, .. } = link;
                    Kind::Link { data, tag: SYMLINK, reserved: 0, to_directory, is_not_fixed, content: None }
                }
                Err(problem) => return self.findings.skip(path, problem),
            }
        } else if file_type.is_file() || self.rules.unix_data {
            self.file(node, &metadata, identity)
        } else {
            self.findings.leave_out(path, LeftOut::Special);
            return Ok(());
        };
        let windows = match windows.map(|facts| self.windows_node(node, facts, kind, &metadata, identity)).transpose() {
            Ok(windows) => windows,
            Err(problem) => return self.findings.skip(path, problem),
        };
        self.push(parent, name, kind, &metadata, windows);
        Ok(())
    }

    fn push(
        &mut self,
        parent: NodeIndex,
        name: &str,
        kind: Kind,
        metadata: &Metadata,
        windows: Option<Box<WindowsNode>>,
    ) {
        let times = times(metadata, self.rules.time_limit);
        let unix = os::unix_facts(metadata).filter(|_| self.rules.unix_data);
        self.scan.nodes.push(Node { parent, name: name.into(), times, kind, unix, windows });
    }

    fn file(&mut self, node: NodeIndex, metadata: &Metadata, identity: Option<(FileId, u64)>) -> Kind {
        if let Some(known) = identity.and_then(|(id, _)| self.by_id.get(&id)) {
            return *known;
        }
        let kind = Kind::File(self.content(node, metadata, identity));
        if let Some((id, 2..)) = identity {
            self.by_id.insert(id, kind);
        }
        kind
    }

    /// The content of a file that has not been met before.
    fn content(&mut self, node: NodeIndex, metadata: &Metadata, identity: Option<(FileId, u64)>) -> u32 {
        let (size, source) = if metadata.is_file() {
            let state = FileState::new(metadata, identity.map(|(id, _)| id));
            (metadata.len(), ContentSource::File { node, state })
        } else {
            (0, ContentSource::Bytes(Box::default()))
        };
        self.scan.add_content(size, source)
    }
}

/// The times of a file. Where the system keeps no time of creation that it would let a program set, the last write stands
/// for it: so that an image that is applied and captured again is the same.
fn times(metadata: &Metadata, limit: FileTime) -> Times {
    let known = |time: io::Result<std::time::SystemTime>| time.map_or(FileTime::ZERO, FileTime::from).min(limit);
    let write = known(metadata.modified());
    let creation = if cfg!(windows) { known(metadata.created()) } else { write };
    // Capturing is an access itself: what is to be reproducible cannot tell it.
    let access = if limit == FileTime(u64::MAX) { known(metadata.accessed()) } else { write };
    Times { creation, access, write }
}
