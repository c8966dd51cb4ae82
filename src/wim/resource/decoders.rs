//! Reusable decoder contexts, shared by all threads.

use super::{Coding, ResourceError};
use crate::codec::{Decompressor, Format};
use crate::util::pool::{Loan, Pool};

/// Hands out decoder contexts and takes them back, so that each is built once per thread and not once per chunk.
#[derive(Debug, Default)]
pub struct DecoderPool {
    contexts: Pool<Coding, Box<dyn Decompressor>>,
    strict: bool,
}

impl DecoderPool {
    /// A pool without any context yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A pool of [strict](Format::strict_decompressor) decoders.
    pub fn strict() -> Self {
        Self { strict: true, ..Self::default() }
    }

    /// A context for `coding`, which returns to the pool when dropped.
    ///
    /// # Errors
    /// The format does not allow that chunk size.
    pub fn get(&self, coding: Coding) -> Result<Loan<'_, Coding, Box<dyn Decompressor>>, ResourceError> {
        let make = if self.strict { Format::strict_decompressor } else { Format::decompressor };
        self.contexts.get_or_make(coding, || Ok(make(coding.0, coding.1)?))
    }
}
