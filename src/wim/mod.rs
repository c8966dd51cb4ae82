//! The WIM container: reading, checking, writing.

pub mod blob_table;
pub mod engine;
pub mod header;
pub mod integrity;
pub mod resource;
