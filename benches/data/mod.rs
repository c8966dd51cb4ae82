//! The data that the codecs' benches work on.

/// At most so many bytes of a given file are used.
const MAX_DATA: usize = 16 << 20;

/// What `WIMKIT_BENCH_DATA` names, or a generated mixture.
pub(crate) fn bench_data() -> Vec<u8> {
    match std::env::var_os("WIMKIT_BENCH_DATA") {
        Some(path) => {
            let mut data = std::fs::read(path).expect("WIMKIT_BENCH_DATA can be read");
            data.truncate(MAX_DATA);
            data
        }
        None => mixture(4 << 20),
    }
}

/// Data of many kinds, 32 KiB of each in turn; the same bytes on every run.
fn mixture(size: usize) -> Vec<u8> {
    const WORDS: [&str; 12] =
        ["the ", "of ", "image ", "and ", "chunk ", "a ", "offset, ", "resource. ", "to ", "in ", "windows\r\n", "is "];
    let mut seed = 0x1234_5678_9abc_def0_u64;
    let mut random = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    let mut data = Vec::with_capacity(size + 64);
    while data.len() < size {
        match data.len() >> 15 & 7 {
            0 | 1 => data.extend_from_slice(WORDS[(random() & random()) % WORDS.len()].as_bytes()),
            2..=4 => {
                data.extend_from_slice(&[0x48, 0x8b, (random() & 0x3f) as u8 | 0x40, (random() & 0x78) as u8]);
                if random() % 8 == 0 {
                    data.push(0xe8);
                    data.extend_from_slice(
                        &(4096 * (random() % 64) as i32 - (data.len() & 0x7fff) as i32).to_le_bytes(),
                    );
                }
            }
            5 => data.extend_from_slice(&((data.len() / 16 * 0x30 + random() % 4) as u64).to_le_bytes()),
            6 => data.push(random() as u8),
            _ => data.extend_from_slice(&[0; 64]),
        }
    }
    data.truncate(size);
    data
}
