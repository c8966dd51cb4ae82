//! The Xpress codec.

mod decode;
mod encode;
mod fast;
#[cfg(any(test, feature = "__internal-testing"))]
pub(crate) mod plain;

pub use decode::XpressDecompressor;
pub use encode::XpressCompressor;
