//! From the bytes of a manifest to its text: the one place that knows how manifests are stored.

use std::borrow::Cow;

/// The largest manifest, in bytes. Those of cumulative updates have a few million.
pub const MAX_SIZE: usize = 64 << 20;

/// The text of a manifest, in UTF-8 or UTF-16, without its byte order mark.
pub(super) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, TextError> {
    if bytes.len() > MAX_SIZE {
        return Err(TextError::TooLarge { size: bytes.len() });
    }
    match bytes {
        [b'D', b'C', kind @ (b'M' | b'N' | b'S' | b'D' | b'H' | b'X'), 1, ..] => {
            Err(TextError::Compressed { form: char::from(*kind) })
        }
        [0xFF, 0xFE, units @ ..] => utf16(units, u16::from_le_bytes),
        [0xFE, 0xFF, units @ ..] => utf16(units, u16::from_be_bytes),
        [b'<', 0, ..] => utf16(bytes, u16::from_le_bytes),
        [0, b'<', ..] => utf16(bytes, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, text @ ..] => utf8(text, 3),
        _ => utf8(bytes, 0),
    }
}

fn utf8(bytes: &[u8], start: usize) -> Result<Cow<'_, str>, TextError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| TextError::Encoding { offset: start + error.valid_up_to(), name: "UTF-8" })?;
    Ok(Cow::Borrowed(text.trim_end_matches('\0')))
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Cow<'_, str>, TextError> {
    let (pairs, _) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(pairs.len());
    for character in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        let wrong = |_| TextError::Encoding { offset: 2 * text.encode_utf16().count(), name: "UTF-16" };
        text.push(character.map_err(wrong)?);
    }
    text.truncate(text.trim_end_matches('\0').len());
    Ok(Cow::Owned(text))
}

/// Bytes that are no text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// Beyond the limit.
    #[error("it has {size} bytes, {MAX_SIZE} are the most")]
    TooLarge {
        /// How many bytes there are.
        size: usize,
    },
    /// In one of the forms in which component files are compressed.
    #[error("it is compressed as DC{form}, which is not read here")]
    Compressed {
        /// The third letter of its signature: M, N, S, D, H or X.
        form: char,
    },
    /// Neither UTF-8 nor UTF-16.
    #[error("offset {offset:#x}: malformed {name}")]
    Encoding {
        /// Where, from the beginning of the bytes.
        offset: usize,
        /// What it was taken for.
        name: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings() {
        let units = |mark: &[u8], bytes: fn(u16) -> [u8; 2]| {
            [mark.to_vec(), "<ä>".encode_utf16().flat_map(bytes).collect()].concat()
        };
        assert_eq!(decode("<ä>\0".as_bytes()).unwrap(), "<ä>");
        assert_eq!(decode("\u{feff}<ä>".as_bytes()).unwrap(), "<ä>");
        assert_eq!(decode(&units(&[0xFF, 0xFE], u16::to_le_bytes)).unwrap(), "<ä>");
        assert_eq!(decode(&units(&[0xFE, 0xFF], u16::to_be_bytes)).unwrap(), "<ä>");
        assert_eq!(decode(&units(&[], u16::to_le_bytes)).unwrap(), "<ä>");
        assert_eq!(decode(&units(&[], u16::to_be_bytes)).unwrap(), "<ä>");
        assert_eq!(decode(b"").unwrap(), "");
    }

    #[test]
    fn what_is_no_text_is_refused_by_name() {
        assert_eq!(decode(b"DCM\x01PA30"), Err(TextError::Compressed { form: 'M' }));
        assert_eq!(decode(b"DCS\x01"), Err(TextError::Compressed { form: 'S' }));
        assert_eq!(decode(b"\xEF\xBB\xBFab\xFF"), Err(TextError::Encoding { offset: 5, name: "UTF-8" }));
        assert_eq!(decode(b"<\0a\0\0\xD8"), Err(TextError::Encoding { offset: 4, name: "UTF-16" }));
        assert_eq!(decode(&vec![b' '; MAX_SIZE + 1]), Err(TextError::TooLarge { size: MAX_SIZE + 1 }));
    }
}
