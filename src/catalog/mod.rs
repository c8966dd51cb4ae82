//! Updates as data: what a package consists of.

pub mod cix;
pub mod digest;
pub mod package;
pub mod payload;
pub mod psf;
pub mod role;
