//! Running a program: both pipes are drained all the time, so that it never waits for us; it can take too long.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use super::code::Code;
use crate::util::progress::Control;

/// How often it is looked whether the program has ended, or should.
const TICK: Duration = Duration::from_millis(50);
/// What was written before the program ended may take so long to arrive. Its own children may hold the pipes open for longer.
const GRACE: Duration = Duration::from_secs(1);
/// Longer lines are cut into pieces of so many bytes.
const MAX_LINE_NBYTES: usize = 64 << 10;
/// Lines that may wait to be handled; the program waits when there are more.
const MAX_WAITING: usize = 1024;

/// A program that could not be run to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// It cannot be started.
    #[error("{program}: {source}", program = .program.display())]
    Start {
        /// Which one.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It cannot be waited for.
    #[error("{program}: {source}", program = .program.display())]
    Wait {
        /// Which one.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It took too long, and was ended.
    #[error("{program}: it was still running after {} s, and was ended", .limit.as_secs(), program = .program.display())]
    Timeout {
        /// Which one.
        program: PathBuf,
        /// How long it might have taken.
        limit: Duration,
    },
    /// It was ended by a signal.
    #[error("{program}: it was ended by a signal", program = .program.display())]
    Signal {
        /// Which one.
        program: PathBuf,
    },
    /// It crashed, as Windows tells by the exit code.
    #[error("{program}: it crashed: {code}{}", crash_meaning(*.code).map(|text| format!(", {text}")).unwrap_or_default(), program = .program.display())]
    Crash {
        /// Which one.
        program: PathBuf,
        /// What it ended with.
        code: Code,
    },
    /// It was asked to stop, and the program was ended.
    #[error("interrupted")]
    Interrupted,
}

/// Exit codes from here on are exceptions that nobody handled: statuses of the kernel, and those that languages make of theirs.
const FIRST_EXCEPTION: u32 = 0xC000_0000;
/// But for those of DISM's own image filter, whose HRESULTs begin so.
const IMAGE_FILTER: u32 = 0xC142;

/// Exceptions that programs end with.
const EXCEPTIONS: [(u32, &str); 10] = [
    (0xC000_0005, "access violation"),
    (0xC000_0006, "a page could not be read, as from a drive that is gone"),
    (0xC000_0017, "out of memory"),
    (0xC000_001D, "illegal instruction"),
    (0xC000_00FD, "stack overflow"),
    (0xC000_0135, "a library is missing"),
    (0xC000_0142, "a library could not be started, as when the session ends"),
    (0xC000_0374, "corrupt heap"),
    (0xC000_0409, "it ended itself, as its state was corrupt"),
    (0xE06D_7363, "an exception of C++ that nobody handled"),
];

/// Whether a program that ended with this crashed, and answered nothing.
pub fn is_crash(code: Code) -> bool {
    code.bits() >= FIRST_EXCEPTION && code.bits() >> 16 != IMAGE_FILTER
}

/// What an exception means, if it is a usual one.
fn crash_meaning(code: Code) -> Option<&'static str> {
    EXCEPTIONS.iter().find(|(bits, _)| *bits == code.bits()).map(|(_, text)| *text)
}

/// Where a line was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

/// Runs a program, and hands over each line that it writes: what ends with a line feed or a carriage return. Answers its exit
/// code.
///
/// # Errors
/// [`ProcessError`].
pub fn run(
    program: &Path,
    arguments: &[String],
    limit: Option<Duration>,
    control: Control<'_>,
    receive: &mut dyn FnMut(Stream, &str),
) -> Result<i32, ProcessError> {
    let begun = Instant::now();
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().map_err(|source| ProcessError::Start { program: program.to_owned(), source })?;
    let mut child = Ended(child);
    let lines = listen(&mut child.0);
    let wait_error = |source| ProcessError::Wait { program: program.to_owned(), source };
    let mut ended: Option<(ExitStatus, Instant)> = None;
    loop {
        let is_closed = match lines.recv_timeout(TICK) {
            Ok((stream, line)) => {
                receive(stream, &line);
                false
            }
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => {
                if ended.is_none() {
                    thread::sleep(TICK); // it has closed its pipes and goes on
                }
                true
            }
        };
        match ended {
            Some((status, at)) if is_closed || at.elapsed() > GRACE => {
                return status.code().ok_or_else(|| ProcessError::Signal { program: program.to_owned() });
            }
            Some(_) => {}
            None => ended = child.0.try_wait().map_err(wait_error)?.map(|status| (status, Instant::now())),
        }
        if control.interrupted() {
            return Err(ProcessError::Interrupted);
        }
        if let Some(limit) = limit.filter(|limit| ended.is_none() && begun.elapsed() > *limit) {
            return Err(ProcessError::Timeout { program: program.to_owned(), limit });
        }
    }
}

/// A program that does not outlive this.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing to end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads both pipes, each in a thread of its own, which ends with its pipe.
fn listen(child: &mut Child) -> Receiver<(Stream, String)> {
    let (sender, lines) = mpsc::sync_channel(MAX_WAITING);
    let (output, error) = (child.stdout.take(), child.stderr.take());
    let other = sender.clone();
    thread::spawn(move || output.map(|pipe| read(pipe, Stream::Output, &sender)));
    thread::spawn(move || error.map(|pipe| read(pipe, Stream::Error, &other)));
    lines
}

/// Sends the lines of a pipe, until it ends or nobody listens.
fn read(mut pipe: impl Read, stream: Stream, sender: &SyncSender<(Stream, String)>) {
    let mut buffer = [0; 4096];
    let mut line = Vec::new();
    let send = |line: &mut Vec<u8>| {
        // Consoles have many encodings; what matters is ASCII.
        let text = String::from_utf8_lossy(line).into_owned();
        line.clear();
        text.is_empty() || sender.send((stream, text)).is_ok()
    };
    loop {
        let length = match pipe.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        for byte in &buffer[..length] {
            let is_end = matches!(byte, b'\r' | b'\n');
            if !is_end {
                line.push(*byte);
            }
            if (is_end || line.len() == MAX_LINE_NBYTES) && !send(&mut line) {
                return;
            }
        }
    }
    send(&mut line);
}

#[cfg(test)]
mod crashes {
    use super::*;

    #[test]
    fn crashes_and_answers_are_told_apart() {
        let told = |bits: u32| {
            let code = Code::of_exit(bits.cast_signed());
            is_crash(code).then(|| ProcessError::Crash { program: "dism".into(), code }.to_string())
        };
        assert_eq!(told(0xC000_0005).unwrap(), "dism: it crashed: 0xC0000005, access violation");
        assert_eq!(
            told(0xC000_0409).unwrap(),
            "dism: it crashed: 0xC0000409, it ended itself, as its state was corrupt"
        );
        assert_eq!(told(0xE043_4352).unwrap(), "dism: it crashed: 0xE0434352");
        // Open files at unmounting; a package's failure; small codes.
        for answer in [0xC142_0117, 0xC142_010C, 0x800F_0806, 0x8007_007E, 0, 5, 740, 3010] {
            assert_eq!(told(answer), None, "{answer:#x}");
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::util::progress::NoProgress;
    use std::sync::atomic::AtomicBool;

    fn shell(script: &str, limit: Option<Duration>, control: Control<'_>) -> (Result<i32, ProcessError>, Vec<String>) {
        let mut lines = Vec::new();
        let arguments = ["-c".to_owned(), script.to_owned()];
        let result = run(Path::new("/bin/sh"), &arguments, limit, control, &mut |stream, line| {
            lines.push(format!("{stream:?} {line}"));
        });
        (result, lines)
    }

    #[test]
    fn lines_of_both_pipes_and_the_exit_code() {
        let script = r"printf 'a\r[== 50%% ]\r\r\nb'; printf 'c\n' >&2; exit 7";
        let (result, mut lines) = shell(script, None, Control::silent());
        lines.sort();
        assert_eq!((result.unwrap(), lines.join("|")), (7, "Error c|Output [== 50% ]|Output a|Output b".into()));
    }

    #[test]
    fn more_than_a_pipe_holds_on_both_does_not_block() {
        let script = "i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789012345678901; \
                      echo 0123456789012345678901234567890123456789012345678901 >&2; i=$((i+1)); done";
        let (result, lines) = shell(script, None, Control::silent());
        assert_eq!((result.unwrap(), lines.len()), (0, 6000));
    }

    #[test]
    fn what_takes_too_long_is_ended() {
        let begun = Instant::now();
        let (result, lines) = shell("echo begun; exec sleep 60", Some(Duration::from_millis(300)), Control::silent());
        assert!(matches!(result, Err(ProcessError::Timeout { .. })), "{result:?}");
        assert_eq!(lines, ["Output begun"]);
        // A program's own child that holds the pipes is not waited for.
        let (result, _) = shell("sleep 60 & exit 3", None, Control::silent());
        assert_eq!(result.unwrap(), 3);
        assert!(begun.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn interruption_a_signal_and_no_program() {
        let interrupt = AtomicBool::new(true);
        let control = Control { progress: &NoProgress, interrupt: &interrupt };
        assert!(matches!(shell("exec sleep 60", None, control).0, Err(ProcessError::Interrupted)));
        let (result, _) = shell("kill -9 $$", None, Control::silent());
        assert!(matches!(result, Err(ProcessError::Signal { .. })), "{result:?}");
        let missing = run(Path::new("/nonexistent/dism"), &[], None, Control::silent(), &mut |_, _| {});
        assert!(matches!(missing, Err(ProcessError::Start { .. })), "{missing:?}");
    }
}
