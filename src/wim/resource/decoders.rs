//! Reusable decoder contexts, shared by all threads.

use super::{Coding, ResourceError};
use crate::codec::Decompressor;
use std::sync::{Mutex, PoisonError};

/// Hands out decoder contexts and takes them back, so that each is built once per thread and not once per chunk.
#[derive(Default)]
pub struct DecoderPool {
    idle: Mutex<Vec<(Coding, Box<dyn Decompressor>)>>,
}

impl DecoderPool {
    /// A pool without any context yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A context for `coding`, which returns to the pool when dropped.
    ///
    /// # Errors
    /// The format does not allow that chunk size.
    pub fn get(&self, coding: Coding) -> Result<PooledDecoder<'_>, ResourceError> {
        let found = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            let position = idle.iter().rposition(|(other, _)| *other == coding);
            position.map(|position| idle.swap_remove(position).1)
        };
        let decoder = match found {
            Some(decoder) => decoder,
            None => coding.0.decompressor(coding.1)?,
        };
        Ok(PooledDecoder { pool: self, coding, decoder: Some(decoder) })
    }
}

impl std::fmt::Debug for DecoderPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DecoderPool")
    }
}

/// A decoder context on loan.
pub struct PooledDecoder<'a> {
    pool: &'a DecoderPool,
    coding: Coding,
    decoder: Option<Box<dyn Decompressor>>,
}

impl std::ops::Deref for PooledDecoder<'_> {
    type Target = dyn Decompressor;

    fn deref(&self) -> &Self::Target {
        &**self.decoder.as_ref().expect("the decoder is there until drop")
    }
}

impl std::ops::DerefMut for PooledDecoder<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut **self.decoder.as_mut().expect("the decoder is there until drop")
    }
}

impl Drop for PooledDecoder<'_> {
    fn drop(&mut self) {
        if let Some(decoder) = self.decoder.take() {
            self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push((self.coding, decoder));
        }
    }
}

impl std::fmt::Debug for PooledDecoder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PooledDecoder").field("coding", &self.coding).finish_non_exhaustive()
    }
}
