//! The metadata resource of a tree, written from whatever knows the tree.

use std::borrow::Cow;

use super::attributes::Attributes;
use super::dentry::{FIXED_NBYTES, NO_SECURITY, name_space, stream_field};
use super::error::EncodeError;
use super::new_file::NewFile;
use super::stream::{Layout, NewStream, StreamKind};
use super::{parse, security};
use crate::util::sha1::Sha1;
use crate::util::utf16;

/// A tree that can be written. Its entries have numbers; the root directory is 0.
pub(in crate::wim) trait Source {
    /// Bytes of a security descriptor.
    type Descriptor: AsRef<[u8]>;

    /// The security descriptors, in the order of the numbers by which files refer to them.
    fn descriptors(&self) -> &[Self::Descriptor];

    /// How many entries there are, about.
    fn count(&self) -> usize;

    /// An entry. It is asked for once, so it may be made for that: a large tree need not be in memory in this form.
    fn file(&self, id: usize) -> Cow<'_, NewFile>;

    /// What is in a directory, in the order of images.
    fn sorted_children(&self, directory: usize) -> Vec<usize>;
}

/// Writes the metadata resource, uncompressed.
///
/// # Errors
/// If a name, a number of streams or the whole is larger than the format allows.
pub(in crate::wim) fn encode(tree: &impl Source) -> Result<Vec<u8>, EncodeError> {
    const ROOT: usize = 0;
    let mut out = Vec::with_capacity(tree.count() * 160);
    security::encode(tree.descriptors(), &mut out)?;
    // Directories whose lists are to be written, each with the place that refers to it; the next one last.
    let mut pending = Vec::new();
    let mut root = tree.file(ROOT).into_owned();
    (root.name, root.short_name) = (Vec::new(), Vec::new());
    pending.extend(write_dentry(&root, &mut out)?.map(|field| (ROOT, field)));
    out.extend([0; 8]);
    while let Some((directory, subdirectory_field)) = pending.pop() {
        let list = out.len() as u64;
        out[subdirectory_field..][..8].copy_from_slice(&list.to_le_bytes());
        let first = pending.len();
        for child in tree.sorted_children(directory) {
            pending.extend(write_dentry(&tree.file(child), &mut out)?.map(|field| (child, field)));
        }
        pending[first..].reverse();
        out.extend([0; 8]);
        if out.len() as u64 > parse::MAX_NBYTES {
            return Err(EncodeError::TooLarge);
        }
    }
    Ok(out)
}

/// Appends one dentry and its streams; for a directory, answers where its subdirectory offset goes.
fn write_dentry(node: &NewFile, out: &mut Vec<u8>) -> Result<Option<usize>, EncodeError> {
    let (name, short_name) = (&*node.name, &*node.short_name);
    let nbytes_of = |name: &[u8]| match u16::try_from(name.len()) {
        Ok(nbytes) if nbytes.is_multiple_of(2) => Ok(nbytes),
        _ => Err(EncodeError::NameTooLong { name: utf16::to_string_lossy(name) }),
    };
    let empty = NewStream::unnamed(StreamKind::Data, Sha1::ZERO);
    let layout = Layout::new(node.attributes, &node.streams, &empty);
    let extra_streams = u16::try_from(layout.extras.len())
        .map_err(|_| EncodeError::TooManyStreams { name: node.display_name(), count: layout.extras.len() })?;
    let names_nbytes = name_space(name.len()) + name_space(short_name.len());
    let length = (FIXED_NBYTES + names_nbytes).next_multiple_of(8) + node.tagged_items.len();
    let start = out.len();

    out.extend((length as u64).to_le_bytes());
    out.extend(node.attributes.0.to_le_bytes());
    out.extend(node.security_id.unwrap_or(NO_SECURITY).to_le_bytes());
    let subdirectory_field = out.len();
    out.extend([0; 8]);
    out.extend(node.unused);
    for time in [node.creation_time, node.access_time, node.write_time] {
        out.extend(time.0.to_le_bytes());
    }
    out.extend(layout.main.0);
    out.extend(node.unknown);
    out.extend(node.reparse_or_link.to_le_bytes());
    out.extend(extra_streams.to_le_bytes());
    out.extend(nbytes_of(short_name)?.to_le_bytes());
    out.extend(nbytes_of(name)?.to_le_bytes());
    for name in [name, short_name] {
        out.extend(name);
        out.resize(out.len() + name_space(name.len()) - name.len(), 0);
    }
    out.resize(start + length - node.tagged_items.len(), 0);
    out.extend(&node.tagged_items);
    for stream in layout.extras {
        let length = (stream_field::NAME + name_space(stream.name.len())).next_multiple_of(8);
        let end = out.len() + length;
        out.extend((length as u64).to_le_bytes());
        out.extend(stream.reserved);
        out.extend(stream.sha1.0);
        out.extend(nbytes_of(&stream.name)?.to_le_bytes());
        out.extend(&stream.name);
        out.resize(end, 0);
    }
    Ok(node.attributes.contains(Attributes::DIRECTORY).then_some(subdirectory_field))
}
