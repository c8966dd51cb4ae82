//! Images made up for tests.

use std::io::Cursor;

use super::blob_table::Entry as BlobEntry;
use super::header::{HEADER_SIZE, Header, ResourceHeader};
use super::metadata::{NewFile, NodeId, TreeBuilder};
use super::reader::Wim;
use crate::util::sha1::Sha1;
use crate::util::utf16;

/// An image in the making, with the contents of its files.
#[derive(Default)]
pub(crate) struct Sample {
    pub(crate) tree: TreeBuilder,
    pub(crate) contents: Vec<Vec<u8>>,
    /// What is stored in place of a content.
    pub(crate) damaged: Vec<Sha1>,
}

impl Sample {
    pub(crate) fn content(&mut self, content: &[u8]) -> Sha1 {
        self.contents.push(content.to_vec());
        Sha1::of(content)
    }

    pub(crate) fn file(&mut self, parent: NodeId, name: &str, content: &[u8]) -> NodeId {
        let sha1 = self.content(content);
        self.tree.add(parent, NewFile::file(name, sha1))
    }

    pub(crate) fn directory(&mut self, parent: NodeId, name: &str) -> NodeId {
        self.tree.add(parent, NewFile::directory(name))
    }

    pub(crate) fn wim(&self) -> Wim {
        Wim::from_source(Box::new(Cursor::new(self.bytes())), "sample.wim").unwrap()
    }

    /// A stored archive of one image.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut file = vec![0; HEADER_SIZE];
        let mut table = Vec::new();
        let mut store = |bytes: &[u8], sha1: Sha1, flags: u8, file: &mut Vec<u8>| {
            let size = bytes.len() as u64;
            let offset_in_wim = file.len() as u64;
            let resource = ResourceHeader { size_in_wim: size, flags, offset_in_wim, uncompressed_size: size };
            table.extend(BlobEntry { resource, part_number: 1, reference_count: 1, sha1 }.encode());
            file.extend(bytes);
        };
        let metadata = self.tree.encode().unwrap();
        store(&metadata, Sha1::of(&metadata), 2, &mut file);
        for content in self.contents.iter().filter(|content| !content.is_empty()) {
            let sha1 = Sha1::of(content);
            let mut stored = content.clone();
            stored[0] ^= u8::from(self.damaged.contains(&sha1));
            store(&stored, sha1, 0, &mut file);
        }
        let mut bytes = [0; HEADER_SIZE];
        bytes[..5].copy_from_slice(b"MSWIM");
        bytes[8..12].copy_from_slice(&(HEADER_SIZE as u32).to_le_bytes());
        bytes[12..16].copy_from_slice(&0x10D00_u32.to_le_bytes());
        (bytes[0x28], bytes[0x2A], bytes[0x2C]) = (1, 1, 1);
        let mut header = Header::decode(&bytes).unwrap();
        let at_end = |file: &[u8], size: usize| ResourceHeader {
            size_in_wim: size as u64,
            flags: 2,
            offset_in_wim: file.len() as u64,
            uncompressed_size: size as u64,
        };
        header.blob_table = at_end(&file, table.len());
        file.extend(&table);
        let xml = [vec![0xFF, 0xFE], utf16::from_str("<WIM><IMAGE INDEX=\"1\"/></WIM>")].concat();
        header.xml = at_end(&file, xml.len());
        file.extend(xml);
        file[..HEADER_SIZE].copy_from_slice(&header.encode());
        file
    }
}
