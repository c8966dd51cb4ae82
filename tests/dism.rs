//! A refresh with a stand-in for DISM: which calls it gets, and what follows from its answers.
//!
//! The stand-in is this program itself under the name of DISM, so that there is one on every system.

#[path = "dism/applied.rs"]
mod applied;
#[cfg(unix)]
#[path = "dism/applied_unix.rs"]
mod applied_unix;
#[path = "support/stand_in.rs"]
mod stand_in;
mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Trial};
use support::scene::{Scene, clear, media, program, sample};
use support::{arg, expect};

/// What the stand-in is called.
const PROGRAM: &str = if cfg!(windows) { "dism.exe" } else { "dism" };

fn main() {
    if let (Some(state), true) =
        (std::env::var_os(stand_in::STATE), std::env::current_exe().unwrap().ends_with(PROGRAM))
    {
        stand_in::main(Path::new(&state));
    }
    let test = |name: &str, test: fn()| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    };
    let mut tests = vec![
        test("a_whole_refresh", a_whole_refresh),
        test("what_follows_from_codes", what_follows_from_codes),
        test(
            "what_stops_a_run_ends_with_code_3_and_is_gone_on_with",
            what_stops_a_run_ends_with_code_3_and_is_gone_on_with,
        ),
        test("no_program", no_program),
        test("an_image_that_cannot_be_unmounted", an_image_that_cannot_be_unmounted),
        test("stale_mounts", stale_mounts),
        test("several_editions_at_the_same_time", several_editions_at_the_same_time),
        #[cfg(target_os = "linux")]
        test("bars_of_editions_at_the_same_time", bars_of_editions_at_the_same_time),
        test("a_servicing_stack_that_the_update_brings", a_servicing_stack_that_the_update_brings),
        test("stopped_in_the_middle_of_an_image", stopped_in_the_middle_of_an_image),
    ];
    let may_apply = support::may_apply_images();
    let applied = applied::TESTS.iter().map(|(name, function)| test(name, *function).with_ignored_flag(!may_apply));
    tests.extend(applied);
    #[cfg(unix)]
    tests.extend(applied_unix::TESTS.iter().map(|(name, function)| test(name, *function)));
    // Windows sends no such signal to one program, and no other system has its command processor.
    tests.push(match cfg!(windows) {
        true => test("the_script_for_windows", the_script_for_windows),
        false => test("an_interruption_leaves_nothing_mounted", an_interruption_leaves_nothing_mounted),
    });
    libtest_mimic::run(&Arguments::from_args(), tests).exit();
}

/// Rules by which neither edition goes on before the other has begun.
const AT_THE_SAME_TIME: &str = "os-1-step-12. wait:os-2-step-9.\nos-2-step-12. wait:os-1-step-12.\n";

/// How a crash is told.
const CRASHED: &str = if cfg!(windows) { "it crashed: 0xC0000005, access violation" } else { "ended by a signal" };

impl Scene {
    /// Sample media with a stand-in for DISM beside them.
    fn with_stand_in() -> Self {
        Self::new().and_stand_in()
    }

    fn and_stand_in(self) -> Self {
        sample(&self.path("sample"));
        fs::create_dir(self.path("state")).unwrap();
        let (own, program) = (std::env::current_exe().unwrap(), self.path(PROGRAM));
        fs::copy(own, program).unwrap();
        self
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(&self.path("sample"), &["refresh"]);
        command.args(arguments).args(["--servicer", "dism", "--dism", arg(&self.path(PROGRAM))]);
        self.with_state(&mut command);
        command
    }

    /// Takes away what a run has made, and gives the stand-in rules.
    fn begin(&self, rules: &str) {
        clear(&self.path("sample"));
        let _ = fs::remove_dir_all(self.path("state"));
        fs::create_dir(self.path("state")).unwrap();
        fs::write(self.path("state/rules"), format!("{rules}\n")).unwrap();
    }

    /// A new run, with rules for the stand-in.
    fn run(&self, rules: &str, more: &[&str]) -> Output {
        self.begin(rules);
        self.go(&[&["run", "--json"], more].concat())
    }

    /// Goes on with whom the run was begun.
    fn resume(&self) -> Output {
        let mut command = program(&self.path("sample"), &["refresh", "resume", "--json"]);
        self.with_state(&mut command).output().unwrap()
    }

    /// Tells the stand-in what it needs to know.
    fn with_state<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env(stand_in::STATE, self.path("state")).env("WIMKIT", assert_cmd::cargo::cargo_bin("wimkit"))
    }

    fn go(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The calls, with what differs from place to place taken out.
    fn calls(&self) -> String {
        let calls = fs::read_to_string(self.path("state/calls")).unwrap();
        let sample = self.path("sample").join("");
        // Switches begin with a slash everywhere.
        calls.replace(arg(&sample), "").replace('\\', "/")
    }

    fn count(&self, words: &str) -> usize {
        self.calls().lines().filter(|line| line.contains(words)).count()
    }

    fn mounted(&self) -> usize {
        fs::read_dir(self.path("state/mounted")).map_or(0, Iterator::count)
    }

    /// The calls that have been done to an image of the new media.
    fn done_to(&self, image: &str) -> Output {
        support::wimkit(&["cat", arg(&self.path("sample/newMedia/sources/install.wim")), image, stand_in::MARKER])
    }
}

#[track_caller]
fn assert_end(output: &Output, code: i32, others: &str) {
    assert_eq!(support::refresh_ending(output), (Some(code), others.into()), "{}", support::stderr(output));
}

#[track_caller]
fn assert_said(output: &Output, words: &[&str]) {
    let said = support::stderr(output);
    words.iter().for_each(|word| assert!(said.contains(word), "{word}: {said}"));
}

/// The golden file was compared line by line with DISM's reference and with the order of Microsoft's guide.
fn a_whole_refresh() {
    let scene = Scene::with_stand_in();
    assert_end(&scene.run("", &[]), 0, "");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/refresh_dism_calls.txt");
    assert_eq!(scene.calls(), fs::read_to_string(golden).unwrap());
    assert_eq!(scene.mounted(), 0);
    for image in ["1", "2"] {
        let done = String::from_utf8(scene.done_to(image).stdout).unwrap();
        assert_eq!(done.lines().count(), 4, "{done}");
    }
    expect(0, &["media", "check", arg(&scene.path("sample/newMedia"))]);
    // The report has the ends of DISM's logs.
    let folder = fs::read_dir(scene.path("sample/work/reports")).unwrap().next().unwrap().unwrap().path();
    let page = fs::read_to_string(folder.join("Report.html")).unwrap();
    for words in ["<summary>os-1-mount.log</summary>", "Info DISM /Cleanup-Image /StartComponentCleanup"] {
        assert!(page.contains(words), "{words}: {page}");
    }
}

fn what_follows_from_codes() {
    let scene = Scene::with_stand_in();
    for (rules, code, others) in [
        // Tolerated at steps 1 and 17 alone, and only if the later step succeeds.
        ("winre-step-1. 0x8007007e", 0, "1 tolerated"),
        ("winpe-2-step-17. 126", 0, "17/2 tolerated"),
        ("os-1-step-12. 0x8007007e", 1, "12/1 failed"),
        // Skipped.
        ("os-1-step-13. 0x800f0806", 0, "13/1 skipped"),
        ("os-1-step-15. 0x800f081e", 0, "15/1 not-applicable"),
        ("os-1-step-12. 3010", 0, ""),
        // Tried once more, and not twice.
        ("winpe-1-step-23. 0x800f0823", 0, ""),
        ("winpe-1-step-23. 0x800f0823\nwinpe-1-step-23. 0x800f0823", 1, "23/1 failed"),
        // Without its servicing stack an image is kept as it was, and so it is with a corrupt store.
        ("os-2-step-9. 0x800f0922", 1, "9/2 failed, 12/2 skipped, 13/2 skipped, 15/2 skipped"),
        ("os-2-step-12. 14098", 1, "9/2 skipped, 12/2 failed, 13/2 skipped, 15/2 skipped"),
        // In another language.
        ("os-1-step-13. de:0x800f0806", 0, "13/1 skipped"),
        ("os-1-step-12. de:0x800f0922", 1, "12/1 failed"),
    ] {
        let output = scene.run(rules, &[]);
        assert_eq!(
            support::refresh_ending(&output),
            (Some(code), others.into()),
            "{rules}: {}",
            support::stderr(&output)
        );
        assert_eq!(scene.mounted(), 0, "{rules}");
    }
    // An image that was given up is as it was; another is not.
    let output = scene.run("os-2-step-9. 0x800f0922", &[]);
    let given_up = scene.calls();
    assert!(given_up.contains("/Unmount-Image /MountDir:work/mount/os-2 /Discard"), "{given_up}");
    assert_eq!((scene.done_to("1").status.code(), scene.done_to("2").status.code()), (Some(0), Some(2)));
    // The end of the output and of the log.
    assert_said(&output, &["Error: 0x800f0922", "os-2-step-9.log:", "Error DISM DISM.EXE: 0x800f0922"]);
}

fn what_stops_a_run_ends_with_code_3_and_is_gone_on_with() {
    let scene = Scene::with_stand_in();
    for (rules, more, words) in [
        ("os-1-step-12. 112", &[][..], &["os-1, step 12: 112: the disk is full", "os-1-step-12.log:"][..]),
        ("os-1-step-12. 740", &[], &["an administrator's rights", "Run as administrator"]),
        ("os-1-step-12. 0x800f0922", &["--stop-on-error"], &["os-1, step 12: 0x800F0922", "CBS.log"]),
        ("winre-mount. 5", &[], &["winre, mounting or unmounting: 5: access denied"]),
        ("os-1-step-12. crash", &[], &["os-1-step-12: ", CRASHED, "`wimkit refresh resume` goes on"]),
        ("os-1-step-12. hang", &["--dism-timeout", "6"], &["still running after 6 s", "--dism-timeout"]),
    ] {
        let output = scene.run(rules, more);
        assert_eq!(output.status.code(), Some(3), "{rules}: {}", support::stderr(&output));
        assert_said(&output, words);
        assert_eq!(scene.mounted(), 0, "{rules}");
        assert_end(&scene.resume(), 0, "");
    }
}

fn no_program() {
    let scene = Scene::with_stand_in();
    fs::remove_file(scene.path(PROGRAM)).unwrap();
    let output = scene.run("", &[]);
    assert_eq!(output.status.code(), Some(2));
    assert_said(&output, &["mounts: ", "(os error 2)", "name the program with --dism"]);
    if !cfg!(windows) {
        let output = expect(2, &["refresh", "run", "--servicer", "dism", "--work", arg(&scene.path("none"))]);
        assert_said(&output, &["DISM is a program of Windows", "--servicer none"]);
    }
}

fn an_image_that_cannot_be_unmounted() {
    let scene = Scene::with_stand_in();
    let open_files = "os-1-unmount. 0xc1420117\n";
    // Waits twice, the second time for three times as long.
    let begun = Instant::now();
    assert_end(&scene.run(&open_files.repeat(2), &["--dism-pause", "1"]), 0, "");
    assert!(begun.elapsed() >= Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!((scene.count("mount/os-1 /Commit"), scene.count("mount/os-1 /Discard")), (3, 0));
    // Then the changes are given up.
    let lost = "9/1 failed, 12/1 failed, 13/1 failed, 15/1 failed";
    let output = scene.run(&open_files.repeat(3), &["--dism-pause", "0"]);
    assert_end(&output, 1, lost);
    assert_said(&output, &["lost, the image could not be unmounted: 0xC1420117", "os-1-unmount.log:"]);
    assert_eq!((scene.count("mount/os-1 /Commit"), scene.count("mount/os-1 /Discard")), (3, 1));
    assert_eq!((scene.done_to("1").status.code(), scene.done_to("2").status.code()), (Some(2), Some(0)));
    assert_end(&scene.run("os-1-unmount. 0xc142010c", &[]), 1, lost);
    assert_eq!((scene.count("mount/os-1 /Commit"), scene.mounted()), (1, 0));
    // What no step can follow on.
    assert_eq!(scene.run("os-1-unmount. 112", &[]).status.code(), Some(3));
    assert_eq!(scene.mounted(), 0);
    assert_end(&scene.resume(), 0, "");
}

fn stale_mounts() {
    let scene = Scene::with_stand_in();
    assert_eq!(scene.run("", &["--stop-after", "4"]).status.code(), Some(2));
    assert_eq!(scene.mounted(), 0);
    // As if the power had gone in the middle of an image.
    let mount = scene.path("sample/work/mount/winre");
    fs::create_dir_all(mount.join("Windows")).unwrap();
    let wim = scene.path("sample/work/images/winre.wim");
    let entry = format!("Mount Dir : {}\nImage File : {}\nStatus : Ok\n\n", mount.display(), wim.display());
    fs::write(scene.path("state/mounted").join(arg(&mount).replace(['/', '\\', ':'], "_")), entry).unwrap();
    fs::write(scene.path("state/mounted/other"), "Mount Dir : /mnt/other\nImage File : /other.wim\nStatus : Ok\n\n")
        .unwrap();
    let output = scene.resume();
    assert_end(&output, 0, "");
    assert_said(&output, &["left mounted, was given up"]);
    assert_eq!((scene.mounted(), scene.count("/Cleanup-Mountpoints"), scene.count("mnt/other")), (1, 1, 0));
    // Mounted already, as DISM says.
    assert_end(&scene.run("winre-mount. 0xc1420127", &[]), 0, "");
    assert_eq!(scene.count("/Mount-Image /ImageFile:work/images/winre.wim"), 2);
}

fn an_interruption_leaves_nothing_mounted() {
    let scene = Scene::with_stand_in();
    scene.run("", &["--stop-after", "1"]);
    fs::write(scene.path("state/rules"), "os-1-step-12. hang\n").unwrap();
    let run = scene.command(&["resume"]).stderr(Stdio::piped()).spawn().unwrap();
    interrupt(&scene, run, &["os-1-step-12"]);
}

/// Sends Ctrl-C to a run when these calls hang. Nothing stays mounted, and it is gone on with.
fn interrupt(scene: &Scene, run: std::process::Child, calls: &[&str]) {
    let begun = Instant::now();
    while calls.iter().any(|call| scene.count(call) == 0) {
        assert!(begun.elapsed() < Duration::from_secs(120), "{}", scene.calls());
        std::thread::sleep(Duration::from_millis(50));
    }
    support::run("kill", &["-INT", &run.id().to_string()]);
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", support::stderr(&output));
    assert_eq!(scene.mounted(), 0);
    // The stand-in may have been ended before it could cross the rule out.
    fs::write(scene.path("state/rules"), "").unwrap();
    assert_end(&scene.resume(), 0, "");
}

fn several_editions_at_the_same_time() {
    let scene = Scene::with_stand_in();
    let summary = |output: &Output| {
        let folder = fs::read_dir(scene.path("sample/work/reports")).unwrap().next().unwrap().unwrap().path();
        let mut document: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(folder.join("Summary.json")).unwrap()).unwrap();
        // How it goes is no part of what came of it; the run's number is made of all settings, jobs among them.
        document["Sittings"] = serde_json::Value::Null;
        document["RunId"] = serde_json::Value::Null;
        if cfg!(windows) {
            // As with the bytes of archives.
            document["Sizes"] = serde_json::Value::Null;
        }
        (support::refresh_ending(output), document, media(&scene.path("sample/newMedia")))
    };
    let run = |rules: &str, more: &[&str]| {
        scene.begin(rules);
        let mut command = scene.command(&[&["run", "--json"], more].concat());
        command.env("WIMKIT_NOW", "2026-01-31T12:00:00Z").output().unwrap()
    };
    let alone = run("", &[]);
    assert_end(&alone, 0, "");
    let alone = summary(&alone);
    let together = run(AT_THE_SAME_TIME, &["--jobs", "2"]);
    assert_end(&together, 0, "");
    assert!(alone == summary(&together), "{:#}\n{:#}", alone.1, summary(&together).1);
    // With one job the first would wait in vain.
    for directory in ["os-1", "os-2"] {
        assert!(scene.count(&format!("/ScratchDir:work/scratch/{directory} /Mount-Image")) == 1, "{}", scene.calls());
    }
    // Failures are those of one job.
    for (rules, more, code) in [
        ("os-1-step-12. 0x800f0922\n", &[][..], 1),
        ("os-2-step-9. 0x800f0922\n", &[], 1),
        ("winpe-1-step-23. 0x800f0823\n", &[], 0),
        ("os-1-step-12. 112\n", &[], 3),
        ("os-2-step-12. 0x800f0922\n", &["--stop-on-error"], 3),
    ] {
        let alone = summary(&run(rules, more));
        let together = run(rules, &[more, &["--jobs", "3"]].concat());
        assert_eq!(together.status.code(), Some(code), "{rules}: {}", support::stderr(&together));
        if code != 3 {
            assert!(alone == summary(&together), "{rules}: {:#}\n{:#}", alone.1, summary(&together).1);
        }
        assert_eq!(scene.mounted(), 0, "{rules}");
        if code == 3 {
            assert_end(&scene.resume(), 0, "");
        }
    }
    #[cfg(unix)]
    {
        // Ctrl-C ends all of them.
        run("", &["--stop-after", "6"]);
        fs::write(scene.path("state/rules"), "os-1-step-12. hang\nos-2-step-12. hang\n").unwrap();
        let run = scene.command(&["resume", "--jobs", "2"]).stderr(Stdio::piped()).spawn().unwrap();
        interrupt(&scene, run, &["os-1-step-12", "os-2-step-12"]);
    }
}

/// On a terminal: a bar for each edition, and the steps that are done above them.
#[cfg(target_os = "linux")]
fn bars_of_editions_at_the_same_time() {
    if !support::has_peer("script") {
        return;
    }
    let scene = Scene::with_stand_in();
    scene.begin(AT_THE_SAME_TIME);
    let run = scene.command(&["run", "--jobs", "2"]);
    let words: Vec<&str> = run.get_args().map(|word| word.to_str().unwrap()).collect();
    let line = format!("stty cols 100 rows 30; exec {} {}", arg(Path::new(run.get_program())), words.join(" "));
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).current_dir(scene.path("sample"));
    command.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.stdin(Stdio::null()).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    // What is drawn at once: one below the other, whichever began first, each as wide as the terminal.
    let place = |drawn: &str, name: &str| drawn.find(&format!("{name}: adding a package ["));
    let places = || shown.split('\u{1b}').filter_map(|drawn| Some((place(drawn, "os-1")?, place(drawn, "os-2")?)));
    assert!(places().next().is_some() && places().all(|(first, second)| first < second), "{shown:?}");
    // Each step is told once, above them.
    assert_eq!(shown.matches("  done").count(), 29, "{shown:?}");
    // Without a terminal there are none.
    let output = scene.run(AT_THE_SAME_TIME, &["--jobs", "2"]);
    assert!(!support::stderr(&output).contains("adding a package"), "{}", support::stderr(&output));
}

fn a_servicing_stack_that_the_update_brings() {
    let scene = Scene::with_stand_in();
    fs::write(scene.path("sample/refresh.toml"), "stack_failure = \"step-12-decides\"\ndism_timeout = 6\n").unwrap();
    assert_end(&scene.run("os-1-step-9. 0x800f0922", &[]), 0, "9/1 tolerated");
    assert_eq!(scene.done_to("1").status.code(), Some(0));
    // If that fails, too, the edition is kept as it was.
    let both = "os-1-step-9. 0x800f0922\nos-1-step-12. 0x800f0922";
    assert_end(&scene.run(both, &[]), 1, "9/1 failed, 12/1 failed, 13/1 skipped, 15/1 skipped");
    assert_eq!((scene.done_to("1").status.code(), scene.done_to("2").status.code()), (Some(2), Some(0)));
    // Windows RE and PE are not meant.
    let output = scene.run("winpe-1-step-17. 0x800f0922", &[]);
    assert_end(&output, 1, "17/1 failed, 23/1 skipped, 24/1 skipped");
    // The time limit of the settings.
    let output = scene.run("os-1-step-12. hang", &[]);
    assert_eq!(output.status.code(), Some(3));
    assert_said(&output, &["still running after 6 s"]);
}

fn stopped_in_the_middle_of_an_image() {
    let scene = Scene::with_stand_in();
    // Behind steps 9 and 12 of the first edition.
    assert_eq!(scene.run("", &["--stop-after", "8"]).status.code(), Some(2));
    assert_eq!((scene.count("mount/os-1 /Commit"), scene.count("os-1-step-")), (1, 2));
    assert_end(&scene.resume(), 0, "");
    // The rest of it, in the same image; nothing was done twice.
    assert_eq!((scene.count("mount/os-1 /Commit"), scene.count("os-1-step-"), scene.count("winre-step-")), (2, 4, 3));
}

/// What remains for DISM, done by the script for Windows.
fn the_script_for_windows() {
    let scene = Scene::odd().and_stand_in();
    let sample = scene.path("sample");
    let refresh = |arguments: &[&str]| support::scene::refresh(&sample, arguments);
    let script = |rules: &str| {
        fs::write(scene.path("state/rules"), rules).unwrap();
        // A program in the current directory comes before that of the system.
        fs::copy(scene.path(PROGRAM), sample.join(PROGRAM)).unwrap();
        let mut command = Command::new("cmd");
        command.args(["/c", "work\\service.cmd"]).current_dir(&sample).env(stand_in::STATE, scene.path("state"));
        let output = command.env("WIMKIT", assert_cmd::cargo::cargo_bin("wimkit")).output().unwrap();
        fs::remove_file(sample.join(PROGRAM)).unwrap();
        output
    };
    assert_eq!(refresh(&["run"]).status.code(), Some(1));
    // One image fails and is kept as it was; a tolerated code and a clean-up that is put off do no harm.
    let output = script("os-2-step-12. 0x800f0922\nwinre-step-1. 0x8007007e\nos-1-step-13. 0x800f0806\n");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("os-2: DISM ended with"), "{said}");
    let marks = || fs::read_dir(sample.join("work/done")).unwrap().count();
    assert_eq!((marks(), scene.mounted()), (4, 0), "{said}");
    assert_eq!(refresh(&["resume"]).status.code(), Some(1));
    // The second time it does what is left, and no more.
    let before = scene.calls().lines().count();
    let output = script("");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!((marks(), scene.calls().lines().count() - before), (5, 6), "{}", scene.calls());
    let output = refresh(&["resume"]);
    assert_eq!(output.status.code(), Some(0), "{}", support::stderr(&output));
    expect(0, &["media", "check", arg(&sample.join("newMedia"))]);
    // Of the first edition, cleaning up was put off.
    for (image, count) in [("1", 3), ("2", 4)] {
        let done = String::from_utf8(scene.done_to(image).stdout).unwrap();
        assert_eq!(done.lines().count(), count, "{done}");
    }
}
