//! Chooses the variant of the innermost loop that this processor runs best.
#![allow(unsafe_code)]

use super::LzmsDecompressor;
use super::decode::ItemReader;
use crate::codec::DecodeError;

/// [`ItemReader::read_batch`], compiled for what this processor has.
pub(super) fn read_batch(
    reader: &mut ItemReader<'_>,
    decompressor: &mut LzmsDecompressor,
    pos: usize,
    end: usize,
) -> Result<usize, DecodeError> {
    #[cfg(target_arch = "x86_64")]
    if crate::codec::cpu::bmi2() {
        // SAFETY: the function is safe but for needing these features, and the processor has them.
        return unsafe { read_batch_bmi2(reader, decompressor, pos, end) };
    }
    reader.read_batch(decompressor, pos, end)
}

/// The population count gives a probability, and shifts need not go through one register.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "popcnt,bmi1,bmi2")]
fn read_batch_bmi2(
    reader: &mut ItemReader<'_>,
    decompressor: &mut LzmsDecompressor,
    pos: usize,
    end: usize,
) -> Result<usize, DecodeError> {
    reader.read_batch(decompressor, pos, end)
}
