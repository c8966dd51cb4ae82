use std::collections::BTreeMap;
use std::sync::Mutex;

use super::*;
use crate::refresh::sample;
use crate::servicing::code::Code;
use crate::servicing::request::Request;
use crate::servicing::{Answer, ServicingError, Session};
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

#[test]
fn images_at_the_same_time_share_the_memory_and_have_bars_of_their_own() {
    let place = tempfile::tempdir().unwrap();
    let made = sample::make(place.path(), Control::silent()).unwrap();
    let settings = Settings {
        media: made.media,
        new_media: place.path().join("newMedia"),
        work: place.path().join("work"),
        packages: vec![made.packages.join("CU"), made.packages.join("Other")],
        ..Settings::default()
    };
    let (listener, watched) = (Listener::default(), Watched::default());
    let control = Control { progress: &watched, ..Control::silent() };
    let mut prepared = begin(&settings, None, Clock::System, control).unwrap();
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
