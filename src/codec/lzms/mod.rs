//! The LZMS codec: an LZ77 and delta matcher whose decisions are range coded and whose symbols have adaptive prefix
//! codes, behind an x86 address filter. Every chunk stands alone.

mod arrivals;
mod backward_bits;
mod batch;
mod copy;
mod decode;
mod decode_code;
mod dispatch;
mod encode;
mod format;
mod huffman;
mod item;
mod item_reader;
mod item_writer;
mod lazy;
mod optimal;
mod output;
pub(super) mod plain;
mod prices;
mod queue;
mod range;
mod x86;

pub use decode::LzmsDecompressor;
pub use encode::LzmsCompressor;
