//! The WIM container: reading, checking, writing.

pub mod header;
pub mod resource;
