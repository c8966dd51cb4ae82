//! The payload of a package: files that are made after an index, seen as the members of a container.
//!
//! There are two kinds. A cabinet with an index (`_manifest_.cix.xml`) has numbered members, which are pieces; the files that they become
//! take their place. A PSF has no list of what is in it: its index is in the package that it came with, as `express.psf.cix.xml` or
//! by the PSF's own name, or lies beside it; or it describes itself.

pub(super) mod beside;
mod described;
mod error;
mod extract;

pub use described::OwnIndex;
pub use error::PayloadError;
pub use extract::{Extracted, Options};

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

use super::cix::{CABINET_INDEX, CixError, ContainerKind, Index, IndexedFile, MAX_NBYTES, Place, Way};
use super::class::comparable;
use super::psf::{Failure, Members, Pieces, Psf};
use crate::address::container::{Container, Member};
use crate::util::read_at::{ReadAt, bytes_at};

/// A payload and its index.
pub struct Payload {
    path: PathBuf,
    index: Index,
    content: Content,
    members: Vec<Member>,
}

/// Where the pieces are.
enum Content {
    Psf(Box<dyn ReadAt>),
    Cabinet(Members),
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload").field("path", &self.path).field("files", &self.members.len()).finish_non_exhaustive()
    }
}

impl Payload {
    fn new(path: &Path, index: Index, content: Content) -> Self {
        let ids: HashSet<u64> = index.files.iter().map(|file| file.id).collect();
        let members = index.files.iter().map(|file| Member {
            path: file.name.replace('/', "\\"),
            size: file.size.unwrap_or(0),
            time: file.time,
            attributes: file.attributes,
            compression: how(file, &ids).into(),
        });
        Self { path: path.to_owned(), members: members.collect(), index, content }
    }

    /// What the pieces of a cabinet become, by their places, and which of its members are pieces; `None` if the cabinet has no index.
    /// The pieces, which are decoded and kept, may have `limit` bytes together.
    ///
    /// # Errors
    /// [`PayloadError`]: the index or a piece cannot be read, or there are too many.
    pub fn of_cabinet(container: &Container, limit: u64) -> Result<Option<(Self, HashSet<usize>)>, PayloadError> {
        let members = container.members();
        let Some(place) = members.iter().position(|member| member.path.eq_ignore_ascii_case(CABINET_INDEX)) else {
            return Ok(None);
        };
        let index = parse(container.path(), CABINET_INDEX, &container.read(place, MAX_NBYTES as usize)?)?;
        if index.kind != ContainerKind::Cabinet {
            return Ok(None);
        }
        let ways = index.files.iter().flat_map(|file| &file.ways);
        let names: HashSet<String> = ways.filter_map(piece_name).collect();
        let is_piece = |member: &Member| names.contains(&comparable(&member.path));
        let pieces: Vec<usize> = (0..members.len()).filter(|place| is_piece(&members[*place])).collect();
        let size = pieces.iter().map(|place| members[*place].size).fold(0, u64::saturating_add);
        if size > limit {
            return Err(PayloadError::TooMuch { path: container.path().to_owned(), size, limit });
        }
        let mut contents = Members::default();
        let mut problem = None;
        container.open_members(&pieces, &mut |place, content| match content {
            Ok(content) => contents.insert(&members[place].path, content),
            Err(error) => problem = Some(error),
        });
        if let Some(error) = problem {
            return Err(error.into());
        }
        Ok(Some((Self::new(container.path(), index, Content::Cabinet(contents)), pieces.into_iter().collect())))
    }

    /// The files of a PSF, after an index that is given as a document and called `name` in messages.
    ///
    /// # Errors
    /// [`PayloadError`]: it is no index of a PSF.
    pub fn of_psf(path: &Path, psf: Box<dyn ReadAt>, name: &Path, document: &[u8]) -> Result<Self, PayloadError> {
        let index = Index::parse(document)
            .map_err(|source| PayloadError::Index { path: name.to_owned(), source: Box::new(source) })?;
        match index.kind {
            ContainerKind::Psf => Ok(Self::new(path, index, Content::Psf(psf))),
            ContainerKind::Cabinet => Err(PayloadError::OtherIndex { path: name.to_owned() }),
        }
    }

    /// What it is called in messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is to be known of its files before they are used, if there is anything.
    pub fn warning(&self) -> Option<String> {
        let is_unchecked = |file: &IndexedFile| file.digest.is_none();
        self.index.files.iter().any(is_unchecked).then(|| {
            let path = self.path.display();
            format!("{path}: its index has no digests: what comes out of it cannot be checked against one")
        })
    }

    /// The files that it becomes, in the order of the index.
    pub fn members(&self) -> &[Member] {
        &self.members
    }
}

impl Pieces for Content {
    fn read(&self, place: &Place) -> Result<Cow<'_, [u8]>, Failure> {
        match self {
            Self::Psf(psf) => Psf(&**psf).piece(place),
            Self::Cabinet(members) => members.read(place),
        }
    }
}

/// Reads an index, called `name` in messages, as a whole.
pub(super) fn read_document(source: &dyn ReadAt, name: &Path) -> Result<Vec<u8>, PayloadError> {
    let size = source.size();
    if size > MAX_NBYTES {
        let source = Box::new(CixError::TooLarge { size, limit: MAX_NBYTES });
        return Err(PayloadError::Index { path: name.to_owned(), source });
    }
    let document = bytes_at(source, 0, size as usize);
    Ok(document.map_err(|source| PayloadError::Target { path: name.to_owned(), source })?.into_owned())
}

fn parse(container: &Path, name: &str, document: &[u8]) -> Result<Index, PayloadError> {
    let path = PathBuf::from(format!("{}!/{name}", container.display()));
    Index::parse(document).map_err(|source| PayloadError::Index { path, source: Box::new(source) })
}

/// The member that a way begins with, as it is compared.
fn piece_name(way: &Way) -> Option<String> {
    match &way.piece.as_ref()?.place {
        Place::Member(name) => Some(comparable(name)),
        Place::Range { .. } => None,
    }
}

/// How a file is stored, in words: the kind of its first piece, and what it needs besides.
fn how(file: &IndexedFile, ids: &HashSet<u64>) -> String {
    let Some(way) = file.ways.first() else { return "missing".to_owned() };
    let kind = way.piece.as_ref().map_or("same as another file", |piece| piece.kind.name());
    match &way.basis {
        None if file.size.is_none() => format!("{kind}, of an unknown size"),
        None => kind.to_owned(),
        Some(basis) if basis.file.is_some_and(|file| ids.contains(&file)) && way.piece.is_none() => kind.to_owned(),
        Some(basis) if basis.file.is_some_and(|file| ids.contains(&file)) => format!("{kind}, against another file"),
        Some(_) => format!("{kind}, needs a file of the system"),
    }
}
