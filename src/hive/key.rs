//! Keys, and the lists of their subkeys.

use super::cell::{self, is_same};
use super::value::Value;
use super::{Hive, HiveError};
use crate::util::le;

const KEY: &str = "key";
const LIST: &str = "list of subkeys";
const VALUES: &str = "list of values";

/// Where the fields of a key are in its cell.
mod field {
    pub(super) const FLAGS: usize = 2;
    pub(super) const PARENT: usize = 16;
    pub(super) const SUBKEY_COUNT: usize = 20;
    pub(super) const SUBKEYS: usize = 28;
    pub(super) const VALUE_COUNT: usize = 36;
    pub(super) const VALUES: usize = 40;
    pub(super) const NAME_NBYTES: usize = 72;
    pub(super) const NAME: usize = 76;
}

/// The name has one byte for a character.
const IS_LATIN1: u16 = 0x20;
/// The longest name that Windows gives a key: 255 characters.
const MAX_NAME_NBYTES: u32 = 2 * 255;
/// No key has less than this, so that no list can be longer than what fits in the hive.
const MIN_KEY_NBYTES: u32 = 80;
/// So many values a key may have. What is asked for has some dozens.
const MAX_VALUES: u32 = 1 << 16;

/// A key of a hive.
#[derive(Clone)]
pub struct Key<'h> {
    hive: &'h Hive<'h>,
    offset: u32,
    name: String,
    parent: u32,
    subkey_count: u32,
    subkeys: u32,
    value_count: u32,
    values: u32,
}

impl<'h> Key<'h> {
    pub(super) fn read(hive: &'h Hive<'h>, offset: u32) -> Result<Self, HiveError> {
        let cell = hive.cell(offset, field::NAME as u32 + MAX_NAME_NBYTES, KEY)?;
        cell.kind(&[*b"nk"], KEY)?;
        let short = || cell.too_short(KEY, field::NAME as u64);
        let word = |at| le::u32(&cell.bytes, at).ok_or_else(short);
        let half = |at| le::u16(&cell.bytes, at).ok_or_else(short);
        let name_nbytes = half(field::NAME_NBYTES)?;
        let name = cell.bytes.get(field::NAME..).and_then(|rest| rest.get(..name_nbytes.into()));
        let name = name.ok_or_else(|| cell.too_short(KEY, field::NAME as u64 + u64::from(name_nbytes)))?;
        Ok(Self {
            hive,
            offset,
            name: cell::name(name, half(field::FLAGS)? & IS_LATIN1 != 0),
            parent: word(field::PARENT)?,
            subkey_count: word(field::SUBKEY_COUNT)?,
            subkeys: word(field::SUBKEYS)?,
            value_count: word(field::VALUE_COUNT)?,
            values: word(field::VALUES)?,
        })
    }

    /// Its name. Unpaired surrogates become U+FFFD.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The subkey of this name, letter case aside.
    ///
    /// # Errors
    /// It is not found, and the list of subkeys, or a key in it, is damaged.
    pub fn subkey(&self, name: &str) -> Result<Option<Self>, HiveError> {
        let mut found = None;
        self.visit_subkeys(|key| {
            let is_it = is_same(&key.name, name);
            if is_it {
                found = Some(key);
            }
            !is_it
        })?;
        Ok(found)
    }

    /// Its subkeys, in the order of the hive, which sorts them by name.
    ///
    /// # Errors
    /// The list of subkeys, or a key in it, is damaged.
    pub fn subkeys(&self) -> Result<Vec<Self>, HiveError> {
        self.first_subkeys(usize::MAX)
    }

    /// So many of its subkeys at most.
    pub(crate) fn first_subkeys(&self, at_most: usize) -> Result<Vec<Self>, HiveError> {
        let mut first = Vec::new();
        self.visit_subkeys(|key| {
            first.push(key);
            first.len() < at_most
        })?;
        Ok(first)
    }

    /// Calls `visit` with one subkey after the other, until it answers false. What cannot be read on the way counts only if
    /// it never does.
    fn visit_subkeys(&self, mut visit: impl FnMut(Self) -> bool) -> Result<(), HiveError> {
        if self.subkey_count == 0 {
            return Ok(());
        }
        let most = self.hive.size / MIN_KEY_NBYTES;
        let mut count = 0;
        let mut damage = None;
        let lists = match self.list(self.subkeys, &[*b"lf", *b"lh", *b"li", *b"ri"])? {
            List::OfLists(lists) => lists,
            List::OfKeys(_) => vec![self.subkeys],
        };
        for list in lists {
            let keys = match self.list(list, &[*b"lf", *b"lh", *b"li"]) {
                Ok(List::OfKeys(keys) | List::OfLists(keys)) => keys,
                Err(error) => {
                    damage.get_or_insert(error);
                    continue;
                }
            };
            for offset in keys {
                count += 1;
                if count > most {
                    let (offset, stated) = (self.subkeys, count.into());
                    return Err(HiveError::TooLarge { what: LIST, offset, stated, room: most.into() });
                }
                match self.child(offset) {
                    Ok(key) => {
                        if !visit(key) {
                            return Ok(());
                        }
                    }
                    Err(error) => _ = damage.get_or_insert(error),
                }
            }
        }
        damage.map_or(Ok(()), Err)
    }

    fn child(&self, offset: u32) -> Result<Self, HiveError> {
        let key = Self::read(self.hive, offset)?;
        // The root may name anything as its parent, and is nobody's subkey.
        if key.parent == self.offset && offset != self.hive.root {
            Ok(key)
        } else {
            Err(HiveError::Parent { offset, found_in: self.offset, parent: key.parent })
        }
    }

    /// Reads a list of one of the kinds that may stand here.
    fn list(&self, offset: u32, kinds: &[[u8; 2]]) -> Result<List, HiveError> {
        const HEADER: u32 = 4;
        // The header by itself first: a short list may be in a large cell, and named often.
        let cell = self.hive.cell(offset, HEADER, LIST)?;
        let kind = cell.kind(kinds, LIST)?;
        let count = usize::from(le::u16(&cell.bytes, 2).ok_or_else(|| cell.too_short(LIST, HEADER.into()))?);
        // Two kinds have a hint beside each offset: the beginning of the name, or its hash.
        let width = if matches!(&kind, b"lf" | b"lh") { 8 } else { 4 };
        let cell = self.hive.cell(offset, HEADER + (count * width) as u32, LIST)?;
        let entries = cell.bytes.get(HEADER as usize..).and_then(|rest| rest.get(..count * width));
        let entries = entries.ok_or_else(|| cell.too_short(LIST, (count * width) as u64))?;
        let offsets = entries.chunks_exact(width).filter_map(|entry| le::u32(entry, 0)).collect();
        Ok(if &kind == b"ri" { List::OfLists(offsets) } else { List::OfKeys(offsets) })
    }

    /// The value of this name, letter case aside; the empty name is the default value's.
    ///
    /// # Errors
    /// It is not found, and the list of values, a value in it, or the data of this one are damaged.
    pub fn value(&self, name: &str) -> Result<Option<Value>, HiveError> {
        let mut damage = None;
        for offset in self.value_offsets()? {
            match Value::read(self.hive, offset, Some(name)) {
                Ok(Some(value)) => return Ok(Some(value)),
                Ok(None) => {}
                Err(error) => _ = damage.get_or_insert(error),
            }
        }
        damage.map_or(Ok(None), Err)
    }

    /// All values.
    ///
    /// # Errors
    /// The list of values, or one of them, is damaged.
    pub fn values(&self) -> Result<Vec<Value>, HiveError> {
        let read = |offset| Value::read(self.hive, offset, None);
        let values: Result<Vec<Option<Value>>, HiveError> = self.value_offsets()?.into_iter().map(read).collect();
        Ok(values?.into_iter().flatten().collect())
    }

    fn value_offsets(&self) -> Result<Vec<u32>, HiveError> {
        if self.value_count == 0 {
            return Ok(Vec::new());
        }
        let most = MAX_VALUES.min(self.hive.size / 8);
        if self.value_count > most {
            let (offset, stated) = (self.values, self.value_count.into());
            return Err(HiveError::TooLarge { what: VALUES, offset, stated, room: most.into() });
        }
        let cell = self.hive.cell(self.values, 4 * self.value_count, VALUES)?;
        let offsets = cell.bytes.get(..4 * self.value_count as usize);
        let offsets = offsets.ok_or_else(|| cell.too_short(VALUES, 4 * u64::from(self.value_count)))?;
        Ok(offsets.as_chunks::<4>().0.iter().map(|offset| u32::from_le_bytes(*offset)).collect())
    }
}

/// What a list has offsets of.
enum List {
    OfKeys(Vec<u32>),
    OfLists(Vec<u32>),
}

impl std::fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("name", &self.name).field("offset", &self.offset).finish_non_exhaustive()
    }
}
