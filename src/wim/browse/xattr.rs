//! What Linux calls extended attributes: named streams, and what else Windows keeps about a file.
//!
//! Streams are `user.NAME`; these are listed. The rest has the names that ntfs-3g gives it, and as there must be asked for by
//! name: copying programs would else try to set them on file systems that have no such thing.

use super::error::BrowseError;
use super::inode::{Facet, Inode};
use super::{Browser, Found, is_named};
use crate::wim::metadata::{StreamKind, reparse, tagged};

/// What streams' names begin with.
const USER: &str = "user.";
/// The longest name of an extended attribute that Linux knows, in bytes.
const MAX_NAME_NBYTES: usize = 255;
/// The largest value that Linux takes, in bytes. Larger streams are read as `FILE:STREAM`.
pub const MAX_VALUE_NBYTES: u64 = 65_536;

impl Browser {
    /// The names of the extended attributes of a file that are listed.
    ///
    /// # Errors
    /// The file is not there.
    pub fn xattr_names(&mut self, inode: Inode) -> Result<Vec<String>, BrowseError> {
        if !self.has_xattrs(inode)? {
            return Ok(Vec::new());
        }
        let found = self.find(inode)?;
        let names = found.entry.streams().filter(is_named).filter_map(|stream| stream.name.to_str());
        let names = names.map(|name| format!("{USER}{name}"));
        Ok(names.filter(|name| name.len() <= MAX_NAME_NBYTES && !name.contains('\0')).collect())
    }

    /// The value of an extended attribute; `None` if the file has no such attribute.
    ///
    /// # Errors
    /// The file is not there; the stream is damaged, or larger than [`MAX_VALUE_NBYTES`].
    pub fn xattr(&mut self, inode: Inode, name: &str) -> Result<Option<Vec<u8>>, BrowseError> {
        if !self.has_xattrs(inode)? {
            return Ok(None);
        }
        let found = self.find(inode)?;
        if let Some(stream) = name.strip_prefix(USER) {
            let stream = found.stream(stream).map(|(_, stream)| self.open_stream(&found, &stream));
            return stream.map(|stream| stream?.read_all(MAX_VALUE_NBYTES)).transpose();
        }
        if name == "system.ntfs_reparse_data" {
            return self.reparse_data(&found);
        }
        let entry = found.entry;
        let times = [entry.creation_time(), entry.write_time(), entry.access_time(), entry.write_time()];
        let item = |tag| entry.tagged_items().find(|item| item.tag == tag).map(|item| item.data.to_vec());
        let dos_name = || entry.short_name().to_str().filter(|name| !name.is_empty()).map(String::into_bytes);
        Ok(match name {
            "system.ntfs_attrib" => Some(entry.attributes().0.to_le_bytes().to_vec()),
            "system.ntfs_attrib_be" => Some(entry.attributes().0.to_be_bytes().to_vec()),
            "system.ntfs_acl" => entry.security_descriptor().map(<[u8]>::to_vec),
            "system.ntfs_times" => Some(times.iter().flat_map(|time| time.0.to_le_bytes()).collect()),
            "system.ntfs_times_be" => Some(times.iter().flat_map(|time| time.0.to_be_bytes()).collect()),
            "system.ntfs_crtime" => Some(times[0].0.to_le_bytes().to_vec()),
            "system.ntfs_crtime_be" => Some(times[0].0.to_be_bytes().to_vec()),
            "system.ntfs_dos_name" => dos_name(),
            "system.ntfs_object_id" => item(tagged::OBJECT_ID),
            "system.ntfs_ea" => item(tagged::EXTENDED_ATTRIBUTES),
            _ => None,
        })
    }

    /// The reparse data with the 8-byte header that the system puts before it.
    fn reparse_data(&self, found: &Found<'_>) -> Result<Option<Vec<u8>>, BrowseError> {
        let Some(tag) = found.entry.reparse_tag() else { return Ok(None) };
        let data = match found.entry.stream(StreamKind::Reparse) {
            Some(stream) => self.open_stream(found, &stream)?.read_all(reparse::MAX_NBYTES)?,
            None => Vec::new(),
        };
        let mut value = tag.to_le_bytes().to_vec();
        // Its size is bounded by what was read.
        value.extend((data.len() as u32).to_le_bytes());
        value.extend(data);
        Ok(Some(value))
    }

    /// Whether it is an entry of an image, whose tree is then read; and not a stream, or the inside of a WIM.
    fn has_xattrs(&mut self, inode: Inode) -> Result<bool, BrowseError> {
        if inode.facet != Facet::Itself || self.archive_at(inode)?.is_some() {
            return Ok(false);
        }
        self.load(inode.place).map(|()| true)
    }
}
