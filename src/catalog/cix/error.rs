//! What can be wrong with an index.

use crate::cab::UnsafeName;

/// An index that cannot be used. Positions are bytes of the document as UTF-8, without a byte order mark.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CixError {
    /// The document is larger than any real one.
    #[error("the index has {size} bytes, {limit} are the most")]
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// The bytes are no text in UTF-8, or in UTF-16 with a byte order mark.
    #[error("the index is not text in UTF-8 or UTF-16")]
    NotText,
    /// It is no XML.
    #[error("the index, byte {offset}: {problem}")]
    Syntax {
        /// Where.
        offset: u64,
        /// What the tokenizer says.
        problem: String,
    },
    /// Another document.
    #[error(
        "the document begins with {found}; a container index begins with a Container of the namespace urn:ContainerIndex, \
         or with the name of a file in brackets"
    )]
    NotAnIndex {
        /// Its first element.
        found: String,
    },
    /// Elements nest deeper than anything that is known of indices.
    #[error("the index, byte {offset}: elements are more than {limit} deep")]
    TooDeep {
        /// Where.
        offset: u64,
        /// The limit.
        limit: usize,
    },
    /// More files, or ways to them, than any real index has.
    #[error("the index, byte {offset}: there are more than {limit} {what}")]
    TooMany {
        /// Where.
        offset: u64,
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// An attribute, or an element, that must be there is not.
    #[error("the index, byte {offset}: the {element} has no {what}")]
    Missing {
        /// Where.
        offset: u64,
        /// In which element.
        element: &'static str,
        /// What is missing.
        what: &'static str,
    },
    /// A value that is not what it should be.
    #[error("the index, byte {offset}: {element} {attribute} is {found:?}, expected {expected}")]
    Value {
        /// Where.
        offset: u64,
        /// In which element.
        element: &'static str,
        /// Which attribute.
        attribute: &'static str,
        /// Its value.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A path that must not be made.
    #[error("the index, byte {offset}: {name:?} is refused: {problem}")]
    Unsafe {
        /// Where.
        offset: u64,
        /// The path.
        name: String,
        /// Why.
        problem: UnsafeName,
    },
    /// Two files have the same id.
    #[error("the index, byte {offset}: a second file has the id {id}")]
    SameId {
        /// Where.
        offset: u64,
        /// The id.
        id: u64,
    },
}
