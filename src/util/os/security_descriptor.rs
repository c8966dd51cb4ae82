//! Whether bytes are a security descriptor: the system call that sets one is told no length.
//!
//! Self-relative form: `u8 revision, u8 0, u16 control, u32 offsets of owner, group, SACL, DACL`, 0 for what is absent. An
//! access control list: `u8 revision, u8 0, u16 size, u16 number of entries, u16 0`, then entries that begin with `u8 type,
//! u8 flags, u16 size`. A SID: `u8 1, u8 number of parts, 6 bytes of authority, u32 for each part`.

use crate::util::le;

const DACL_PRESENT: u16 = 0x0004;
const SACL_PRESENT: u16 = 0x0010;
const DACL_AUTO_INHERIT_REQ: u16 = 0x0100;
const SACL_AUTO_INHERIT_REQ: u16 = 0x0200;
const DACL_AUTO_INHERITED: u16 = 0x0400;
const SACL_AUTO_INHERITED: u16 = 0x0800;
const SELF_RELATIVE: u16 = 0x8000;
/// The most parts that a SID may have.
const MAX_SID_PARTS: u8 = 15;

/// Which parts a security descriptor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    /// The owner.
    pub owner: bool,
    /// The primary group.
    pub group: bool,
    /// The list of who may do what.
    pub dacl: bool,
    /// The list of what is written to the log.
    pub sacl: bool,
}

/// The parts of a descriptor; `None` unless all of them lie inside `bytes` and are well formed.
pub(super) fn parts(bytes: &[u8]) -> Option<Parts> {
    let control = le::u16(bytes, 2)?;
    if bytes[0] != 1 || control & SELF_RELATIVE == 0 {
        return None;
    }
    let place = |at: usize| -> Option<Option<&[u8]>> {
        match le::u32(bytes, at)? as usize {
            0 => Some(None),
            offset if offset < 20 || !offset.is_multiple_of(4) => None,
            offset => Some(Some(bytes.get(offset..)?)),
        }
    };
    let (owner, group, sacl, dacl) = (place(4)?, place(8)?, place(12)?, place(16)?);
    let is_sound = owner.is_none_or(is_sid)
        && group.is_none_or(is_sid)
        && sacl.is_none_or(is_access_list)
        && dacl.is_none_or(is_access_list);
    is_sound.then_some(Parts {
        owner: owner.is_some(),
        group: group.is_some(),
        dacl: control & DACL_PRESENT != 0,
        sacl: control & SACL_PRESENT != 0,
    })
}

fn is_sid(bytes: &[u8]) -> bool {
    matches!(bytes, [1, parts, ..] if *parts <= MAX_SID_PARTS && bytes.len() >= 8 + 4 * usize::from(*parts))
}

fn is_access_list(bytes: &[u8]) -> bool {
    let (Some(size), Some(count)) = (le::u16(bytes, 2), le::u16(bytes, 4)) else { return false };
    let Some(mut rest) = bytes.get(..size.into()).and_then(|list| list.get(8..)) else { return false };
    for _ in 0..count {
        let Some(size) = le::u16(rest, 2).filter(|size| *size >= 4 && size.is_multiple_of(4)) else { return false };
        let Some(next) = rest.get(size.into()..) else { return false };
        rest = next;
    }
    matches!(bytes[0], 2..=4)
}

/// The same as it is to be set: "inherited by itself" only stays said if the request for it is set as well.
pub(super) fn to_be_set(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(mut control) = le::u16(&bytes, 2) {
        for (said, requested) in
            [(DACL_AUTO_INHERITED, DACL_AUTO_INHERIT_REQ), (SACL_AUTO_INHERITED, SACL_AUTO_INHERIT_REQ)]
        {
            control |= if control & said != 0 { requested } else { 0 };
        }
        bytes[2..4].copy_from_slice(&control.to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everyone owns it, and may do all.
    fn everyone() -> Vec<u8> {
        let everyone = [1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
        let mut bytes = vec![1, 0, 0x04, 0x84];
        bytes.extend([20_u32, 20, 0, 32].map(u32::to_le_bytes).concat());
        bytes.extend(everyone);
        bytes.extend([2, 0, 28, 0, 1, 0, 0, 0]);
        bytes.extend([0, 0, 20, 0, 0xFF, 0x01, 0x1F, 0]);
        bytes.extend(everyone);
        bytes
    }

    #[test]
    fn a_descriptor_is_taken_whole_or_not_at_all() {
        let whole = everyone();
        let expected = Parts { owner: true, group: true, dacl: true, sacl: false };
        assert_eq!(parts(&whole), Some(expected));
        assert!((0..whole.len()).all(|length| parts(&whole[..length]).is_none()), "cut short");
        for (at, wrong) in [(0, 2), (3, 0x04), (4, 21), (5, 1), (20, 2), (21, 16), (32, 9), (34, 29), (36, 2), (42, 3)]
        {
            let mut broken = whole.clone();
            broken[at] = wrong;
            assert_eq!(parts(&broken), None, "byte {at} is {wrong}");
        }
        // An absent list that is said to be there lets everyone in: it is one.
        let open = [&[1, 0, 0x04, 0x80][..], &[0; 16]].concat();
        assert_eq!(parts(&open), Some(Parts { owner: false, group: false, dacl: true, sacl: false }));
    }

    #[test]
    fn inheritance_is_requested_where_it_is_said() {
        assert_eq!(to_be_set(&everyone())[2..4], [0x04, 0x85]);
        assert_eq!(to_be_set(&[1, 0, 0x04, 0x80])[2..4], [0x04, 0x80]);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_judged(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = parts(&bytes);
            proptest::prop_assert_eq!(to_be_set(&bytes).len(), bytes.len());
        }
    }
}
