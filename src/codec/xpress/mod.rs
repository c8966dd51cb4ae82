//! The Xpress codec.

mod decode;
mod encode;
pub(crate) mod plain;

pub use decode::XpressDecompressor;
pub use encode::XpressCompressor;
