//! The WIM container: reading, checking, writing.

pub mod blob_reader;
pub mod blob_table;
pub mod browse;
pub mod builder;
pub mod capture;
pub mod chunk_cache;
pub mod edit;
mod encoder;
pub mod engine;
pub mod error;
pub mod export;
pub mod extract;
pub mod header;
pub mod integrity;
pub mod metadata;
pub mod output;
pub mod piped;
pub mod reader;
pub mod recover;
mod references;
pub mod resource;
pub mod setup_script;
pub mod split;
#[cfg(test)]
pub(crate) mod test_image;
pub mod update;
pub mod verify;
mod windows;
mod writer;
pub mod xml;

pub use builder::ImageBuilder;
pub use error::WimError;
pub use reader::{ImageIndex, OpenOptions, Wim, open_plain};
