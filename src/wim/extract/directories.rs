//! The target's directories, opened when they are needed.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::plan::Directory;
use crate::util::os::Dir;

/// How many directories are kept open: descriptors are few (256 in all on some systems), and files come in about the
/// order of the tree, so that a directory is either among the last ones or was left for long.
const OPEN: usize = 64;

/// The directories of a plan. All are reached from the target by single names, never following a link.
pub(super) struct Directories<'a> {
    root: Arc<Dir>,
    directories: &'a [Directory],
    open: Mutex<OpenDirectories>,
}

#[derive(Default)]
struct OpenDirectories {
    by_index: HashMap<u32, Arc<Dir>>,
    /// The one that was opened first comes first.
    order: VecDeque<u32>,
}

impl OpenDirectories {
    fn keep(&mut self, index: u32, directory: &Arc<Dir>) {
        if self.by_index.insert(index, Arc::clone(directory)).is_none() {
            self.order.push_back(index);
        }
        if self.order.len() > OPEN
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_index.remove(&oldest);
        }
    }
}

impl<'a> Directories<'a> {
    pub(super) fn new(root: Arc<Dir>, directories: &'a [Directory]) -> Self {
        Self { root, directories, open: Mutex::default() }
    }

    /// The target.
    pub(super) fn root(&self) -> &Dir {
        &self.root
    }

    /// Directory `index` of the plan, which must have been made.
    pub(super) fn get(&self, index: u32) -> io::Result<Arc<Dir>> {
        // Up to the next one that is open, then down again.
        let mut closed = Vec::new();
        let mut next = index;
        let mut directory = loop {
            if next == 0 {
                break Arc::clone(&self.root);
            }
            let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(directory) = open.by_index.get(&next) {
                break Arc::clone(directory);
            }
            closed.push(next);
            next = self.directories[next as usize].parent;
        };
        for index in closed.into_iter().rev() {
            directory = Arc::new(directory.open_child(&self.directories[index as usize].name)?);
            self.open.lock().unwrap_or_else(PoisonError::into_inner).keep(index, &directory);
        }
        Ok(directory)
    }
}
