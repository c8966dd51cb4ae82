//! Deltas of Windows packages, and the compressed manifests that are made of them.
//!
//! A delta says how a *target* is made out of a *source*: copy from here, copy from there, and these bytes are new. The source may
//! be empty; the delta is then just a compressed file, a *null delta*. [`pa30`] is the one kind of delta that can be applied;
//! [`dcm`] are the four-byte wrappers around it that files in the component store have.
//!
//! The formats were never published by their maker. What is known comes from public descriptions and from trying it out on
//! files whose outcome is known; a delta tells the digest of its target, so that a wrong guess never passes for a result.
//! What is not known is refused as [`DeltaError::Unsupported`], which is not damage.
//!
//! Nothing here reads files: a delta, its source and its target are slices.

pub mod dcm;
mod error;
pub mod pa30;
#[cfg(any(test, feature = "__internal-testing"))]
pub mod test_encoder;

pub use error::{DeltaError, Malformed, Unsupported};
