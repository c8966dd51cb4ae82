//! The older index of a PSF, the `.psm` of express packages for Windows 2000 to Server 2003.
//!
//! It is a text with a section for each file, whose name is the file's path. In it stand lines `key=offset,length`, the numbers in
//! hexadecimal digits: `full` is the file as it is, `p0` a delta against nothing. There are no digests, times or attributes, and
//! no sizes but those of the pieces.
//!
//! The form was never published. This is what public programs read that take such packages apart; none was at hand. They know no
//! other keys: what has one is refused by that name.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

use super::parse::{MAX_FILES, MAX_WAYS, syntax};
use super::{CixError, ContainerKind, Index, IndexedFile, Piece, PieceKind, Place, Way};
use crate::cab::target_path;
use crate::util::filetime::FileTime;

/// So many bytes may hold nothing but spaces in front of what tells that it is one.
const START: usize = 64;

/// Whether a document is one: it begins with a section, or with a comment.
pub(super) fn is_one(document: &[u8]) -> bool {
    let (encoding, mark) = Encoding::for_bom(document).unwrap_or((WINDOWS_1252, 0));
    let start = &document[mark..document.len().min(mark + START)];
    encoding.decode_without_bom_handling(start).0.trim_start().starts_with(['[', ';'])
}

/// Reads the document. Offsets in errors are those of its text as UTF-8.
pub(super) fn parse(document: &[u8]) -> Result<Index, CixError> {
    let guess = if std::str::from_utf8(document).is_ok() { UTF_8 } else { WINDOWS_1252 };
    let (encoding, mark) = Encoding::for_bom(document).unwrap_or((guess, 0));
    let text = encoding.decode_without_bom_handling(&document[mark..]).0;
    let mut files: Vec<IndexedFile> = Vec::new();
    let (mut offset, mut ways) = (0, 0);
    for line in text.split_inclusive('\n') {
        let begin = offset;
        offset += line.len() as u64;
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[') {
            let name = name.strip_suffix(']').ok_or_else(|| syntax(begin, "the name of a section has no end"))?;
            if files.len() == MAX_FILES {
                return Err(CixError::TooMany { offset: begin, what: "files", limit: MAX_FILES });
            }
            files.push(file(files.len() as u64, name, begin)?);
        } else if let Some(file) = files.last_mut().filter(|_| !line.is_empty() && !line.starts_with(';')) {
            if ways == MAX_WAYS {
                return Err(CixError::TooMany { offset: begin, what: "ways to files", limit: MAX_WAYS });
            }
            ways += 1;
            add_way(file, piece(line, begin)?);
        }
    }
    Ok(Index { name: String::new(), kind: ContainerKind::Psf, files })
}

/// Adds a way to a file. What is there as it is comes first, as not every delta can be applied; of several such the last one counts.
fn add_way(file: &mut IndexedFile, piece: Piece) {
    let size = match (&piece.kind, &piece.place) {
        (PieceKind::Raw, Place::Range { length, .. }) => Some(*length),
        _ => None,
    };
    let way = Way { piece: Some(piece), basis: None };
    match size {
        None => file.ways.push(way),
        // Each file has room made in front once only: a section may have millions of lines.
        Some(size) if file.size.replace(size).is_none() => file.ways.insert(0, way),
        Some(_) => file.ways[0] = way,
    }
}

fn file(id: u64, name: &str, offset: u64) -> Result<IndexedFile, CixError> {
    if let Err(problem) = target_path(name) {
        return Err(CixError::Unsafe { offset, name: name.to_owned(), problem });
    }
    Ok(IndexedFile {
        id,
        name: name.to_owned(),
        size: None,
        time: FileTime::ZERO,
        attributes: 0,
        digest: None,
        ways: Vec::new(),
    })
}

fn piece(line: &str, offset: u64) -> Result<Piece, CixError> {
    let (key, value) = line.split_once('=').ok_or_else(|| syntax(offset, "a line without ="))?;
    let (key, value) = (key.trim().to_ascii_lowercase(), value.trim());
    let (kind, element) = match &*key {
        "full" => (PieceKind::Raw, "full"),
        "p0" => (PieceKind::Delta, "p0"),
        // What stands behind it is not known.
        _ => {
            let place = Place::Range { offset: 0, length: 0 };
            return Ok(Piece { kind: PieceKind::Other(key), place, digest: None });
        }
    };
    let range = value.split_once(',').and_then(|(offset, length)| Some((hexadecimal(offset)?, hexadecimal(length)?)));
    let (offset, length) = range.ok_or_else(|| CixError::Value {
        offset,
        element,
        attribute: "place",
        found: value.to_owned(),
        expected: "an offset and a length in hexadecimal digits",
    })?;
    Ok(Piece { kind, place: Place::Range { offset, length }, digest: None })
}

fn hexadecimal(digits: &str) -> Option<u64> {
    let digits = digits.trim();
    let digits = digits.strip_prefix("0x").unwrap_or(digits);
    // A sign is no digit.
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u64::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cab::UnsafeName;

    const TEXT: &str =
        "; express\r\n[i386\\Größe.dll]\r\np0=1F,20\r\n\r\n [sp3\\a.inf]\n FULL = 0x100 , a0\n[b]\np7=?\n";

    fn range(offset: u64, length: u64) -> Place {
        Place::Range { offset, length }
    }

    #[test]
    fn sections_are_files() {
        let index = Index::parse(TEXT.as_bytes()).unwrap();
        let files: Vec<_> = index.files.iter().map(|file| (file.id, &*file.name, file.size, file.digest)).collect();
        let expected = [(0, "i386\\Größe.dll", None, None), (1, "sp3\\a.inf", Some(0xA0), None), (2, "b", None, None)];
        assert_eq!((index.kind, files), (ContainerKind::Psf, expected.to_vec()));
        let pieces: Vec<_> = index.files.iter().map(|file| file.ways[0].piece.clone().unwrap()).collect();
        let expected = [
            (PieceKind::Delta, range(0x1F, 0x20)),
            (PieceKind::Raw, range(0x100, 0xA0)),
            (PieceKind::Other("p7".to_owned()), range(0, 0)),
        ];
        assert!(pieces.into_iter().map(|piece| (piece.kind, piece.place)).eq(expected));
    }

    #[test]
    fn other_encodings_and_what_stands_in_front() {
        let expected = Index::parse(TEXT.as_bytes()).unwrap();
        let utf16: Vec<u8> = TEXT.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(Index::parse(&[&[0xEF, 0xBB, 0xBF], TEXT.as_bytes()].concat()), Ok(expected.clone()));
        assert_eq!(Index::parse(&[&[0xFF, 0xFE], &utf16[..]].concat()), Ok(expected.clone()));
        assert_eq!(Index::parse(&WINDOWS_1252.encode(TEXT).0), Ok(expected.clone()));
        let behind = TEXT.replacen("; express", "; express\r\nversion 1", 1);
        assert_eq!(Index::parse(behind.as_bytes()), Ok(expected));
        assert_eq!(Index::parse(b"[a]").unwrap().files[0].ways, []);
        let both = Index::parse(b"[a]\np0=1,2\nfull=3,4").unwrap();
        let kinds = both.files[0].ways.iter().map(|way| &way.piece.as_ref().unwrap().kind);
        assert!(kinds.eq([&PieceKind::Raw, &PieceKind::Delta]));
    }

    #[test]
    fn the_last_of_many_full_pieces_counts() {
        // With each of them put in front of the others this would take hours.
        let text = format!("[a]\np0=5,6\n{}full=7,2\np0=8,9\n", "full=0,1\n".repeat(1 << 20));
        let file = &Index::parse(text.as_bytes()).unwrap().files[0];
        let pieces = file.ways.iter().map(|way| way.piece.as_ref().unwrap());
        let expected =
            [(PieceKind::Raw, range(7, 2)), (PieceKind::Delta, range(5, 6)), (PieceKind::Delta, range(8, 9))];
        assert!(pieces.map(|piece| (piece.kind.clone(), piece.place.clone())).eq(expected));
        assert_eq!(file.size, Some(2));
    }

    #[test]
    fn what_is_refused() {
        let error = |text: &str| Index::parse(text.as_bytes()).unwrap_err();
        for value in ["1", "1,2,3", "1,", ",1", "-1,2", "1,+2", "g,1", "1,11111111111111111"] {
            let found = error(&format!("[a]\nfull={value}"));
            assert!(matches!(found, CixError::Value { offset: 4, element: "full", .. }), "{value}: {found}");
        }
        assert!(matches!(error("[a]\np0"), CixError::Syntax { offset: 4, .. }));
        assert!(matches!(error("[a]\n[b\n"), CixError::Syntax { offset: 4, .. }));
        for (name, problem) in [("..\\a", UnsafeName::Parent), ("", UnsafeName::Empty), ("C:\\a", UnsafeName::Colon)] {
            let found = error(&format!("[{name}]"));
            assert!(matches!(found, CixError::Unsafe { problem: found, .. } if found == problem), "{name}");
        }
        let found = error(&"[a]\n".repeat((1 << 20) + 1));
        assert!(found.to_string().contains("more than 1048576 files"), "{found}");
        let found = error(&format!("[a]\n{}", "p=\n".repeat((1 << 21) + 1)));
        assert!(found.to_string().contains("more than 2097152 ways"), "{found}");
    }
}
