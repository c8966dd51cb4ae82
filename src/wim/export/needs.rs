//! Which blobs the selected images refer to.

use super::{ExportError, Selection};
use crate::util::sha1::Sha1;
use crate::wim::metadata::{Metadata, StreamKind};
use std::collections::{HashMap, HashSet};

/// What the selected images need.
pub(super) struct Needs {
    /// Stream references to each blob.
    pub(super) references: HashMap<Sha1, u32>,
    /// The source in which each blob was met first, in the order of the trees.
    pub(super) order: Vec<(Sha1, usize)>,
    /// Blobs that the destination has.
    pub(super) present: HashSet<Sha1>,
    /// The name of a file with this content, the shortest of several.
    pub(super) names: HashMap<Sha1, String>,
}

impl Needs {
    /// `with_names`: names are wanted, which sort the blobs of a solid resource.
    pub(super) fn collect(selections: &[Selection<'_>], with_names: bool) -> Result<Self, ExportError> {
        let mut wanted =
            Self { references: HashMap::new(), order: Vec::new(), present: HashSet::new(), names: HashMap::new() };
        for (source, selection) in selections.iter().enumerate() {
            for image in &selection.images {
                let metadata = selection.wim.metadata(*image)?;
                wanted.add(source, &metadata, with_names);
            }
        }
        Ok(wanted)
    }

    fn add(&mut self, source: usize, metadata: &Metadata, with_names: bool) {
        for (dentry, stream) in metadata.blob_references() {
            let count = self.references.entry(stream.sha1).or_insert(0);
            if *count == 0 {
                self.order.push((stream.sha1, source));
            }
            *count = count.saturating_add(1);
            if with_names && stream.kind == StreamKind::Data {
                let name = metadata.entry(dentry).name();
                let known = self.names.get(&stream.sha1);
                // UTF-16 bytes are at least as many as the characters of any known name.
                if known.is_none_or(|known| name.as_utf16le().len() / 2 < known.chars().count())
                    && let Some(name) = name.to_str()
                {
                    self.names.insert(stream.sha1, name);
                }
            }
        }
    }
}
