//! Decoding canonical prefix codes bit by bit: slow, and plain enough to be checked against the definition by eye.

/// A canonical code of at most 16 bits per codeword.
pub(crate) struct PlainCode {
    /// How many codewords have each length; `[0]` is unused.
    counts: [u32; 17],
    /// The used symbols in the order of their codewords.
    sorted: Vec<u16>,
}

impl PlainCode {
    /// The code with these codeword lengths (0 = unused); `None` if it is over-subscribed or incomplete. The empty
    /// code is allowed.
    pub(crate) fn new(lens: &[u8]) -> Option<Self> {
        let mut counts = [0; 17];
        let mut sorted = Vec::new();
        for len in 1..=16 {
            let symbols = (0..lens.len()).filter(|&symbol| lens[symbol] == len).map(|symbol| symbol as u16);
            sorted.extend(symbols.inspect(|_| counts[usize::from(len)] += 1));
        }
        let space: u32 = (1..=16).map(|len| counts[len] << (16 - len)).sum();
        (space == 1 << 16 || space == 0).then_some(Self { counts, sorted })
    }

    /// Whether no symbol has a codeword.
    pub(crate) fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// Decodes one symbol. An empty code gives symbol 0 and takes no bits, as established readers do.
    pub(crate) fn decode(&self, mut next_bit: impl FnMut() -> u32) -> u16 {
        if self.is_empty() {
            return 0;
        }
        let (mut code, mut first, mut index) = (0, 0, 0);
        for count in &self.counts[1..] {
            code = code << 1 | next_bit();
            first <<= 1;
            if code - first < *count {
                return self.sorted[(index + code - first) as usize];
            }
            first += count;
            index += count;
        }
        unreachable!("every 16 bits begin with a codeword of a complete code")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(code: &PlainCode, bits: &str) -> u16 {
        let mut bits = bits.bytes().map(|bit| u32::from(bit - b'0'));
        let symbol = code.decode(|| bits.next().expect("enough bits"));
        assert_eq!(bits.next(), None, "bits are left over");
        symbol
    }

    #[test]
    fn codewords_follow_length_then_symbol() {
        let code = PlainCode::new(&[3, 1, 0, 3, 2]).expect("complete");
        for (bits, symbol) in [("0", 1), ("10", 4), ("110", 0), ("111", 3)] {
            assert_eq!(decode(&code, bits), symbol);
        }
    }

    #[test]
    fn only_complete_and_empty_codes_are_codes() {
        assert!(PlainCode::new(&[1]).is_none());
        assert!(PlainCode::new(&[1, 2]).is_none());
        assert!(PlainCode::new(&[1, 1, 16]).is_none());
        assert!(PlainCode::new(&[16; 300]).is_none());
        assert_eq!(decode(&PlainCode::new(&[0; 5]).expect("empty"), ""), 0);
    }
}
