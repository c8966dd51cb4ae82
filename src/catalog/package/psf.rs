//! The PSFs of a package, and which index belongs to which.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;

use super::super::cix::PSM_SUFFIX;
use super::super::payload::{OwnIndex, Payload, PayloadError, beside, read_document};
use super::{Budget, Content, File, Package, inner_prefix};
use crate::address::AddressError;
use crate::util::read_at::ReadAt;

/// Members that were opened, by their containers and places.
type Sources = HashMap<(usize, usize), Result<Box<dyn ReadAt>, AddressError>>;

impl Package {
    /// Takes every PSF apart whose index is in the package: its files go where the index is. Those of one that has its index in itself
    /// go into a directory of its name. What is left of the budget is for these: whether a PSF has an index in itself is not known
    /// before it is opened, so that without one nothing is said of one that cannot be.
    pub(super) fn take_psfs_apart(&mut self, budget: &mut Budget) {
        let psfs: Vec<usize> = (0..self.files.len()).filter(|file| beside::is_psf(&self.files[*file].path)).collect();
        if psfs.is_empty() {
            return;
        }
        let indices = Indices::of(&self.files);
        let is_only = psfs.len() == 1;
        let mut found: Vec<_> =
            psfs.into_iter().map(|psf| (psf, indices.find(&self.files[psf].path, is_only))).collect();
        found.sort_by_key(|(_, index)| index.is_none());
        let mut pairs = Vec::new();
        for (psf, index) in found {
            let size = |file: usize| self.member(&self.files[file]).size;
            match budget.take(size(psf).saturating_add(index.map_or(0, size))) {
                Ok(()) => pairs.push((psf, index)),
                Err(limit) if index.is_some() => self.lack_payload(&format!("{}: {limit}", self.files[psf].path)),
                Err(_) => {}
            }
        }
        let mut sources = self.open_all(pairs.iter().flat_map(|(psf, index)| [Some(*psf), *index]).flatten());
        let mut apart = HashSet::new();
        for (psf, index) in pairs {
            let file = &self.files[psf];
            let payload = match index {
                Some(index) => {
                    self.open_pair(file, &self.files[index], &mut sources).map(Some).map_err(|error| error.to_string())
                }
                None => self.open_alone(file, &mut sources, budget),
            };
            match payload.and_then(|payload| {
                budget.take_files(payload.as_ref().map_or(0, |payload| payload.members().len()))?;
                Ok(payload)
            }) {
                Ok(Some(payload)) => {
                    apart.insert(psf);
                    let prefix = match index {
                        Some(index) => self.nodes[self.files[index].node].prefix.clone(),
                        None => inner_prefix(&self.files[psf].path),
                    };
                    self.add_payload(payload, prefix);
                }
                Ok(None) => {} // nothing tells what is in it
                Err(problem) => self.lack_payload(&problem),
            }
        }
        let mut place = 0..;
        self.files.retain(|_| place.next().is_none_or(|place| !apart.contains(&place)));
    }

    pub(super) fn lack_payload(&mut self, problem: &str) {
        self.lack(format!("this payload cannot be taken apart: {problem}"));
    }

    /// Opens files of containers. What is stored together is decoded once.
    fn open_all(&self, files: impl Iterator<Item = usize>) -> Sources {
        let mut by_node: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for file in files.collect::<HashSet<_>>() {
            let File { node, member, .. } = self.files[file];
            by_node.entry(node).or_default().push(member);
        }
        let mut sources = Sources::new();
        for (node, members) in by_node {
            if let Content::Container(container) = &self.nodes[node].content {
                container.open_members(&members, &mut |member, source| _ = sources.insert((node, member), source));
            }
        }
        sources
    }

    /// A PSF with its index.
    fn open_pair(&self, psf: &File, index: &File, sources: &mut Sources) -> Result<Payload, PayloadError> {
        // What a payload becomes is there only when it is extracted.
        let missing = || PayloadError::NoIndex { path: self.address(psf) };
        let key = (index.node, index.member);
        let source = sources.remove(&key).ok_or_else(missing)??;
        let document = read_document(&*source, &self.address(index))?;
        sources.insert(key, Ok(source)); // it may be that of another, too
        let content = sources.remove(&(psf.node, psf.member)).ok_or_else(missing)??;
        Payload::of_psf(&self.address(psf), content, &self.address(index), &document)
    }

    /// A PSF that has its index in itself; `None` if it has none, or cannot be opened.
    fn open_alone(&self, psf: &File, sources: &mut Sources, budget: &mut Budget) -> Result<Option<Payload>, String> {
        let Some(Ok(content)) = sources.remove(&(psf.node, psf.member)) else { return Ok(None) };
        let Some(index) = OwnIndex::find(&*content) else { return Ok(None) };
        budget.take_bytes(index.size()).map_err(|limit| format!("{}: the index in it: {limit}", psf.path))?;
        let payload = Payload::self_described(&self.address(psf), content, &index);
        payload.map(Some).map_err(|error| error.to_string())
    }

    /// What a file is called in messages.
    fn address(&self, file: &File) -> PathBuf {
        PathBuf::from(format!("{}!/{}", self.nodes[file.node].path().display(), self.member(file).path))
    }
}

/// The indices among the files of a package.
struct Indices {
    /// The first one of each name, in small letters.
    by_name: HashMap<String, usize>,
    /// Those of the common name, by the name of the package that they are in, without its extension.
    by_package: HashMap<String, usize>,
    /// The first one of the common name.
    first: Option<usize>,
}

impl Indices {
    fn of(files: &[File]) -> Self {
        let mut indices = Self { by_name: HashMap::new(), by_package: HashMap::new(), first: None };
        for (place, file) in files.iter().enumerate() {
            let path = file.path.to_lowercase().replace('/', "\\");
            let (parents, name) = path.rsplit_once('\\').unwrap_or(("", &path));
            if name == beside::COMMON_NAME {
                indices.first.get_or_insert(place);
                let parent = parents.rsplit('\\').next().unwrap_or_default();
                if let Some((package, _)) = parent.rsplit_once('.') {
                    indices.by_package.entry(package.trim_end_matches("_psfx").to_owned()).or_insert(place);
                }
            } else if name.ends_with(beside::INDEX_SUFFIX) || name.ends_with(PSM_SUFFIX) {
                indices.by_name.entry(name.to_owned()).or_insert(place);
            }
        }
        indices
    }

    /// The index of the PSF at `path`: one by its name wherever it is, or one by the common name, in the package of its name or, for
    /// the only PSF, the first of that name. One of the older kind, which has no digests, comes last.
    fn find(&self, path: &str, is_only: bool) -> Option<usize> {
        let psf = path.rsplit(['\\', '/']).next().unwrap_or(path).to_lowercase();
        let stem = psf.rsplit_once('.').map_or(&*psf, |(stem, _)| stem);
        let by_name = |name: String| self.by_name.get(&name);
        let found = by_name(format!("{psf}{}", beside::INDEX_SUFFIX)).or_else(|| self.by_package.get(stem));
        let found = found.or(self.first.as_ref().filter(|_| is_only));
        found.or_else(|| by_name(beside::psm_name(&psf))).copied()
    }
}
