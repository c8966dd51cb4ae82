//! A stand-in for DISM: what the test's program is when it is called by that name. In the directory `DISM_STAND_IN` are
//!
//! - `calls`: the command lines that it was called with;
//! - `rules`: what else than success it answers, in lines `WORDS ANSWER`, each for one call whose command line has the words.
//!   ANSWER is a code, `de:CODE` (in German), `hang`, `die`, `crash`, `litter` (leave a name that no image can have), or
//!   `wait:WORDS` (until a call with these is made);
//! - `mounted`: a directory with a file for each image that is mounted.
//!
//! What is done to an image is written into a file in it; a second file is changed, and a third one removed. Into a mounted
//! image these changes get by the program `WIMKIT`, of an applied one the directory has them.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The directory with its state, where the program is to be the stand-in.
pub(crate) const STATE: &str = "DISM_STAND_IN";
/// What it leaves in an image, below its root.
pub(crate) const MARKER: &str = "Windows/servicing/stand-in.txt";

/// What it changes in an image …
pub(crate) const CHANGED: &str = "Windows/servicing/Version/sample.txt";
/// … and what it removes.
pub(crate) const REMOVED: &str = "Windows/setuplog.txt";

/// A call that did not succeed: a code as DISM writes it, in which language.
struct Failed {
    code: String,
    is_german: bool,
}

impl Failed {
    fn new(code: &str) -> Self {
        match code.strip_prefix("de:") {
            Some(code) => Self { code: code.into(), is_german: true },
            None => Self { code: code.into(), is_german: false },
        }
    }
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        // Of what is no part of the play.
        Self::new(&format!("31 ({error})"))
    }
}

/// A command line, taken apart.
#[derive(Default)]
struct Call {
    wim: PathBuf,
    mount: PathBuf,
    log: PathBuf,
    /// What is to be done, without the places.
    what: String,
}

impl Call {
    fn parse(arguments: &[String]) -> Self {
        let mut call = Self::default();
        let mut words = Vec::new();
        for argument in arguments {
            match argument.split_once(':') {
                Some(("/LogPath", path)) => call.log = path.into(),
                Some(("/ImageFile", path)) => call.wim = path.into(),
                Some(("/MountDir" | "/Image", path)) => call.mount = path.into(),
                Some(("/PackagePath", path)) => {
                    words.push(Path::new(path).file_name().unwrap().to_str().unwrap());
                }
                Some(_) => {}
                None if argument != "/English" => words.push(argument),
                None => {}
            }
        }
        call.what = words.join(" ");
        call
    }
}

/// Answers a call, and ends.
pub(crate) fn main(state: &Path) -> ! {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let call = Call::parse(&arguments);
    let code = match answer(state, &arguments.join(" "), &call) {
        Ok(()) => 0,
        Err(failed) => tell(&call, &failed).unwrap_or(1),
    };
    // Codes of Windows have 32 bits, more than main can return.
    std::process::exit(code)
}

fn say(text: &str) -> io::Result<()> {
    io::stdout().write_all(text.as_bytes())
}

fn append(path: &Path, line: &str) -> io::Result<()> {
    OpenOptions::new().create(true).append(true).open(path)?.write_all(line.as_bytes())
}

/// Fails as DISM does; answers the exit code.
fn tell(call: &Call, failed: &Failed) -> io::Result<i32> {
    let Failed { code, is_german } = failed;
    append(&call.log, &format!("2026-01-01 00:00:01, Error DISM DISM.EXE: {code}\n"))?;
    say(&match is_german {
        true => format!("\nFehler: {code}\n\nDer Vorgang konnte nicht abgeschlossen werden.\n"),
        false => format!(
            "\nError: {code}\n\nThe operation could not be completed.\n\nThe DISM log file can be found at {}\n",
            call.log.display()
        ),
    })?;
    let number = match code.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).map(u32::cast_signed),
        None => code.parse(),
    };
    // Elsewhere exit codes have 8 bits, and the output alone tells.
    Ok(if cfg!(windows) { number.unwrap_or(1) } else { 1 })
}

/// Takes the first rule that a call falls under, and crosses it out.
fn rule(state: &Path, all: &str) -> io::Result<Option<String>> {
    let Ok(rules) = fs::read_to_string(state.join("rules")) else { return Ok(None) };
    let mut answer = None;
    let mut rest = String::new();
    for line in rules.lines() {
        match line.split_once(' ') {
            Some((words, found)) if answer.is_none() && all.contains(words) => answer = Some(found.to_owned()),
            _ => rest += &format!("{line}\n"),
        }
    }
    if answer.is_some() {
        // Whole or not at all: others may read it at the same time.
        let partial = state.join(format!("rules.{}", std::process::id()));
        fs::write(&partial, rest)?;
        fs::rename(partial, state.join("rules"))?;
    }
    Ok(answer)
}

#[expect(clippy::exit, reason = "a crash is played, which has an exit code of its own on Windows")]
fn answer(state: &Path, all: &str, call: &Call) -> Result<(), Failed> {
    append(&state.join("calls"), &format!("{all}\n"))?;
    let mounted = state.join("mounted");
    fs::create_dir_all(&mounted)?;
    append(&call.log, &format!("2026-01-01 00:00:00, Info DISM {}\n", call.what))?;
    say("\nDeployment Image Servicing and Management tool\nVersion: 10.0.26100.1\n\n")?;
    match rule(state, all)?.as_deref() {
        None => {}
        Some("hang") => {
            say("[==    3.0%    ]\r")?;
            io::stdout().flush()?;
            std::thread::sleep(Duration::from_secs(600));
        }
        Some("die") => std::process::abort(),
        // What Windows makes of an access violation.
        Some("crash") if cfg!(windows) => std::process::exit(0xC000_0005_u32.cast_signed()),
        Some("crash") => std::process::abort(),
        #[cfg(unix)]
        Some("litter") => {
            let name = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"\xFF");
            fs::write(call.mount.join(name), "litter")?;
        }
        Some(answer) if answer.starts_with("wait:") => wait(state, &answer["wait:".len()..])?,
        Some(code) => return Err(Failed::new(code)),
    }
    let name = call.mount.to_str().unwrap().replace(['/', '\\', ':'], "_");
    let entry = mounted.join(name);
    match &*call.what {
        "/Mount-Image" => mount(call, &mounted, &entry)?,
        "/Unmount-Image /Commit" => unmount(call, &entry, true)?,
        "/Unmount-Image /Discard" => unmount(call, &entry, false)?,
        "/Get-MountedImageInfo" => {
            let entries = fs::read_dir(&mounted)?.map(|entry| fs::read_to_string(entry?.path()));
            let entries: String = entries.collect::<io::Result<_>>()?;
            say("Mounted images:\n\n")?;
            say(if entries.is_empty() { "No mounted images found.\n\n" } else { &entries })?;
        }
        "/Cleanup-Mountpoints" => {}
        what => {
            // All of an image is there, be it mounted or not.
            let is_applied = call.mount.join("Windows/System32/ntoskrnl.exe").is_file();
            if !entry.is_file() && !is_applied {
                return Err(Failed::new("3"));
            }
            say(&format!("\nImage Version: 10.0.26100.1742\n\nProcessing 1 of 1 - {what}\n"))?;
            for percent in ["2.0", "50.5", "100.0"] {
                say(&format!("\r[=====     {percent}%     ]"))?;
            }
            append(&call.mount.join(MARKER), &format!("{what}\r\n"))?;
            fs::write(call.mount.join(CHANGED), "another servicing stack\r\n")?;
            if is_applied && call.mount.join(REMOVED).exists() {
                fs::remove_file(call.mount.join(REMOVED))?;
            }
        }
    }
    Ok(say("\nThe operation completed successfully.\n")?)
}

/// Waits until a call with these words is made.
fn wait(state: &Path, words: &str) -> Result<(), Failed> {
    for _ in 0..600 {
        if fs::read_to_string(state.join("calls"))?.contains(words) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(Failed::new("0x800f0820"))
}

fn mount(call: &Call, mounted: &Path, entry: &Path) -> Result<(), Failed> {
    if !call.wim.is_file() || !call.mount.is_dir() {
        return Err(Failed::new("0x80070002"));
    }
    let file = format!("Image File : {}", call.wim.display());
    for other in fs::read_dir(mounted)? {
        // Another one may have been unmounted meanwhile.
        if fs::read_to_string(other?.path()).unwrap_or_default().lines().any(|line| line == file) {
            return Err(Failed::new("0xc1420127"));
        }
    }
    if fs::read_dir(&call.mount)?.next().is_some() {
        return Err(Failed::new("0xc1420125"));
    }
    let place = call.mount.display();
    let text = format!("Mount Dir : {place}\n{file}\nImage Index : 1\nMounted Read/Write : Yes\nStatus : Ok\n\n");
    fs::write(entry, text)?;
    Ok(fs::create_dir_all(call.mount.join(CHANGED).parent().unwrap())?)
}

fn unmount(call: &Call, entry: &Path, commit: bool) -> Result<(), Failed> {
    let Ok(text) = fs::read_to_string(entry) else { return Err(Failed::new("0xc1420114")) };
    if commit {
        let wim = text.lines().find_map(|line| line.strip_prefix("Image File : ")).unwrap();
        let add = |path: &str| format!("add \"{}\" \"/{path}\"", call.mount.join(path).display());
        let (marker, changed) = (add(MARKER), add(CHANGED));
        let removed = format!("delete --force \"/{REMOVED}\"");
        let wimkit = std::env::var_os("WIMKIT").unwrap();
        let commands = ["-c", &marker, "-c", &changed, "-c", &removed];
        let status = Command::new(wimkit).args(["update", "--quiet", wim, "1"]).args(commands).status()?;
        if !status.success() {
            return Err(Failed::new("0xc1420116"));
        }
    }
    fs::remove_dir_all(call.mount.join("Windows"))?;
    Ok(fs::remove_file(entry)?)
}
