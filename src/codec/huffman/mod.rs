//! Canonical prefix codes: decode tables and length-limited codeword lengths.

pub(crate) mod decode_table;
pub mod lengths;
pub(crate) mod merger;
pub(crate) mod plain;
