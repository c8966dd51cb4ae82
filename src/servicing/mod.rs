//! Component servicing of images: what only Windows' own servicing stack can do, and who is asked to.

pub mod code;
pub mod outcome;
