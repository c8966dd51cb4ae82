//! Single compressed files, as setup disks had them before there were cabinets: `SETUP.EX_`.
//!
//! Two forms that expand.exe opens, known by their signatures. SZDD tells the size and the last letter of the name, which
//! became a `_`; KWAJ may tell the whole name.

use std::path::Path;

use super::header::malformed;
use super::{CabError, target_path};
use crate::codec::cabinet::{MAX_BLOCK_SIZE, Method};
use crate::codec::{DecodeError, lzh, lzss};
use crate::util::read_at::{ReadAt, bytes_at};

const SZDD: &[u8; 8] = b"SZDD\x88\xF0\x27\x33";
/// As QBasic's disks have it.
const SZ: &[u8; 8] = b"SZ \x88\xF0\x27\x33\xD1";
const KWAJ: &[u8; 8] = b"KWAJ\x88\xF0\x27\xD1";

/// Where in the ring of SZDD data output begins, and of the older form.
const SZDD_START: usize = 4096 - 16;
const SZ_START: usize = 4096 - 18;

/// For each byte of a file, compressed or not, so many of memory may be needed: both are kept as a whole, and the content is
/// copied where it is read here and there.
pub(super) const MEMORY_PER_BYTE: u64 = 3;

/// A file that was compressed by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SingleFile {
    /// Its name as far as it is known, made of the compressed file's.
    pub name: String,
    /// Its content.
    pub content: Vec<u8>,
    /// How it was compressed, in words.
    pub method: &'static str,
}

impl SingleFile {
    /// Whether `source` begins as one of the forms.
    pub fn is_one(source: &dyn ReadAt) -> bool {
        bytes_at(source, 0, 8).is_ok_and(|bytes| [SZDD, SZ, KWAJ].iter().any(|signature| *bytes == signature[..]))
    }

    /// Decodes the file in `source`; `path` is what messages call it, and what it is named after. `memory` is how many bytes
    /// it may take.
    ///
    /// # Errors
    /// [`CabError`]: it cannot be read, is damaged, needs more memory, or uses a method that is not known.
    pub fn read(source: &dyn ReadAt, path: &Path, memory: u64) -> Result<Self, CabError> {
        let io = |source| CabError::Io { path: path.to_owned(), source };
        let limit = memory / MEMORY_PER_BYTE;
        check_size(path, source.size(), limit)?;
        let bytes = bytes_at(source, 0, source.size() as usize).map_err(io)?;
        let mut fields = Fields { path, bytes: &bytes, at: SZDD.len(), limit };
        let own_name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        if bytes.starts_with(SZDD) {
            let [mode, letter] = fields.take()?;
            if mode != b'A' {
                return Err(malformed(path, 8, format!("compression {mode:#x}; expected 0x41")));
            }
            let size = u32::from_le_bytes(fields.take()?);
            let content = fields.lzss(SZDD_START, Some(size as usize))?;
            return Ok(Self { name: complete(own_name, letter), content, method: "SZDD" });
        }
        if bytes.starts_with(SZ) {
            let size = u32::from_le_bytes(fields.take()?);
            let content = fields.lzss(SZ_START, Some(size as usize))?;
            return Ok(Self { name: own_name, content, method: "SZ" });
        }
        if !bytes.starts_with(KWAJ) {
            return Err(malformed(path, 0, "this is no compressed file; expected SZDD, SZ or KWAJ".into()));
        }
        fields.kwaj(own_name)
    }
}

/// The name without the `_` at its end, and with the letter that it stands for if one was stored.
fn complete(name: String, letter: u8) -> String {
    match name.strip_suffix('_') {
        // Some writers keep the whole name and add the mark.
        Some(whole) if letter == 0 && !whole.is_empty() => whole.to_owned(),
        Some(stem) if letter.is_ascii_graphic() && !matches!(letter, b'/' | b'\\' | b':') => {
            // Letters are stored in either case, whatever the name has.
            let has_capitals = stem.chars().any(char::is_uppercase);
            let letter = if has_capitals { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() };
            format!("{stem}{}", char::from(letter))
        }
        _ => name,
    }
}

fn check_size(path: &Path, size: u64, limit: u64) -> Result<(), CabError> {
    if size > limit { Err(CabError::TooLarge { path: path.to_owned(), size, limit }) } else { Ok(()) }
}

/// The fields of a header, one behind the other.
struct Fields<'a> {
    path: &'a Path,
    bytes: &'a [u8],
    at: usize,
    /// The content may have so many bytes.
    limit: u64,
}

impl<'a> Fields<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], CabError> {
        let field = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk());
        self.at += N;
        field.copied().ok_or_else(|| malformed(self.path, self.bytes.len() as u64, "the header is cut off".into()))
    }

    /// The rest of the file from here on.
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Text up to a zero byte, of `most` bytes at most.
    fn text(&mut self, most: usize) -> Result<String, CabError> {
        let field = self.rest();
        let Some(end) = field.iter().take(most + 1).position(|byte| *byte == 0) else {
            return Err(malformed(self.path, self.at as u64, format!("a name of more than {most} bytes")));
        };
        self.at += end + 1;
        Ok(String::from_utf8_lossy(&field[..end]).into_owned())
    }

    fn lzss(&self, start: usize, size: Option<usize>) -> Result<Vec<u8>, CabError> {
        self.decode(size, lzss::MAX_RATIO, |src| lzss::decompress(src, start, size))
    }

    fn lzh(&self, size: Option<usize>) -> Result<Vec<u8>, CabError> {
        self.decode(size, lzh::MAX_RATIO, |src| lzh::decompress(src, size))
    }

    /// Decodes the rest of the file to its `size`, or where none is told, to `max_ratio` times as many bytes at most.
    fn decode(
        &self,
        size: Option<usize>,
        max_ratio: usize,
        decompress: impl FnOnce(&[u8]) -> Result<Vec<u8>, DecodeError>,
    ) -> Result<Vec<u8>, CabError> {
        let most = size.unwrap_or(self.rest().len().saturating_mul(max_ratio));
        check_size(self.path, most as u64, self.limit)?;
        decompress(self.rest())
            .map_err(|error| malformed(self.path, (self.at + error.src_offset) as u64, error.to_string()))
    }

    fn kwaj(mut self, own_name: String) -> Result<SingleFile, CabError> {
        let method = u16::from_le_bytes(self.take()?);
        let data_at = usize::from(u16::from_le_bytes(self.take()?));
        let flags = u16::from_le_bytes(self.take()?);
        let has = |bit: u16| flags >> bit & 1 == 1;
        let size = if has(0) { Some(u32::from_le_bytes(self.take()?) as usize) } else { None };
        if has(1) {
            self.take::<2>()?;
        }
        if has(2) {
            let skipped = u16::from_le_bytes(self.take()?);
            self.at += usize::from(skipped);
        }
        let stem = if has(3) { Some(self.text(8)?) } else { None };
        let extension = if has(4) { Some(self.text(3)?) } else { None };
        let name = match (stem, extension) {
            (Some(stem), Some(extension)) => format!("{stem}.{extension}"),
            (Some(stem), None) => stem,
            (None, Some(extension)) => format!("{}.{extension}", own_name.rsplit_once('.').map_or(&*own_name, |n| n.0)),
            (None, None) => own_name,
        };
        let refused = |problem: String| malformed(self.path, 14, format!("{name:?} is refused: {problem}"));
        let name = match *target_path(&name).map_err(|problem| refused(problem.to_string()))? {
            [name] => name.to_owned(),
            _ => return Err(refused("it leads into a directory".into())),
        };
        self.at = data_at;
        let sized = |mut content: Vec<u8>| {
            content.truncate(size.unwrap_or(usize::MAX));
            content
        };
        let (content, method) = match method {
            0 => (sized(self.rest().to_vec()), "KWAJ:stored"),
            1 => (sized(self.rest().iter().map(|byte| !byte).collect()), "KWAJ:xor"),
            2 => (self.lzss(SZ_START, size)?, "KWAJ:LZSS"),
            3 => (self.lzh(size)?, "KWAJ:LZH"),
            4 => (self.mszip(size)?, "KWAJ:MSZIP"),
            other => return Err(malformed(self.path, 8, format!("unknown method {other}; 0 to 4 are known"))),
        };
        if let Some(size) = size.filter(|size| *size != content.len()) {
            let problem = format!("{size} bytes are declared, the data has {}", content.len());
            return Err(malformed(self.path, data_at as u64, problem));
        }
        Ok(SingleFile { name, content, method })
    }

    /// Blocks as cabinets have them, each with its stored size in front.
    fn mszip(&mut self, size: Option<usize>) -> Result<Vec<u8>, CabError> {
        let Some(size) = size else {
            return Err(malformed(self.path, 12, "MSZIP without the size of the content is not supported".into()));
        };
        check_size(self.path, size as u64, self.limit)?;
        let mut decoder = Method::Mszip.decompressor().expect("it has no window to be wrong about");
        let mut content = Vec::new();
        while content.len() < size {
            let at = self.at as u64;
            let stored = usize::from(u16::from_le_bytes(self.take()?));
            let Some(block) = self.rest().get(..stored) else {
                return Err(malformed(self.path, at, format!("a block of {stored} bytes is cut off")));
            };
            self.at += stored;
            let block = decoder.decompress_block(block, (size - content.len()).min(MAX_BLOCK_SIZE));
            content.extend_from_slice(block.map_err(|error| malformed(self.path, at, error.to_string()))?);
        }
        Ok(content)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn read(bytes: &[u8], name: &str) -> Result<SingleFile, CabError> {
        SingleFile::read(&Cursor::new(bytes), Path::new(name), 3000)
    }

    /// "xaaaaaaa!" with `start` as the place in the ring where output begins.
    fn stream(start: usize) -> Vec<u8> {
        let from = start + 2;
        vec![0b1011, b'x', b'a', from as u8 - 1, (from >> 4) as u8 & 0xF0 | 3, b'!']
    }

    const CONTENT: &[u8] = b"xaaaaaaa!";

    #[test]
    fn szdd() {
        let bytes = [SZDD, &b"Ae"[..], &9_u32.to_le_bytes(), &stream(SZDD_START)].concat();
        let file = read(&bytes, "dir/SETUP.EX_").unwrap();
        assert_eq!((&*file.name, &*file.content), ("SETUP.EXE", CONTENT));
        assert_eq!(read(&bytes, "setup.ex_").unwrap().name, "setup.exe");
        assert_eq!(read(&bytes, "setup").unwrap().name, "setup");
        let bytes = [SZDD, &b"A\0"[..], &9_u32.to_le_bytes(), &stream(SZDD_START)].concat();
        assert_eq!(read(&bytes, "setup.exe_").unwrap().name, "setup.exe");
        let bytes = [SZ, &9_u32.to_le_bytes()[..], &stream(SZ_START)].concat();
        assert_eq!(read(&bytes, "q.ba_").unwrap().content, CONTENT);
    }

    fn kwaj(method: u16, flags: u16, fields: &[u8], data: &[u8]) -> Vec<u8> {
        let head = [method, (14 + fields.len()) as u16, flags].map(u16::to_le_bytes).concat();
        [KWAJ, &head[..], fields, data].concat()
    }

    #[test]
    fn kwaj_methods_and_names() {
        let file = read(&kwaj(0, 0, b"", b"plain"), "a.tx_").unwrap();
        assert_eq!((&*file.name, &*file.content), ("a.tx_", &b"plain"[..]));
        let file = read(&kwaj(1, 0b1_0000, b"txt\0", &[!b'h', !b'i']), "a.tx_").unwrap();
        assert_eq!((&*file.name, &*file.content), ("a.txt", &b"hi"[..]));
        let fields = [&9_u32.to_le_bytes()[..], &[7, 7], &[2, 0, 8, 8], b"name\0ext\0"].concat();
        let file = read(&kwaj(2, 0b1_1111, &fields, &stream(SZ_START)), "a").unwrap();
        assert_eq!((&*file.name, &*file.content), ("name.ext", CONTENT));
        assert_eq!(read(&kwaj(0, 8, b"/tmp/\0", b""), "a").unwrap().name, "tmp");
        let block = b"CK\x03\0"; // an empty stream
        assert!(read(&kwaj(4, 1, &[1, 0, 0, 0], &[&[4, 0], &block[..]].concat()), "a").is_err());
        let block = [0x43, 0x4B, 0xCB, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];
        let file = read(&kwaj(4, 1, &[5, 0, 0, 0], &[&[9, 0], &block[..]].concat()), "a").unwrap();
        assert_eq!(file.content, b"hello");
        // A run of two literals, all codewords of one length.
        let lzh = [0, 0, 0, 0, 0b1011_0100, 0b0011_0100, 0b1000_0000];
        let file = read(&kwaj(3, 1, &[2, 0, 0, 0], &lzh), "a").unwrap();
        assert_eq!((&*file.content, file.method), (&b"hi"[..], "KWAJ:LZH"));
    }

    #[test]
    fn what_is_refused() {
        let szdd = [SZDD, &b"Ae"[..], &10_u32.to_le_bytes(), &stream(SZDD_START)].concat();
        for (bytes, problem) in [
            (&szdd[..], "too early"),
            (&szdd[..12], "cut off"),
            (&[SZDD, &b"Be1234"[..]].concat(), "compression 0x42"),
            (&kwaj(3, 0, b"", b""), "too early"),
            (&kwaj(3, 0, b"", &[0; 59]), "1003 bytes are too many"),
            (&kwaj(9, 0, b"", b""), "unknown method 9"),
            (&kwaj(4, 0, b"", b""), "without the size"),
            (&kwaj(0, 1, &[9, 0, 0, 0], b"123"), "9 bytes are declared, the data has 3"),
            (&kwaj(0, 8, b"..\0", b""), "leads out"),
            (&kwaj(0, 8, b"dir\\f\0", b""), "leads into a directory"),
            (&kwaj(0, 8, b"123456789\0", b""), "more than 8 bytes"),
            (&[SZDD, &b"Ae\xE9\x03\0\0"[..]].concat(), "1001 bytes are too many to be kept in memory, 1000"),
            (&kwaj(2, 0, b"", &[0; 112]), "1008 bytes are too many"),
            (&kwaj(4, 1, &[0xFF; 4], b""), "4294967295 bytes are too many"),
            (&kwaj(0, 0, b"", &[0; 1000]), "1014 bytes are too many"),
        ] {
            let error = read(bytes, "x").unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
        let error = read(b"KW\x01\0\x05\0\0\0\0\0\0\0\0\0", "x").unwrap_err().to_string();
        assert!(error.contains("this is no compressed file"), "{error}");
        for end in 8..szdd.len() {
            read(&szdd[..end], "x").unwrap_err();
        }
    }
}
