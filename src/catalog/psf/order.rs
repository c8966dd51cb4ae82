//! In which order files are made: each after the one that it is made of.
//!
//! A file is made of at most one other, so the files form trees, whose roots are made of nothing. They are walked depth first, so
//! that what is kept for others is needed soon.

use std::collections::HashMap;

use super::super::cix::{Index, PieceKind, Way};

/// What is to be made, and what is done.
pub(super) struct Order<'a> {
    files: HashMap<usize, Entry<'a>>,
    /// What comes next, the last one first.
    ready: Vec<usize>,
}

/// A file that is chosen, or needed for one.
struct Entry<'a> {
    way: Option<&'a Way>,
    basis: Option<usize>,
    /// Files that are made of it.
    children: Vec<usize>,
    /// How many of them are not done.
    left: usize,
    is_chosen: bool,
    is_done: bool,
}

impl<'a> Order<'a> {
    pub(super) fn new(index: &'a Index, chosen: &[usize]) -> Self {
        let places: HashMap<u64, usize> =
            index.files.iter().enumerate().map(|(place, file)| (file.id, place)).collect();
        let mut files: HashMap<usize, Entry<'a>> = HashMap::with_capacity(chosen.len());
        for &first in chosen {
            let mut next = Some(first);
            while let Some(place) = next {
                // Of what is there, all that it needs is there as well.
                if let Some(entry) = files.get_mut(&place) {
                    entry.is_chosen |= place == first;
                    break;
                }
                let (way, basis) = preferred(&index.files[place].ways, &places);
                let is_chosen = place == first;
                files.insert(place, Entry { way, basis, children: Vec::new(), left: 0, is_chosen, is_done: false });
                next = basis;
            }
        }
        let mut all: Vec<usize> = files.keys().copied().collect();
        all.sort_unstable();
        let mut ready = Vec::new();
        for place in all.into_iter().rev() {
            let parent = files[&place].basis.and_then(|basis| files.get_mut(&basis));
            match parent {
                Some(parent) => {
                    parent.children.push(place);
                    parent.left += 1;
                }
                None => ready.push(place),
            }
        }
        Self { files, ready }
    }

    /// The next file to be made.
    pub(super) fn next(&mut self) -> Option<usize> {
        let place = self.ready.pop()?;
        let entry = self.files.get_mut(&place)?;
        entry.is_done = true;
        self.ready.extend_from_slice(&entry.children);
        Some(place)
    }

    /// How it is made.
    pub(super) fn way(&self, place: usize) -> Option<&'a Way> {
        self.files[&place].way
    }

    /// What it is made of.
    pub(super) fn basis(&self, place: usize) -> Option<usize> {
        self.files[&place].basis
    }

    pub(super) fn is_chosen(&self, place: usize) -> bool {
        self.files[&place].is_chosen
    }

    /// Whether others are made of it.
    pub(super) fn is_needed(&self, place: usize) -> bool {
        !self.files[&place].children.is_empty()
    }

    /// Whether it had its turn; files in circles never have.
    pub(super) fn is_done(&self, place: usize) -> bool {
        self.files[&place].is_done
    }

    /// Whether nothing else is made of what `place`, which is done, was made of. To be asked once for each.
    pub(super) fn was_last_of_its_basis(&mut self, place: usize) -> bool {
        let Some(parent) = self.basis(place).and_then(|basis| self.files.get_mut(&basis)) else { return false };
        parent.left -= 1;
        parent.left == 0
    }
}

/// The way to a file, and the place of the file that it is made of. The first way counts that needs nothing from elsewhere and is of
/// a kind that can be read; if there is none, the first.
fn preferred<'a>(ways: &'a [Way], places: &HashMap<u64, usize>) -> (Option<&'a Way>, Option<usize>) {
    let basis = |way: &Way| way.basis.as_ref().and_then(|basis| places.get(&basis.file?).copied());
    let is_raw = |way: &Way| way.piece.as_ref().is_some_and(|piece| piece.kind == PieceKind::Raw);
    let is_known = |way: &Way| !matches!(&way.piece, Some(piece) if matches!(piece.kind, PieceKind::Other(_)));
    let is_here = |way: &&Way| is_raw(way) || (is_known(way) && (way.basis.is_none() || basis(way).is_some()));
    let way = ways.iter().find(is_here).or(ways.first());
    (way, way.filter(|way| !is_raw(way)).and_then(basis))
}
