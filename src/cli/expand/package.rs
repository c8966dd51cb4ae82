//! What is expanded: a cabinet, or an image. Since Windows 11 24H2 update packages are images.

use super::super::Context;
use super::super::exit::Failure;
use super::Expand;
use std::path::Path;
use wimkit::address;
use wimkit::cab::{self, Cabinet, extract as cab_extract};
use wimkit::util::filetime::FileTime;
use wimkit::util::read_at::ReadAt;
use wimkit::wim::extract as wim_extract;
use wimkit::wim::header::MAGIC;
use wimkit::wim::metadata::{DentryId, Metadata};
use wimkit::wim::{self, ImageIndex, Wim};

/// A package that was opened.
pub(super) enum Package {
    Cabinet(Cabinet),
    Image { wim: Box<Wim>, tree: Box<Metadata>, files: Vec<DentryId> },
}

/// A file as it is listed.
pub(super) struct Member {
    pub(super) path: String,
    pub(super) size: u64,
    pub(super) time: FileTime,
    pub(super) attributes: u32,
    /// How it is compressed, in words.
    pub(super) compression: String,
}

/// What was extracted.
#[derive(Default)]
pub(super) struct Done {
    pub(super) files: u64,
    pub(super) bytes: u64,
    /// Paths, and why they were not.
    pub(super) missing: Vec<(String, String)>,
}

impl Package {
    pub(super) fn open(arguments: &Expand, context: &Context) -> Result<Self, Failure> {
        let (no_mmap, memory) = (context.global.no_mmap, context.memory());
        let options = wim::OpenOptions { no_mmap, memory, ..wim::OpenOptions::default() };
        let source = address::open(&arguments.pkg, &options).map_err(|error| {
            let hint = error.hint();
            Failure::new(error, hint)
        })?;
        if is_wim(&*source) {
            return Self::open_image(source, &arguments.pkg);
        }
        let options = cab::OpenOptions {
            no_mmap,
            parts: arguments.parts.clone(),
            encoding: arguments.encoding.unwrap_or_default(),
            salvage: arguments.keep_going || arguments.list,
        };
        Ok(Self::Cabinet(Cabinet::from_source(source, &arguments.pkg, &options)?))
    }

    fn open_image(source: Box<dyn ReadAt>, path: &Path) -> Result<Self, Failure> {
        let wim = Wim::from_source(source, &path.to_string_lossy())?;
        let image = match (wim.image_count(), ImageIndex::new(1)) {
            (1, Some(image)) => image,
            (count, _) => {
                let message = format!("{}: a package is one image, here are {count}", path.display());
                return Err(Failure::message(message).with_hint("`wimkit extract` takes files out of any image"));
            }
        };
        let tree = wim.metadata(image)?;
        let files = tree.pre_order(DentryId::ROOT).filter(|entry| !entry.is_directory()).map(|entry| entry.id());
        let files = files.collect();
        Ok(Self::Image { wim: Box::new(wim), tree: Box::new(tree), files })
    }

    /// What was tolerated.
    pub(super) fn warnings(&self) -> Vec<String> {
        match self {
            Self::Cabinet(cabinet) => cabinet.warnings().to_vec(),
            Self::Image { wim, .. } => wim.warnings().map(str::to_owned).collect(),
        }
    }

    /// The files it consists of.
    pub(super) fn containers(&self) -> Vec<String> {
        match self {
            Self::Cabinet(cabinet) => cabinet.paths().map(|path| path.display().to_string()).collect(),
            Self::Image { wim, .. } => vec![wim.path().display().to_string()],
        }
    }

    pub(super) fn members(&self) -> Result<Vec<Member>, Failure> {
        Ok(match self {
            Self::Cabinet(cabinet) => cabinet
                .files()
                .iter()
                .map(|file| Member {
                    path: file.name.clone(),
                    size: file.size,
                    time: file.time,
                    attributes: file.attributes.into(),
                    compression: cabinet.compression(file.folder),
                })
                .collect(),
            Self::Image { wim, tree, files } => {
                let contents = wim.contents()?;
                let format = wim.header().format().ok().flatten();
                let member = |id: &DentryId| {
                    let entry = tree.entry(*id);
                    let blob = entry.data_hash().and_then(|sha1| contents.find(&sha1));
                    Member {
                        path: entry.path().trim_start_matches('/').replace('/', "\\"),
                        size: blob.map_or(0, |blob| blob.size),
                        time: entry.write_time(),
                        attributes: entry.attributes().0,
                        compression: format.map_or("stored", |format| format.name()).to_owned(),
                    }
                };
                files.iter().map(member).collect()
            }
        })
    }

    /// Extracts the members with these indices.
    pub(super) fn extract(
        &self,
        chosen: &[usize],
        target: &Path,
        arguments: &Expand,
        context: &Context,
    ) -> Result<Done, Failure> {
        let (overwrite, max_bytes) = (!arguments.no_overwrite, arguments.max_size.map(|size| size.0));
        match self {
            Self::Cabinet(cabinet) => {
                let Expand { flatten, keep_going, .. } = *arguments;
                let options = cab_extract::Options { overwrite, flatten, keep_going, max_bytes };
                let done = cab_extract::extract(cabinet, chosen, target, &options, context.control())?;
                let path = |file: usize| cabinet.files()[file].name.clone();
                let missing = done.missing.into_iter().map(|(file, problem)| (path(file), problem)).collect();
                Ok(Done { files: done.files, bytes: done.bytes, missing })
            }
            Self::Image { .. } if arguments.flatten => {
                Err(Failure::message("--flatten is for cabinets; this package is an image"))
            }
            Self::Image { wim, tree, files } => {
                let selection = wim_extract::Selection::entries(tree, chosen.iter().map(|index| files[*index]));
                let options = wim_extract::Options {
                    overwrite,
                    max_bytes,
                    memory: context.memory(),
                    ..wim_extract::Options::default()
                };
                let done = wim_extract::extract(wim, tree, &selection, target, &options, context.control())?;
                let missing =
                    done.refused.iter().map(|refused| (refused.path(tree), refused.problem.to_string())).collect();
                Ok(Done { files: done.files + done.hard_links, bytes: done.bytes, missing })
            }
        }
    }
}

fn is_wim(source: &dyn ReadAt) -> bool {
    let mut magic = [0; MAGIC.len()];
    source.read_exact_at(&mut magic, 0).is_ok() && magic == MAGIC
}
