//! Updates as data: what a package consists of.

pub mod package;
pub mod role;
