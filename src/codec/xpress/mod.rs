//! The Xpress codec.

mod decode;
mod encode;
mod fast;
pub(crate) mod plain;

pub use decode::XpressDecompressor;
pub use encode::XpressCompressor;
