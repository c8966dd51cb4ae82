//! What the codecs' unit tests share.

use proptest::prelude::*;

/// The bytes that a string of hexadecimal digits stands for.
pub(crate) fn unhex(hex: &str) -> Vec<u8> {
    let digit = |digit: u8| (digit as char).to_digit(16).expect("a hexadecimal digit") as u8;
    hex.as_bytes().as_chunks::<2>().0.iter().map(|&[high, low]| digit(high) << 4 | digit(low)).collect()
}

/// An XPRESS chunk with these non-zero bytes of the table of codeword lengths, and this stream.
pub(crate) fn xpress_chunk(table: &[(usize, u8)], stream: &str) -> Vec<u8> {
    let mut chunk = vec![0; 256];
    for &(index, lens) in table {
        chunk[index] = lens;
    }
    chunk.extend(unhex(stream));
    chunk
}

/// Every truncation and every flip of one bit of a chunk.
pub(crate) fn damaged(chunk: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let truncated = (0..chunk.len()).map(|len| chunk[..len].to_vec());
    let flipped = (0..chunk.len() * 8).map(|bit| {
        let mut chunk = chunk.to_vec();
        chunk[bit / 8] ^= 1 << (bit % 8);
        chunk
    });
    truncated.chain(flipped)
}

/// The codeword lengths of a complete code over some of `symbols` symbols, at least two: a tree whose leaves have been
/// split at random.
pub(crate) fn complete_code(symbols: usize, max_len: u8) -> impl Strategy<Value = Vec<u8>> {
    let splits = prop::collection::vec(any::<prop::sample::Index>(), 0..symbols - 1);
    let order = Just((0..symbols).collect::<Vec<_>>()).prop_shuffle();
    (splits, order).prop_map(move |(splits, order)| {
        let mut leaves = vec![1, 1];
        for split in splits {
            let leaf = split.index(leaves.len());
            if leaves[leaf] < max_len {
                leaves[leaf] += 1;
                leaves.push(leaves[leaf]);
            }
        }
        let mut lens = vec![0; symbols];
        for (symbol, len) in order.into_iter().zip(leaves) {
            lens[symbol] = len;
        }
        lens
    })
}

/// Bytes that do not compress, the same at each call.
pub(crate) fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..size).map(|_| next()).collect()
}
