//! What every encoder must do, checked against the strict decoders.

use proptest::prelude::*;

use super::{Format, KnownMatch, Level};

fn unpack(format: Format, chunk_size: u32, packed: &[u8], size: usize) -> Vec<u8> {
    let mut unpacked = vec![0; size];
    let mut decompressor = format.strict_decompressor(chunk_size).unwrap();
    decompressor.decompress(packed, &mut unpacked).expect("what we encoded can be decoded, and nothing is odd");
    unpacked
}

/// Encodes each chunk twice in one context and once in a fresh one, decodes it, and returns the last one's size.
fn check(format: Format, chunk_size: u32, level: u8, chunks: &[&[u8]]) -> Option<usize> {
    let level = Level::new(level).unwrap();
    let mut reused = format.compressor(chunk_size, level).unwrap();
    let mut last = None;
    for chunk in chunks {
        let mut packed = vec![0xaa; chunk.len() + 7];
        last = reused.compress(chunk, &mut packed);
        let mut again = vec![0x55; chunk.len() + 7];
        assert_eq!(format.compressor(chunk_size, level).unwrap().compress(chunk, &mut again), last);
        if let Some(size) = last {
            assert!(size < chunk.len());
            assert_eq!(packed[..size], again[..size], "the same input, different bytes");
            assert!(packed[size..].iter().all(|&byte| byte == 0xaa), "written behind the end");
            assert!(
                unpack(format, chunk_size, &packed[..size], chunk.len()) == *chunk,
                "{format} {chunk_size} {level:?}"
            );
            assert_eq!(reused.compress(chunk, &mut again[..size]), last, "the exact room is enough");
            assert_eq!(reused.compress(chunk, &mut again[..size - 1]), None);
        }
    }
    last
}

fn random_bytes(count: usize, mut seed: u64) -> Vec<u8> {
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 56) as u8
    };
    (0..count).map(|_| next()).collect()
}

/// Words in skewed order, with calls to few targets strewn in: compresses to somewhat less than half.
fn prose(count: usize, seed: u64) -> Vec<u8> {
    const WORDS: [&str; 16] = [
        "the ",
        "of ",
        "image ",
        "and ",
        "chunk ",
        "a ",
        "offset, ",
        "resource. ",
        "to ",
        "in ",
        "windows\r\n",
        "is ",
        "stored ",
        "\0\0\0\0",
        "codeword ",
        "length ",
    ];
    let mut text = Vec::with_capacity(count + 16);
    for pair in random_bytes(count, seed).chunks_exact(2) {
        if pair[0] % 16 == 0 {
            let call = 1000 * i32::from(pair[1] % 8) - text.len() as i32;
            text.push(0xe8);
            text.extend_from_slice(&call.to_le_bytes());
        } else {
            text.extend_from_slice(WORDS[usize::from(pair[0] & pair[1] & 15)].as_bytes());
        }
    }
    text.truncate(count);
    text
}

const FORMATS: [Format; 2] = [Format::Xpress, Format::Lzx];

fn chunk_sizes(format: Format) -> impl Iterator<Item = u32> {
    let (min, max) = format.chunk_size_range();
    [1 << 12, 1 << 15, 1 << 16, 1 << 17].into_iter().filter(move |size| (min..=max).contains(size))
}

#[test]
fn every_level_and_chunk_size() {
    for format in FORMATS {
        for chunk_size in chunk_sizes(format) {
            let size = chunk_size as usize;
            let text = prose(size, 1);
            let mut mixed = prose(size, 2);
            mixed[size / 3..size / 2].copy_from_slice(&random_bytes(size / 2 - size / 3, 3));
            let ramp: Vec<u8> = (0..size).map(|i| (i / 7) as u8).collect();
            let zeros = vec![0; size];
            // The largest chunks add only what wide positions and several segments change.
            let levels: &[u8] = if size > 1 << 16 { &[2, 5] } else { &[1, 2, 3, 4, 5, 6, 7, 8, 9] };
            for &level in levels {
                let chunks = [&text[..], &zeros, &mixed, &ramp, &text[..size - 1], &text];
                let packed = check(format, chunk_size, level, &chunks).expect("text shrinks");
                assert!(packed < size * 55 / 100, "{format} {chunk_size} {level}: {packed}");
            }
        }
    }
}

#[test]
fn zeros_take_almost_nothing() {
    for level in 1..=9 {
        assert!(check(Format::Xpress, 1 << 16, level, &[&[0; 1 << 16]]).unwrap() <= 268);
        assert!(check(Format::Lzx, 1 << 15, level, &[&[0; 1 << 15]]).unwrap() <= 140);
    }
}

#[test]
fn random_bytes_are_left_to_be_stored() {
    let noise = random_bytes(1 << 15, 4);
    for format in FORMATS {
        for level in [1, 3, 4, 9] {
            assert_eq!(check(format, 1 << 15, level, &[&noise]), None);
        }
    }
}

#[test]
fn tiny_chunks() {
    for format in FORMATS {
        for level in [1, 2, 4, 9] {
            let (text, noise) = (prose(70, 5), random_bytes(70, 6));
            let lengths = 0..=70;
            let chunks = lengths.flat_map(|len| [&text[..len], &noise[..len], &[7; 70][..len]]).collect::<Vec<_>>();
            check(format, 1 << 15, level, &chunks);
        }
    }
}

#[test]
fn the_last_positions_of_a_full_window() {
    // Two and three equal bytes at the very ends: offsets that the format cannot express must not be used.
    for format in FORMATS {
        for chunk_size in chunk_sizes(format) {
            let size = chunk_size as usize;
            let mut chunk = vec![b'-'; size];
            for (end, begin) in [(size - 1, 0), (size - 2, 1), (size - 3, 2)] {
                chunk[end] = b'A' + (size - end) as u8;
                chunk[begin] = b'A' + (size - end) as u8;
            }
            for distance in [1, 2, 3, 4] {
                let mut chunk = chunk.clone();
                chunk.copy_within(0..distance, size - distance);
                for level in [1, 3, 4, 9] {
                    check(format, chunk_size, level, &[&chunk]).expect("dashes shrink");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_mixture_survives(
        pieces in prop::collection::vec((0u64..4, 0usize..4000, any::<u64>(), 0usize..500), 0..12),
        level in 1u8..=9,
        size_choice in 0usize..3,
    ) {
        let mut data = Vec::new();
        for (kind, count, seed, distance) in pieces {
            match kind {
                0 => data.extend(random_bytes(count / 4, seed)),
                1 => data.extend(prose(count, seed)),
                2 => data.extend(std::iter::repeat_n(seed as u8, count)),
                _ => for _ in 0..count {
                    let distance = distance.clamp(1, data.len().max(1));
                    data.push(data.len().checked_sub(distance).map_or(1, |at| data[at]));
                },
            }
        }
        for format in FORMATS {
            let chunk_size = chunk_sizes(format).nth(size_choice).unwrap();
            let chunks: Vec<&[u8]> = data.chunks(chunk_size as usize).collect();
            check(format, chunk_size, level, &chunks);
        }
    }
}

/// Samples of two channels: what delta matches are for.
fn sound(count: usize) -> Vec<u8> {
    let mut noise = random_bytes(count, 5).into_iter();
    let mut level = [0_i16, 1000];
    let mut sound = Vec::with_capacity(count + 4);
    while sound.len() < count {
        for level in &mut level {
            *level = level.wrapping_add(40 + i16::from(noise.next().unwrap_or(0) & 1));
            sound.extend(level.to_le_bytes());
        }
    }
    sound.truncate(count);
    sound
}

/// Whether a chunk was seen before must not matter: which context gets which chunk is chance.
#[test]
fn contexts_forget_what_they_have_seen() {
    let (sound, prose) = (sound(32768), prose(32768, 3));
    let mixed = [&sound[..9000], &prose[..9000], &sound[9000..20_000]].concat();
    for format in [Format::Xpress, Format::Lzx, Format::Lzms] {
        for level in 1..=9 {
            let level = Level::new(level).unwrap();
            let mut reused = format.compressor(32768, level).unwrap();
            for chunk in [&prose, &sound, &mixed, &prose[..700], &sound[..3000], &mixed[..5000], &sound] {
                let [mut packed, mut again] = [0x55, 0xAA].map(|byte| vec![byte; chunk.len()]);
                let size = reused.compress(chunk, &mut packed);
                assert_eq!(format.compressor(32768, level).unwrap().compress(chunk, &mut again), size);
                let Some(size) = size else { continue };
                assert!(packed[..size] == again[..size], "{format} {level:?}");
                assert!(unpack(format, 32768, &packed[..size], chunk.len()) == *chunk, "{format} {level:?}");
            }
        }
    }
}
/// The rest of a longer chunk still lies behind a shorter one, and goes on as that would have.
#[test]
fn what_lies_behind_a_chunk_does_not_matter() {
    // Few symbols: nearly every match could go on behind the end.
    let data: Vec<u8> = random_bytes(32768, 3).iter().map(|byte| byte & 0x11).collect();
    let zeros = vec![0; data.len()];
    for format in [Format::Xpress, Format::Lzx] {
        for level in [1, 3, 5].map(|level| Level::new(level).unwrap()) {
            let [mut after_data, mut after_zeros] = [(); 2].map(|()| format.compressor(32768, level).unwrap());
            for size in (200..data.len()).step_by(211) {
                let [mut packed, mut again] = [0, 0].map(|byte| vec![byte; data.len()]);
                after_data.compress(&data, &mut packed);
                after_zeros.compress(&zeros, &mut again);
                let length = after_data.compress(&data[..size], &mut packed);
                assert_eq!(length, after_zeros.compress(&data[..size], &mut again), "{format} {level:?} {size}");
                let length = length.unwrap_or(0);
                assert!(packed[..length] == again[..length], "{format} {level:?} {size}");
            }
        }
    }
}

/// Encodes a chunk by what is known of it and gives the size.
fn check_known(chunk: &[u8], matches: &[KnownMatch], level: u8) -> Option<usize> {
    let mut compressor = Format::Xpress.compressor(32768, Level::new(level).unwrap()).unwrap();
    let [mut packed, mut again] = [0x55, 0xAA].map(|byte| vec![byte; chunk.len() + 7]);
    let size = compressor.compress_with_matches(chunk, matches, &mut packed);
    assert_eq!(compressor.compress_with_matches(chunk, matches, &mut again), size);
    if let Some(size) = size {
        assert!(size < chunk.len() && packed[..size] == again[..size]);
        assert!(packed[size..].iter().all(|&byte| byte == 0x55), "written behind the end");
        assert!(unpack(Format::Xpress, 32768, &packed[..size], chunk.len()) == *chunk, "{level}");
        assert_eq!(compressor.compress_with_matches(chunk, matches, &mut again[..size - 1]), None);
    }
    size
}

/// The matches of a chunk as LZX has them.
fn lzx_matches(chunk: &[u8]) -> Vec<KnownMatch> {
    let mut packed = vec![0; chunk.len()];
    let size = Format::Lzx.compressor(32768, Level::DEFAULT).unwrap().compress(chunk, &mut packed).unwrap();
    let (mut unpacked, mut matches) = (vec![0; chunk.len()], Vec::new());
    let mut decompressor = Format::Lzx.decompressor(32768).unwrap();
    decompressor.decompress_with_matches(&packed[..size], &mut unpacked, &mut matches).unwrap();
    assert!(unpacked == *chunk);
    matches
}

#[test]
fn what_lzx_has_found_serves_xpress() {
    let text = prose(32768, 9);
    let mut mixed = prose(30_000, 10);
    mixed[11_000..12_000].copy_from_slice(&random_bytes(1000, 11));
    mixed.extend_from_within(3..2003);
    for chunk in [&text[..], &mixed, &[0; 32768], &text[..600]] {
        let matches = lzx_matches(chunk);
        for level in 1..=9 {
            let searched = check(Format::Xpress, 32768, level, &[chunk]).unwrap();
            let known = check_known(chunk, &matches, level).unwrap();
            if Format::Xpress.uses_matches(Level::new(level).unwrap()) {
                assert!(known <= searched + searched / 20, "{level}: {known} for {searched}");
            } else {
                assert_eq!(known, searched);
            }
        }
    }
}

proptest! {
    /// Of another chunk, or of none: they need not be true.
    #[test]
    fn what_is_known_may_be_wrong(
        seed in any::<u64>(),
        known in prop::collection::vec((any::<u16>(), any::<u16>(), any::<u16>()), 1..200),
        near in prop::collection::vec((0usize..4000, 0usize..300, 0usize..50), 1..200),
    ) {
        let chunk = prose(4000, seed);
        let wild: Vec<_> = known.iter().map(|&(a, b, c)| KnownMatch::new(a.into(), b.into(), c.into())).collect();
        let near: Vec<_> = near.iter().map(|&(a, b, c)| KnownMatch::new(a, b, c)).collect();
        for matches in [wild, near, lzx_matches(&prose(32768, seed ^ 1))] {
            check_known(&chunk, &matches, 5);
        }
    }
}
