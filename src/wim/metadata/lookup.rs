//! Finding entries: by path, and one after the other.

use std::cmp::Ordering;

use super::name::Name;
use super::{DentryId, Entry, Metadata};
use crate::util::utf16;

impl<'a> Entry<'a> {
    /// The entry of this name in the directory: the exact one, else the first that differs in case only.
    pub fn child(&self, name: Name<'_>) -> Option<Entry<'a>> {
        let name = name.as_utf16le();
        let children = self.children();
        if !self.has_sorted_children() {
            let folded = || children.clone().find(|child| utf16::eq_ignore_case(child.name().as_utf16le(), name));
            return children.clone().find(|child| child.name().as_utf16le() == name).or_else(folded);
        }
        // Names that differ in case only are neighbours.
        let (mut low, mut high) = (0, children.len());
        while low < high {
            let middle = low.midpoint(high);
            let order = utf16::cmp_ignore_case(children.get(middle)?.name().as_utf16le(), name);
            if order == Ordering::Less { low = middle + 1 } else { high = middle }
        }
        let mut equals = (low..children.len())
            .filter_map(|index| children.get(index))
            .take_while(|child| utf16::eq_ignore_case(child.name().as_utf16le(), name));
        let first = equals.next()?;
        if first.name().as_utf16le() == name {
            return Some(first);
        }
        Some(equals.find(|child| child.name().as_utf16le() == name).unwrap_or(first))
    }
}

impl Metadata {
    /// The entry at `path`, whose parts are separated by `/` or `\`. Letter case counts only where two names differ in
    /// nothing else. Empty parts are skipped, so `/` and the empty path are the root; `.` and `..` are ordinary names,
    /// which safe trees do not have.
    pub fn lookup(&self, path: &str) -> Option<Entry<'_>> {
        let parts = path.split(['/', '\\']).filter(|part| !part.is_empty());
        self.descend(DentryId::ROOT, parts)
    }

    /// The entry to which names lead from a directory, by the rules of [`Self::lookup`].
    pub(in crate::wim) fn descend<'n>(
        &self,
        directory: DentryId,
        mut names: impl Iterator<Item = &'n str>,
    ) -> Option<Entry<'_>> {
        names.try_fold(self.entry(directory), |directory, name| directory.child(Name::new(&utf16::from_str(name))))
    }

    /// `start` and everything below it, each directory before its children.
    pub fn pre_order(&self, start: DentryId) -> PreOrder<'_> {
        PreOrder { tree: self, pending: vec![start] }
    }

    /// Calls `visit` with `start` and everything below it, in pre-order, and their paths as [`Entry::path`] gives them.
    /// Stops at the first error.
    ///
    /// # Errors
    /// What `visit` answers.
    pub fn walk<E>(&self, start: DentryId, mut visit: impl FnMut(&str, Entry<'_>) -> Result<(), E>) -> Result<(), E> {
        let start = self.entry(start);
        let mut path = start.path();
        visit(&path, start)?;
        // Below the root, paths are "/" and a name, not "//" and a name.
        if path == "/" {
            path.clear();
        }
        let mut open = vec![(path.len(), start.children())];
        while let Some((parent_nbytes, children)) = open.last_mut() {
            let parent_nbytes = *parent_nbytes;
            let Some(child) = children.next() else {
                open.pop();
                continue;
            };
            path.truncate(parent_nbytes);
            path.push('/');
            utf16::push(&mut path, child.name().as_utf16le());
            visit(&path, child)?;
            if child.children().len() != 0 {
                open.push((path.len(), child.children()));
            }
        }
        Ok(())
    }
}

/// Iterates over a directory and everything below it.
#[derive(Clone, Debug)]
pub struct PreOrder<'a> {
    tree: &'a Metadata,
    pending: Vec<DentryId>,
}

impl<'a> Iterator for PreOrder<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let entry = self.tree.entry(self.pending.pop()?);
        self.pending.extend(entry.children().rev().map(|child| child.id()));
        Some(entry)
    }
}
