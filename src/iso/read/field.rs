//! Fields of UDF's descriptors.

use crate::util::filetime::FileTime;
use crate::util::le;

/// A text or name: a byte that tells the characters' width, then the characters. `None` if that cannot be.
pub(super) fn text(bytes: &[u8]) -> Option<String> {
    let Some((&width, characters)) = bytes.split_first() else { return Some(String::new()) };
    match width {
        8 => Some(characters.iter().map(|&byte| char::from(byte)).collect()),
        16 if characters.len().is_multiple_of(2) => {
            let units = characters.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            // What is no character becomes a replacement: the file can still be told and read.
            Some(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
        }
        _ => None,
    }
}

/// A text in a field of fixed size, whose last byte tells how much is used.
pub(super) fn fixed_text(field: &[u8]) -> String {
    let used = field.last().map_or(0, |&used| usize::from(used));
    field.get(..used).and_then(text).unwrap_or_default()
}

/// A time; not set where there is no such one.
pub(super) fn time(bytes: &[u8]) -> FileTime {
    /// The distance from UTC is not told.
    const UNKNOWN: i32 = -2047;
    let told = || {
        let zone = le::u16(bytes, 0)?;
        let year = le::u16(bytes, 2)? as i16;
        let [month, day, hour, minute, second, hundredths, more, most] = le::array(bytes, 4)?;
        // The sign is that of 12 bits.
        let minutes = match i32::from((zone << 4) as i16 >> 4) {
            UNKNOWN => 0,
            minutes => i64::from(minutes),
        };
        let parts = [month, day, hour, minute, second].map(i64::from);
        let (seconds, _) = FileTime::from_civil(i64::from(year), parts)?.to_unix();
        let micros = u32::from(hundredths.min(99)) * 10_000 + u32::from(more.min(99)) * 100 + u32::from(most.min(99));
        Some(FileTime::from_unix(seconds - 60 * minutes, micros * 1000))
    };
    told().unwrap_or(FileTime::ZERO)
}
