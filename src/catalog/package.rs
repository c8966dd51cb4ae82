//! A package as a whole: a container and, where wanted, those in it.
//!
//! An inner container takes the place of its file: what is in `Windows6.1-KB1-x64.cab` is listed, and extracted, below a
//! directory of that name. Payloads are taken apart: in place of numbered pieces, or of a PSF, there are the files that they become. The cabinets `Cab_1_….cab` into which large packages are divided are different: what is in
//! them belongs beside them.

mod budget;
mod error;
pub mod extract;
mod psf;

pub use error::PackageError;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use budget::Budget;

use super::payload::Payload;
use crate::address::container::{Container, ContainerOptions, Kind, Member};

/// Containers may stand so deep in each other.
pub const MAX_DEPTH: usize = 4;

/// How much of a package is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// How each container is opened.
    pub container: ContainerOptions,
    /// Whether containers in the package are looked into.
    pub recursive: bool,
    /// Bytes that inner containers and payloads may have together. Those in cabinets are decoded and kept while the package is
    /// open.
    pub max_inner: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { container: ContainerOptions::default(), recursive: false, max_inner: 16 << 30 }
    }
}

/// A package that was opened.
#[derive(Debug, Default)]
pub struct Package {
    nodes: Vec<Node>,
    files: Vec<File>,
    warnings: Vec<String>,
    /// Something in it cannot be listed, or not be looked into.
    lacks_files: bool,
}

/// One container of a package, or its payload.
#[derive(Debug)]
struct Node {
    content: Content,
    /// Where its members go below the target, with `\` at the end; empty for the outermost.
    prefix: String,
}

/// What holds files.
#[derive(Debug)]
enum Content {
    Container(Container),
    Payload(Payload),
}

impl Node {
    /// What it is called in messages.
    fn path(&self) -> &Path {
        match &self.content {
            Content::Container(container) => container.path(),
            Content::Payload(payload) => payload.path(),
        }
    }

    fn members(&self) -> &[Member] {
        match &self.content {
            Content::Container(container) => container.members(),
            Content::Payload(payload) => payload.members(),
        }
    }
}

/// A file of a package.
#[derive(Clone, Debug)]
pub struct File {
    /// Its path, with those of the containers in front, and `\` between the parts.
    pub path: String,
    /// Which container holds it …
    node: usize,
    /// … and which member of that it is.
    member: usize,
}

impl Package {
    /// What is in a container and, if that is wanted, in those inside of it. What cannot be opened there stays a file, and
    /// [`Package::warnings`] say why.
    pub fn new(container: Container, options: &Options) -> Self {
        let mut package = Self::default();
        let mut budget = Budget::new(options.max_inner);
        package.add(container, String::new(), 1, options, &mut budget);
        if options.recursive {
            package.take_psfs_apart(&mut budget);
        }
        package
    }

    /// The files of a payload alone.
    pub fn of_payload(payload: Payload) -> Self {
        let mut package = Self::default();
        package.add_payload(payload, String::new());
        package
    }

    /// The containers, the outermost first.
    pub fn containers(&self) -> impl Iterator<Item = &Container> {
        self.nodes.iter().filter_map(|node| match &node.content {
            Content::Container(container) => Some(container),
            Content::Payload(_) => None,
        })
    }

    /// The payloads that are taken apart.
    pub fn payloads(&self) -> impl Iterator<Item = &Payload> {
        self.nodes.iter().filter_map(|node| match &node.content {
            Content::Container(_) => None,
            Content::Payload(payload) => Some(payload),
        })
    }

    /// The files, container by container.
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// What its container tells of a file.
    pub fn member(&self, file: &File) -> &Member {
        &self.nodes[file.node].members()[file.member]
    }

    /// Whether a file is one that a payload becomes. [`Member::compression`] then tells out of what.
    pub fn is_of_payload(&self, file: &File) -> bool {
        matches!(self.nodes[file.node].content, Content::Payload(_))
    }

    /// What was tolerated, what is not listed, and what is not looked into though that was wanted.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Whether everything is listed and, if that was wanted, looked into.
    pub fn lists_all(&self) -> bool {
        !self.lacks_files
    }

    /// Tells of something that is not listed or looked into.
    fn lack(&mut self, warning: String) {
        self.warnings.push(warning);
        self.lacks_files = true;
    }

    /// Adds a container whose members go below `prefix`.
    fn add(&mut self, container: Container, prefix: String, depth: usize, options: &Options, budget: &mut Budget) {
        self.warnings.extend(container.warnings());
        self.lacks_files |= !container.lists_all();
        let node = self.nodes.len();
        let mut inner =
            if options.recursive { self.open_inner(&container, depth, options, budget) } else { HashMap::new() };
        let (payload, pieces) =
            if options.recursive { self.payload_of(&container, budget) } else { Default::default() };
        let mut found = Vec::with_capacity(inner.len());
        for (member, entry) in container.members().iter().enumerate().filter(|(member, _)| !pieces.contains(member)) {
            let path = [&*prefix, &*entry.path].concat();
            match inner.remove(&member) {
                Some(container) => found.push((inner_prefix(&path), container)),
                None => self.files.push(File { path, node, member }),
            }
        }
        self.nodes.push(Node { content: Content::Container(container), prefix: prefix.clone() });
        if let Some(payload) = payload {
            self.add_payload(payload, prefix);
        }
        for (prefix, container) in found {
            self.add(container, prefix, depth + 1, options, budget);
        }
    }

    /// The payload of a cabinet with an index, and which members are its pieces.
    fn payload_of(&mut self, container: &Container, budget: &mut Budget) -> (Option<Payload>, HashSet<usize>) {
        let problem = match Payload::of_cabinet(container, budget.bytes) {
            Ok(None) => return Default::default(),
            Ok(Some((payload, pieces))) => {
                let size = pieces.iter().map(|member| container.members()[*member].size).fold(0, u64::saturating_add);
                match budget.take(size).and_then(|()| budget.take_files(payload.members().len())) {
                    Ok(()) => return (Some(payload), pieces),
                    Err(limit) => format!("{}: {limit}", container.path().display()),
                }
            }
            Err(error) => error.to_string(),
        };
        self.lack_payload(&problem);
        Default::default()
    }

    /// Adds the files of a payload, which go below `prefix`.
    fn add_payload(&mut self, payload: Payload, prefix: String) {
        self.warnings.extend(payload.warning());
        let node = self.nodes.len();
        let paths = payload.members().iter().map(|entry| format!("{prefix}{}", entry.path)).enumerate();
        self.files.extend(paths.map(|(member, path)| File { path, node, member }));
        self.nodes.push(Node { content: Content::Payload(payload), prefix });
    }

    /// Opens the members that are containers themselves.
    fn open_inner(
        &mut self,
        container: &Container,
        depth: usize,
        options: &Options,
        budget: &mut Budget,
    ) -> HashMap<usize, Container> {
        let name = |member: usize| format!("{}: {}", container.path().display(), container.members()[member].path);
        let mut candidates = Vec::new();
        for (index, member) in container.members().iter().enumerate().filter(|(_, member)| may_be_container(member)) {
            let taken = if depth < MAX_DEPTH {
                budget.take(member.size)
            } else {
                Err(format!("it stands {depth} deep, {MAX_DEPTH} is the most"))
            };
            match taken {
                Ok(()) => candidates.push(index),
                Err(limit) => {
                    self.lack(format!("{}: this container is not looked into: {limit}", name(index)));
                }
            }
        }
        let mut inner = HashMap::with_capacity(candidates.len());
        let mut options = options.container.clone();
        options.cab.parts.clear();
        container.open_members(&candidates, &mut |index, source| {
            let path = &container.members()[index].path;
            let opened = match source {
                Ok(source) if !matches!(Kind::of(&*source), Some(Kind::Cabinet | Kind::Image)) => return,
                Ok(source) => {
                    let address = PathBuf::from(format!("{}!/{}", container.path().display(), path.replace('\\', "/")));
                    Container::from_source(source, &address, &options)
                }
                Err(error) => Err(error),
            };
            let opened = opened.map_err(|error| format!("this container cannot be looked into: {error}"));
            let opened = opened.and_then(|opened| {
                let limit = budget.take_files(opened.members().len());
                limit.map_err(|limit| format!("{}: this container is not looked into: {limit}", name(index)))?;
                Ok(opened)
            });
            match opened {
                Ok(opened) => _ = inner.insert(index, opened),
                Err(warning) => self.lack(warning),
            }
        });
        inner
    }
}

/// Whether a member has one of the names that containers have. Its content decides then.
fn may_be_container(member: &Member) -> bool {
    let extension = member.path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    matches!(&*extension, "cab" | "msu" | "wim" | "esd")
}

/// Where the members of the container go that is itself at `path`.
fn inner_prefix(path: &str) -> String {
    let (parent, name) = path.rfind(['\\', '/']).map_or(("", path), |at| path.split_at(at + 1));
    let name = name.to_ascii_lowercase();
    if name.starts_with("cab_") && name.ends_with(".cab") { parent.to_owned() } else { format!("{path}\\") }
}

#[cfg(test)]
mod tests;
