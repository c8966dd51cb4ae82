//! Rift tables as functions: one behind the other, and the other way round.
//!
//! A delta tells how what is at an RVA has moved, and a patch needs to know which byte of the source's file corresponds to one of the
//! target's. That is: from the source's file to its RVAs, to the target's RVAs, to the target's file, and all that turned over.

use std::collections::BTreeMap;

use super::super::rift::{MAX_ENTRIES, Rift, RiftTable};

/// A table would get more than [`MAX_ENTRIES`].
#[derive(Debug)]
pub(super) struct TooMany;

/// Where each entry of a table begins and ends, and its shift; what lies in front of the first entry goes with the last one.
fn segments(table: &RiftTable) -> Vec<(i64, i64, i64)> {
    let mut segments = Vec::with_capacity(table.0.len() + 1);
    let (Some(first), Some(last)) = (table.0.first(), table.0.last()) else { return segments };
    if first.from > i64::MIN {
        segments.push((i64::MIN, first.from - 1, last.shift()));
    }
    for (index, entry) in table.0.iter().enumerate() {
        match table.0.get(index + 1) {
            // Of several for the same place the last one counts.
            Some(next) if next.from == entry.from => {}
            Some(next) => segments.push((entry.from, next.from - 1, entry.shift())),
            None => segments.push((entry.from, i64::MAX, entry.shift())),
        }
    }
    segments
}

/// First one table, then the other. An empty one changes nothing.
pub(super) fn compose(first: &RiftTable, second: &RiftTable) -> Result<RiftTable, TooMany> {
    if first.0.is_empty() || second.0.is_empty() {
        return Ok(if first.0.is_empty() { second.clone() } else { first.clone() });
    }
    let mut entries = Vec::new();
    for (start, end, shift) in segments(first) {
        let mut from = start;
        loop {
            let between = from.wrapping_add(shift);
            let (second_shift, second_end) = second.at(between);
            if entries.len() == MAX_ENTRIES {
                return Err(TooMany);
            }
            entries.push(Rift { from, to: between.wrapping_add(second_shift) });
            let width = second_end.wrapping_sub(between) as u64;
            if width >= end.wrapping_sub(from) as u64 {
                break;
            }
            from = from.wrapping_add(width as i64).wrapping_add(1);
        }
    }
    let mut table = RiftTable(entries);
    table.sort();
    Ok(table)
}

/// The table turned over. Where several places lead to the same one, the first counts, beginning at place 0, and those in front of it
/// after the highest; places that nothing leads to go with what is in front of them.
pub(super) fn invert(table: &RiftTable) -> RiftTable {
    let mut segments = segments(table);
    let Some(behind_zero) = segments.iter().rposition(|(start, _, _)| *start <= 0) else { return RiftTable::default() };
    // The segment with place 0 is divided there: what is in front of it comes last.
    let (start, end, shift) = segments[behind_zero];
    segments.rotate_left(behind_zero);
    segments[0] = (0, end, shift);
    if start < 0 {
        segments.push((start, -1, shift));
    }
    let mut covered = Covered::default();
    let mut entries = Vec::new();
    for (start, end, shift) in segments {
        // In 128 bits nothing overflows; what goes beyond the highest place comes again at the lowest.
        let to = i128::from(start.wrapping_add(shift));
        let behind = to + i128::from(end) - i128::from(start) + 1;
        let highest = i128::from(i64::MAX) + 1;
        covered.add(to, behind.min(highest), shift, &mut entries);
        if behind > highest {
            covered.add(i128::from(i64::MIN), behind - (highest - i128::from(i64::MIN)), shift, &mut entries);
        }
    }
    let mut inverse = RiftTable(entries);
    inverse.sort();
    inverse
}

/// Places that something leads to: disjoint ranges that do not touch, by their beginnings.
#[derive(Default)]
struct Covered(BTreeMap<i128, i128>);

impl Covered {
    /// Covers a range, and adds an entry for each part of it that was not.
    fn add(&mut self, start: i128, end: i128, shift: i64, entries: &mut Vec<Rift>) {
        let mut entry = |from: i128| {
            let from = from as i64; // between the lowest and the highest
            entries.push(Rift { from, to: from.wrapping_sub(shift) });
        };
        let (mut whole_start, mut whole_end) = (start, end);
        let mut next = start;
        let before = self.0.range(..start).next_back().map(|(start, end)| (*start, *end));
        if let Some((its_start, its_end)) = before.filter(|(_, its_end)| *its_end >= start) {
            (whole_start, whole_end, next) = (its_start, end.max(its_end), its_end);
            self.0.remove(&its_start);
        }
        while let Some((its_start, its_end)) = self.0.range(start..=end).next().map(|(start, end)| (*start, *end)) {
            if next < its_start {
                entry(next);
            }
            next = next.max(its_end);
            whole_end = whole_end.max(its_end);
            self.0.remove(&its_start);
        }
        if next < end {
            entry(next);
        }
        self.0.insert(whole_start, whole_end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(entries: &[(i64, i64)]) -> RiftTable {
        RiftTable(entries.iter().map(|&(from, to)| Rift { from, to }).collect())
    }

    fn value(table: &RiftTable, place: i64) -> i64 {
        place + table.at(place).0
    }

    #[test]
    fn composed_tables_are_composed_functions() {
        let first = table(&[(0, 0), (0x400, 0x1000), (0x600, 0x3000)]);
        let second = table(&[(0x1010, 0x1050), (0x1100, 0x1200), (0x3000, 0x2000)]);
        let both = compose(&first, &second).unwrap();
        for place in -0x10..0x900 {
            assert_eq!(value(&both, place), value(&second, value(&first, place)), "{place:#x}");
        }
        assert_eq!(compose(&first, &RiftTable::default()).unwrap(), first);
        assert_eq!(compose(&RiftTable::default(), &first).unwrap(), first);
    }

    #[test]
    fn an_inverse_leads_back() {
        let moved = table(&[(0, 0), (0x400, 0x1000), (0x600, 0x3000)]);
        let inverse = invert(&moved);
        for place in (0..0x400).chain(0x400..0x600).chain(0x600..0x1000) {
            assert_eq!(value(&inverse, value(&moved, place)), place, "{place:#x}");
        }
        // To 0x400 only a place in front of 0 leads, which goes with the last entry. Two lead to 0x20: the lower one counts.
        assert_eq!(value(&inverse, 0x400), 0x400 - 0x2A00);
        let overlapping = table(&[(0, 0), (0x100, 0x20)]);
        assert_eq!(value(&invert(&overlapping), 0x20), 0x20);
        assert_eq!(value(&invert(&overlapping), 0x100), 0x1E0);
    }

    #[test]
    fn tables_do_not_grow_without_end() {
        let many = |count: i64| RiftTable((0..count).map(|n| Rift { from: 2 * n, to: 2 * n + n % 2 }).collect());
        let same = RiftTable((0..2000).map(|n| Rift { from: n << 40, to: 0 }).collect());
        assert!(compose(&same, &many(2000)).is_err());
    }
}
