//! `wimkit extract`: files, directories and links of an image.

use super::Context;
use super::args::{ImageWord, Size, unix_data};
use super::exit::{Failure, Outcome};
use super::extracted::Report;
use super::printer::visible;
use super::source::{Source, find_entry, find_images, read_tree};
use clap::Args;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::Instant;
use wimkit::wim::extract::{self, NameRules, Options, Selection};
use wimkit::wim::metadata::{DentryId, Metadata};
use wimkit::wim::{ImageIndex, Wim};

/// Extract files, directories and links of an image
#[derive(Args, Debug)]
pub(crate) struct Extract {
    #[command(flatten)]
    source: Source,
    /// The image: a number from 1, or a name; several (1,3-5) or all of them each go to a directory of their number
    image: ImageWord,
    /// Files and directories in the image; *, ? and [ ] match within a name, ** across directories [default: all]
    #[arg(value_name = "PATH")]
    paths: Vec<String>,
    /// The directory to extract to; paths below it are those in the image
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Replace files and links that exist
    #[arg(long)]
    overwrite: bool,
    /// Leave holes in files for long runs of zeros
    #[arg(long)]
    sparse: bool,
    /// Restore owners, groups and modes, and make devices, pipes and sockets, as far as the image keeps them (Linux)
    #[arg(long)]
    unix_data: bool,
    /// Restore security descriptors, instead of leaving them to what files inherit from the directory (Windows)
    #[arg(long)]
    security: bool,
    /// Refuse names that Windows cannot have, on other systems too
    #[arg(long)]
    windows_names: bool,
    /// Refuse to extract more than this
    #[arg(long, value_name = "SIZE")]
    max_size: Option<Size>,
}

impl Extract {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        let wim = self.source.open(context)?;
        let images = find_images(&wim, &self.image)?;
        if let ([image], false) = (images.as_slice(), self.image == ImageWord::All) {
            return self.extract(context, &wim, *image, &self.to);
        }
        // A path that one of the images does not have shows before anything is written.
        for image in &images {
            self.select(&wim, *image)?;
        }
        let mut outcome = Outcome::Done;
        for image in images {
            if self.extract(context, &wim, image, &self.to.join(image.to_string()))? == Outcome::Partial {
                outcome = Outcome::Partial;
            }
        }
        Ok(outcome)
    }

    fn select(&self, wim: &Wim, image: ImageIndex) -> Result<(Metadata, Selection), Failure> {
        let tree = read_tree(wim, image)?;
        let selection = select(&tree, &self.paths).map_err(|failure| failure.within(format_args!("image {image}")))?;
        Ok((tree, selection))
    }

    fn extract(&self, context: &Context, wim: &Wim, image: ImageIndex, target: &Path) -> Result<Outcome, Failure> {
        let begun = Instant::now();
        let (tree, selection) = self.select(wim, image)?;
        let options = Options {
            overwrite: self.overwrite,
            sparse: self.sparse,
            name_rules: if self.windows_names { NameRules::Windows } else { NameRules::default() },
            unix_data: unix_data(self.unix_data)?,
            security_descriptors: self.security,
            compact: None,
            max_bytes: self.max_size.map(|size| size.0),
            memory: context.memory(),
        };
        let result = extract::extract(wim, &tree, &selection, target, &options, context.control());
        context.bars.clear();
        let done = result?;
        let not_restored = done.not_restored;
        let report = Report { schema: "wimkit.extract/1", image, target, tree: &tree, done: &done, not_restored };
        report.tell(context, begun)
    }
}

/// The entries that `paths` name. Each must name something: a mistyped path shows before anything is written.
fn select(tree: &Metadata, paths: &[String]) -> Result<Selection, Failure> {
    if paths.is_empty() {
        return Ok(Selection::everything());
    }
    let mut chosen = Vec::new();
    let mut patterns = Vec::new();
    for path in paths {
        // A name may look like a pattern; what is there counts first.
        match tree.lookup(path) {
            Some(entry) => chosen.push(entry.id()),
            None if path.contains(['*', '?', '[']) => patterns.push(path.as_str()),
            None => chosen.push(find_entry(tree, path)?.id()),
        }
    }
    if !patterns.is_empty() {
        let globs = compile(&patterns)?;
        let mut used = vec![false; patterns.len()];
        let Ok(()) = tree.walk(DentryId::ROOT, |path, entry| {
            let matches = globs.matches(path);
            if !matches.is_empty() {
                chosen.push(entry.id());
            }
            matches.into_iter().for_each(|pattern| used[pattern] = true);
            Ok::<_, Infallible>(())
        });
        if let Some(unused) = used.iter().position(|used| !used) {
            return Err(Failure::message(format!("{}: nothing in the image matches", visible(patterns[unused]))));
        }
    }
    Ok(Selection::entries(tree, chosen))
}

/// Patterns for paths from the root, without regard to case.
fn compile(patterns: &[&str]) -> Result<GlobSet, Failure> {
    let wrong = |error: globset::Error| Failure::message(error.to_string());
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let rooted = format!("/{}", pattern.replace('\\', "/").trim_start_matches('/'));
        let mut glob = GlobBuilder::new(&rooted);
        glob.case_insensitive(true).literal_separator(true).backslash_escape(false);
        set.add(glob.build().map_err(wrong)?);
    }
    set.build().map_err(wrong)
}
