//! DISM itself as the servicer: images are mounted or applied, serviced by one call after the other, and unmounted or captured.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::code::Code;
use super::dism::{self, Place};
use super::mounted::{self, Mount};
use super::output::Output;
use super::presentation::Presentation;
use super::process::{self, ProcessError};
use super::request::Request;
use super::{Answer, Call, Servicing, ServicingError, Session, Workplace, applied};
use crate::util::progress::Control;
use crate::wim::capture::{CaptureError, Problem};
use crate::wim::export::ExportError;

/// Files in the mounted image are open.
const HANDLES_OPEN: Code = Code::new(0xC142_0117);
/// The image is mounted already.
const ALREADY_MOUNTED: Code = Code::new(0xC142_0127);
/// The changes could not be written back into the image.
const NOT_WRITTEN_BACK: Code = Code::new(0xC142_010C);
/// Cleaning up after a program that hangs must not take hours, too.
const MAX_CLEANING: Duration = Duration::from_secs(600);
/// How often a wait looks whether it should end.
const TICK: Duration = Duration::from_millis(50);
/// So many of the last lines that the program said are told when it fails …
const SAID_LINES: usize = 4;
/// … and so many of its log, which are looked for in so many bytes at its end.
const LOG_LINES: usize = 5;
const LOG_TAIL_NBYTES: u64 = 16 << 10;

/// How long a call may take unless something else is said.
pub const DEFAULT_LIMIT: Duration = Duration::from_secs(4 * 3600);

/// How DISM is called.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program; `None`: that of this Windows.
    pub program: Option<PathBuf>,
    /// How long a call may take.
    pub limit: Duration,
    /// How long to wait before an image with open files is unmounted again, and then three times as long.
    pub pause: Duration,
    /// How images are presented to it.
    pub images: Presentation,
}

impl Default for Options {
    fn default() -> Self {
        Self { program: None, limit: DEFAULT_LIMIT, pause: Duration::from_secs(10), images: Presentation::default() }
    }
}

/// DISM.
#[derive(Clone, Debug)]
pub struct Dism {
    program: PathBuf,
    limit: Duration,
    pause: Duration,
    images: Presentation,
}

/// What a call is about, and where it does its work.
struct Work<'a> {
    phase: &'static str,
    arguments: Vec<String>,
    log: &'a Path,
}

impl Dism {
    /// DISM with these options.
    ///
    /// # Errors
    /// [`ServicingError::NoProgram`] where there is none and none is named.
    pub fn new(options: Options) -> Result<Self, ServicingError> {
        let Options { program, limit, pause, images } = options;
        let program = match program {
            Some(program) => program,
            // By its full path: a dism.exe in the current directory is another program.
            None if cfg!(windows) => match std::env::var_os("SystemRoot") {
                Some(root) => Path::new(&root).join(r"System32\Dism.exe"),
                None => "dism.exe".into(),
            },
            None => return Err(ServicingError::NoProgram),
        };
        Ok(Self { program, limit, pause, images })
    }

    fn call(
        &self,
        work: &Work<'_>,
        limit: Duration,
        control: Control<'_>,
        heard: &mut dyn FnMut(&str),
    ) -> Result<Call, ServicingError> {
        control.progress.begin_percent(work.phase);
        let mut output = Output::default();
        let mut shown = 0;
        let result = process::run(&self.program, &work.arguments, Some(limit), control, &mut |_, line| {
            output.line(line);
            heard(line);
            // Some calls count to 100 more than once: the bar stays then.
            let percent = output.percent.unwrap_or_default() as u64;
            control.progress.advance(percent.saturating_sub(shown));
            shown = shown.max(percent);
        });
        // Who crashes has no time to say so; a code behind an error is an answer.
        let crashed = |exit: &i32| output.error.is_none() && process::is_crash(Code::of_exit(*exit));
        let result = match result {
            Ok(exit) if crashed(&exit) => {
                Err(ProcessError::Crash { program: self.program.clone(), code: Code::of_exit(exit) })
            }
            result => result,
        };
        match result {
            Ok(exit) => {
                let mut call = Call::from(output.code(exit));
                if !call.is_done() {
                    call.details = details(&output, work.log);
                }
                Ok(call)
            }
            Err(ProcessError::Interrupted) => Err(ServicingError::Interrupted),
            Err(source) => {
                let call = work.log.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                Err(ServicingError::Program { call, source, details: details(&output, work.log) })
            }
        }
    }

    /// Waits, unless it is asked to stop.
    fn wait(duration: Duration, control: Control<'_>) -> Result<(), ServicingError> {
        let begun = Instant::now();
        while begun.elapsed() < duration {
            if control.interrupted() {
                return Err(ServicingError::Interrupted);
            }
            thread::sleep(TICK.min(duration));
        }
        Ok(())
    }

    /// Ends with an image in a directory, which goes in any case.
    fn end_applied(&self, session: &Session<'_>, commit: bool, control: Control<'_>) -> Result<Call, ServicingError> {
        let captured = if commit { self.capture(session, control) } else { Ok(Call::from(Code::SUCCESS)) };
        // A large tree takes its time.
        control.progress.begin("removing the directory", 0);
        let removed = applied::remove(session.directory);
        let mut call = captured?;
        call.details.extend(removed.err().map(|error| format!("it cannot be removed: {error}")));
        Ok(call)
    }

    /// Captures an image out of its directory; several times where somebody has files in it open.
    fn capture(&self, session: &Session<'_>, control: Control<'_>) -> Result<Call, ServicingError> {
        let mut captured = applied::capture(session, control);
        for pause in [self.pause, self.pause * 3] {
            let is_open = |problem: &Problem| matches!(problem, Problem::Io(_) | Problem::Changed);
            if !matches!(&captured, Err(CaptureError::Unreadable { problem, .. }) if is_open(problem)) {
                break;
            }
            Self::wait(pause, control)?;
            captured = applied::capture(session, control);
        }
        match captured {
            Ok(details) => Ok(Call { code: Code::SUCCESS, details }),
            // Of another image it may be possible.
            Err(error @ CaptureError::Unreadable { .. }) => {
                Ok(Call { code: NOT_WRITTEN_BACK, details: vec![error.to_string()] })
            }
            Err(CaptureError::Interrupted | CaptureError::Destination(ExportError::Interrupted)) => {
                Err(ServicingError::Interrupted)
            }
            Err(error) => Err(ServicingError::Capture { session: session.name.to_owned(), source: Box::new(error) }),
        }
    }

    /// Gives up the mounts that are `ours`, and what is broken. Those of others stay.
    fn give_up(
        &self,
        ours: &dyn Fn(&Mount) -> bool,
        scratch: &Path,
        logs: &Path,
        control: Control<'_>,
    ) -> Result<Vec<String>, ServicingError> {
        make_directories(&[scratch, logs])?;
        let log = logs.join("mounts.log");
        let limit = self.limit.min(MAX_CLEANING);
        let mut list = mounted::List::default();
        let work = Work { phase: "mounted images", arguments: dism::mounted(scratch, &log), log: &log };
        self.call(&work, limit, control, &mut |line| list.line(line))?;
        let mut notes = Vec::new();
        for mount in list.mounts.iter().filter(|mount| ours(mount)) {
            let place = Place { image: &mount.directory, scratch, log: &log };
            let work = Work { phase: "unmounting", arguments: dism::unmount(false, &place), log: &log };
            let call = self.call(&work, limit, control, &mut |_| {})?;
            let end =
                if call.is_done() { "was given up".to_owned() } else { format!("unmounting ended with {}", call.code) };
            notes.push(format!("{}: left mounted, {end}", mount.directory.display()));
        }
        if !notes.is_empty() {
            // What could not be unmounted, because it is broken, goes now.
            let work = Work { phase: "broken mounts", arguments: dism::cleanup_mounts(scratch, &log), log: &log };
            self.call(&work, limit, control, &mut |_| {})?;
        }
        Ok(notes)
    }
}

/// What there is to read about a failure.
fn details(output: &Output, log: &Path) -> Vec<String> {
    let said = output.tail.iter().skip(output.tail.len().saturating_sub(SAID_LINES));
    let mut details: Vec<String> = said.cloned().collect();
    let end = end_of(log).unwrap_or_default();
    if !end.is_empty() {
        details.push(format!("the end of {}:", log.display()));
        details.extend(end);
    }
    details
}

/// The last lines of a log, whose length has no bounds.
fn end_of(log: &Path) -> io::Result<Vec<String>> {
    let mut file = File::open(log)?;
    let start = file.metadata()?.len().saturating_sub(LOG_TAIL_NBYTES);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(LOG_TAIL_NBYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    Ok(lines[lines.len().saturating_sub(LOG_LINES)..].iter().map(|line| (*line).to_owned()).collect())
}

fn make_directories(paths: &[&Path]) -> Result<(), ServicingError> {
    let make = |path: &&Path| {
        fs::create_dir_all(path).map_err(|source| ServicingError::Io { path: path.to_path_buf(), source })
    };
    paths.iter().try_for_each(make)
}

impl Servicing for Dism {
    fn name(&self) -> &'static str {
        "dism"
    }

    fn check(&self, place: &Workplace<'_>) -> Result<(), ServicingError> {
        match self.images {
            Presentation::Mount => Ok(()),
            Presentation::Apply => applied::check(place),
        }
    }

    fn clean(&self, place: &Workplace<'_>, control: Control<'_>) -> Result<Vec<String>, ServicingError> {
        let mut notes = applied::clean(place)?;
        let is_ours = |path: &Path| mounted::is_below(path, place.work);
        let ours = |mount: &Mount| is_ours(&mount.directory) || is_ours(&mount.file);
        notes.extend(self.give_up(&ours, place.scratch, place.logs, control)?);
        Ok(notes)
    }

    fn mount(&self, session: &Session<'_>, control: Control<'_>) -> Result<Answer, ServicingError> {
        make_directories(&[session.scratch, session.logs])?;
        if self.images == Presentation::Apply {
            let details = applied::apply(session, control)?;
            return Ok(Answer::Ended(Call { code: Code::SUCCESS, details }));
        }
        make_directories(&[session.directory])?;
        let log = session.logs.join(format!("{}-mount.log", session.name));
        let place = Place { image: session.directory, scratch: session.scratch, log: &log };
        let work = Work { phase: "mounting", arguments: dism::mount(session.wim, 1, &place), log: &log };
        let mut call = self.call(&work, self.limit, control, &mut |_| {})?;
        if call.code == ALREADY_MOUNTED {
            let ours = |mount: &Mount| {
                mounted::is_below(&mount.directory, session.directory) || mounted::is_below(&mount.file, session.wim)
            };
            self.give_up(&ours, session.scratch, session.logs, control)?;
            call = self.call(&work, self.limit, control, &mut |_| {})?;
        }
        Ok(Answer::Ended(call))
    }

    fn request(
        &self,
        session: &Session<'_>,
        step: u8,
        request: &Request,
        control: Control<'_>,
    ) -> Result<Answer, ServicingError> {
        let log = session.logs.join(format!("{}-step-{step}.log", session.name));
        let place = Place { image: session.directory, scratch: session.scratch, log: &log };
        let mut last = Call::from(Code::SUCCESS);
        for arguments in dism::arguments(request, &place) {
            let work = Work { phase: phase(request), arguments, log: &log };
            last = self.call(&work, self.limit, control, &mut |_| {})?;
            if !last.is_done() {
                break;
            }
        }
        Ok(Answer::Ended(last))
    }

    fn unmount(&self, session: &Session<'_>, commit: bool, control: Control<'_>) -> Result<Answer, ServicingError> {
        if self.images == Presentation::Apply {
            return self.end_applied(session, commit, control).map(Answer::Ended);
        }
        let log = session.logs.join(format!("{}-unmount.log", session.name));
        let place = Place { image: session.directory, scratch: session.scratch, log: &log };
        let work = |commit| Work { phase: "unmounting", arguments: dism::unmount(commit, &place), log: &log };
        let mut call = self.call(&work(commit), self.limit, control, &mut |_| {})?;
        for pause in [self.pause, self.pause * 3] {
            if call.code != HANDLES_OPEN {
                break;
            }
            Self::wait(pause, control)?;
            call = self.call(&work(commit), self.limit, control, &mut |_| {})?;
        }
        if commit && !call.is_done() {
            let discarded = self.call(&work(false), self.limit, control, &mut |_| {})?;
            if !discarded.is_done() {
                call.details.push(format!("giving the changes up ended with {}", discarded.code));
            }
        }
        Ok(Answer::Ended(call))
    }
}

/// What a call does, above its bar.
fn phase(request: &Request) -> &'static str {
    match request {
        Request::AddPackage { .. } => "adding a package",
        Request::AddCapability { .. } => "adding a feature on demand",
        Request::EnableFeature { .. } => "turning a component on",
        Request::CleanUp { .. } => "cleaning up",
        Request::GenLangIni => "writing lang.ini",
    }
}
