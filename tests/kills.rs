//! Refreshes that are killed at random moments come to the same media.
#![cfg(unix)]
#![allow(clippy::print_stderr, reason = "what was tried is told")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::scene::{clear, program, sample};
use support::{Noise, arg, assert_same, assert_same_tree};

fn refresh(directory: &Path, word: &str) -> Command {
    let mut command = program(directory, &["refresh", word, "--servicer", "recorded", "--quiet"]);
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
        sample(directory);
    }
    let begun = Instant::now();
    assert!(refresh(&whole, "run").status().unwrap().success());
    let length = begun.elapsed();
    let runs: u32 = std::env::var("WIMKIT_KILLS").map_or(12, |runs| runs.parse().unwrap());
    let mut noise = Noise(0x5DEE_CE66_D1CE_4E5B);
    let (mut before, mut amid, mut behind, mut again) = (0, 0, 0, 0);
    for run in 0..runs {
        clear(&killed);
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

/// As above, and each time another set of packages is there when it is gone on with, and other settings: what counts is the last.
#[test]
fn killed_and_gone_on_with_other_packages() {
    const UPDATES: [&str; 3] =
        ["DotNet_CU-KB5054979-x64.cab", "SafeOS_DU-KB5057781-x64.cab", "Setup_DU-KB5059442-x64.cab"];
    let place = tempfile::tempdir().unwrap();
    let [whole, killed] = ["whole", "killed"].map(|name| place.path().join(name));
    for directory in [&whole, &killed] {
        sample(directory);
    }
    const SETTINGS: [&str; 2] = ["boot_managers = \"2023\"\n", "[clean_up]\nos = \"off\"\n"];
    // Only these updates are among the packages, and only these settings in the file.
    let choose = |directory: &Path, mask: u64| {
        let aside = directory.join("aside");
        fs::create_dir_all(&aside).unwrap();
        for (bit, name) in UPDATES.iter().enumerate() {
            let (present, absent) = (directory.join("packages/Other").join(name), aside.join(name));
            let (from, to) = if mask & 1 << bit == 0 { (present, absent) } else { (absent, present) };
            if from.exists() {
                fs::rename(from, to).unwrap();
            }
        }
        let is_set = |(bit, _): &(usize, &&str)| mask & 1 << (UPDATES.len() + bit) != 0;
        let settings: String = SETTINGS.iter().enumerate().filter(is_set).map(|(_, setting)| *setting).collect();
        fs::write(directory.join("refresh.toml"), settings).unwrap();
    };
    let begun = Instant::now();
    assert!(refresh(&whole, "run").status().unwrap().success());
    let length = begun.elapsed();
    let runs: u32 = std::env::var("WIMKIT_KILLS").map_or(8, |runs| runs.parse().unwrap());
    let mut noise = Noise(0x0BAD_5EED_1234_5678);
    for run in 0..runs {
        clear(&killed);
        let mut mask = 0;
        for sitting in 0..4 {
            mask = noise.next() % 32;
            choose(&killed, mask);
            let word = if killed.join("work/journal.redb").exists() { "resume" } else { "run" };
            let mut child = refresh(&killed, word).spawn().unwrap();
            if sitting < 3 {
                let moment = length.as_micros() as u64 * (noise.next() % 1000) / 1000;
                std::thread::sleep(Duration::from_micros(moment));
                child.kill().unwrap();
            }
            let output = child.wait_with_output().unwrap();
            assert!(matches!(output.status.code(), None | Some(0)), "run {run}: {}", support::stderr(&output));
        }
        clear(&whole);
        choose(&whole, mask);
        assert!(refresh(&whole, "run").status().unwrap().success());
        let [whole, killed] = [&whole, &killed].map(|directory| told(&directory.join("newMedia")));
        assert_same(&whole, &killed, &format!("run {run}, choice {mask:05b}"));
    }
}

/// The files of media, with what is told of archives in place of their bytes: which blob comes first in one with several images
/// depends on which of them was done again first.
fn told(media: &Path) -> BTreeMap<String, Vec<u8>> {
    let told = |archive: &Path| {
        let answer = |more: &[&str]| support::wimkit(&[&["info", arg(archive)], more].concat()).stdout;
        let blobs = String::from_utf8(answer(&["--blobs"])).unwrap();
        let mut blobs: Vec<&str> =
            blobs.lines().skip(1).map(|line| line.split_once(" bytes at ").expect("a blob's place").0).collect();
        blobs.sort_unstable();
        let mut all = [answer(&["--xml"]), blobs.join("\n").into_bytes()].concat();
        for image in 1.. {
            let listed = support::wimkit(&["ls", arg(archive), &image.to_string(), "-l", "-R"]);
            if !listed.status.success() {
                assert!(image > 1, "{}", support::stderr(&listed));
                break;
            }
            all.extend(listed.stdout);
        }
        all
    };
    let mut tree = support::read_tree(media);
    for (name, bytes) in tree.iter_mut().filter(|(name, _)| name.ends_with(".wim")) {
        *bytes = told(&media.join(name));
    }
    tree
}
