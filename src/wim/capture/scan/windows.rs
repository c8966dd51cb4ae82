//! What NTFS keeps of files, taken into a scan.

use super::{ContentSource, FileState, Kind, NamedContents, NodeIndex, Scanner, WindowsNode};
use crate::util::os::{FileId, NamedStream, ReparsePoint, WindowsFacts};
use crate::wim::capture::error::Problem;
use crate::wim::metadata::{Attributes, reparse};
use std::fs::Metadata;

/// Attributes that tell where the content is, which is in the image now.
const ABOUT_STORAGE: Attributes = Attributes(0x0044_0000); // RECALL_ON_OPEN, RECALL_ON_DATA_ACCESS

pub(super) fn is_directory(facts: &WindowsFacts) -> bool {
    Attributes(facts.attributes).contains(Attributes::DIRECTORY)
}

/// Takes the reparse point that an image can hold out of what was found. One that says how the content is stored is none:
/// the file is what programs see.
pub(super) fn reparse_point(facts: &mut WindowsFacts) -> Result<Option<ReparsePoint>, Problem> {
    match facts.reparse_point.take() {
        Some(point) if point.tag == reparse::DEDUP => Ok(None),
        // Where the filter is at work, it shows no reparse point.
        Some(point) if point.tag == reparse::WOF => Err(Problem::Overlay),
        point => Ok(point),
    }
}

impl Scanner<'_> {
    /// A link with its target made to count from the root of the tree, if it lies inside; anything else as it is.
    pub(super) fn reparse_point(&mut self, point: ReparsePoint, to_directory: bool, content: Option<u32>) -> Kind {
        let ReparsePoint { tag, reserved, data } = point;
        let fixed = self.links.fix(tag, &data);
        let is_not_fixed = fixed.is_none();
        let data = fixed.unwrap_or(data);
        let data = self.scan.add_content(data.len() as u64, ContentSource::Bytes(data.into()));
        Kind::Link { data, tag, reserved, to_directory, is_not_fixed, content }
    }

    /// What is kept besides of a file that has become `kind`.
    pub(super) fn windows_node(
        &mut self,
        node: NodeIndex,
        facts: WindowsFacts,
        kind: Kind,
        metadata: &Metadata,
        identity: Option<(FileId, u64)>,
    ) -> Result<Box<WindowsNode>, Problem> {
        let mut attributes = Attributes(facts.attributes) & !(ABOUT_STORAGE | Attributes::REPARSE_POINT);
        if attributes.contains(Attributes::ENCRYPTED) {
            // Only the raw form could be stored; of a directory, it says what becomes of new files in it.
            if kind != Kind::Directory {
                return Err(Problem::Encrypted);
            }
            attributes = attributes & !Attributes::ENCRYPTED;
        }
        if matches!(kind, Kind::Link { .. }) {
            attributes = attributes | Attributes::REPARSE_POINT;
        }
        let state = FileState::new(metadata, identity.map(|(id, _)| id));
        Ok(Box::new(WindowsNode {
            attributes,
            short_name: facts.short_name.into(),
            descriptor: self.descriptor(facts.security_descriptor),
            streams: self.streams(node, facts.streams, &state)?,
            object_id: facts.object_id.map(Box::new),
            extended_attributes: facts.extended_attributes.into(),
        }))
    }

    fn streams(
        &mut self,
        node: NodeIndex,
        streams: Vec<NamedStream>,
        state: &FileState,
    ) -> Result<NamedContents, Problem> {
        let mut named = Vec::with_capacity(streams.len());
        for NamedStream { name, size } in streams {
            let name: Box<str> = name.ok_or(Problem::StreamNotText)?.into();
            let state = state.clone().of_stream(size);
            let content = self.scan.add_content(size, ContentSource::Stream { node, name: name.clone(), state });
            named.push((name, content));
        }
        // The order of the file system says nothing.
        named.sort();
        Ok(named.into())
    }

    /// The number of a security descriptor among those that were met.
    fn descriptor(&mut self, descriptor: Option<Vec<u8>>) -> Option<u32> {
        let Some(descriptor) = descriptor else {
            self.without_descriptor += 1;
            return None;
        };
        let descriptor: Box<[u8]> = descriptor.into();
        if let Some(number) = self.descriptors.get(&descriptor) {
            return Some(*number);
        }
        let number = self.scan.descriptors.len() as u32;
        self.scan.descriptors.push(descriptor.clone());
        self.descriptors.insert(descriptor, number);
        Some(number)
    }
}
