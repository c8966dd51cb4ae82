//! Updates as data: what a package consists of, what it is, and what a set of them amounts to.

pub mod cix;
pub mod class;
pub mod digest;
pub mod gather;
pub mod identity;
pub mod inspect;
pub mod mum;
pub mod package;
pub mod payload;
pub mod psf;
pub mod release;
pub mod role;
pub mod rules;
pub mod set;
pub mod text;
