//! Refreshes that are killed at random moments come to the same media.
#![cfg(unix)]
#![allow(clippy::print_stderr, reason = "what was tried is told")]

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{Noise, arg, assert_same_tree, expect};

fn refresh(directory: &Path, word: &str) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("wimkit"));
    command.args(["refresh", word, "--servicer", "recorded", "--quiet"]).current_dir(directory);
    command.env("SOURCE_DATE_EPOCH", "1750000000").env("WIMKIT_DATABASE", "history.redb");
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Each run is killed at some moment, and so are some of those that go on with it.
/// `WIMKIT_KILLS` in the environment says how many runs.
#[test]
fn killed_at_any_moment_a_run_is_gone_on_with() {
    let place = tempfile::tempdir().unwrap();
    let [whole, killed] = ["whole", "killed"].map(|name| place.path().join(name));
    for directory in [&whole, &killed] {
        expect(0, &["sample", "media", arg(directory), "--quiet"]);
    }
    let begun = Instant::now();
    assert!(refresh(&whole, "run").status().unwrap().success());
    let length = begun.elapsed();
    let runs: u32 = std::env::var("WIMKIT_KILLS").map_or(12, |runs| runs.parse().unwrap());
    let mut noise = Noise(0x5DEE_CE66_D1CE_4E5B);
    let (mut before, mut amid, mut behind, mut again) = (0, 0, 0, 0);
    for run in 0..runs {
        for name in ["newMedia", "work"] {
            let _ = fs::remove_dir_all(killed.join(name));
        }
        let mut tries = 0;
        loop {
            // From the third try on it may come to its end.
            let word = if killed.join("work/journal.redb").exists() { "resume" } else { "run" };
            let mut child = refresh(&killed, word).spawn().unwrap();
            if tries < 2 && (tries == 0 || noise.next().is_multiple_of(2)) {
                let moment = length.as_micros() as u64 * (noise.next() % 1050) / 1000;
                std::thread::sleep(Duration::from_micros(moment));
                child.kill().unwrap();
                again += u32::from(tries > 0);
            }
            let output = child.wait_with_output().unwrap();
            tries += 1;
            let has_journal = killed.join("work/journal.redb").exists();
            match (output.status.code(), has_journal) {
                (Some(0), _) if tries == 1 => behind += 1,
                (Some(0), _) => {}
                (None, false) => {
                    before += u32::from(tries == 1);
                    continue;
                }
                (None, true) => {
                    amid += u32::from(tries == 1);
                    continue;
                }
                (code, _) => panic!("run {run}, {word}: {code:?}: {}", support::stderr(&output)),
            }
            break;
        }
        assert_same_tree(&whole.join("newMedia"), &killed.join("newMedia"), &format!("run {run}"));
    }
    eprintln!(
        "{runs} runs of {length:?}: killed {before} times before the journal, {amid} amid, too late {behind} times; \
         killed again {again} times; all came to the same media"
    );
    assert!(amid > 0, "no run was killed amid its work");
    // What was killed is in the history once, with its end.
    let document = support::json(&["history", "--database", arg(&killed.join("history.redb"))]);
    let runs = document["runs"].as_array().unwrap();
    let last = &runs[0];
    assert_eq!((&last["status"], &last["error"]), (&"success".into(), &serde_json::Value::Null));
    assert!(runs.iter().all(|run| run["status"] == "success"), "{document}");
}
