//! Updates as data: what an update package is, what a set of them amounts to.

pub mod identity;
pub mod mum;
pub mod text;
