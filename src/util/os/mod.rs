//! What differs between operating systems.

mod dir;
pub use dir::{Ownership, SpecialFile, Times, UnixFacts};

#[cfg(unix)]
mod unix;
#[cfg(unix)]
mod unix_dir;
#[cfg(unix)]
pub use unix::{FileId, copy_range, identify, is_local, open_alone, open_unfollowed, physical_memory, unix_facts};
#[cfg(unix)]
pub use unix_dir::{Dir, finish_file};

#[cfg(windows)]
mod windows;
#[cfg(windows)]
mod windows_dir;
#[cfg(windows)]
pub use windows::{FileId, copy_range, identify, is_local, open_alone, open_unfollowed, physical_memory, unix_facts};
#[cfg(windows)]
pub use windows_dir::{Dir, finish_file};
