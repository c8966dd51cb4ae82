//! What can be asked of past runs.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::Entry;
use crate::refresh::report::rate;
use crate::refresh::run::{Row, RowStatus, Status};
use crate::util::filetime::FileTime;

/// By what runs are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// When they were begun, the last one first.
    #[default]
    Begun,
    /// When they came to their end, the last one first.
    Ended,
    /// How long they took, the longest first.
    Duration,
    /// How they stand, successes first.
    Status,
    /// How many updates failed, most first.
    Failed,
}

/// Which runs are meant. What is empty holds for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Begun then or later.
    pub since: Option<FileTime>,
    /// Begun before that.
    pub before: Option<FileTime>,
    /// They stand like one of these.
    pub statuses: Vec<Status>,
    /// With updates of one of these kinds, whatever the letter case.
    pub types: Vec<String>,
    /// By what they are sorted.
    pub order: Order,
}

/// How often updates of a kind succeeded.
#[derive(Clone, Debug, PartialEq)]
pub struct Rate {
    /// The kind.
    pub update_type: String,
    /// Updates that succeeded or failed.
    pub total: usize,
    /// Those that succeeded.
    pub successful: usize,
    /// Percent, to two decimals.
    pub rate: f64,
}

impl Query {
    /// The runs that are meant, in order; of those that are alike the last one first.
    pub fn runs<'e>(&self, entries: &'e [Entry]) -> Vec<&'e Entry> {
        let mut found: Vec<&Entry> = entries.iter().filter(|entry| self.means(entry)).collect();
        found.sort_by_key(|entry| (Reverse(entry.begun), &entry.id));
        match self.order {
            Order::Begun => {}
            Order::Ended => found.sort_by_key(|entry| Reverse(entry.ended)),
            Order::Duration => found.sort_by_key(|entry| Reverse(entry.duration())),
            Order::Status => found.sort_by_key(|entry| entry.status),
            Order::Failed => found.sort_by_key(|entry| Reverse(entry.failed)),
        }
        found
    }

    fn means(&self, entry: &Entry) -> bool {
        self.since.is_none_or(|since| entry.begun >= since)
            && self.before.is_none_or(|before| entry.begun < before)
            && (self.statuses.is_empty() || self.statuses.contains(&entry.status))
            && (self.types.is_empty() || entry.updates.iter().any(|row| self.has_type(row)))
    }

    fn has_type(&self, row: &Row) -> bool {
        self.types.is_empty() || self.types.iter().any(|own| own.eq_ignore_ascii_case(&row.update_type))
    }

    /// Updates of these runs that failed after `since`, the last one first.
    pub fn failures<'e>(&self, entries: &'e [Entry], since: FileTime) -> Vec<(&'e Entry, &'e Row)> {
        let is_meant = |row: &&Row| row.status == RowStatus::Failed && row.timestamp > since && self.has_type(row);
        let of_run = |entry: &'e Entry| entry.updates.iter().filter(is_meant).map(move |row| (entry, row));
        let mut found: Vec<_> = self.runs(entries).into_iter().flat_map(of_run).collect();
        found.sort_by_key(|(_, row)| Reverse(row.timestamp));
        found
    }

    /// How often updates of each kind succeeded in these runs. What was not meant for an image counts neither way.
    pub fn rates(&self, entries: &[Entry]) -> Vec<Rate> {
        let mut counts = BTreeMap::<&str, (usize, usize)>::new();
        let rows = self.runs(entries).into_iter().flat_map(|entry| &entry.updates);
        for row in rows.filter(|row| self.has_type(row) && (row.status.is_success() || row.status.is_failure())) {
            let (total, successful) = counts.entry(&row.update_type).or_default();
            *total += 1;
            *successful += usize::from(row.status.is_success());
        }
        let rates = counts.into_iter().map(|(name, (total, successful))| Rate {
            update_type: name.to_owned(),
            total,
            successful,
            rate: rate(successful, total),
        });
        rates.collect()
    }
}
