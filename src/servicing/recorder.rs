//! A servicer that changes nothing but a marker: it answers with recorded codes, so that a whole refresh can be tried on
//! any system.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use super::code::Code;
use super::request::Request;
use super::{Answer, Call, Servicing, ServicingError, Session};
use crate::util::progress::Control;
use crate::wim::update::{self, Command, Source};

/// The file in a serviced image that tells what was done to it.
pub const MARKER: &str = "Windows/servicing/wimkit-recorded.txt";

/// Answers with recorded codes, success where none is recorded.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    /// Codes by session and step, the first to come last.
    answers: HashMap<(String, u8), Vec<Code>>,
    /// What was done to the image that is mounted.
    done: Vec<String>,
}

impl Recorder {
    /// Reads recorded answers: lines `SESSION STEP CODE`, blank ones and those that begin with `#` aside. A step that stands there
    /// several times answers so one after the other, and then with success.
    ///
    /// # Errors
    /// [`ServicingError`].
    pub fn read(path: &Path) -> Result<Self, ServicingError> {
        let io = |source| ServicingError::Io { path: path.to_owned(), source };
        let text = fs::read_to_string(path).map_err(io)?;
        let mut recorder = Self::default();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            if line.starts_with('#') {
                continue;
            }
            let words: Vec<&str> = line.split_whitespace().collect();
            let parsed = match words.as_slice() {
                [session, step, code] => {
                    step.parse().ok().zip(code.parse().ok()).map(|(step, code)| (session, step, code))
                }
                _ => None,
            };
            let Some((session, step, code)) = parsed else {
                return Err(ServicingError::Recording { path: path.to_owned(), line: index + 1 });
            };
            recorder.answers.entry(((*session).to_owned(), step)).or_default().insert(0, code);
        }
        Ok(recorder)
    }
}

impl Servicing for Recorder {
    fn name(&self) -> &'static str {
        "recorded"
    }

    fn mount(&mut self, _: &Session<'_>, _: Control<'_>) -> Result<Answer, ServicingError> {
        self.done.clear();
        Ok(Answer::Ended(Code::SUCCESS.into()))
    }

    fn request(
        &mut self,
        session: &Session<'_>,
        step: u8,
        request: &Request,
        _: Control<'_>,
    ) -> Result<Answer, ServicingError> {
        let answers = self.answers.get_mut(&(session.name.to_owned(), step));
        let code = answers.and_then(Vec::pop).unwrap_or(Code::SUCCESS);
        let call = Call::from(code);
        if call.is_done() {
            self.done.push(format!("step {step}: {}\r\n", request.title()));
        }
        Ok(Answer::Ended(call))
    }

    fn unmount(&mut self, session: &Session<'_>, commit: bool, control: Control<'_>) -> Result<Answer, ServicingError> {
        if commit && !self.done.is_empty() {
            let marker = Command::add(Source::Bytes(self.done.concat().into_bytes()), MARKER);
            update::update(session.wim, &[marker], &update::Options::default(), control)?;
        }
        Ok(Answer::Ended(Code::SUCCESS.into()))
    }
}
