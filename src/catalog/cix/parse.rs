//! From the document to the index.

use std::borrow::Cow;
use std::collections::HashSet;

use encoding_rs::{Encoding, UTF_8};
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::super::digest::Digest;
use super::{Basis, CixError, ContainerKind, Index, IndexedFile, MAX_NBYTES, Piece, PieceKind, Place, Way, psm};
use crate::cab::target_path;
use crate::util::filetime::FileTime;

/// How deep elements may nest: the index's own go six deep.
const MAX_DEPTH: usize = 32;
/// How many files there may be.
pub(super) const MAX_FILES: usize = 1 << 20;
/// How many ways to them: each takes more memory than its few bytes in the document.
pub(super) const MAX_WAYS: usize = 1 << 21;
/// The namespace of all its elements.
const NAMESPACE: &str = "urn:ContainerIndex";

/// An element that is open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Container,
    Files,
    File,
    Delta,
    Source,
    Basis,
    /// What is of no matter, with all that is in it.
    Other,
}

/// A file whose element is not yet closed.
struct Unfinished {
    offset: u64,
    file: IndexedFile,
}

/// Parses a document.
pub(super) fn parse(document: &[u8]) -> Result<Index, CixError> {
    if document.len() as u64 > MAX_NBYTES {
        return Err(CixError::TooLarge { size: document.len() as u64, limit: MAX_NBYTES });
    }
    if psm::is_one(document) {
        return psm::parse(document);
    }
    let text = decode(document)?;
    let mut reader = Reader::from_str(&text);
    let mut builder = Builder::default();
    loop {
        let offset = reader.buffer_position();
        let event = reader.read_event().map_err(|error| syntax(reader.error_position(), error))?;
        match event {
            Event::Start(tag) => builder.open(&tag, offset)?,
            Event::Empty(tag) => {
                builder.open(&tag, offset)?;
                builder.close()?;
            }
            Event::End(_) => builder.close()?,
            Event::DocType(_) => return Err(syntax(offset, "a document type is of no use here")),
            Event::Eof => break,
            // Texts say nothing here.
            _ => {}
        }
    }
    let position = reader.buffer_position();
    match builder {
        Builder { open, .. } if !open.is_empty() => Err(syntax(position, "an element is not closed")),
        Builder { index: Some(index), .. } => Ok(index),
        _ => Err(CixError::NotAnIndex { found: "nothing".to_owned() }),
    }
}

/// The document as text, without a byte order mark.
fn decode(document: &[u8]) -> Result<Cow<'_, str>, CixError> {
    let (encoding, mark) = Encoding::for_bom(document).unwrap_or((UTF_8, 0));
    encoding.decode_without_bom_handling_and_without_replacement(&document[mark..]).ok_or(CixError::NotText)
}

pub(super) fn syntax(offset: u64, problem: impl ToString) -> CixError {
    CixError::Syntax { offset, problem: problem.to_string() }
}

/// The index while the document goes by.
#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    index: Option<Index>,
    ids: HashSet<u64>,
    ways: usize,
    file: Option<Unfinished>,
}

impl Builder {
    fn open(&mut self, tag: &BytesStart<'_>, offset: u64) -> Result<(), CixError> {
        if self.open.len() == MAX_DEPTH {
            return Err(CixError::TooDeep { offset, limit: MAX_DEPTH });
        }
        let name = tag.local_name();
        let attributes = Attributes { tag, offset };
        let open = match (self.open.last(), name.as_ref()) {
            (None, name) => {
                if self.index.is_some() {
                    return Err(syntax(offset, "a second root element"));
                }
                let prefix =
                    tag.name().prefix().map(|prefix| format!("xmlns:{}", String::from_utf8_lossy(prefix.as_ref())));
                let namespace = attributes.get(prefix.as_deref().unwrap_or("xmlns"))?;
                if name != b"Container" || namespace.as_deref() != Some(NAMESPACE) {
                    return Err(CixError::NotAnIndex {
                        found: String::from_utf8_lossy(tag.name().as_ref()).into_owned(),
                    });
                }
                let kind = attributes.required("Container", "type")?;
                let kind = match &*kind {
                    "PSF" => ContainerKind::Psf,
                    "CAB" => ContainerKind::Cabinet,
                    _ => return Err(attributes.wrong("Container", "type", kind, "PSF or CAB")),
                };
                let name = attributes.get("name")?.unwrap_or_default();
                self.index = Some(Index { name, kind, files: Vec::new() });
                Open::Container
            }
            (Some(Open::Container), b"Files") => Open::Files,
            (Some(Open::Files), b"File") => {
                self.file = Some(attributes.file()?);
                Open::File
            }
            (Some(Open::File), b"Delta") => {
                if self.ways == MAX_WAYS {
                    return Err(CixError::TooMany { offset, what: "ways to files", limit: MAX_WAYS });
                }
                self.ways += 1;
                self.way(|ways| ways.push(Way::default()));
                Open::Delta
            }
            (Some(Open::File), b"Hash") => {
                let digest = attributes.digest()?;
                if let Some(unfinished) = &mut self.file {
                    unfinished.file.digest = Some(digest);
                }
                Open::Other
            }
            (Some(Open::Delta), b"Source") => {
                let kind = self.index.as_ref().map_or(ContainerKind::Psf, |index| index.kind);
                let piece = attributes.piece(kind)?;
                self.last_way(|way| way.piece = Some(piece));
                Open::Source
            }
            (Some(Open::Delta), b"Basis") => {
                let basis = Basis { file: attributes.number("Basis", "file")? };
                self.last_way(|way| way.basis = Some(basis));
                Open::Basis
            }
            (Some(Open::Source), b"Hash") => {
                let digest = attributes.digest()?;
                self.last_way(|way| way.piece.iter_mut().for_each(|piece| piece.digest = Some(digest)));
                Open::Other
            }
            _ => Open::Other,
        };
        self.open.push(open);
        Ok(())
    }

    fn close(&mut self) -> Result<(), CixError> {
        if self.open.pop() != Some(Open::File) {
            return Ok(());
        }
        let (Some(unfinished), Some(index)) = (self.file.take(), &mut self.index) else { return Ok(()) };
        let Unfinished { offset, file } = unfinished;
        let missing = |what| CixError::Missing { offset, element: "File", what };
        if file.digest.is_none() {
            return Err(missing("Hash"));
        }
        if !self.ids.insert(file.id) {
            return Err(CixError::SameId { offset, id: file.id });
        }
        if index.files.len() == MAX_FILES {
            return Err(CixError::TooMany { offset, what: "files", limit: MAX_FILES });
        }
        index.files.push(file);
        Ok(())
    }

    fn way(&mut self, change: impl FnOnce(&mut Vec<Way>)) {
        if let Some(unfinished) = &mut self.file {
            change(&mut unfinished.file.ways);
        }
    }

    fn last_way(&mut self, change: impl FnOnce(&mut Way)) {
        self.way(|ways| {
            if let Some(way) = ways.last_mut() {
                change(way);
            }
        });
    }
}

/// The attributes of an element.
struct Attributes<'a> {
    tag: &'a BytesStart<'a>,
    offset: u64,
}

impl Attributes<'_> {
    fn get(&self, name: &str) -> Result<Option<String>, CixError> {
        // Comparing each name with all before it would take the square of their number.
        for attribute in self.tag.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| syntax(self.offset, error))?;
            if attribute.key.as_ref() == name.as_bytes() {
                let value = attribute.unescape_value().map_err(|error| syntax(self.offset, error))?;
                return Ok(Some(value.into_owned()));
            }
        }
        Ok(None)
    }

    fn required(&self, element: &'static str, attribute: &'static str) -> Result<String, CixError> {
        self.get(attribute)?.ok_or(CixError::Missing { offset: self.offset, element, what: attribute })
    }

    fn wrong(&self, element: &'static str, attribute: &'static str, found: String, expected: &'static str) -> CixError {
        CixError::Value { offset: self.offset, element, attribute, found, expected }
    }

    fn number<T: std::str::FromStr>(
        &self,
        element: &'static str,
        attribute: &'static str,
    ) -> Result<Option<T>, CixError> {
        let Some(value) = self.get(attribute)? else { return Ok(None) };
        match value.trim().parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(self.wrong(element, attribute, value, "a number")),
        }
    }

    fn required_number(&self, element: &'static str, attribute: &'static str) -> Result<u64, CixError> {
        self.number(element, attribute)?.ok_or(CixError::Missing { offset: self.offset, element, what: attribute })
    }

    fn file(&self) -> Result<Unfinished, CixError> {
        let name = self.required("File", "name")?;
        if let Err(problem) = target_path(&name) {
            return Err(CixError::Unsafe { offset: self.offset, name, problem });
        }
        let file = IndexedFile {
            id: self.required_number("File", "id")?,
            name,
            size: Some(self.required_number("File", "length")?),
            time: FileTime(self.number("File", "time")?.unwrap_or(0)),
            attributes: self.number("File", "attr")?.unwrap_or(0),
            digest: None, // until its element comes
            ways: Vec::new(),
        };
        Ok(Unfinished { offset: self.offset, file })
    }

    fn digest(&self) -> Result<Digest, CixError> {
        let (algorithm, digits) = (self.required("Hash", "alg")?, self.required("Hash", "value")?);
        Digest::parse(&algorithm, &digits).ok_or_else(|| {
            self.wrong("Hash", "value", format!("{algorithm} {digits}"), "the hexadecimal digits of a SHA1 or SHA256")
        })
    }

    fn piece(&self, container: ContainerKind) -> Result<Piece, CixError> {
        let kind = match &*self.required("Source", "type")? {
            "RAW" => PieceKind::Raw,
            "PA30" => PieceKind::Pa30,
            other => PieceKind::Other(other.to_owned()),
        };
        let place = match container {
            ContainerKind::Psf => Place::Range {
                offset: self.required_number("Source", "offset")?,
                length: self.required_number("Source", "length")?,
            },
            ContainerKind::Cabinet => Place::Member(self.required("Source", "name")?),
        };
        Ok(Piece { kind, place, digest: None })
    }
}
