//! Extended attributes: packed as images have them, and as lists for system calls.
//!
//! An image packs `u16 value length, u8 name length, u8 flags, name, NUL, value`, one entry behind the other. The system's
//! list has `u32 offset of the next, u8 flags, u8 name length, u16 value length, name, NUL, value`, each entry beginning at a
//! multiple of 4; the last has the offset 0.

use crate::util::le;

/// Names of attributes that only the kernel can set: caches, which it makes again.
const KERNEL_PREFIX: &[u8] = b"$KERNEL.";

struct Attribute<'a> {
    flags: u8,
    name: &'a [u8],
    value: &'a [u8],
}

/// What stands from `at` on: the lengths, then the name, NUL and the value.
fn attribute(bytes: &[u8], at: usize, flags: u8, name_nbytes: usize, value_nbytes: usize) -> Option<Attribute<'_>> {
    let name = bytes.get(at..)?.get(..name_nbytes).filter(|name| !name.is_empty())?;
    let value = bytes.get(at + name_nbytes + 1..)?.get(..value_nbytes)?;
    Some(Attribute { flags, name, value })
}

/// The list of the system out of the packed form, without what only the kernel can set; empty if there is nothing else.
/// `None`: this is no packed form.
pub(super) fn to_list(packed: &[u8]) -> Option<Vec<u8>> {
    let mut list = Vec::new();
    let mut last = None;
    let mut rest = packed;
    while rest.len() >= 4 {
        let (value_nbytes, name_nbytes) = (le::u16(rest, 0)?, rest[2]);
        let found = attribute(rest, 4, rest[3], name_nbytes.into(), value_nbytes.into())?;
        let is_kernels = found.name.get(..KERNEL_PREFIX.len()).is_some_and(|p| p.eq_ignore_ascii_case(KERNEL_PREFIX));
        if !is_kernels {
            list.resize(list.len().next_multiple_of(4), 0);
            let start = list.len();
            if let Some(before) = last.replace(start) {
                let offset = u32::try_from(start - before).ok()?;
                list[before..before + 4].copy_from_slice(&offset.to_le_bytes());
            }
            list.extend([0, 0, 0, 0, found.flags, name_nbytes]);
            list.extend(value_nbytes.to_le_bytes());
            list.extend(found.name);
            list.push(0);
            list.extend(found.value);
        }
        rest = &rest[5 + found.name.len() + found.value.len()..];
    }
    // What is left is padding.
    rest.iter().all(|byte| *byte == 0).then_some(list)
}

/// The packed form out of the list of the system. `None`: this is no such list.
pub(super) fn from_list(list: &[u8]) -> Option<Vec<u8>> {
    let mut packed = Vec::new();
    let mut rest = list;
    while !rest.is_empty() {
        let next = le::u32(rest, 0)? as usize;
        let (flags, name_nbytes) = (*rest.get(4)?, *rest.get(5)?);
        let value_nbytes = le::u16(rest, 6)?;
        let found = attribute(rest, 8, flags, name_nbytes.into(), value_nbytes.into())?;
        packed.extend(value_nbytes.to_le_bytes());
        packed.extend([name_nbytes, found.flags]);
        packed.extend(found.name);
        packed.push(0);
        packed.extend(found.value);
        // An entry inside another would be taken as often as it is named.
        let end = 9 + found.name.len() + found.value.len();
        rest = if next == 0 { &[] } else { rest.get(next..).filter(|_| next >= end)? };
    }
    Some(packed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(attributes: &[(&str, &[u8])]) -> Vec<u8> {
        let mut packed = Vec::new();
        for (name, value) in attributes {
            packed.extend((value.len() as u16).to_le_bytes());
            packed.extend([name.len() as u8, 0x80]);
            packed.extend(name.bytes().chain([0]).chain(value.iter().copied()));
        }
        packed
    }

    #[test]
    fn attributes_go_both_ways() {
        let image = packed(&[("LXUID", &[1, 2, 3]), ("EMPTY", b""), ("X", &[7; 300])]);
        let list = to_list(&image).unwrap();
        assert_eq!((le::u32(&list, 0), &list[8..14]), (Some(20), &b"LXUID\0"[..]));
        assert_eq!(from_list(&list).unwrap(), image);
        assert_eq!(to_list(&[&image[..], &[0; 3]].concat()), Some(list), "padding");
        assert_eq!(to_list(&[]), Some(Vec::new()));
    }

    #[test]
    fn what_the_kernel_alone_sets_is_not_in_the_list() {
        let (kernel, user) = (("$Kernel.Purge.X", &b"cache"[..]), ("$CI.CATALOGHINT", &b"hint"[..]));
        assert_eq!(to_list(&packed(&[kernel, user, kernel])), to_list(&packed(&[user])));
        assert_eq!(to_list(&packed(&[kernel])), Some(Vec::new()));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_attributes_or_none(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..120)) {
            if let Some(list) = to_list(&bytes) {
                proptest::prop_assert!(from_list(&list).is_some());
            }
            let _ = from_list(&bytes);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let image = packed(&[("NAME", b"value")]);
        for length in 1..image.len() {
            assert!(length < 4 && image[..length].iter().all(|byte| *byte == 0) || to_list(&image[..length]).is_none());
        }
        let list = to_list(&image).unwrap();
        assert!((1..list.len()).all(|length| from_list(&list[..length]).is_none()));
    }
}
