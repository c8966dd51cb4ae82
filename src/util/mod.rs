//! What two or more rooms share and what knows no format.

pub mod progress;
pub mod read_at;
pub mod sha1;
