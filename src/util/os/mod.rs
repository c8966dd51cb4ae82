//! What differs between operating systems.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub use unix::{copy_range, is_local};

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub use windows::{copy_range, is_local};
