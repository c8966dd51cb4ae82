//! What was extracted, and what was not: the end of `extract` and `apply`.

use super::Context;
use super::exit::{Failure, Outcome};
use super::human::{Counted, Human};
use super::printer::{self, visible, warn};
use serde::Serialize;
use std::path::Path;
use std::time::Instant;
use wimkit::wim::ImageIndex;
use wimkit::wim::extract::{self, NotRestored, UnixMade};
use wimkit::wim::metadata::Metadata;

/// What there is to tell.
pub(crate) struct Report<'a> {
    pub(crate) schema: &'static str,
    pub(crate) image: ImageIndex,
    pub(crate) target: &'a Path,
    pub(crate) tree: &'a Metadata,
    pub(crate) done: &'a extract::Outcome,
    /// What the whole image has besides, where that is to be told.
    pub(crate) not_restored: Option<NotRestored>,
}

impl Report<'_> {
    /// Tells it in the form that was asked for.
    pub(crate) fn tell(&self, context: &Context, begun: Instant) -> Result<Outcome, Failure> {
        for warning in &self.done.warnings {
            warn(warning);
        }
        for refused in &self.done.refused {
            warn(format_args!(
                "not extracted: {}: {}",
                visible(&refused.path(self.tree)),
                visible(&refused.problem.to_string())
            ));
        }
        if context.global.json {
            printer::json(&Document::new(self))?;
        } else {
            self.summarize(context, begun);
        }
        Ok(if self.done.is_complete() { Outcome::Done } else { Outcome::Partial })
    }

    fn summarize(&self, context: &Context, begun: Instant) {
        let done = self.done;
        context.say(format_args!(
            "{}: {} ({}), {}, {}, {}, in {:.1} s",
            self.target.display(),
            Counted(done.files, "file"),
            Human(done.bytes),
            Counted(done.hard_links, "hard link"),
            Counted(done.symlinks, "symbolic link"),
            Counted(done.directories, "directory"),
            begun.elapsed().as_secs_f64()
        ));
        let left_out = done.left_out;
        if left_out.named_streams > 0 {
            context
                .say(format_args!("  without {} named streams, which the target cannot hold", left_out.named_streams));
        }
        if left_out.reparse_points > 0 {
            let points = Counted(left_out.reparse_points, "reparse point");
            context.say(format_args!("  left out: {points}"));
        }
        let UnixMade { set_id, special_files } = done.unix_made;
        if set_id > 0 {
            let files = Counted(set_id, "file");
            context.say(format_args!("  with a set-user-id or set-group-id bit: {files}"));
        }
        if special_files > 0 {
            let files = Counted(special_files, "special file");
            context.say(format_args!("  {files} made: devices, pipes or sockets"));
        }
        if left_out.not_compacted > 0 {
            context.say(format_args!("  not compacted: {}", Counted(left_out.not_compacted, "file")));
        }
        if left_out.owners > 0 {
            let entries = Counted(left_out.owners, "entry");
            context.say(format_args!("  without owner, group or full mode: {entries}; setting them needs root"));
        }
        if left_out.special_files > 0 {
            let devices = Counted(left_out.special_files, "device");
            context.say(format_args!("  left out: {devices}; making them needs root"));
        }
        if left_out.hard_links > 0 {
            let copies = Counted(left_out.hard_links, "copy");
            context.say(format_args!("  {copies} in place of hard links, which the target does not have"));
        }
        if let Some(lost) = self.not_restored.filter(|lost| !lost.is_nothing()) {
            let features = [
                (lost.security_descriptors, "the security descriptor", "files"),
                (lost.attributes, "attributes such as HIDDEN", "files"),
                (lost.tagged_items, "extended attributes or object ids", "files"),
                (lost.short_names, "the short name", "names"),
            ];
            for (count, feature, of) in features.into_iter().filter(|(count, ..)| *count > 0) {
                context.say(format_args!("  without {feature} of {count} {of}"));
            }
        }
        if !done.refused.is_empty() {
            let refused = Counted(done.refused.len() as u64, "entry");
            context.say(format_args!("  not extracted: {refused}"));
        }
    }
}

/// The JSON document; its members are described in docs/json/extract.md.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    image: u32,
    target: String,
    complete: bool,
    directories: u64,
    files: u64,
    hard_links: u64,
    symlinks: u64,
    bytes: u64,
    omitted_named_streams: u64,
    omitted_reparse_points: u64,
    copied_hard_links: u64,
    omitted_owners: u64,
    omitted_special_files: u64,
    not_compacted: u64,
    set_id_files: u64,
    special_files: u64,
    warnings: &'a [String],
    #[serde(flatten)]
    lost: Option<Lost>,
    refused: AllRefused<'a>,
}

/// The refused entries, whose paths are made one at a time: those of a hostile image could fill the memory.
struct AllRefused<'a> {
    tree: &'a Metadata,
    refused: &'a [extract::Refused],
}

impl Serialize for AllRefused<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(
            self.refused
                .iter()
                .map(|refused| Refused { path: refused.path(self.tree), problem: refused.problem.to_string() }),
        )
    }
}

#[derive(Serialize)]
struct Refused {
    path: String,
    problem: String,
}

/// Members of `apply`, and of `extract` where the system restores such features.
#[derive(Serialize)]
struct Lost {
    omitted_security_descriptors: u64,
    omitted_attributes: u64,
    omitted_tagged_items: u64,
    omitted_short_names: u64,
}

impl<'a> Document<'a> {
    fn new(report: &Report<'a>) -> Self {
        let Report { schema, image, target, tree, done, not_restored } = *report;
        Self {
            schema,
            image: image.get(),
            target: target.display().to_string(),
            complete: done.is_complete(),
            directories: done.directories,
            files: done.files,
            hard_links: done.hard_links,
            symlinks: done.symlinks,
            bytes: done.bytes,
            omitted_named_streams: done.left_out.named_streams,
            omitted_reparse_points: done.left_out.reparse_points,
            copied_hard_links: done.left_out.hard_links,
            omitted_owners: done.left_out.owners,
            omitted_special_files: done.left_out.special_files,
            not_compacted: done.left_out.not_compacted,
            set_id_files: done.unix_made.set_id,
            special_files: done.unix_made.special_files,
            warnings: &done.warnings,
            lost: not_restored.map(|lost| Lost {
                omitted_security_descriptors: lost.security_descriptors,
                omitted_attributes: lost.attributes,
                omitted_tagged_items: lost.tagged_items,
                omitted_short_names: lost.short_names,
            }),
            refused: AllRefused { tree, refused: &done.refused },
        }
    }
}
