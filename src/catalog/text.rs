//! From the bytes of a manifest to its text: the one place that knows how manifests are stored.

use std::borrow::Cow;

use crate::codec::delta::DeltaError;
use crate::codec::delta::dcm::{self, Kind};

/// The largest manifest, in bytes, also after it is decoded. Those of cumulative updates have a few million.
pub const MAX_SIZE: usize = 64 << 20;

/// The text of a manifest, in UTF-8 or UTF-16, without its byte order mark; of a compressed one what it becomes. `base` is
/// the base manifest, which those of the kind DCM need.
pub(super) fn decode<'a>(bytes: &'a [u8], base: Option<&[u8]>) -> Result<Cow<'a, str>, TextError> {
    if bytes.len() > MAX_SIZE {
        return Err(TextError::TooLarge { size: bytes.len() });
    }
    let Some(kind) = Kind::of(bytes) else { return plain(bytes) };
    // A DCD is against something else.
    let source = base.filter(|_| kind == Kind::Dcm);
    let bytes = dcm::decode(bytes, source, MAX_SIZE as u64).map_err(|error| TextError::Compressed { kind, error })?;
    Ok(Cow::Owned(plain(&bytes)?.into_owned()))
}

/// The text of bytes that are not compressed.
pub(super) fn plain(bytes: &[u8]) -> Result<Cow<'_, str>, TextError> {
    match bytes {
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
    /// Compressed as component files are, and not to be decoded.
    #[error("it is compressed as {kind}: {error}")]
    Compressed {
        /// How.
        kind: Kind,
        /// Why it cannot be decoded.
        error: DeltaError,
    },
    /// Neither UTF-8 nor UTF-16.
    #[error("offset {offset:#x}: malformed {name}")]
    Encoding {
        /// Where, from the beginning of the bytes; of a compressed manifest, of what it becomes.
        offset: usize,
        /// What it was taken for.
        name: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::delta::test_encoder::{Fields, Item, delta, null_delta};

    fn decode_plain(bytes: &[u8]) -> Result<Cow<'_, str>, TextError> {
        decode(bytes, None)
    }

    #[test]
    fn encodings() {
        let units = |mark: &[u8], bytes: fn(u16) -> [u8; 2]| {
            [mark.to_vec(), "<ä>".encode_utf16().flat_map(bytes).collect()].concat()
        };
        assert_eq!(decode_plain("<ä>\0".as_bytes()).unwrap(), "<ä>");
        assert_eq!(decode_plain("\u{feff}<ä>".as_bytes()).unwrap(), "<ä>");
        assert_eq!(decode_plain(&units(&[0xFF, 0xFE], u16::to_le_bytes)).unwrap(), "<ä>");
        assert_eq!(decode_plain(&units(&[0xFE, 0xFF], u16::to_be_bytes)).unwrap(), "<ä>");
        assert_eq!(decode_plain(&units(&[], u16::to_le_bytes)).unwrap(), "<ä>");
        assert_eq!(decode_plain(&units(&[], u16::to_be_bytes)).unwrap(), "<ä>");
        assert_eq!(decode_plain(b"").unwrap(), "");
    }

    #[test]
    fn what_is_no_text_is_refused_by_name() {
        assert_eq!(decode_plain(b"\xEF\xBB\xBFab\xFF"), Err(TextError::Encoding { offset: 5, name: "UTF-8" }));
        assert_eq!(decode_plain(b"<\0a\0\0\xD8"), Err(TextError::Encoding { offset: 4, name: "UTF-16" }));
        assert_eq!(decode_plain(&vec![b' '; MAX_SIZE + 1]), Err(TextError::TooLarge { size: MAX_SIZE + 1 }));
    }

    #[test]
    fn compressed_manifests() {
        let dcn = [b"DCN\x01".to_vec(), null_delta("\u{feff}<ä>".as_bytes(), 0, &[])].concat();
        assert_eq!(decode_plain(&dcn).unwrap(), "<ä>");
        let dcs = [&b"DCS\x01\x01\0\0\0\x02\0\0\0\x06\0\0\0\x02\0\0\0"[..], b"ab"].concat();
        assert_eq!(decode_plain(&dcs).unwrap(), "ab");
        let from_base = delta(&Fields { size: 3, ..Fields::default() }, &[Item::InFront { in_front: 0, length: 3 }]);
        let dcm = [&b"DCM\x01"[..], &from_base].concat();
        assert_eq!(decode(&dcm, Some(b"<a>")).unwrap(), "<a>");
        let not_text = [b"DCN\x01".to_vec(), null_delta(b"ab\xFF", 0, &[])].concat();
        assert_eq!(decode_plain(&not_text), Err(TextError::Encoding { offset: 2, name: "UTF-8" }));
    }

    #[test]
    fn compressed_manifests_that_cannot_be_decoded() {
        let compressed = |kind, error| Err(TextError::Compressed { kind, error });
        let needs_base = DeltaError::NoSource { kind: Kind::Dcm };
        assert!(needs_base.hint().unwrap().contains("wcp.dll"));
        assert_eq!(decode_plain(b"DCM\x01PA30"), compressed(Kind::Dcm, needs_base));
        // The base manifest is not what a DCD is against.
        let error = DeltaError::NoSource { kind: Kind::Dcd };
        assert_eq!(decode(b"DCD\x01", Some(b"<a>")), compressed(Kind::Dcd, error));
        let (size, limit) = (u32::MAX.into(), MAX_SIZE as u64);
        let bomb = b"DCS\x01\x01\0\0\0\xFF\xFF\xFF\xFF";
        assert_eq!(decode_plain(bomb), compressed(Kind::Dcs, DeltaError::TooLarge { size, limit }));
    }
}
