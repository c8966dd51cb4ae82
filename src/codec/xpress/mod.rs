//! The Xpress codec.

mod decode;
mod encode;
mod fast;
pub(crate) mod plain;

pub use decode::XpressDecompressor;
pub(super) use encode::LAST_LAZY_LEVEL;
pub use encode::XpressCompressor;
