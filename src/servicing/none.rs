//! No servicer: what DISM would have to do is written into a script for Windows, and the run goes on when that was done.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::dism::{self, Place};
use super::outcome::{Action, MEANINGS};
use super::request::Request;
use super::{Answer, Servicing, ServicingError, Session};
use crate::util::progress::Control;

/// Writes a script. Images come in it one behind the other.
#[derive(Debug)]
pub struct Script {
    path: PathBuf,
    /// Where the script leaves a file for each image that it has serviced.
    done: PathBuf,
    text: Mutex<String>,
}

/// Each session ends with this file.
pub fn done_mark(directory: &Path, session: &str) -> PathBuf {
    directory.join(format!("{session}.done"))
}

impl Script {
    /// A script at `path` that marks what it has done in the directory `done`.
    pub fn new(path: &Path, done: &Path) -> Self {
        Self { path: path.to_owned(), done: done.to_owned(), text: Mutex::default() }
    }

    fn text(&self) -> MutexGuard<'_, String> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn save(&self) -> Result<(), ServicingError> {
        let failure = |path: &Path| {
            let path = path.to_owned();
            move |source| ServicingError::Io { path, source }
        };
        fs::create_dir_all(&self.done).map_err(failure(&self.done))?;
        fs::write(&self.path, whole(&self.text())).map_err(failure(&self.path))
    }
}

/// The whole script, of what is done to the images.
fn whole(calls: &str) -> String {
    // The command processor takes bytes for characters of the console's code page, line by line.
    let encoding = if calls.is_ascii() { "" } else { "chcp 65001 >nul\r\n" };
    format!(
        "@echo off\r\nrem Services the images of a media refresh. Run it on Windows from an elevated prompt, then go on\r\n\
         rem with `wimkit refresh resume`.\r\n{encoding}set failed=0\r\n{calls}exit /b %failed%\r\n"
    )
}

/// A word that means nothing but itself: percent signs would begin variables, and a backslash before the closing quote would
/// make that a part of the word.
fn quoted(word: &str) -> String {
    let backslashes = word.len() - word.trim_end_matches('\\').len();
    format!("\"{}{}\"", word.replace('%', "%%"), "\\".repeat(backslashes))
}

fn quoted_path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

fn call(text: &mut String, arguments: &[String], tolerated: &[i32], label: &str) {
    let words: String = arguments.iter().map(|argument| format!(" {}", quoted(argument))).collect();
    let _ = write!(text, "dism.exe{words}\r\n");
    let conditions: String = tolerated.iter().map(|code| format!("if not \"%errorlevel%\"==\"{code}\" ")).collect();
    let _ = write!(text, "{conditions}goto {label}\r\n");
}

/// Exit codes with which a step is done, or may be left.
fn tolerated(step: u8) -> Vec<i32> {
    let is_tolerated = |action: Action| match action {
        Action::Continue | Action::ContinueOffline | Action::NotApplicable => true,
        Action::SkipCleanup => matches!(step, 7 | 13 | 24),
        Action::TolerateAtStack => matches!(step, 1 | 17),
        _ => false,
    };
    let codes = MEANINGS.iter().filter(|meaning| is_tolerated(meaning.action)).flat_map(|meaning| meaning.codes());
    // A Win32 code may come by itself, or as an HRESULT.
    let both = codes.flat_map(|code| [code.bits().cast_signed(), code.signed()]);
    let mut codes: Vec<i32> = both.collect();
    codes.dedup();
    codes
}

fn place<'a>(session: &'a Session<'_>, log: &'a Path) -> Place<'a> {
    Place { image: session.directory, scratch: session.scratch, log }
}

impl Servicing for Script {
    fn name(&self) -> &'static str {
        "none"
    }

    fn may_overlap(&self) -> bool {
        false
    }

    fn mount(&self, session: &Session<'_>, _: Control<'_>) -> Result<Answer, ServicingError> {
        let (name, mut text) = (session.name, self.text());
        let mark = done_mark(&self.done, name);
        let _ = write!(text, "\r\nrem {name}\r\nif exist {} goto end_{name}\r\n", quoted_path(&mark));
        for directory in [session.directory, session.scratch, session.logs] {
            let _ = write!(text, "if not exist {0} mkdir {0}\r\n", quoted_path(directory));
        }
        let log = session.logs.join(format!("{name}-mount.log"));
        let arguments = dism::mount(session.wim, 1, &place(session, &log));
        call(&mut text, &arguments, &tolerated(0), &format!("lost_{name}"));
        Ok(Answer::Deferred)
    }

    fn request(
        &self,
        session: &Session<'_>,
        step: u8,
        request: &Request,
        _: Control<'_>,
    ) -> Result<Answer, ServicingError> {
        let log = session.logs.join(format!("{}-step-{step}.log", session.name));
        let mut text = self.text();
        let _ = write!(text, "echo %time:~0,8% {}: step {step}\r\n", session.name);
        for arguments in dism::arguments(request, &place(session, &log)) {
            call(&mut text, &arguments, &tolerated(step), &format!("failed_{}", session.name));
        }
        Ok(Answer::Deferred)
    }

    fn unmount(&self, session: &Session<'_>, _: bool, _: Control<'_>) -> Result<Answer, ServicingError> {
        let (name, mut text) = (session.name, self.text());
        let log = session.logs.join(format!("{name}-unmount.log"));
        let commit = dism::unmount(true, &place(session, &log));
        call(&mut text, &commit, &tolerated(0), &format!("failed_{name}"));
        let mark = done_mark(&self.done, name);
        let _ = write!(text, "echo done> {}\r\ngoto end_{name}\r\n:failed_{name}\r\n", quoted_path(&mark));
        let _ = write!(text, "echo {name}: DISM ended with %errorlevel%; the image stays as it was\r\n");
        let discard = dism::unmount(false, &place(session, &log));
        call(&mut text, &discard, &tolerated(0), &format!("lost_{name}"));
        let _ = write!(text, ":lost_{name}\r\nset failed=1\r\n:end_{name}\r\n");
        drop(text);
        self.save()?;
        Ok(Answer::Deferred)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_mean_nothing_but_themselves() {
        assert_eq!(quoted(r"/Image:C:\100% sure"), r#""/Image:C:\100%% sure""#);
        assert_eq!(quoted(r"/Source:D:\"), r#""/Source:D:\\""#);
    }

    #[test]
    fn paths_in_the_script() {
        let place = tempfile::tempdir().unwrap();
        let text = |name: &str| {
            let work = place.path().join(name);
            let script = Script::new(&work.join("service.cmd"), &work.join("done"));
            let (wim, directory) = (work.join("images/os-1.wim"), work.join("mount/os-1"));
            let (scratch, logs) = (work.join("scratch"), work.join("logs"));
            let (directory, scratch, logs) = (&*directory, &*scratch, &*logs);
            let session = Session { name: "os-1", wim: &wim, directory, scratch, logs, memory: 0 };
            script.mount(&session, Control::silent()).unwrap();
            script.unmount(&session, true, Control::silent()).unwrap();
            fs::read_to_string(work.join("service.cmd")).unwrap()
        };
        assert!(!text("plain").contains("chcp"));
        let text = text("J\u{fc}rgen 5%");
        assert!(text.find("chcp 65001").unwrap() < text.find('\u{fc}').unwrap(), "{text}");
        for line in text.lines().filter(|line| line.contains(" 5%")) {
            assert_eq!(line.matches(" 5%").count(), line.matches(" 5%%").count(), "{line}");
        }
    }
}
