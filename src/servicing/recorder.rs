//! A servicer that changes nothing but a marker, and the languages that an image states: it answers with recorded codes, so that a whole refresh can be tried on
//! any system.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::code::Code;
use super::request::Request;
use super::{Answer, Call, Servicing, ServicingError, Session};
use crate::util::progress::Control;
use crate::util::read_at::{ReadAt, bytes_at};
use crate::wim::blob_reader::BlobReader;
use crate::wim::edit::{self, ImageEdit};
use crate::wim::engine::default_memory;
use crate::wim::export::ExportError;
use crate::wim::update::{self, Command, Source};
use crate::wim::{ImageIndex, OpenOptions, Wim};

/// The file in a serviced image that tells what was done to it.
pub const MARKER: &str = "Windows/servicing/wimkit-recorded.txt";

/// The most that is read of a marker.
const MAX_NBYTES: u64 = 1 << 20;

/// Answers with recorded codes, success where none is recorded.
#[derive(Debug, Default)]
pub struct Recorder {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Codes by session and step, the first to come last.
    answers: HashMap<(String, u8), Vec<Code>>,
    /// What was done to each image that is mounted, by its session.
    done: HashMap<String, Done>,
}

/// What was done to an image.
#[derive(Debug, Default)]
struct Done {
    text: String,
    /// Languages that were added.
    languages: Vec<String>,
}

/// The language of a pack, by what the pack is called: `…-Language-Pack_x64_ja-jp.cab`, `ja-jp/lp.cab`.
fn language(package: &Path) -> Option<String> {
    let name = package.file_name()?.to_str()?.to_lowercase();
    if name == "lp.cab" {
        return Some(package.parent()?.file_name()?.to_str()?.to_owned());
    }
    let (pack, language) = name.strip_suffix(".cab")?.rsplit_once('_')?;
    pack.contains("-language-pack_").then(|| language.to_owned())
}

/// States languages of an image, as DISM does when it keeps its changes.
fn state_languages(wim: &Path, added: &[String], control: Control<'_>) -> Result<(), ServicingError> {
    let wim = Wim::open(wim, &OpenOptions::default())?;
    let windows = wim.xml().image(1).and_then(|image| image.windows()).unwrap_or_default();
    let is_new = |language: &&String| !windows.languages.iter().any(|own| own.eq_ignore_ascii_case(language));
    let places = windows.languages.len() + 1..;
    let property =
        |(place, language): (usize, &String)| (format!("WINDOWS/LANGUAGES/LANGUAGE[{place}]"), language.clone());
    let properties: Vec<_> = places.zip(added.iter().filter(is_new)).map(property).collect();
    if properties.is_empty() {
        return Ok(());
    }
    let edits = [ImageEdit { image: 1, properties }];
    edit::edit(&wim, &edits, None, control).map_err(|error| match error {
        ExportError::Interrupted => ServicingError::Interrupted,
        error => ServicingError::Edit(Box::new(error)),
    })
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
        let mut state = State::default();
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
            state.answers.entry(((*session).to_owned(), step)).or_default().insert(0, code);
        }
        Ok(Self { state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an image tells of what was done to it before.
fn marker(wim: &Path) -> Result<Vec<u8>, ServicingError> {
    let wim = Arc::new(Wim::open(wim, &OpenOptions::default())?);
    let tree = wim.metadata(ImageIndex::FIRST)?;
    let hash = tree.lookup(MARKER).and_then(|entry| entry.data_hash());
    let Some(blob) = hash.and_then(|hash| wim.contents().map(|contents| contents.find(&hash)).transpose()) else {
        return Ok(Vec::new());
    };
    let blob = *blob?;
    let path = wim.path().join(MARKER);
    let reader = BlobReader::new(Arc::clone(&wim), &blob, default_memory())?;
    let length = reader.size().min(MAX_NBYTES) as usize;
    let bytes = bytes_at(&reader, 0, length).map_err(|source| ServicingError::Io { path, source })?;
    Ok(bytes.into_owned())
}

impl Servicing for Recorder {
    fn name(&self) -> &'static str {
        "recorded"
    }

    fn mount(&self, session: &Session<'_>, _: Control<'_>) -> Result<Answer, ServicingError> {
        self.state().done.insert(session.name.to_owned(), Done::default());
        Ok(Answer::Ended(Code::SUCCESS.into()))
    }

    fn request(
        &self,
        session: &Session<'_>,
        step: u8,
        request: &Request,
        _: Control<'_>,
    ) -> Result<Answer, ServicingError> {
        let mut state = self.state();
        let answers = state.answers.get_mut(&(session.name.to_owned(), step));
        let code = answers.and_then(Vec::pop).unwrap_or(Code::SUCCESS);
        let call = Call::from(code);
        if call.is_done() {
            let done = state.done.entry(session.name.to_owned()).or_default();
            done.text += &format!("step {step}: {}\r\n", request.title());
            if let Request::AddPackage { path } = request {
                done.languages.extend(language(path));
            }
        }
        Ok(Answer::Ended(call))
    }

    fn unmount(&self, session: &Session<'_>, commit: bool, control: Control<'_>) -> Result<Answer, ServicingError> {
        let done = self.state().done.remove(session.name).unwrap_or_default();
        if commit && !done.text.is_empty() {
            // An image that is gone on with has been told about already.
            let whole = [marker(session.wim)?, done.text.into_bytes()].concat();
            let marker = Command::add(Source::Bytes(whole), MARKER);
            let options = update::Options { memory: session.memory, ..update::Options::default() };
            update::update(session.wim, &[marker], &options, control)?;
            state_languages(session.wim, &done.languages, control)?;
        }
        Ok(Answer::Ended(Code::SUCCESS.into()))
    }
}
