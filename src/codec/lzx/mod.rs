//! The LZX codec, WIM variant: every chunk stands alone.

mod decode;
mod encode;
mod format;

pub use decode::LzxDecompressor;
pub use encode::LzxCompressor;
