//! The Xpress codec.

mod decode;
mod encode;

pub use decode::XpressDecompressor;
pub use encode::XpressCompressor;
