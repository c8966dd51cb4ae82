//! `wimkit cat`: the content of one file.

use super::Context;
use super::args::ImageWord;
use super::exit::{Failure, Outcome};
use super::printer::{Out, visible};
use super::source::{Source, find_entry, find_image, read_tree};
use clap::Args;
use std::path::Path;
use wimkit::util::progress::{Control, NoProgress};
use wimkit::util::sha1::Sha1;
use wimkit::wim::engine::{BlobEnd, Segment, Sink, Stopped, read_blobs};
use wimkit::wim::metadata::{Entry, Metadata, Name, StreamKind, reparse};
use wimkit::wim::{Wim, WimError};

/// Write one file of an image to standard output
#[derive(Args, Debug)]
pub(crate) struct Cat {
    #[command(flatten)]
    source: Source,
    /// The image: a number from 1, or a name
    image: ImageWord,
    /// The file in the image; FILE:STREAM for a named stream
    path: String,
}

impl Cat {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        let wim = self.source.open(context)?;
        let image = find_image(&wim, &self.image)?;
        let tree = read_tree(&wim, image)?;
        let sha1 = self.content(&tree)?;
        let mut out = Out::new();
        if !sha1.is_zero() {
            write_blob(&wim, &sha1, &mut out, context)?;
        }
        out.finish()?;
        Ok(Outcome::Done)
    }

    /// The hash of what was asked for.
    fn content(&self, tree: &Metadata) -> Result<Sha1, Failure> {
        // Windows allows no colon in a name, but an image may have one: an exact path comes first.
        if let (None, Some((path, stream))) = (tree.lookup(&self.path), self.path.rsplit_once(':')) {
            return named_stream(&find_entry(tree, path)?, stream);
        }
        let entry = find_entry(tree, &self.path)?;
        let refuse = |what: &str| Err(Failure::message(format!("{}: {what}", visible(&self.path))));
        match entry.reparse_tag() {
            Some(tag) => {
                let kind = reparse::tag_name(tag).map_or_else(|| format!("{tag:#010x}"), str::to_owned);
                refuse(&format!("this is a reparse point ({kind}), not a file"))
            }
            None if entry.is_directory() => refuse("this is a directory"),
            None if entry.is_encrypted() => refuse("this file is encrypted by EFS; its content cannot be read"),
            None => Ok(entry.data_hash().unwrap_or_default()),
        }
    }
}

fn named_stream(entry: &Entry<'_>, name: &str) -> Result<Sha1, Failure> {
    let wanted = wimkit::util::utf16::from_str(name);
    let stream = entry
        .streams()
        .find(|stream| stream.kind == StreamKind::Named && stream.name.eq_ignore_case(Name::new(&wanted)));
    stream.map(|stream| stream.sha1).ok_or_else(|| {
        Failure::message(format!("{}: the file has no stream named {}", visible(&entry.path()), visible(name)))
    })
}

/// Writes the content of a blob as it is decoded, so that a file of any size takes little memory. That it was damaged
/// shows at its end: what was written is then followed by an error.
fn write_blob(wim: &Wim, sha1: &Sha1, out: &mut Out, context: &Context) -> Result<(), Failure> {
    let missing = || WimError::MissingBlob { path: wim.path().to_owned(), sha1: *sha1, needed_by: None };
    let blob = wim.contents()?.find(sha1).ok_or_else(missing)?;
    let requests = [wim.request(blob)?];
    wim.check_memory(&requests, context.memory())?;
    let mut sink = Forward { out, path: &wim.files()[blob.file].path, sha1 };
    // Whoever looks at the content does not want a bar drawn across it.
    let control = Control { progress: &NoProgress, ..context.control() };
    read_blobs(&wim.sources(), &requests, &mut sink, wim.decoders(), context.memory(), control).map_err(|stopped| {
        match stopped {
            Stopped::Interrupted => Failure::Interrupted,
            Stopped::Sink(failure) => failure,
        }
    })
}

/// Passes what it is given to standard output.
struct Forward<'a> {
    out: &'a mut Out,
    path: &'a Path,
    sha1: &'a Sha1,
}

impl Sink for Forward<'_> {
    type Error = Failure;

    fn accept(&mut self, batch: &[Segment<'_>]) -> Result<(), Failure> {
        for segment in batch {
            self.out.write_all(segment.data)?;
            match segment.end {
                None | Some(BlobEnd::Intact) => {}
                Some(BlobEnd::Mismatch { found }) => {
                    let (path, sha1) = (self.path.display(), self.sha1);
                    return Err(Failure::message(format!(
                        "{path}: the content hashes to {found}, its table says {sha1}"
                    )));
                }
                Some(BlobEnd::Unreadable(error)) => {
                    return Err(Failure::message(format!("{}: {error}", self.path.display())));
                }
            }
        }
        Ok(())
    }
}
