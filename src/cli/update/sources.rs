//! What the words of `add` commands stand for.

use super::super::Context;
use super::super::args::ImageWord;
use super::super::exit::Failure;
use super::super::source::find_image;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wimkit::address::container::Kind;
use wimkit::address::{self, container_of, in_image};
use wimkit::util::read_at::ReadAt;
use wimkit::wim::update::Source;
use wimkit::wim::{ImageIndex, OpenOptions, Wim};

/// Files whose images are copied from, each opened once.
pub(super) struct Sources {
    wims: Vec<Wim>,
    /// Where each container is among them; `None`: it is no image file.
    places: HashMap<PathBuf, Option<usize>>,
    /// In which image all words are paths.
    from_image: Option<(usize, ImageIndex)>,
}

/// What a word stands for.
pub(super) enum Found {
    Disk(PathBuf),
    Reader { reader: Arc<dyn ReadAt>, name: String },
    Image { wim: usize, image: ImageIndex, path: String },
}

impl Sources {
    /// `from_image`: the file and the image that all words are paths in, or nothing.
    pub(super) fn new(from_image: &[String], context: &Context) -> Result<Self, Failure> {
        let mut sources = Self { wims: Vec::new(), places: HashMap::new(), from_image: None };
        if let [src, image] = from_image {
            let wim = Wim::open(Path::new(src), &options(context))?;
            let Ok(word) = image.parse::<ImageWord>();
            let image = find_image(&wim, &word)?;
            sources.wims.push(wim);
            sources.from_image = Some((0, image));
        }
        Ok(sources)
    }

    /// Finds out what `word` stands for. What exists on disk by this name comes first.
    pub(super) fn find(&mut self, word: &str, context: &Context) -> Result<Found, Failure> {
        if let Some((wim, image)) = self.from_image {
            return Ok(Found::Image { wim, image, path: word.to_owned() });
        }
        let path = Path::new(word);
        let Some((container, rest)) = container_of(path).filter(|_| path.symlink_metadata().is_err()) else {
            return Ok(Found::Disk(path.to_owned()));
        };
        let place = match self.places.get(&container) {
            Some(known) => *known,
            None => {
                let place = self.open(&container, context)?;
                self.places.insert(container, place);
                place
            }
        };
        match place {
            Some(wim) => {
                let (image, path) = in_image(&self.wims[wim], &rest)?;
                Ok(Found::Image { wim, image, path: path.to_owned() })
            }
            None => {
                let reader = address::open(path, &options(context))?.into();
                Ok(Found::Reader { reader, name: word.to_owned() })
            }
        }
    }

    fn open(&mut self, container: &Path, context: &Context) -> Result<Option<usize>, Failure> {
        let source = address::open(container, &options(context))?;
        if !matches!(Kind::of(&*source), Some(Kind::Image)) {
            return Ok(None);
        }
        self.wims.push(Wim::from_source(source, &container.to_string_lossy())?);
        Ok(Some(self.wims.len() - 1))
    }

    pub(super) fn source(&self, found: Found) -> Source<'_> {
        match found {
            Found::Disk(path) => Source::Disk(path),
            Found::Reader { reader, name } => Source::Reader { reader, name },
            Found::Image { wim, image, path } => Source::Image { wim: &self.wims[wim], image, path },
        }
    }
}

fn options(context: &Context) -> OpenOptions {
    OpenOptions {
        no_mmap: context.global.no_mmap,
        memory: context.memory(),
        opener: address::open_wim,
        ..OpenOptions::default()
    }
}
