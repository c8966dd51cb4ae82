//! What to extract.

use std::collections::HashSet;

use crate::wim::metadata::{DentryId, Entry, Metadata};

/// Some entries of an image. A directory stands for all that is in it.
#[derive(Clone, Debug)]
pub struct Selection {
    pub(super) chosen: HashSet<DentryId>,
    /// Directories on the way to them.
    pub(super) ancestors: HashSet<DentryId>,
}

impl Selection {
    /// The whole image.
    pub fn everything() -> Self {
        Self { chosen: HashSet::from([DentryId::ROOT]), ancestors: HashSet::new() }
    }

    /// These entries of `tree`.
    pub fn entries(tree: &Metadata, entries: impl IntoIterator<Item = DentryId>) -> Self {
        let chosen: HashSet<DentryId> = entries.into_iter().collect();
        let mut ancestors = HashSet::new();
        for id in &chosen {
            let mut id = *id;
            while id != DentryId::ROOT {
                id = tree.entry(id).parent();
                if !ancestors.insert(id) {
                    break;
                }
            }
        }
        Self { chosen, ancestors }
    }

    /// The entries of `tree` whose path and self `matches` accepts. What is in an accepted directory is not asked about.
    pub fn matching(tree: &Metadata, mut matches: impl FnMut(&str, Entry<'_>) -> bool) -> Self {
        let mut accepted: Vec<DentryId> = Vec::new();
        let mut inside: HashSet<DentryId> = HashSet::new();
        let visited: Result<(), std::convert::Infallible> = tree.walk(DentryId::ROOT, |path, entry| {
            if entry.id() != DentryId::ROOT && inside.contains(&entry.parent()) {
                if entry.is_directory() {
                    inside.insert(entry.id());
                }
            } else if matches(path, entry) {
                accepted.push(entry.id());
                inside.insert(entry.id());
            }
            Ok(())
        });
        match visited {
            Ok(()) => Self::entries(tree, accepted),
            Err(never) => match never {},
        }
    }

    /// Whether nothing is selected.
    pub fn is_empty(&self) -> bool {
        self.chosen.is_empty()
    }

    /// Whether the whole image is selected.
    pub fn is_everything(&self) -> bool {
        self.chosen.contains(&DentryId::ROOT)
    }
}
