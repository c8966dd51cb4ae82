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
    pub use super::extended_attributes::{from_list, to_list};
    pub use super::security_descriptor::{Parts, parts, to_be_set};
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
