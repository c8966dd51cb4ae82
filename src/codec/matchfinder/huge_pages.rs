//! Memory for large tables.

use memmap2::MmapMut;

/// A table that begins as zeros, in huge pages where the system grants them: searching at random in hundreds of
/// megabytes, a third of the time would otherwise go by in finding out where the pages are.
#[derive(Debug, Default)]
pub(super) struct HugeTable {
    map: Option<MmapMut>,
    len: usize,
}

impl HugeTable {
    /// Begins with `len` bytes of zeros.
    ///
    /// # Panics
    /// If there is not so much memory.
    pub(super) fn reset(&mut self, len: usize) {
        self.len = len;
        match &mut self.map {
            Some(map) if map.len() >= len => map[..len].fill(0),
            _ if len == 0 => {}
            map => {
                // The old one goes before there is a new one.
                *map = None;
                let new = MmapMut::map_anon(len).expect("memory for a match finder");
                #[cfg(target_os = "linux")]
                // Huge pages may be switched off; then it goes slower.
                let _ = new.advise(memmap2::Advice::HugePage);
                *map = Some(new);
            }
        }
    }

    /// Whether there is nothing in it.
    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The rows of the table, in the processor's byte order.
    #[inline(always)]
    pub(super) fn rows<const WAYS: usize>(&self) -> &[[[u8; 4]; WAYS]] {
        let bytes = self.map.as_deref().map_or(&[][..], |map| &map[..self.len]);
        bytes.as_chunks().0.as_chunks().0
    }

    /// The rows of the table, in the processor's byte order.
    #[inline(always)]
    pub(super) fn rows_mut<const WAYS: usize>(&mut self) -> &mut [[[u8; 4]; WAYS]] {
        let bytes = self.map.as_deref_mut().map_or(&mut [][..], |map| &mut map[..self.len]);
        bytes.as_chunks_mut().0.as_chunks_mut().0
    }
}
