//! The LZX codec, WIM variant: every chunk stands alone.

mod bits;
mod decode;
mod e8;
mod encode;
mod fast;
mod format;
pub(crate) mod plain;

pub use decode::LzxDecompressor;
pub use encode::LzxCompressor;
