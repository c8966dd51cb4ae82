//! Names and texts as UDF writes them: a byte that tells the width of characters, then the characters.

/// Characters of one byte.
const NARROW: u8 = 8;
/// Characters of two bytes, the higher first.
const WIDE: u8 = 16;

/// A name: in single bytes if all characters have such.
pub(super) fn encode(text: &str) -> Vec<u8> {
    if text.chars().all(|c| u32::from(c) <= 0xFF) {
        return [NARROW].into_iter().chain(text.chars().map(|c| c as u8)).collect();
    }
    [WIDE].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect()
}

/// A text in a field of a fixed size, whose last byte tells how much of it is used. What does not fit is cut off.
pub(super) fn put(field: &mut [u8], text: &str) {
    let Some((used, room)) = field.split_last_mut() else { return };
    let mut encoded = encode(text);
    let mut fitting = encoded.len().min(room.len());
    if encoded[0] == WIDE {
        // No half characters.
        fitting -= (fitting - 1) % 2;
    }
    encoded.truncate(fitting);
    room[..fitting].copy_from_slice(&encoded);
    *used = if text.is_empty() { 0 } else { fitting as u8 };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_width_that_does() {
        assert_eq!(encode("aé"), [8, 0x61, 0xE9]);
        assert_eq!(encode("aπ"), [16, 0, 0x61, 3, 0xC0]);
        assert_eq!(encode("😀"), [16, 0xD8, 0x3D, 0xDE, 0]);
    }

    #[test]
    fn fields() {
        let field = |text| {
            let mut field = [0; 6];
            put(&mut field, text);
            field
        };
        assert_eq!(field(""), [8, 0, 0, 0, 0, 0]);
        assert_eq!(field("ab"), [8, 0x61, 0x62, 0, 0, 3]);
        assert_eq!(field("abcdefg"), [8, 0x61, 0x62, 0x63, 0x64, 5]);
        assert_eq!(field("πππ"), [16, 3, 0xC0, 3, 0xC0, 5]);
    }
}
