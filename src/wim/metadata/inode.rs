//! Hard links: which dentries are names of one file.
//!
//! Names of one file share a non-zero group id. Some shipped images reuse an id for files of different contents, so the
//! hash of the unnamed data must agree, too; where only times, attributes or named streams differ, it is one file, and
//! its first name in the order of the resource speaks for it.

use super::DentryId;
use crate::util::sha1::Sha1;

/// What decides whether two names belong to one file. The order of the fields makes members of a group neighbours.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LinkKey {
    pub(super) group: u64,
    pub(super) data: Sha1,
    pub(super) dentry: DentryId,
}

/// The files with more than one name.
#[derive(Clone, Debug, Default)]
pub(super) struct LinkGroups {
    /// Sorted by first member; the members of each are sorted, too.
    groups: Vec<Box<[DentryId]>>,
}

impl LinkGroups {
    /// Groups `keys`; calls `inconsistent` with the first dentry of a group whose contents differ, and the group's id.
    pub(super) fn new(mut keys: Vec<LinkKey>, mut inconsistent: impl FnMut(DentryId, u64)) -> Self {
        keys.sort_unstable();
        for same_id in keys.chunk_by(|a, b| a.group == b.group) {
            if same_id.iter().any(|key| key.data != same_id[0].data) {
                inconsistent(same_id[0].dentry, same_id[0].group);
            }
        }
        let mut groups: Vec<Box<[DentryId]>> = keys
            .chunk_by(|a, b| (a.group, a.data) == (b.group, b.data))
            .filter(|members| members.len() > 1)
            .map(|members| members.iter().map(|key| key.dentry).collect())
            .collect();
        groups.sort_unstable_by_key(|members| members[0]);
        Self { groups }
    }

    /// The groups, each with its members in the order of the resource.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[DentryId]> {
        self.groups.iter().map(AsRef::as_ref)
    }

    /// The members of the group whose first member is `leader`.
    pub(super) fn of_leader(&self, leader: DentryId) -> Option<&[DentryId]> {
        let index = self.groups.binary_search_by_key(&leader, |members| members[0]).ok()?;
        Some(&self.groups[index])
    }
}
