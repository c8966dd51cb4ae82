//! The LZX codec, WIM variant: every chunk stands alone. Cabinets have a variant of their own, see [`super::cabinet`].

mod bits;
pub(super) mod cabinet;
mod decode;
mod e8;
pub(super) mod encode;
mod fast;
mod format;
pub(crate) mod plain;
mod recent;

pub use decode::LzxDecompressor;
pub use encode::LzxCompressor;
