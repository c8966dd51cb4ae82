//! Where pieces come from.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io;

use super::super::cix::Place;
use super::super::class::comparable;
use super::Failure;
use crate::util::read_at::{ReadAt, bytes_at};

/// A payload.
pub trait Pieces {
    /// The bytes of a piece.
    ///
    /// # Errors
    /// [`Failure`]: the payload has no such piece, or cannot be read.
    fn read(&self, place: &Place) -> Result<Cow<'_, [u8]>, Failure>;
}

/// A PSF: pieces at offsets.
#[derive(Clone, Copy)]
pub struct Psf<'a>(pub &'a dyn ReadAt);

impl std::fmt::Debug for Psf<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Psf").field(&self.0.size()).finish()
    }
}

impl<'a> Psf<'a> {
    /// The bytes of a piece.
    ///
    /// # Errors
    /// As [`Pieces::read`].
    pub fn piece(self, place: &Place) -> Result<Cow<'a, [u8]>, Failure> {
        match place {
            Place::Range { offset, length } => range(self.0, *offset, *length),
            Place::Member(name) => Err(Failure::NoMember(name.clone())),
        }
    }
}

impl Pieces for Psf<'_> {
    fn read(&self, place: &Place) -> Result<Cow<'_, [u8]>, Failure> {
        self.piece(place)
    }
}

fn range(source: &dyn ReadAt, offset: u64, length: u64) -> Result<Cow<'_, [u8]>, Failure> {
    let outside = Failure::Outside { offset, length, size: source.size() };
    let Ok(nbytes) = usize::try_from(length) else { return Err(outside) };
    bytes_at(source, offset, nbytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => outside,
        _ => Failure::Read(error.to_string()),
    })
}

/// The members of a cabinet, by their names: letter case does not count, and both separators are the same.
#[derive(Default)]
pub struct Members(HashMap<String, Box<dyn ReadAt>>);

impl std::fmt::Debug for Members {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Members").field(&self.0.len()).finish()
    }
}

impl Members {
    /// Adds a member. Of several by the same name the last one counts.
    pub fn insert(&mut self, name: &str, content: Box<dyn ReadAt>) {
        self.0.insert(comparable(name), content);
    }
}

impl Pieces for Members {
    fn read(&self, place: &Place) -> Result<Cow<'_, [u8]>, Failure> {
        let name = match place {
            Place::Member(name) => name.clone(),
            Place::Range { offset, .. } => offset.to_string(),
        };
        let Some(member) = self.0.get(&comparable(&name)) else { return Err(Failure::NoMember(name)) };
        range(&**member, 0, member.size())
    }
}
