//! What can be wrong with an XML document.

/// An XML document that cannot be read, or a change that it cannot take. Offsets count bytes from the start of the
/// document as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum XmlError {
    /// Beyond the limit.
    #[error("the XML document has {size} bytes, the limit is {limit}")]
    TooLarge {
        /// Its size, in bytes.
        size: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// Not the encoding that the format prescribes.
    #[error("the XML document is not UTF-16LE: it begins with {found:02x?}")]
    NotUtf16 {
        /// Its first bytes.
        found: Vec<u8>,
    },
    /// Half a code unit, or half a surrogate pair.
    #[error("XML document, byte {offset}: malformed UTF-16")]
    BadUtf16 {
        /// Where.
        offset: u64,
    },
    /// Not well-formed.
    #[error("XML document, byte {offset}: {problem}")]
    Syntax {
        /// Where.
        offset: u64,
        /// What is wrong.
        problem: String,
    },
    /// A document type declaration, which may define entities without end.
    #[error("XML document, byte {offset}: a document type declaration is not accepted")]
    Doctype {
        /// Where.
        offset: u64,
    },
    /// Nested beyond the limit.
    #[error("XML document, byte {offset}: elements are nested deeper than {limit}")]
    TooDeep {
        /// Where.
        offset: u64,
        /// The limit.
        limit: usize,
    },
    /// More elements, attributes and texts than the limit.
    #[error("XML document, byte {offset}: more than {limit} elements, attributes and texts")]
    TooMany {
        /// Where.
        offset: u64,
        /// The limit.
        limit: usize,
    },
    /// A character that XML does not have.
    #[error("XML does not allow the character {character:?} in {place}")]
    Character {
        /// The character.
        character: char,
        /// The element, attribute or path.
        place: String,
    },
    /// Another root element than `WIM`.
    #[error("the root element of the XML document is {found:?}, \"WIM\" is expected")]
    Root {
        /// Its name.
        found: String,
    },
    /// An IMAGE element whose INDEX is not a number from 1 to the number of images, or occurs twice.
    #[error("the XML document has an IMAGE with the INDEX {found:?}; each of 1 to {count} is expected at most once")]
    ImageIndex {
        /// The index as it is written; empty if there is none.
        found: String,
        /// How many images the header states.
        count: u32,
    },
    /// A path such as `WINDOWS/VERSION/BUILD` that is none.
    #[error("{path:?} is no path of XML elements such as WINDOWS/VERSION/BUILD")]
    Path {
        /// The path.
        path: String,
    },
    /// A text cannot be set where there are elements.
    #[error("{path} holds other elements and cannot be set to a text")]
    HasElements {
        /// The path.
        path: String,
    },
}
