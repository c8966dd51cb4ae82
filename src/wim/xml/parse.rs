//! From UTF-16LE bytes to elements.

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

use super::element::{Element, Node, check_characters};
use super::error::XmlError;

/// The largest document, in bytes.
pub(super) const MAX_NBYTES: u64 = 64 << 20;
/// How deep elements may nest: the format's own go five deep.
const MAX_DEPTH: usize = 50;
/// How many elements, attributes and texts there may be: a real document has some fifty for each image.
const MAX_NODES: usize = 1 << 20;

/// The byte order mark that begins a document.
pub(super) const BOM: [u8; 2] = [0xFF, 0xFE];

/// Decodes a stored document; the mark may be missing, NULs may follow.
fn decode(bytes: &[u8]) -> Result<(String, u64), XmlError> {
    if bytes.len() as u64 > MAX_NBYTES {
        return Err(XmlError::TooLarge { size: bytes.len() as u64, limit: MAX_NBYTES });
    }
    let (units, start) = match bytes {
        [0xFF, 0xFE, units @ ..] => (units, 2),
        [b'<' | b'\t' | b'\r' | b'\n' | b' ', 0, ..] => (bytes, 0),
        _ => return Err(XmlError::NotUtf16 { found: bytes.iter().copied().take(4).collect() }),
    };
    let (pairs, odd) = units.as_chunks::<2>();
    if !odd.is_empty() {
        return Err(XmlError::BadUtf16 { offset: bytes.len() as u64 - 1 });
    }
    let mut text = String::with_capacity(pairs.len());
    let mut offset = start;
    for character in char::decode_utf16(pairs.iter().map(|pair| u16::from_le_bytes(*pair))) {
        let character = character.map_err(|_| XmlError::BadUtf16 { offset })?;
        offset += 2 * character.len_utf16() as u64;
        text.push(character);
    }
    text.truncate(text.trim_end_matches('\0').len());
    Ok((text, start))
}

/// Parses a document; answers its root element.
pub(super) fn parse(bytes: &[u8]) -> Result<Element, XmlError> {
    let (text, start) = decode(bytes)?;
    Parser { reader: Reader::from_str(&text), text: &text, start, nodes: 0 }.document()
}

struct Parser<'a> {
    reader: Reader<&'a [u8]>,
    text: &'a str,
    /// How many bytes the byte order mark takes.
    start: u64,
    nodes: usize,
}

impl Parser<'_> {
    /// The stored offset of a position in the UTF-8 text.
    fn offset(&self, position: u64) -> u64 {
        let before = usize::try_from(position).ok().and_then(|position| self.text.as_bytes().get(..position));
        let before = before.unwrap_or(self.text.as_bytes());
        // A position inside a character would be the tokenizer's fault; it costs no more than a wrong number.
        let units = String::from_utf8_lossy(before).encode_utf16().count() as u64;
        self.start + 2 * units
    }

    fn syntax(&self, position: u64, problem: impl ToString) -> XmlError {
        XmlError::Syntax { offset: self.offset(position), problem: problem.to_string() }
    }

    fn document(&mut self) -> Result<Element, XmlError> {
        // Open elements, the innermost last.
        let mut open: Vec<Element> = Vec::new();
        let mut root: Option<Element> = None;
        loop {
            let position = self.reader.buffer_position();
            let event = self.reader.read_event().map_err(|error| self.syntax(self.reader.error_position(), error))?;
            let closed = match event {
                Event::Start(tag) => {
                    if open.len() == MAX_DEPTH {
                        return Err(XmlError::TooDeep { offset: self.offset(position), limit: MAX_DEPTH });
                    }
                    let element = self.element(&tag, position)?;
                    open.push(element);
                    continue;
                }
                Event::Empty(tag) => self.element(&tag, position)?,
                // The tokenizer has compared the names.
                Event::End(_) => match open.pop() {
                    Some(element) => element,
                    None => continue,
                },
                Event::Text(text) => {
                    let text = text.decode().map_err(|error| self.syntax(position, error))?;
                    self.add_text(&mut open, &text, position)?;
                    continue;
                }
                Event::CData(text) => {
                    let text = text.decode().map_err(|error| self.syntax(position, error))?;
                    self.add_text(&mut open, &text, position)?;
                    continue;
                }
                Event::GeneralRef(reference) => {
                    let character = self.resolve(&reference, position)?;
                    self.add_text(&mut open, character.encode_utf8(&mut [0; 4]), position)?;
                    continue;
                }
                Event::DocType(_) => return Err(XmlError::Doctype { offset: self.offset(position) }),
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => continue,
                Event::Eof => {
                    if let Some(element) = open.last() {
                        return Err(self.syntax(position, format_args!("the element {:?} is not closed", element.name)));
                    }
                    return root.ok_or_else(|| self.syntax(position, "there is no element"));
                }
            };
            match open.last_mut() {
                Some(parent) => parent.children.push(Node::Element(closed)),
                None if root.is_none() => root = Some(closed),
                None => return Err(self.syntax(position, "a second root element")),
            }
        }
    }

    fn count(&mut self, position: u64) -> Result<(), XmlError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(XmlError::TooMany { offset: self.offset(position), limit: MAX_NODES });
        }
        Ok(())
    }

    fn element(&mut self, tag: &BytesStart<'_>, position: u64) -> Result<Element, XmlError> {
        self.count(position)?;
        let mut element = Element::new(self.name(tag.name().as_ref(), position)?);
        // Comparing each name with all before it would take the square of their number.
        for attribute in tag.attributes().with_checks(false) {
            self.count(position)?;
            let attribute = attribute.map_err(|error| self.syntax(position, error))?;
            let value = attribute.unescape_value().map_err(|error| self.syntax(position, error))?;
            let name = self.name(attribute.key.as_ref(), position)?;
            check_characters(&value, || format!("{} {name}", element.name))?;
            element.attributes.push((name, value.into_owned()));
        }
        Ok(element)
    }

    /// The name of an element or attribute. The tokenizer takes much for a name that could not be written back.
    fn name(&self, name: &[u8], position: u64) -> Result<String, XmlError> {
        let name = std::str::from_utf8(name).map_err(|error| self.syntax(position, error))?;
        let is_refused = |c: char| c.is_whitespace() || c.is_control() || "\"'<>&=/!?;".contains(c);
        if name.is_empty() || name.contains(is_refused) {
            return Err(self.syntax(position, format_args!("{name:?} is no name")));
        }
        Ok(name.to_owned())
    }

    fn resolve(&self, reference: &BytesRef<'_>, position: u64) -> Result<char, XmlError> {
        if let Some(character) = reference.resolve_char_ref().map_err(|error| self.syntax(position, error))? {
            return Ok(character);
        }
        let name = reference.decode().map_err(|error| self.syntax(position, error))?;
        Ok(match name.as_ref() {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            name => return Err(self.syntax(position, format_args!("the entity {name:?} is not defined"))),
        })
    }

    /// Adds text to the innermost element; texts that follow each other, such as those around a reference, become one.
    fn add_text(&mut self, open: &mut [Element], text: &str, position: u64) -> Result<(), XmlError> {
        let Some(element) = open.last_mut() else {
            let is_blank = text.trim().is_empty();
            return if is_blank { Ok(()) } else { Err(self.syntax(position, "text outside of the root element")) };
        };
        if text.is_empty() {
            return Ok(());
        }
        check_characters(text, || element.name.clone())?;
        if let Some(Node::Text(before)) = element.children.last_mut() {
            before.push_str(text);
            return Ok(());
        }
        self.count(position)?;
        element.children.push(Node::Text(text.to_owned()));
        Ok(())
    }
}
