//! The files that are meant, and what is said on the way.

use super::super::Context;
use super::super::exit::Failure;
use super::super::printer::warn;
use std::path::PathBuf;
use wimkit::address::container::ContainerOptions;
use wimkit::cab;
use wimkit::catalog::gather::{self, GatherError};

pub(super) use wimkit::catalog::gather::File;

/// Looks into what was named.
pub(super) fn gather(paths: &[PathBuf], base: Option<&[u8]>, context: &Context) -> Result<Vec<File>, Failure> {
    let cab = cab::OpenOptions { no_mmap: context.global.no_mmap, ..cab::OpenOptions::default() };
    let options = ContainerOptions { cab, memory: context.memory() };
    let mut leave_out = |path: &std::path::Path, why: &'static str| warn(format_args!("{}: {why}", path.display()));
    Ok(gather::gather(paths, base, &options, context.control(), &mut leave_out)?)
}

impl From<GatherError> for Failure {
    fn from(error: GatherError) -> Self {
        match error {
            GatherError::Interrupted => Self::Interrupted,
            GatherError::Address(error) => error.into(),
            GatherError::Inspect(error) => error.into(),
            error => Self::new(error, None::<String>),
        }
    }
}
