//! The database, and what is asked of it.

use super::*;
use crate::refresh::run::{Row, RowStatus, Status};
use crate::util::filetime::FileTime;

fn day(day: u32) -> FileTime {
    format!("2026-01-{day:02}T12:00:00Z").parse().unwrap()
}

fn row(update_type: &str, status: RowStatus, timestamp: FileTime) -> Row {
    Row {
        image_type: "OS".into(),
        image_index: Some(1),
        image_name: "Home".into(),
        update_type: update_type.into(),
        update_title: "a.cab".into(),
        update_file: "packages/a.cab".into(),
        status,
        error: None,
        advice: None,
        timestamp,
        step: Some(12),
    }
}

fn entry(id: &str, begun: u32, hours: u64, status: Status, rows: &[(&str, RowStatus)]) -> Entry {
    let ended = FileTime(day(begun).0 + hours * 3600 * 10_000_000);
    Entry {
        id: id.into(),
        begun: day(begun),
        ended: Some(ended),
        status,
        error: None,
        media: "old".into(),
        new_media: "new".into(),
        work: "work".into(),
        packages: 2,
        images: 1,
        succeeded: rows.iter().filter(|(_, status)| status.is_success()).count(),
        failed: rows.iter().filter(|(_, status)| status.is_failure()).count(),
        sittings: Vec::new(),
        updates: rows.iter().map(|(kind, status)| row(kind, *status, ended)).collect(),
        report: None,
    }
}

/// A run on each of five days.
fn entries() -> Vec<Entry> {
    use RowStatus::{Failed, NotApplicable, Skipped, Success, Tolerated};
    vec![
        entry("a", 1, 1, Status::Success, &[("Cumulative", Success), ("SafeOS", Success)]),
        entry("b", 8, 5, Status::Partial, &[("Cumulative", Failed), ("SafeOS", Success), ("DotNet", NotApplicable)]),
        entry("c", 15, 2, Status::Failed, &[("ServicingStack", Failed), ("Cumulative", Skipped)]),
        entry("d", 20, 3, Status::Success, &[("ServicingStack", Tolerated), ("Cumulative", Success)]),
        entry("e", 25, 0, Status::Interrupted, &[]),
    ]
}

#[test]
fn runs_are_chosen_and_sorted() {
    let entries = entries();
    let ids = |query: Query| query.runs(&entries).iter().map(|entry| &*entry.id).collect::<String>();
    let all = Query::default;
    assert_eq!(ids(all()), "edcba");
    assert_eq!(ids(Query { since: Some(day(8)), before: Some(day(20)), ..all() }), "cb");
    assert_eq!(ids(Query { statuses: vec![Status::Success, Status::Interrupted], ..all() }), "eda");
    assert_eq!(ids(Query { types: vec!["safeos".into()], ..all() }), "ba");
    assert_eq!(ids(Query { types: vec!["safe".into()], ..all() }), "");
    assert_eq!(ids(Query { order: Order::Ended, ..all() }), "edcba");
    assert_eq!(ids(Query { order: Order::Duration, ..all() }), "bdcae");
    assert_eq!(ids(Query { order: Order::Status, ..all() }), "dabce");
    assert_eq!(ids(Query { order: Order::Failed, ..all() }), "cbeda");
}

#[test]
fn failures_after_a_time() {
    let entries = entries();
    let failures = |query: Query, since| {
        let found = query.failures(&entries, since);
        found.iter().map(|(entry, row)| format!("{} {}", entry.id, row.update_type)).collect::<Vec<_>>()
    };
    // What was skipped has not failed itself.
    assert_eq!(failures(Query::default(), day(1)), ["c ServicingStack", "b Cumulative"]);
    assert_eq!(failures(Query::default(), day(9)), ["c ServicingStack"]);
    assert_eq!(failures(Query { types: vec!["Cumulative".into()], ..Query::default() }, day(1)), ["b Cumulative"]);
    // To the tick: 7 days before the end of an hour that is that of a failure.
    let exactly = FileTime(day(15).0 + 2 * 3600 * 10_000_000);
    assert_eq!(failures(Query::default(), exactly), [""; 0]);
    assert_eq!(failures(Query::default(), FileTime(exactly.0 - 1)), ["c ServicingStack"]);
}

#[test]
fn rates_by_kind() {
    let rates = Query::default().rates(&entries());
    let shown: Vec<_> = rates.iter().map(|rate| (&*rate.update_type, rate.total, rate.successful, rate.rate)).collect();
    assert_eq!(shown, [("Cumulative", 4, 2, 50.0), ("SafeOS", 2, 2, 100.0), ("ServicingStack", 2, 1, 50.0)]);
    let third = [entry(
        "x",
        1,
        1,
        Status::Partial,
        &[("Setup", RowStatus::Success), ("Setup", RowStatus::Failed), ("Setup", RowStatus::Failed)],
    )];
    assert_eq!(Query::default().rates(&third)[0].rate, 33.33);
}

#[test]
fn runs_are_kept() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("new/history.redb");
    assert!(History::open(&path).unwrap().is_none());
    let entries = entries();
    let history = History::create(&path).unwrap();
    entries.iter().for_each(|entry| history.put(entry).unwrap());
    // The same run again takes the place of what was kept of it.
    let changed = Entry { status: Status::Success, report: Some("folder".into()), ..entries[4].clone() };
    history.put(&changed).unwrap();
    drop(history);
    let found = History::open(&path).unwrap().unwrap().entries().unwrap();
    assert_eq!(found, [&entries[..4], &[changed]].concat());
}

#[test]
fn one_that_is_used_elsewhere() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("history.redb");
    let first = History::create(&path).unwrap();
    assert!(matches!(History::open(&path), Err(HistoryError::Locked { .. })));
    // Until the other one is done with it.
    let waiting = std::thread::spawn(move || History::open(&path).map(|history| history.is_some()));
    thread::sleep(Duration::from_millis(200));
    drop(first);
    assert!(waiting.join().unwrap().unwrap());
}

#[test]
fn another_version() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("history.redb");
    let history = History::create(&path).unwrap();
    let transaction = history.database.begin_write().unwrap();
    transaction.open_table(META).unwrap().insert("version", "2").unwrap();
    transaction.commit().unwrap();
    drop(history);
    for result in [History::open(&path).map(|_| ()), History::create(&path).map(|_| ())] {
        let error = result.unwrap_err();
        assert!(matches!(&error, HistoryError::Version { found, .. } if found == "2"), "{error}");
    }
}

/// Whatever is in the file, it is an error or the runs, and never a panic.
#[test]
fn damage() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("history.redb");
    let history = History::create(&path).unwrap();
    entries().iter().for_each(|entry| history.put(entry).unwrap());
    drop(history);
    let good = fs::read(&path).unwrap();
    let read = || -> Result<(), HistoryError> {
        if let Some(history) = History::open(&path)? {
            history.entries()?;
            history.put(&entries()[0])?;
        }
        History::create(&path)?.put(&entries()[1])
    };
    for content in [&b"no database"[..], &[0; 5000], &good[..good.len() / 2], &good[..100]] {
        fs::write(&path, content).unwrap();
        let error = read().unwrap_err();
        assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
    }
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize % limit
    };
    let mut refused = 0;
    for round in 0..200 {
        let mut bytes = good.clone();
        let limit = if round % 2 == 0 { 4096 } else { bytes.len() };
        bytes[next(limit)] ^= 1 << next(8);
        fs::write(&path, &bytes).unwrap();
        refused += usize::from(read().is_err());
    }
    assert!(refused > 0, "none of 200 flipped bits was noticed");
}
