//! What an image holds and an extraction does not restore.

use crate::wim::metadata::tagged::{TaggedItem, UNIX_DATA};
use crate::wim::metadata::{Attributes, Entry, Metadata};

/// So many files of an image have features that are not restored: the files themselves are whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotRestored {
    /// Files with a security descriptor.
    pub security_descriptors: u64,
    /// Names with an 8.3 name beside them.
    pub short_names: u64,
    /// Files with attributes such as READONLY, HIDDEN and SYSTEM.
    pub attributes: u64,
    /// Files with extended attributes, an object id, or other tagged items.
    pub tagged_items: u64,
}

impl NotRestored {
    /// Attributes that say nothing which an extracted file does not show.
    const SHOWN: [Attributes; 5] = [
        Attributes::DIRECTORY,
        Attributes::NORMAL,
        Attributes::ARCHIVE,
        Attributes::REPARSE_POINT,
        Attributes::SPARSE_FILE,
    ];

    /// Counts the features of a whole image. `with_unix_data`: those that [`super::Options::unix_data`] restores do not count.
    pub fn of(tree: &Metadata, with_unix_data: bool) -> Self {
        let shown = Self::SHOWN.into_iter().fold(Attributes::default(), |all, one| all | one);
        let mut counts = Self::default();
        for entry in tree.entries() {
            counts.short_names += u64::from(!entry.short_name().is_empty());
            if entry.first_link() == entry.id() {
                counts.count(&entry, shown, with_unix_data);
            }
        }
        counts
    }

    fn count(&mut self, entry: &Entry<'_>, shown: Attributes, with_unix_data: bool) {
        self.security_descriptors += u64::from(entry.security_id().is_some());
        self.attributes += u64::from(entry.attributes() & !shown != Attributes::default());
        let is_lost = |item: TaggedItem<'_>| !(with_unix_data && item.tag == UNIX_DATA);
        self.tagged_items += u64::from(entry.tagged_items().any(is_lost));
    }

    /// Whether there is nothing of the kind.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::sha1::Sha1;
    use crate::wim::metadata::{NewFile, ParseOptions, TreeBuilder};

    #[test]
    fn features_are_counted_once_for_each_file() {
        let mut builder = TreeBuilder::new();
        let id = builder.add_security_descriptor(b"descriptor");
        let plain = NewFile::file("plain", Sha1::ZERO).with_attributes(Attributes::ARCHIVE);
        builder.add(TreeBuilder::ROOT, plain);
        let full = NewFile::file("long name", Sha1::ZERO)
            .with_short_name("LONGNA~1")
            .with_attributes(Attributes::HIDDEN)
            .with_security_id(id)
            .with_tagged_item(2, b"attribute");
        let full = builder.add(TreeBuilder::ROOT, full);
        builder.add_hard_link(TreeBuilder::ROOT, "link", full);
        let tree = Metadata::parse(builder.encode().unwrap(), &ParseOptions::default()).unwrap();
        let expected = NotRestored { security_descriptors: 1, short_names: 1, attributes: 1, tagged_items: 1 };
        assert_eq!(NotRestored::of(&tree, true), expected);
        let empty = Metadata::parse(TreeBuilder::new().encode().unwrap(), &ParseOptions::default()).unwrap();
        assert!(NotRestored::of(&empty, false).is_nothing());
    }
}
