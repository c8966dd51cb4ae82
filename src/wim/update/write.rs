//! Writing the changed trees, the blobs they need, and how often each is referred to.

use super::edit::{Changes, edit};
use super::gather::{Gathered, Tree};
use super::windows::Signs;
use super::{Command, Options, Selected, Source, UpdateError, fault_of};
use crate::util::filetime::FileTime;
use crate::util::sha1::Sha1;
use crate::wim::WimError;
use crate::wim::capture::store::Stored;
use crate::wim::export::{ExportError, Transfer, Transferred};
use crate::wim::metadata::{Metadata, ParseOptions};
use crate::wim::reader::{ImageIndex, KnownBlob, Wim};
use crate::wim::references;
use crate::wim::windows::Warning;
use crate::wim::writer::WimWriter;
use crate::wim::xml::WimXml;
use std::collections::HashMap;

/// What is to be written, once new contents are stored.
pub(super) struct Task<'a> {
    pub wim: &'a Wim,
    pub selected: &'a Selected,
    pub commands: &'a [&'a Command<Source<'a>>],
    pub gathered: &'a Gathered<'a>,
    pub stored: &'a Stored,
    /// Its first file is the one that is changed.
    pub transfer: Transfer<'a>,
    pub options: &'a Options,
}

/// What was written.
pub(super) struct Written {
    pub changes: Vec<(ImageIndex, Changes)>,
    /// What the images' descriptions lack.
    pub warnings: Vec<String>,
    pub transferred: Transferred,
    /// Uncompressed bytes of the blobs that left the file.
    pub unused_bytes: u64,
}

/// How often streams refer to each blob.
type References = HashMap<Sha1, Count>;

/// How often streams refer to a blob.
#[derive(Clone, Copy, Default)]
struct Count {
    /// In the trees that were written.
    now: u32,
    /// In those that were changed, as they were.
    before: u32,
}

/// Counts the references of a tree, in one of the fields.
fn count(tree: &Metadata, references: &mut References, field: impl Fn(&mut Count) -> &mut u32) {
    for (_, stream) in tree.blob_references() {
        let count = field(references.entry(stream.sha1).or_default());
        *count = count.saturating_add(1);
    }
}

impl Task<'_> {
    pub(super) fn write(&self, writer: &mut WimWriter, xml: &mut WimXml) -> Result<Written, UpdateError> {
        let mut references = References::default();
        let (mut changes, mut warnings) = (Vec::new(), Vec::new());
        let sizes = self.stored_sizes();
        for image in self.wim.images() {
            if let Some(commands) = self.selected.get(&image) {
                let (made, found) = self.change(image, commands, &sizes, &mut references, writer, xml)?;
                changes.push((image, made));
                warnings.extend(found.iter().map(|warning| format!("image {image}: {warning}")));
            } else if self.options.rebuild {
                count(&self.wim.metadata(image)?, &mut references, |count| &mut count.now);
                self.transfer.metadata(writer, self.wim, image)?;
            }
        }
        let wanted = self.wanted_blobs(&sizes, &references)?;
        let transferred = self.transfer.blobs(writer, &wanted, |_| None)?;
        let unused_bytes = self.count_references(&sizes, &references, writer)?;
        Ok(Written { changes, warnings, transferred, unused_bytes })
    }

    /// The sizes of the blobs that were read for this, whether or not the file had them.
    fn stored_sizes(&self) -> HashMap<Sha1, u64> {
        let contents = self.stored.hashes.iter().zip(&self.gathered.scan.contents);
        contents.filter_map(|(hash, content)| Some((hash.filter(|hash| !hash.is_zero())?, content.size))).collect()
    }

    /// Whether the file has a blob itself.
    fn has(&self, sha1: &Sha1) -> Result<bool, WimError> {
        Ok(self.wim.contents()?.find(sha1).is_some_and(|blob| blob.file == 0))
    }

    fn change(
        &self,
        image: ImageIndex,
        selected: &[usize],
        sizes: &HashMap<Sha1, u64>,
        references: &mut References,
        writer: &mut WimWriter,
        xml: &mut WimXml,
    ) -> Result<(Changes, Vec<Warning>), UpdateError> {
        let path = || self.wim.path().to_owned();
        let old = self.wim.metadata(image)?;
        count(&old, references, |count| &mut count.before);
        let signs = Signs::of(&old);
        let hashes = Some(&*self.stored.hashes);
        let edited = edit(old, self.commands, selected, self.gathered, hashes, self.options.any_names);
        let (tree, changes) = edited.map_err(|fault| fault_of(self.wim, image, self.commands, fault))?;
        let encoded = tree.encode().map_err(|error| UpdateError::Tree { path: path(), image, error })?;
        drop(tree);
        let tree = Metadata::parse(encoded, &ParseOptions::default());
        let tree = tree.map_err(|error| WimError::Metadata { path: path(), image: image.get(), error })?;
        count(&tree, references, |count| &mut count.now);
        if self.options.rebuild {
            writer.write_metadata(tree.as_bytes())
        } else {
            writer.rewrite_metadata(image, tree.as_bytes())
        }
        .map_err(|source| self.transfer.output_error(source))?;

        let mut all = Vec::new();
        for wim in &self.transfer.wims {
            all.push(wim.contents()?);
        }
        let size_of = |sha1: &Sha1| {
            let elsewhere = || all.iter().find_map(|contents| contents.find(sha1)).map_or(0, |blob| blob.size);
            sizes.get(sha1).copied().unwrap_or_else(elsewhere)
        };
        let mut warnings = Vec::new();
        if let Some(element) = xml.image_mut(image.get()) {
            element.set_statistics(&tree.statistics(size_of));
            element.set_modification_time(FileTime::now_reproducible());
            let is_stated = element.windows().is_some();
            if let Some(description) = self.describe(&tree, signs.as_ref().filter(|_| is_stated)) {
                let stated = element.set_windows(&description.info);
                stated.map_err(|error| ExportError::Xml { path: path(), error })?;
                warnings = description.warnings;
            }
        }
        Ok((changes, warnings))
    }

    /// The blobs to be brought over, each with the place of the file that has it.
    fn wanted_blobs(
        &self,
        sizes: &HashMap<Sha1, u64>,
        references: &References,
    ) -> Result<Vec<(Sha1, usize)>, UpdateError> {
        const OWN: usize = 0;
        let trees = &self.gathered.trees;
        let mut wanted = Vec::new();
        for (sha1, count) in references.iter().filter(|(_, count)| count.now > 0) {
            if self.has(sha1)? {
                if self.options.rebuild {
                    wanted.push((*sha1, OWN));
                }
                continue;
            }
            if sizes.contains_key(sha1) {
                continue; // stored just now
            }
            let mut source = None;
            for (place, tree) in (1..).zip(trees) {
                if source.is_none() && tree.wim.contents()?.find(sha1).is_some() {
                    source = Some(place);
                }
            }
            // A file may refer to blobs that other files have, and go on to, unless it is written anew.
            if source.is_some() || self.options.rebuild || count.before == 0 {
                let needs = |tree: &Tree<'_>| tree.metadata.blob_references().any(|(_, stream)| stream.sha1 == *sha1);
                let who_needs_it = || trees.iter().position(needs).map_or(OWN, |place| place + 1);
                wanted.push((*sha1, source.unwrap_or_else(who_needs_it)));
            }
        }
        Ok(wanted)
    }

    /// States how often each blob is referred to, and drops those that nothing refers to; answers how many bytes these
    /// have.
    fn count_references(
        &self,
        sizes: &HashMap<Sha1, u64>,
        references: &References,
        writer: &mut WimWriter,
    ) -> Result<u64, UpdateError> {
        let count = |sha1: &Sha1| references.get(sha1).copied().unwrap_or_default();
        let contents = self.wim.contents()?;
        let own_blobs = &contents.blobs[..contents.own_blobs];
        let others: Vec<ImageIndex> = self.wim.images().filter(|image| !self.selected.contains_key(image)).collect();
        if others.is_empty() || self.options.rebuild {
            // All trees were read: no need to believe the table.
            writer.count_references(|sha1, _| count(sha1).now);
            let dropped = writer.drop_unreferenced(|_| true);
            let is_unused = |blob: &&KnownBlob| count(&blob.sha1).now == 0;
            let left_behind = || own_blobs.iter().filter(is_unused).map(|blob| blob.size).sum();
            return Ok(if self.options.rebuild { left_behind() } else { dropped });
        }
        // A blob is dropped only if no other image uses it, whatever the table says.
        let gone = references.iter().filter(|(_, count)| count.now == 0).map(|(sha1, _)| *sha1);
        let doubtful = references::count_those_of(self.wim, others, gone)?;
        writer.count_references(|sha1, stated| match (doubtful.get(sha1), count(sha1)) {
            (Some(left), _) => *left,
            (None, Count { now, before }) => stated.saturating_sub(before).saturating_add(now),
        });
        // What one command added and another deleted goes, too.
        Ok(writer.drop_unreferenced(|sha1| count(sha1).before > 0 || sizes.contains_key(sha1)))
    }
}
