//! The Lzms codec.

mod decode;
mod encode;

pub use decode::LzmsDecompressor;
pub use encode::LzmsCompressor;
