//! What two or more rooms share and what knows no format.

pub mod filetime;
pub mod le;
pub mod progress;
pub mod read_at;
pub mod sha1;
pub mod utf16;
