//! Updates as data: what an update package is, what a set of them amounts to.

pub mod class;
pub mod identity;
pub mod inspect;
pub mod mum;
pub mod release;
pub mod text;
