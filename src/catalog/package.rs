//! A package as a whole: a container and, where wanted, those in it.
//!
//! An inner container takes the place of its file: what is in `Windows6.1-KB1-x64.cab` is listed, and extracted, below a
//! directory of that name. The cabinets `Cab_1_….cab` into which large packages are divided are different: what is in
//! them belongs beside them.

mod error;
pub mod extract;

pub use error::PackageError;

use std::collections::HashMap;
use std::path::PathBuf;

use crate::address::container::{Container, ContainerOptions, Kind, Member};

/// Containers may stand so deep in each other.
pub const MAX_DEPTH: usize = 4;
/// So many containers are opened.
const MAX_CONTAINERS: usize = 1000;

/// How much of a package is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// How each container is opened.
    pub container: ContainerOptions,
    /// Whether containers in the package are looked into.
    pub recursive: bool,
    /// Bytes that inner containers may have together. Those in cabinets are decoded and kept while the package is open.
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
}

/// One container of a package.
#[derive(Debug)]
struct Node {
    container: Container,
    /// Where its members go below the target, with `\` at the end; empty for the outermost.
    prefix: String,
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
        let mut left = options.max_inner;
        package.add(container, String::new(), 1, options, &mut left);
        package
    }

    /// The containers, the outermost first.
    pub fn containers(&self) -> impl Iterator<Item = &Container> {
        self.nodes.iter().map(|node| &node.container)
    }

    /// The files, container by container.
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// What its container tells of a file.
    pub fn member(&self, file: &File) -> &Member {
        &self.nodes[file.node].container.members()[file.member]
    }

    /// What was tolerated.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Adds a container whose members go below `prefix`.
    fn add(&mut self, container: Container, prefix: String, depth: usize, options: &Options, left: &mut u64) {
        self.warnings.extend(container.warnings());
        let node = self.nodes.len();
        let mut inner =
            if options.recursive { self.open_inner(&container, depth, options, left) } else { HashMap::new() };
        let mut found = Vec::with_capacity(inner.len());
        for (member, entry) in container.members().iter().enumerate() {
            let path = format!("{prefix}{}", entry.path);
            match inner.remove(&member) {
                Some(container) => found.push((inner_prefix(&path), container)),
                None => self.files.push(File { path, node, member }),
            }
        }
        self.nodes.push(Node { container, prefix });
        for (prefix, container) in found {
            self.add(container, prefix, depth + 1, options, left);
        }
    }

    /// Opens the members that are containers themselves.
    fn open_inner(
        &mut self,
        container: &Container,
        depth: usize,
        options: &Options,
        left: &mut u64,
    ) -> HashMap<usize, Container> {
        let mut candidates = Vec::new();
        for (index, member) in container.members().iter().enumerate().filter(|(_, member)| may_be_container(member)) {
            let open = self.nodes.len() + candidates.len() + 1;
            let limit = match left.checked_sub(member.size) {
                _ if depth >= MAX_DEPTH => format!("it stands {depth} deep, {MAX_DEPTH} is the most"),
                _ if open >= MAX_CONTAINERS => format!("{MAX_CONTAINERS} are the most"),
                None => format!("its {} bytes are beyond the limit for inner ones", member.size),
                Some(rest) => {
                    *left = rest;
                    candidates.push(index);
                    continue;
                }
            };
            let container = container.path().display();
            self.warnings.push(format!("{container}: {}: this container is not looked into: {limit}", member.path));
        }
        let mut inner = HashMap::with_capacity(candidates.len());
        let mut options = options.container.clone();
        options.cab.parts.clear();
        container.open_members(&candidates, &mut |index, source| {
            let path = &container.members()[index].path;
            let opened = match source {
                Ok(source) if Kind::of(&*source).is_none() => return,
                Ok(source) => {
                    let address = PathBuf::from(format!("{}!/{}", container.path().display(), path.replace('\\', "/")));
                    Container::from_source(source, &address, &options)
                }
                Err(error) => Err(error),
            };
            match opened {
                Ok(opened) => _ = inner.insert(index, opened),
                Err(error) => self.warnings.push(format!("this container cannot be looked into: {error}")),
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
