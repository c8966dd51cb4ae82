use std::collections::BTreeMap;
use std::sync::Mutex;

use super::*;
use crate::refresh::sample;
use crate::servicing::code::Code;
use crate::servicing::request::Request;
use crate::servicing::{Answer, ServicingError, Session, Workplace};
use crate::util::progress::Progress;

/// Does nothing to any image, and keeps how much memory each was given.
#[derive(Default)]
struct Listener {
    memory: Mutex<BTreeMap<String, u64>>,
}

impl Servicing for Listener {
    fn name(&self) -> &'static str {
        "listener"
    }

    fn mount(&self, session: &Session<'_>, control: Control<'_>) -> Result<Answer, ServicingError> {
        control.progress.begin_percent("mounting");
        self.memory.lock().unwrap().insert(session.name.to_owned(), session.memory);
        Ok(Answer::Ended(Code::SUCCESS.into()))
    }

    fn request(&self, _: &Session<'_>, _: u8, _: &Request, _: Control<'_>) -> Result<Answer, ServicingError> {
        Ok(Answer::Ended(Code::SUCCESS.into()))
    }

    fn unmount(&self, _: &Session<'_>, _: bool, _: Control<'_>) -> Result<Answer, ServicingError> {
        Ok(Answer::Ended(Code::SUCCESS.into()))
    }
}

/// Keeps which images were mounted by the bars of which works.
#[derive(Default)]
struct Watched {
    mounts: Mutex<Vec<String>>,
}

struct Part<'a>(&'a Watched, String);

impl Progress for Watched {
    fn begin(&self, phase: &'static str, _: u64) {
        if phase == "mounting" {
            self.mounts.lock().unwrap().push("alone".into());
        }
    }

    fn advance(&self, _: u64) {}

    fn part<'a>(&'a self, name: &str) -> Box<dyn Progress + 'a> {
        Box::new(Part(self, name.to_owned()))
    }
}

impl Progress for Part<'_> {
    fn begin(&self, phase: &'static str, _: u64) {
        if phase == "mounting" {
            self.0.mounts.lock().unwrap().push(self.1.clone());
        }
    }

    fn advance(&self, _: u64) {}
}

/// Those of a run in this directory, with sample media that are made there.
fn settings(place: &Path) -> Settings {
    let made = sample::make(place, Control::silent()).unwrap();
    Settings {
        media: made.media,
        new_media: place.join("newMedia"),
        work: place.join("work"),
        packages: vec![made.packages.join("CU"), made.packages.join("Other")],
        ..Settings::default()
    }
}

/// Nobody may service images here.
#[derive(Debug)]
struct Refuser;

impl Servicing for Refuser {
    fn name(&self) -> &'static str {
        "nobody"
    }

    fn check(&self, place: &Workplace<'_>) -> Result<(), ServicingError> {
        Err(ServicingError::FileSystem { path: place.work.to_owned(), found: "FAT".into() })
    }

    fn mount(&self, _: &Session<'_>, _: Control<'_>) -> Result<Answer, ServicingError> {
        unreachable!("the run has not begun")
    }

    fn request(&self, _: &Session<'_>, _: u8, _: &Request, _: Control<'_>) -> Result<Answer, ServicingError> {
        unreachable!("the run has not begun")
    }

    fn unmount(&self, _: &Session<'_>, _: bool, _: Control<'_>) -> Result<Answer, ServicingError> {
        unreachable!("the run has not begun")
    }
}

#[test]
fn a_run_that_could_not_service_images_is_not_begun() {
    let place = tempfile::tempdir().unwrap();
    let settings = settings(place.path());
    let refused = begin(&settings, None, &Refuser, Clock::System, Control::silent()).unwrap_err();
    assert!(matches!(&refused, RunError::Servicing(ServicingError::FileSystem { .. })), "{refused:?}");
    assert!(Journal::open(&settings.work).is_err() && !settings.new_media.exists());
    begin(&settings, None, &Listener::default(), Clock::System, Control::silent()).unwrap();
}

#[test]
fn images_at_the_same_time_share_the_memory_and_have_bars_of_their_own() {
    let place = tempfile::tempdir().unwrap();
    let settings = settings(place.path());
    let (listener, watched) = (Listener::default(), Watched::default());
    let control = Control { progress: &watched, ..Control::silent() };
    let mut prepared = begin(&settings, None, &listener, Clock::System, control).unwrap();
    let memory = 600 << 20;
    // There are two images of each archive, and so no more than two at the same time.
    let options = Options { jobs: NonZeroUsize::new(3), memory, ..Options::default() };
    prepared.carry_out(&listener, &options, control, &|_, _| {}).unwrap();
    let half = memory / 2;
    let expected = [("os-1", half), ("os-2", half), ("winpe-1", half), ("winpe-2", half), ("winre", memory)];
    let expected: BTreeMap<_, _> = expected.map(|(name, memory)| (name.to_owned(), memory)).into();
    assert_eq!(*listener.memory.lock().unwrap(), expected);
    let mut mounts = watched.mounts.into_inner().unwrap();
    mounts.sort();
    assert_eq!(mounts, ["alone", "os-1", "os-2", "winpe-1", "winpe-2"]);
}
