//! The Windows of an image that is made in memory.

use super::ImageBuilder;
use crate::util::read_at::ReadAt;
use crate::util::utf16;
use crate::wim::metadata::{NodeId, StreamKind};
use crate::wim::windows::Files;
use std::io;

impl Files for ImageBuilder {
    type File = NodeId;

    fn directories(&self) -> Vec<(NodeId, String)> {
        let tree = self.editor.tree();
        let children = tree.children(Self::ROOT);
        let directories = children.iter().filter(|id| tree.file(**id).is_directory());
        directories.map(|id| (*id, utf16::to_string_lossy(tree.name(*id)))).collect()
    }

    fn find(&self, directory: NodeId, path: &[&str]) -> Option<NodeId> {
        let tree = self.editor.tree();
        let found = path.iter().try_fold(directory, |directory, name| {
            let name = utf16::from_str(name);
            let is_it = |id: &NodeId| utf16::eq_ignore_case(tree.name(*id), &name);
            tree.children(directory).iter().copied().find(is_it)
        })?;
        let file = self.links.iter().find(|(link, _)| *link == found).map_or(found, |(_, original)| *original);
        self.content_of(file).map(|_| file)
    }

    fn open(&self, file: NodeId) -> io::Result<Box<dyn ReadAt + '_>> {
        let opened = self.content_of(file).and_then(|content| self.contents.open_content(content));
        opened.unwrap_or_else(|| Err(io::ErrorKind::NotFound.into()))
    }

    fn path(&self, file: NodeId) -> String {
        self.editor.path_of(file)
    }
}

impl ImageBuilder {
    /// The content of a file, unless it is something else.
    fn content_of(&self, file: NodeId) -> Option<u32> {
        let is_data =
            self.editor.tree().file(file).streams.first().is_some_and(|stream| stream.kind == StreamKind::Data);
        let pending = self.pending.iter().find(|(id, stream, _)| (*id, *stream) == (file, 0));
        pending.filter(|_| is_data).map(|(_, _, content)| *content)
    }
}
