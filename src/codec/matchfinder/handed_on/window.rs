//! Comparing sixteen bytes at once.
//!
//! Most matches end within sixteen bytes, so one comparison, without a loop, tells their length. SSE2, which every x86-64
//! processor has, does it in four instructions; the plain twin takes sixteen bytes as a number.
#![allow(unsafe_code)]

#[cfg(not(target_arch = "x86_64"))]
pub(crate) use self::plain::Window;
#[cfg(target_arch = "x86_64")]
pub(crate) use self::sse2::Window;

/// How many bytes a window shows.
pub(crate) const WINDOW: u32 = 16;

#[cfg(target_arch = "x86_64")]
mod sse2 {
    use std::arch::x86_64::{__m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8};

    /// Sixteen bytes.
    #[derive(Clone, Copy)]
    pub(crate) struct Window(__m128i);

    impl Window {
        #[inline(always)]
        pub(crate) fn new(bytes: &[u8; 16]) -> Self {
            // SAFETY: every x86-64 processor has SSE2; sixteen bytes are what is loaded, and need no alignment.
            Self(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
        }

        /// How many bytes agree before the first that differ.
        #[inline(always)]
        pub(crate) fn common(self, other: Self) -> u32 {
            // SAFETY: every x86-64 processor has SSE2.
            let equal = unsafe { _mm_movemask_epi8(_mm_cmpeq_epi8(self.0, other.0)) };
            equal.trailing_ones()
        }
    }
}

#[cfg(any(test, not(target_arch = "x86_64")))]
mod plain {
    /// Sixteen bytes.
    #[derive(Clone, Copy)]
    pub(crate) struct Window(u128);

    impl Window {
        #[inline(always)]
        pub(crate) fn new(bytes: &[u8; 16]) -> Self {
            Self(u128::from_le_bytes(*bytes))
        }

        /// How many bytes agree before the first that differ.
        #[inline(always)]
        pub(crate) fn common(self, other: Self) -> u32 {
            (self.0 ^ other.0).trailing_zeros() / 8
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn windows_agree_up_to_the_first_difference() {
        let bytes: [u8; 16] = std::array::from_fn(|i| i as u8);
        for first in 0..=16 {
            for behind in [0_u8, 1, 0x55, 0xFF] {
                let mut other = bytes;
                for (i, byte) in other.iter_mut().enumerate().skip(first) {
                    *byte ^= if i == first { 0x80 } else { behind.rotate_left(i as u32) & 1 };
                }
                assert_eq!(super::Window::new(&bytes).common(super::Window::new(&other)), first as u32);
                assert_eq!(super::plain::Window::new(&bytes).common(super::plain::Window::new(&other)), first as u32);
            }
        }
    }
}
