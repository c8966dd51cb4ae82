//! UTF-16LE as Windows stores names: any sequence of 16-bit units, unpaired surrogates included.

use std::cmp::Ordering;

/// The code units of `bytes`; an odd last byte is left out.
pub fn units(bytes: &[u8]) -> impl DoubleEndedIterator<Item = u16> + ExactSizeIterator + Clone + '_ {
    bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair))
}

/// The text of `bytes`, or `None` if it has an unpaired surrogate or an odd number of bytes.
pub fn to_string(bytes: &[u8]) -> Option<String> {
    let mut text = String::new();
    let decodes = bytes.len().is_multiple_of(2) && push(&mut text, bytes);
    decodes.then_some(text)
}

/// The text of `bytes`, with U+FFFD for each unpaired surrogate.
pub fn to_string_lossy(bytes: &[u8]) -> String {
    let mut text = String::new();
    push(&mut text, bytes);
    text
}

/// Appends the text of `bytes` to `text`, with U+FFFD for each unpaired surrogate; whether there was none.
pub fn push(text: &mut String, bytes: &[u8]) -> bool {
    // Almost every name in an image is ASCII, and listing 100,000 of them should not cost a decoder's state machine.
    let (pairs, _) = bytes.as_chunks::<2>();
    text.reserve(pairs.len());
    if pairs.iter().all(|pair| pair[1] == 0 && pair[0] < 0x80) {
        text.extend(pairs.iter().map(|pair| char::from(pair[0])));
        return true;
    }
    let mut whole = true;
    for unit in char::decode_utf16(units(bytes)) {
        text.push(unit.unwrap_or_else(|_| {
            whole = false;
            char::REPLACEMENT_CHARACTER
        }));
    }
    whole
}

/// The text of a file that people write: UTF-8, or UTF-16LE with a byte order mark, as editors of Windows save it.
pub fn decode_text(bytes: &[u8]) -> Option<String> {
    match bytes {
        [0xFF, 0xFE, utf16 @ ..] => to_string(utf16),
        [0xEF, 0xBB, 0xBF, utf8 @ ..] | utf8 => std::str::from_utf8(utf8).ok().map(str::to_owned),
    }
}

/// The UTF-16LE bytes of `text`.
pub fn from_str(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// The upper-case form of one code unit by Unicode's one-to-one mappings, as NTFS folds names: no locale, no mapping
/// to several units. The `$UpCase` table of a given volume may differ in rare characters.
pub fn upper_case(unit: u16) -> u16 {
    if unit < 0x80 {
        return match unit {
            0x61..=0x7A => unit - 0x20,
            _ => unit,
        };
    }
    let Some(letter) = char::from_u32(u32::from(unit)) else { return unit };
    let mut upper = letter.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(single), None) => u16::try_from(u32::from(single)).unwrap_or(unit),
        _ => unit,
    }
}

/// The order of two names by their upper-cased code units.
pub fn cmp_ignore_case(a: &[u8], b: &[u8]) -> Ordering {
    units(a).map(upper_case).cmp(units(b).map(upper_case))
}

/// The order of names inside a directory: upper-cased code units first, exact code units among equals.
pub fn cmp_names(a: &[u8], b: &[u8]) -> Ordering {
    cmp_ignore_case(a, b).then_with(|| units(a).cmp(units(b)))
}

/// Whether two names differ in case only, if at all.
pub fn eq_ignore_case(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && cmp_ignore_case(a, b).is_eq()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for text in ["", "a.txt", "größe", "𝄞 key"] {
            assert_eq!(to_string(&from_str(text)).as_deref(), Some(text));
            assert_eq!(to_string_lossy(&from_str(text)), text);
        }
    }

    #[test]
    fn an_unpaired_surrogate_has_no_strict_text() {
        let bytes = [0x61, 0, 0x00, 0xD8, 0x62, 0];
        assert_eq!(to_string(&bytes), None);
        assert_eq!(to_string_lossy(&bytes), "a\u{FFFD}b");
        assert_eq!(to_string(&[0x61]), None);
    }

    #[test]
    fn folding_is_one_to_one() {
        assert_eq!(upper_case(u16::from(b'z')), u16::from(b'Z'));
        assert_eq!(upper_case(0xE4), 0xC4);
        assert_eq!(upper_case(0xDF), 0xDF, "sharp s has no single upper-case unit");
        assert_eq!(upper_case(0xD800), 0xD800);
    }

    #[test]
    fn names_sort_by_folded_then_exact_units() {
        let mut names = ["b", "A", "a", "_", "B"].map(from_str);
        names.sort_by(|a, b| cmp_names(a, b));
        assert_eq!(names.map(|name| to_string_lossy(&name)), ["A", "a", "B", "b", "_"]);
        assert!(eq_ignore_case(&from_str("Straße"), &from_str("STRAßE")));
        assert!(!eq_ignore_case(&from_str("a"), &from_str("ab")));
    }
}
