//! Reusable decoder contexts, shared by all threads.

use super::{Coding, ResourceError};
use crate::codec::Decompressor;
use crate::util::pool::{Loan, Pool};

/// Hands out decoder contexts and takes them back, so that each is built once per thread and not once per chunk.
#[derive(Debug, Default)]
pub struct DecoderPool(Pool<Coding, Box<dyn Decompressor>>);

impl DecoderPool {
    /// A pool without any context yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A context for `coding`, which returns to the pool when dropped.
    ///
    /// # Errors
    /// The format does not allow that chunk size.
    pub fn get(&self, coding: Coding) -> Result<Loan<'_, Coding, Box<dyn Decompressor>>, ResourceError> {
        self.0.get_or_make(coding, || Ok(coding.0.decompressor(coding.1)?))
    }
}
