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
        let text = "@echo off\r\nrem Services the images of a media refresh. Run it on Windows from an elevated prompt, then go on\r\n\
                    rem with `wimkit refresh resume`.\r\nset failed=0\r\n";
        Self { path: path.to_owned(), done: done.to_owned(), text: Mutex::new(text.into()) }
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
        fs::write(&self.path, format!("{}exit /b %failed%\r\n", self.text())).map_err(failure(&self.path))
    }
}

fn call(text: &mut String, arguments: &[String], tolerated: &[i32], label: &str) {
    // Percent signs would begin variables.
    let quoted = arguments.iter().map(|argument| format!(" \"{}\"", argument.replace('%', "%%")));
    let _ = write!(text, "dism.exe{}\r\n", quoted.collect::<String>());
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
        let _ = write!(text, "\r\nrem {name}\r\nif exist \"{}\" goto end_{name}\r\n", mark.display());
        for directory in [session.directory, session.scratch, session.logs] {
            let _ = write!(text, "if not exist \"{0}\" mkdir \"{0}\"\r\n", directory.display());
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
        let _ = write!(text, "echo done> \"{}\"\r\ngoto end_{name}\r\n:failed_{name}\r\n", mark.display());
        let _ = write!(text, "echo {name}: DISM ended with %errorlevel%; the image stays as it was\r\n");
        let discard = dism::unmount(false, &place(session, &log));
        call(&mut text, &discard, &tolerated(0), &format!("lost_{name}"));
        let _ = write!(text, ":lost_{name}\r\nset failed=1\r\n:end_{name}\r\n");
        drop(text);
        self.save()?;
        Ok(Answer::Deferred)
    }
}
