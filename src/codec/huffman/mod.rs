//! Canonical prefix codes: decode tables and length-limited codeword lengths.

pub(crate) mod decode_table;
pub mod lengths;
#[cfg(any(test, feature = "__internal-testing"))]
pub(crate) mod plain;
