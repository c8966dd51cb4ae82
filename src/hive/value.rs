//! Values, and their data.

use super::cell::{self, Cell, is_same};
use super::{Hive, HiveError};
use crate::util::{le, utf16};

const VALUE: &str = "value";
const DATA: &str = "data of a value";

/// Where the fields of a value are in its cell.
mod field {
    pub(super) const NAME_NBYTES: usize = 2;
    pub(super) const DATA_NBYTES: usize = 4;
    pub(super) const DATA: usize = 8;
    pub(super) const KIND: usize = 12;
    pub(super) const FLAGS: usize = 16;
    pub(super) const NAME: usize = 20;
}

/// The name has one byte for a character.
const IS_LATIN1: u16 = 1;
/// The data are where their offset would be.
const IS_INLINE: u32 = 0x8000_0000;
/// The longest name that Windows gives a value: 16,383 characters.
const MAX_NAME_NBYTES: u32 = 2 * 16_383;
/// The most data that are read. What is asked for has some bytes.
const MAX_DATA_NBYTES: u32 = 1 << 20;
/// Data with more than this are cut into segments of this size, since version 1.4.
const SEGMENT_NBYTES: u32 = 16_344;

/// The kinds of data that are understood here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// A text.
    Text,
    /// A text with names of environment variables in it.
    ExpandableText,
    /// Several texts.
    Texts,
    /// A number of 32 bits.
    U32,
    /// A number of 64 bits.
    U64,
    /// Any other, by its number.
    Other(u32),
}

impl From<u32> for ValueKind {
    fn from(number: u32) -> Self {
        match number {
            1 => Self::Text,
            2 => Self::ExpandableText,
            4 => Self::U32,
            7 => Self::Texts,
            11 => Self::U64,
            other => Self::Other(other),
        }
    }
}

/// A value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Its name; empty for the default value.
    pub name: String,
    /// What its data are said to be.
    pub kind: ValueKind,
    /// The data as they are stored.
    pub data: Vec<u8>,
}

impl Value {
    /// Reads the value whose cell is at `offset`, unless another name is wanted.
    pub(super) fn read(hive: &Hive<'_>, offset: u32, wanted: Option<&str>) -> Result<Option<Self>, HiveError> {
        // Letter case does not change how many units of UTF-16 a name has.
        let wanted_units = wanted.map(|wanted| wanted.encode_utf16().count());
        let name_room = wanted_units.map_or(MAX_NAME_NBYTES, |units| MAX_NAME_NBYTES.min(2 * units as u32 + 1));
        let cell = hive.cell(offset, field::NAME as u32 + name_room, VALUE)?;
        cell.kind(&[*b"vk"], VALUE)?;
        let short = || cell.too_short(VALUE, field::NAME as u64);
        let word = |at| le::u32(&cell.bytes, at).ok_or_else(short);
        let half = |at| le::u16(&cell.bytes, at).ok_or_else(short);
        let name_nbytes = half(field::NAME_NBYTES)?;
        let too_long = || cell.too_short(VALUE, field::NAME as u64 + u64::from(name_nbytes));
        if u32::from(name_nbytes) > MAX_NAME_NBYTES.min(cell.size.saturating_sub(field::NAME as u32)) {
            return Err(too_long());
        }
        let is_latin1 = half(field::FLAGS)? & IS_LATIN1 != 0;
        // One of another length is not decoded: it may be long, and named often.
        let units = usize::from(name_nbytes) / if is_latin1 { 1 } else { 2 };
        if wanted_units.is_some_and(|wanted| wanted != units) {
            return Ok(None);
        }
        let name = cell.bytes.get(field::NAME..).and_then(|rest| rest.get(..name_nbytes.into()));
        let name = cell::name(name.ok_or_else(too_long)?, is_latin1);
        if wanted.is_some_and(|wanted| !is_same(&name, wanted)) {
            return Ok(None);
        }
        let (size, place) = (word(field::DATA_NBYTES)?, word(field::DATA)?);
        let data = if size & IS_INLINE == 0 {
            data(hive, place, size)?
        } else {
            let size = size & !IS_INLINE;
            let all = place.to_le_bytes();
            all.get(..size as usize).ok_or_else(|| too_large(offset, size, 4))?.to_vec()
        };
        Ok(Some(Self { name, kind: word(field::KIND)?.into(), data }))
    }

    /// The number, if it is one.
    pub fn number(&self) -> Option<u64> {
        match self.kind {
            ValueKind::U32 => le::u32(&self.data, 0).map(u64::from),
            ValueKind::U64 => le::u64(&self.data, 0),
            _ => None,
        }
    }

    /// The text, if it is one, up to its NUL if it has one. Unpaired surrogates become U+FFFD.
    pub fn text(&self) -> Option<String> {
        let is_text = matches!(self.kind, ValueKind::Text | ValueKind::ExpandableText);
        is_text.then(|| texts(&self.data).next().unwrap_or_default())
    }

    /// The texts, if they are several.
    pub fn texts(&self) -> Option<Vec<String>> {
        // An empty one is the end.
        (self.kind == ValueKind::Texts).then(|| texts(&self.data).take_while(|text| !text.is_empty()).collect())
    }
}

/// The texts between NULs.
fn texts(data: &[u8]) -> impl Iterator<Item = String> + '_ {
    let (units, _) = data.as_chunks::<2>();
    units.split(|unit| *unit == [0, 0]).map(|text| utf16::to_string_lossy(text.as_flattened()))
}

fn too_large(offset: u32, stated: u32, room: u32) -> HiveError {
    HiveError::TooLarge { what: DATA, offset, stated: stated.into(), room: room.into() }
}

/// Reads the `size` bytes of data to which `offset` leads: in the cell there, or in segments that it names.
fn data(hive: &Hive<'_>, offset: u32, size: u32) -> Result<Vec<u8>, HiveError> {
    if size == 0 {
        return Ok(Vec::new());
    }
    let most = MAX_DATA_NBYTES.min(hive.size);
    if size > most {
        return Err(too_large(offset, size, most));
    }
    let cell = hive.cell(offset, size, DATA)?;
    // Before version 1.4, a cell held data of any size.
    if size <= SEGMENT_NBYTES || cell.size >= size || !cell.bytes.starts_with(b"db") {
        return whole(&cell, size);
    }
    let count = le::u16(&cell.bytes, 2).unwrap_or_default();
    let list = le::u32(&cell.bytes, 4).unwrap_or_default();
    let expected = size.div_ceil(SEGMENT_NBYTES);
    if u32::from(count) < expected {
        return Err(too_large(offset, size, u32::from(count) * SEGMENT_NBYTES));
    }
    let list = hive.cell(list, 4 * expected, DATA)?;
    let mut data = Vec::with_capacity(size as usize);
    for segment in whole(&list, 4 * expected)?.as_chunks::<4>().0 {
        let nbytes = SEGMENT_NBYTES.min(size - data.len() as u32);
        let segment = hive.cell(u32::from_le_bytes(*segment), nbytes, DATA)?;
        data.extend(whole(&segment, nbytes)?);
    }
    Ok(data)
}

/// What was read of a cell, if that is as much as it must have.
fn whole(cell: &Cell<'_>, size: u32) -> Result<Vec<u8>, HiveError> {
    if cell.bytes.len() < size as usize {
        return Err(too_large(cell.offset, size, cell.size));
    }
    Ok(cell.bytes[..size as usize].to_vec())
}
