//! What differs between operating systems.

mod dir;
pub use dir::Times;

#[cfg(unix)]
mod unix;
#[cfg(unix)]
mod unix_dir;
#[cfg(unix)]
pub use unix::{copy_range, is_local, physical_memory};
#[cfg(unix)]
pub use unix_dir::{Dir, finish_file};

#[cfg(windows)]
mod windows;
#[cfg(windows)]
mod windows_dir;
#[cfg(windows)]
pub use windows::{copy_range, is_local, physical_memory};
#[cfg(windows)]
pub use windows_dir::{Dir, finish_file};
