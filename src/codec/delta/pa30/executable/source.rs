//! The source while it is made like the target.

use super::super::rift::RiftTable;
use super::image::{Directory, Image};
use crate::util::le;

/// How many steps a source may take for each of its bytes. Tables in a real image do not overlap.
const STEPS_PER_BYTE: u64 = 16;

/// The tables of an image overlap in a way that would take too long.
#[derive(Debug)]
pub(super) struct TooMuchWork;

/// A source and what is known of it.
pub(super) struct Source {
    pub(super) bytes: Vec<u8>,
    pub(super) image: Image,
    /// From RVAs of the source to those of the target.
    moved: RiftTable,
    /// The target's image base.
    target_base: u64,
    /// For each byte whether something has it that is no code, as far as it matters.
    taken: Vec<bool>,
    steps_left: u64,
}

impl Source {
    pub(super) fn new(bytes: Vec<u8>, image: Image, moved: RiftTable, target_base: u64) -> Self {
        let taken = vec![false; bytes.len()];
        let steps_left = (bytes.len() as u64 + 1024) * STEPS_PER_BYTE;
        Self { bytes, image, moved, target_base, taken, steps_left }
    }

    /// Counts a step.
    pub(super) fn step(&mut self) -> Result<(), TooMuchWork> {
        self.steps_left = self.steps_left.checked_sub(1).ok_or(TooMuchWork)?;
        Ok(())
    }

    /// Whether nothing has moved.
    pub(super) fn is_unmoved(&self) -> bool {
        self.moved.0.is_empty()
    }

    /// The target's RVA for one of the source. What lies in front of all entries has not moved.
    pub(super) fn mapped(&self, rva: i64) -> i64 {
        match self.moved.0.first() {
            Some(first) if rva >= first.from => rva.wrapping_add(self.moved.at(rva).0),
            _ => rva,
        }
    }

    /// The target's address for one of the source, with the image bases.
    pub(super) fn mapped_address(&self, address: i64) -> i64 {
        let rva = address.wrapping_sub(self.image.base as i64);
        self.mapped(rva).wrapping_add(self.target_base as i64)
    }

    pub(super) fn u16_at(&self, offset: usize) -> Option<u16> {
        le::u16(&self.bytes, offset)
    }

    pub(super) fn u32_at(&self, offset: usize) -> Option<u32> {
        le::u32(&self.bytes, offset)
    }

    /// A pointer, of 4 or 8 bytes.
    pub(super) fn pointer_at(&self, offset: usize) -> Option<u64> {
        if self.image.is_64_bit { le::u64(&self.bytes, offset) } else { self.u32_at(offset).map(u64::from) }
    }

    pub(super) fn pointer_nbytes(&self) -> usize {
        if self.image.is_64_bit { 8 } else { 4 }
    }

    /// Writes bytes; those outside of the file are left out.
    pub(super) fn set(&mut self, offset: usize, bytes: &[u8]) {
        if let Some(target) = self.bytes.get_mut(offset..).and_then(|rest| rest.get_mut(..bytes.len())) {
            target.copy_from_slice(bytes);
        }
    }

    pub(super) fn set_u32(&mut self, offset: usize, value: u32) {
        self.set(offset, &value.to_le_bytes());
    }

    pub(super) fn set_pointer(&mut self, offset: usize, value: u64) {
        let nbytes = self.pointer_nbytes();
        self.set(offset, &value.to_le_bytes()[..nbytes]);
    }

    /// Makes an RVA the target's. Zero stands for none.
    pub(super) fn map_rva_at(&mut self, offset: usize) -> Option<()> {
        let rva = self.u32_at(offset)?;
        if rva != 0 {
            let mapped = self.mapped(rva.into()) as u32;
            self.set_u32(offset, mapped);
        }
        self.take(offset, 4);
        Some(())
    }

    /// Marks bytes as no code.
    pub(super) fn take(&mut self, offset: usize, nbytes: usize) {
        let end = offset.saturating_add(nbytes).min(self.taken.len());
        if let Some(bytes) = self.taken.get_mut(offset..end) {
            bytes.fill(true);
        }
    }

    /// Marks bytes as perhaps code.
    pub(super) fn release(&mut self, range: std::ops::Range<usize>) {
        if let Some(bytes) = self.taken.get_mut(range) {
            bytes.fill(false);
        }
    }

    /// Whether one of these bytes is no code. Bytes outside of the file are not.
    pub(super) fn is_taken(&self, offset: usize, nbytes: usize) -> bool {
        let end = offset.saturating_add(nbytes).min(self.taken.len());
        self.taken.get(offset..end).is_some_and(|bytes| bytes.contains(&true))
    }

    /// Where in the file a directory is, and its size.
    pub(super) fn directory(&self, directory: Directory) -> Option<(usize, usize)> {
        let (rva, size) = self.image.directory(directory)?;
        Some((self.image.offset_of(rva)?, size as usize))
    }

    pub(super) fn set_image_base(&mut self) {
        self.set_pointer(self.image.base_at, self.target_base);
    }
}
