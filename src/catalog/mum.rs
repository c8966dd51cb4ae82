//! The manifest of a package, `update.mum`.
//!
//! Its schema is open: what is needed is read, by the local names of elements and by where they stand; the rest is passed
//! over. Only the shape of the document has to be right.

mod parse;
#[cfg(test)]
mod tests;

use super::identity::{Identity, Kb};
use super::text::TextError;

/// What a manifest tells of its package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mum {
    /// What the package is called.
    pub identity: Identity,
    /// Words about it, such as `Fix for KB5129195`.
    pub description: Option<String>,
    /// When it was built, as it is written.
    pub created: Option<String>,
    /// Its short name, often a KB number.
    pub identifier: Option<String>,
    /// What kind of release it is: `Security Update`, `Language Pack`, `OnDemand Pack` …
    pub release_type: Option<String>,
    /// Whether Windows has to be restarted: `possible`, `required` …
    pub restart: Option<String>,
    /// How its payload is stored, such as `PSFX`.
    pub format: Option<String>,
    /// The packages of which one must be installed, or all.
    pub parents: Vec<Parent>,
    /// The packages that it consists of.
    pub packages: Vec<Identity>,
    /// The capabilities that it brings: `Language.Basic~~~de-DE~0.0.1.0`.
    pub capabilities: Vec<String>,
    /// How many updates it consists of: packages, components, drivers.
    pub updates: usize,
    /// How many of them install a driver.
    pub drivers: usize,
}

/// A package that must be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    /// What it is called.
    pub identity: Identity,
    /// Whether a higher revision of its build will do, too.
    pub or_higher_revision: bool,
}

impl Mum {
    /// Reads a manifest.
    ///
    /// # Errors
    /// [`MumError`]: it is no text, no XML, or tells no identity.
    pub fn parse(bytes: &[u8]) -> Result<Self, MumError> {
        Self::parse_against(bytes, None)
    }

    /// Reads a manifest. `base` is the base manifest, which compressed ones of the kind DCM need.
    ///
    /// # Errors
    /// As [`Mum::parse`].
    pub fn parse_against(bytes: &[u8], base: Option<&[u8]>) -> Result<Self, MumError> {
        parse::parse(&super::text::decode(bytes, base)?)
    }

    /// The article about the package, by its short name, its own name or its description.
    pub fn kb(&self) -> Option<Kb> {
        let texts = [self.identifier.as_deref(), Some(&*self.identity.name), self.description.as_deref()];
        texts.into_iter().flatten().find_map(Kb::find)
    }
}

/// A manifest that cannot be read. Offsets count bytes of the text in UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MumError {
    /// No text.
    #[error(transparent)]
    Text(#[from] TextError),
    /// No well-formed XML.
    #[error("offset {offset:#x}: {problem}")]
    Syntax {
        /// Where.
        offset: u64,
        /// What is wrong.
        problem: String,
    },
    /// A document type declaration, which may define entities without end.
    #[error("offset {offset:#x}: a document type declaration is not accepted")]
    Doctype {
        /// Where.
        offset: u64,
    },
    /// Nested beyond the limit.
    #[error("offset {offset:#x}: elements are nested deeper than {limit}")]
    TooDeep {
        /// Where.
        offset: u64,
        /// The limit.
        limit: usize,
    },
    /// The root is another element.
    #[error("expected the element assembly, found {found:?}")]
    Root {
        /// Its name.
        found: String,
    },
    /// The package has no name, or no version that could be understood.
    #[error("assembly/assemblyIdentity: expected a name and a version of four numbers, found {found}")]
    Identity {
        /// What is there.
        found: String,
    },
}
