//! The WIM container: reading, checking, writing.

pub mod metadata;
pub mod xml;
