//! What the commands add, before any image is changed: trees on disk are looked at, images that are copied from are read.

use super::{Command, Options, Source, UpdateError};
use crate::util::filetime::FileTime;
use crate::util::os;
use crate::util::progress::Control;
use crate::wim::capture::report::Findings;
use crate::wim::capture::scan::{ContentSource, NodeIndex, Rules, Scan, Scanner};
use crate::wim::metadata::{DentryId, Metadata, PathError};
use crate::wim::reader::{ImageIndex, Wim};
use std::path::Path;
use std::sync::Arc;

/// All that is added.
pub(super) struct Gathered<'a> {
    /// Trees on disk, and all contents that come from no image.
    pub scan: Scan,
    /// For each command, what it adds.
    pub origins: Vec<Origin>,
    /// Trees of the images that are copied from.
    pub trees: Vec<Tree<'a>>,
    /// When a content without a file of its own was written.
    pub now: FileTime,
}

/// Where that is which a command adds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin {
    /// The command adds nothing.
    None,
    /// In the scan, a tree with this root.
    Disk(NodeIndex),
    /// A content alone.
    Content(u32),
    /// In one of the trees.
    Image { tree: usize, entry: DentryId },
}

/// The tree of an image that is copied from.
pub(super) struct Tree<'a> {
    pub wim: &'a Wim,
    image: ImageIndex,
    pub metadata: Metadata,
}

impl<'a> Gathered<'a> {
    pub(super) fn new(
        commands: &[&Command<Source<'a>>],
        destination: &Path,
        options: &Options,
        findings: &mut Findings,
        control: Control<'_>,
    ) -> Result<Self, UpdateError> {
        let rules = Rules {
            time_limit: FileTime::reproducible_limit(),
            exclusions: &options.exclusions,
            any_names: options.any_names,
            // A path from the root of what is added would lead nowhere from the root of the image.
            fix_links: false,
            unix_data: false,
            destination: os::identify(destination).map(|(id, _)| id),
        };
        control.progress.begin("Looking at what is added", 0);
        let mut scanner = Scanner::new(&rules, findings);
        let mut disk = Vec::new();
        for command in commands {
            let Command::Add { source: Source::Disk(path), .. } = command else { continue };
            let root = scanner.add(path, control)?;
            disk.push(root.map_err(|what| UpdateError::LeftOut { path: path.clone(), what })?);
        }
        let scan = scanner.into_scan();
        let mut gathered = Self { scan, origins: Vec::new(), trees: Vec::new(), now: FileTime::now_reproducible() };
        let mut disk = disk.into_iter();
        for command in commands {
            let origin = match command {
                Command::Add { source: Source::Disk(_), .. } => disk.next().map_or(Origin::None, Origin::Disk),
                Command::Add { source, .. } => gathered.add(source)?,
                Command::Delete { .. } | Command::Rename { .. } => Origin::None,
            };
            gathered.origins.push(origin);
        }
        Ok(gathered)
    }

    fn add(&mut self, source: &Source<'a>) -> Result<Origin, UpdateError> {
        Ok(match source {
            Source::Disk(_) => Origin::None, // looked at before
            Source::Bytes(bytes) => {
                let content = ContentSource::Bytes(bytes.clone().into());
                Origin::Content(self.scan.add_content(bytes.len() as u64, content))
            }
            Source::Reader { reader, name } => {
                let content = ContentSource::Reader { reader: Arc::clone(reader), name: name.as_str().into() };
                Origin::Content(self.scan.add_content(reader.size(), content))
            }
            Source::Image { wim, image, path } => {
                let tree = self.tree(wim, *image)?;
                let found = self.trees[tree].metadata.lookup(path).ok_or_else(|| UpdateError::Source {
                    path: wim.path().to_owned(),
                    image: *image,
                    problem: PathError::NotFound { path: path.clone() }.into(),
                })?;
                Origin::Image { tree, entry: found.id() }
            }
        })
    }

    fn tree(&mut self, wim: &'a Wim, image: ImageIndex) -> Result<usize, UpdateError> {
        let is_it = |tree: &Tree<'_>| std::ptr::eq(tree.wim, wim) && tree.image == image;
        if let Some(known) = self.trees.iter().position(is_it) {
            return Ok(known);
        }
        self.trees.push(Tree { wim, image, metadata: wim.metadata(image)? });
        Ok(self.trees.len() - 1)
    }
}
