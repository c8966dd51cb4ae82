//! The LZMS encoder.

use super::item_writer::{EncodeCodes, ItemWriter};
use super::lazy::LazyParser;
use super::optimal::{Effort, OptimalParser};
use super::x86::X86Filter;
use crate::codec::matchfinder::delta::DeltaFinder;
use crate::codec::matchfinder::multi_hash::{MultiHash, PADDING, Reach};
use crate::codec::{Compressor, Level};

/// Encodes LZMS chunks.
///
/// Memory is taken for the data that comes, not for the chunk size: a small last chunk does not cost what a whole one
/// does.
#[derive(Debug)]
pub struct LzmsCompressor {
    chunk_size: usize,
    /// The chunk behind the x86 filter, with padding.
    filtered: Vec<u8>,
    x86: X86Filter,
    codes: Box<EncodeCodes>,
    finder: MultiHash,
    parser: Parser,
}

#[derive(Debug)]
enum Parser {
    Lazy(Box<LazyParser>),
    Optimal(Box<OptimalParser>),
}

/// What a level means.
struct Settings {
    reach: Reach,
    /// How hard the near-optimal parser tries; the quick one serves where it is `None`.
    effort: Option<Effort>,
}

impl Settings {
    const fn of(level: Level) -> Self {
        let reach = match level.get() {
            1 => Reach { of_2: 0, of_3: 0, of_4: 14, of_6: 0, of_8: 20, of_12: 0, of_24: 22 },
            2 => Reach { of_2: 0, of_3: 0, of_4: 16, of_6: 18, of_8: 21, of_12: 0, of_24: 22 },
            3 => Reach { of_2: 0, of_3: 14, of_4: 16, of_6: 20, of_8: 22, of_12: 0, of_24: 23 },
            4 => Reach { of_2: 0, of_3: 14, of_4: 16, of_6: 20, of_8: 22, of_12: 22, of_24: 23 },
            5 => Reach { of_2: 16, of_3: 18, of_4: 22, of_6: 24, of_8: 24, of_12: 24, of_24: 24 },
            6 => Reach { of_2: 16, of_3: 18, of_4: 23, of_6: 24, of_8: 24, of_12: 24, of_24: 24 },
            7 => Reach { of_2: 16, of_3: 18, of_4: 24, of_6: 25, of_8: 24, of_12: 25, of_24: 24 },
            8 => Reach { of_2: 16, of_3: 18, of_4: 25, of_6: 25, of_8: 25, of_12: 25, of_24: 24 },
            _ => Reach { of_2: 16, of_3: 18, of_4: 25, of_6: 26, of_8: 26, of_12: 25, of_24: 25 },
        };
        const USUAL: Effort =
            Effort { nice_length: 128, combine: true, delta_lz_limit: 8, delta_sample: 1, items_per_prices: 96 };
        let effort = match level.get() {
            0..=3 => None,
            4 => Some(Effort { nice_length: 48, combine: false, delta_sample: 4, items_per_prices: 256, ..USUAL }),
            5 => Some(USUAL),
            6 => Some(Effort { nice_length: 160, items_per_prices: 64, ..USUAL }),
            7 => Some(Effort { nice_length: 192, items_per_prices: 40, ..USUAL }),
            8 => Some(Effort { nice_length: 224, delta_lz_limit: 12, items_per_prices: 64, ..USUAL }),
            _ => Some(Effort { nice_length: 255, delta_lz_limit: 16, items_per_prices: 20, ..USUAL }),
        };
        Self { reach, effort }
    }
}

impl LzmsCompressor {
    /// An encoder for chunks of at most `chunk_size` bytes.
    pub fn new(chunk_size: usize, level: Level) -> Self {
        let Settings { reach, effort } = Settings::of(level);
        Self {
            chunk_size,
            filtered: Vec::new(),
            x86: X86Filter::new(),
            codes: Box::new(EncodeCodes::new()),
            finder: MultiHash::new(reach, effort.map_or(LazyParser::NICE_LENGTH, |effort| effort.nice_length)),
            parser: match effort {
                None => Parser::Lazy(Box::new(LazyParser::new())),
                Some(effort) => Parser::Optimal(Box::new(OptimalParser::new(effort))),
            },
        }
    }

    /// About how many bytes a context occupies once it has seen a whole chunk.
    pub fn memory(chunk_size: usize, level: Level) -> u64 {
        let Settings { reach, effort } = Settings::of(level);
        let fixed = size_of::<EncodeCodes>() as u64 + X86Filter::MEMORY + DeltaFinder::memory(chunk_size);
        fixed + effort.map_or(0, OptimalParser::memory) + chunk_size as u64 + MultiHash::memory(reach, chunk_size)
    }
}

impl Compressor for LzmsCompressor {
    fn compress(&mut self, src: &[u8], dst: &mut [u8]) -> Option<usize> {
        assert!(src.len() <= self.chunk_size, "{} bytes in a chunk of {}", src.len(), self.chunk_size);
        let capacity = src.len().min(dst.len()).saturating_sub(1);
        self.filtered.clear();
        self.filtered.reserve_exact(src.len() + PADDING);
        self.filtered.extend_from_slice(src);
        self.x86.forward(&mut self.filtered);
        self.filtered.resize(src.len() + PADDING, 0);
        self.finder.begin(&self.filtered);
        let mut writer = ItemWriter::new(&mut self.codes, src.len(), dst, capacity);
        match &mut self.parser {
            Parser::Lazy(parser) => parser.parse(&self.filtered, &mut self.finder, &mut writer),
            Parser::Optimal(parser) => parser.parse(&self.filtered, &mut self.finder, &mut writer),
        }
        writer.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Decompressor;
    use crate::codec::lzms::{LzmsDecompressor, plain};

    /// A reproducible source of noise.
    struct Noise(u64);

    impl Noise {
        fn next(&mut self) -> u32 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as u32
        }
    }

    fn words(len: usize) -> Vec<u8> {
        let mut noise = Noise(7);
        let mut text = Vec::new();
        while text.len() < len {
            let word = noise.next() % 300 * (noise.next() % 300);
            text.extend_from_slice(format!("{word:x} ").as_bytes());
        }
        text.truncate(len);
        text
    }

    /// Two channels of 16-bit samples of a slow wave.
    fn samples(len: usize) -> Vec<u8> {
        let wave = |i: usize| ((i as f64 / 40.0).sin() * 9000.0) as i16;
        (0..len / 4).flat_map(|i| [wave(i), wave(i + 20)]).flat_map(i16::to_le_bytes).collect()
    }

    fn table(len: usize) -> Vec<u8> {
        (0..len as u32 / 8).flat_map(|i| [0x40_0000 + 24 * i, 7 + i]).flat_map(u32::to_le_bytes).collect()
    }

    /// Calls near each other, so that the x86 filter translates them.
    fn code(len: usize) -> Vec<u8> {
        let mut noise = Noise(3);
        let mut code = Vec::new();
        while code.len() < len {
            let target = [0x1000u32, 0x2340, 0x5678][noise.next() as usize % 3];
            code.push(0xE8);
            code.extend_from_slice(&target.wrapping_sub(code.len() as u32).to_le_bytes());
            code.extend((0..noise.next() % 9).map(|i| 0x50 + i as u8));
        }
        code.truncate(len);
        code
    }

    fn compressor(level: u8) -> LzmsCompressor {
        LzmsCompressor::new(1 << 20, Level::new(level).expect("a level"))
    }

    /// Compresses, decodes in two ways, and returns the stored size.
    fn round_trip(compressor: &mut LzmsCompressor, data: &[u8]) -> usize {
        let mut dst = vec![0; data.len()];
        let Some(size) = compressor.compress(data, &mut dst) else { return data.len() };
        assert!(size < data.len() && size % 2 == 0);
        let mut back = vec![0xAA; data.len()];
        LzmsDecompressor::new().decompress(&dst[..size], &mut back).expect("our own stream is sound");
        assert!(back == data, "what comes back differs");
        back.fill(0x55);
        plain::decompress(&dst[..size], &mut back).expect("our own stream is sound");
        assert!(back == data, "what comes back plainly differs");
        size
    }

    #[test]
    fn every_level_comes_back_and_is_small() {
        let len = 30_000;
        // With the size, in percent, that must not be exceeded.
        let kinds = [(vec![0; len], 1), (words(len), 60), (samples(len), 30), (table(len), 1), (code(len), 30)];
        for level in 1..=9 {
            let mut compressor = compressor(level);
            for (kind, (data, percent)) in kinds.iter().enumerate() {
                let size = round_trip(&mut compressor, data);
                assert!(size * 100 <= data.len() * percent, "level {level}, kind {kind}: {size}");
            }
        }
    }

    #[test]
    fn small_inputs_come_back() {
        for level in [1, 5, 9] {
            let mut compressor = compressor(level);
            for len in 0..70 {
                round_trip(&mut compressor, &vec![b'A'; len]);
                round_trip(&mut compressor, &words(len));
                round_trip(&mut compressor, &(0..len as u8).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn noise_does_not_fit() {
        let mut noise = Noise(1);
        let data: Vec<u8> = (0..20_000).map(|_| noise.next() as u8).collect();
        for level in [1, 5] {
            assert_eq!(compressor(level).compress(&data, &mut vec![0; data.len()]), None);
        }
    }

    #[test]
    fn what_does_not_fit_the_output_is_refused() {
        let data = words(5000);
        let mut compressor = compressor(5);
        let mut dst = vec![0; 5000];
        let size = compressor.compress(&data, &mut dst).expect("text shrinks");
        for capacity in [0, 1, 2, 7, size / 2, size] {
            assert_eq!(compressor.compress(&data, &mut dst[..capacity]), None, "{capacity}");
        }
        assert_eq!(compressor.compress(&data, &mut dst[..size + 1]), Some(size));
    }

    #[test]
    fn what_came_before_does_not_matter() {
        let (first, second) = (code(9000), words(9000));
        for level in [2, 6] {
            let mut fresh = vec![0; 9000];
            let fresh_size = compressor(level).compress(&second, &mut fresh);
            let mut used = compressor(level);
            let mut dst = vec![0; 9000];
            used.compress(&first, &mut dst);
            assert_eq!(used.compress(&second, &mut dst), fresh_size);
            assert_eq!(dst[..fresh_size.expect("text shrinks")], fresh[..fresh_size.expect("text shrinks")]);
        }
    }

    proptest::proptest! {
        #[test]
        fn pieces_of_pieces_come_back(
            seed in proptest::collection::vec(0..4u8, 1..60),
            copies in proptest::collection::vec((0..1000usize, 1..200usize), 0..40),
            level in 1..10u8,
        ) {
            let mut data = seed;
            for (from, len) in copies {
                let from = from % data.len();
                let end = (from + len).min(data.len());
                data.extend_from_within(from..end);
                data.push(len as u8);
            }
            round_trip(&mut compressor(level), &data);
        }
    }
}
