//! What differs between operating systems.

mod dir;
#[cfg(any(windows, test, feature = "__internal-testing"))]
mod extended_attributes;
mod ntfs;
#[cfg(any(windows, test, feature = "__internal-testing"))]
mod security_descriptor;
pub use dir::{Ownership, SpecialFile, Times, UnixFacts};
pub use ntfs::{Abilities, CompactFormat, NamedStream, NotHeld, ReparsePoint, Restore, WindowsFacts};

/// The parsers of what NTFS hands out and takes as bytes, for the fuzz target.
#[cfg(feature = "__internal-testing")]
pub mod parsers {
    use super::{extended_attributes, security_descriptor};

    /// The system's list of extended attributes out of an image's packed form.
    pub fn to_list(packed: &[u8]) -> Option<Vec<u8>> {
        extended_attributes::to_list(packed)
    }

    /// The packed form out of the system's list.
    pub fn from_list(list: &[u8]) -> Option<Vec<u8>> {
        extended_attributes::from_list(list)
    }

    /// Which parts a security descriptor has.
    pub fn parts(descriptor: &[u8]) -> Option<impl PartialEq + std::fmt::Debug> {
        security_descriptor::parts(descriptor)
    }

    /// A security descriptor as it is to be set.
    pub fn to_be_set(descriptor: &[u8]) -> Vec<u8> {
        security_descriptor::to_be_set(descriptor)
    }
}

#[cfg(unix)]
mod unix;
#[cfg(unix)]
mod unix_dir;
#[cfg(unix)]
pub use unix::{
    FileId, Look, copy_range, file_system, identify, identify_open, is_local, look, make_sparse, missing_for_reading,
    missing_for_writing, open_alone, open_stream, open_unfollowed, physical_memory, remove_tree, unix_facts, verbatim,
};
#[cfg(unix)]
pub use unix_dir::{Dir, finish_file};

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub use windows::{
    Dir, FileId, Look, copy_range, file_system, finish_file, identify, identify_open, is_local, look, make_sparse,
    missing_for_reading, missing_for_writing, open_alone, open_stream, open_unfollowed, physical_memory, remove_tree,
    unix_facts, verbatim,
};
