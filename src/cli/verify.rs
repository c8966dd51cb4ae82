//! `wimkit verify`: is a file intact?

use super::Context;
use super::exit::{Failure, Outcome};
use super::human::{Counted, Human};
use super::printer::{self, Out, visible, warn};
use super::source::Source;
use clap::Args;
use serde::Serialize;
use std::path::Path;
use wimkit::util::sha1::Sha1;
use wimkit::wim::verify::{self, FilePath, Finding, VerifyError};

/// Check every blob's SHA-1, the integrity table, the metadata and reference counts
#[derive(Args, Debug)]
pub(crate) struct Verify {
    #[command(flatten)]
    source: Source,
    /// Also find what some programs read and others refuse, such as needless bytes behind compressed data; much slower
    #[arg(long)]
    strict: bool,
}

impl Verify {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        let outcome = match self.source.open_damaged(context)? {
            Ok(wim) => {
                let options = verify::Options { memory: context.memory(), strict: self.strict };
                let result = verify::verify(&wim, &options, context.control());
                context.bars.clear();
                result?
            }
            Err(error) => verify::Outcome::of_unreadable(error)?,
        };
        let path = self.source.path();
        for warning in &outcome.warnings {
            warn(visible(warning));
        }
        if context.global.json {
            printer::json(&Document::new(path, &outcome))?;
        } else {
            print(path, &outcome)?;
        }
        Ok(if outcome.is_good() { Outcome::Done } else { Outcome::Partial })
    }
}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Wim(error) => error.into(),
            VerifyError::Interrupted => Self::Interrupted,
            other => Self::message(other.to_string()),
        }
    }
}

fn print(path: &Path, outcome: &verify::Outcome) -> Result<(), Failure> {
    let mut out = Out::new();
    for finding in &outcome.findings {
        let finding = JsonFinding::new(finding);
        writeln!(out, "{}", visible(&finding.sentence))?;
        for user in &finding.used_by {
            writeln!(out, "    image {}: {}", user.image, visible(user.path))?;
        }
    }
    let verdict = match outcome.findings.len() as u64 {
        0 => "intact".to_owned(),
        count => format!("BAD, {}", Counted(count, "finding")),
    };
    writeln!(
        out,
        "{}: {verdict} ({}, {} with {}, {})",
        path.display(),
        Counted(outcome.images.into(), "image"),
        Counted(outcome.blobs, "blob"),
        Human(outcome.bytes),
        Counted(outcome.integrity_tables.into(), "integrity table")
    )?;
    out.finish()
}

/// The JSON document; its members are described in docs/json/verify.md.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    path: String,
    intact: bool,
    images: u32,
    blobs: u64,
    bytes: u64,
    integrity_tables: u32,
    findings: Vec<JsonFinding<'a>>,
    warnings: &'a [String],
}

impl<'a> Document<'a> {
    fn new(path: &Path, outcome: &'a verify::Outcome) -> Self {
        Self {
            schema: "wimkit.verify/1",
            path: path.display().to_string(),
            intact: outcome.is_good(),
            images: outcome.images,
            blobs: outcome.blobs,
            bytes: outcome.bytes,
            integrity_tables: outcome.integrity_tables,
            findings: outcome.findings.iter().map(JsonFinding::new).collect(),
            warnings: &outcome.warnings,
        }
    }
}

#[derive(Default, Serialize)]
struct JsonFinding<'a> {
    kind: &'static str,
    sentence: String,
    file: Option<String>,
    offset: Option<u64>,
    image: Option<u32>,
    part: Option<u16>,
    sha1: Option<&'a Sha1>,
    used_by: Vec<User<'a>>,
}

#[derive(Serialize)]
struct User<'a> {
    image: u32,
    path: &'a str,
}

impl<'a> JsonFinding<'a> {
    fn new(finding: &'a Finding) -> Self {
        let users = |paths: &'a [FilePath]| {
            paths.iter().map(|user| User { image: user.image.get(), path: &user.path }).collect::<Vec<_>>()
        };
        match finding {
            Finding::Unreadable { error } => Self { kind: "unreadable", sentence: error.clone(), ..Self::default() },
            Finding::BlobTable { file, offset, error } => Self {
                kind: "blob_table",
                sentence: format!("{}: the blob table at {offset:#x}: {error}", file.display()),
                file: Some(file.display().to_string()),
                offset: Some(*offset),
                ..Self::default()
            },
            Finding::IntegrityTable { file, error } => Self {
                kind: "integrity_table",
                sentence: format!("{}: {error}", file.display()),
                file: Some(file.display().to_string()),
                ..Self::default()
            },
            Finding::IntegrityPiece { file, offset, size } => Self {
                kind: "integrity_piece",
                sentence: format!("{}: {size} bytes at {offset:#x} differ from the integrity table", file.display()),
                file: Some(file.display().to_string()),
                offset: Some(*offset),
                ..Self::default()
            },
            Finding::Metadata { image, error } => Self {
                kind: "metadata",
                sentence: format!("image {image}: {error}"),
                image: Some(image.get()),
                ..Self::default()
            },
            Finding::Blob { sha1, file, offset, damage, used_by } => Self {
                kind: "blob",
                sentence: format!("{}: the blob {sha1} at {offset:#x} is damaged: {damage}", file.display()),
                file: Some(file.display().to_string()),
                offset: Some(*offset),
                sha1: Some(sha1),
                used_by: users(used_by),
                ..Self::default()
            },
            Finding::Chunk { file, offset, chunk, chunk_offset, format, error, others } => Self {
                kind: "chunk",
                sentence: format!(
                    "{}: chunk {chunk} at {chunk_offset:#x} of the resource at {offset:#x}: {format}: {error}{}",
                    file.display(),
                    match others {
                        0 => String::new(),
                        others => format!("; and {}", Counted(*others, "other chunk")),
                    }
                ),
                file: Some(file.display().to_string()),
                offset: Some(*chunk_offset),
                ..Self::default()
            },
            Finding::MissingBlob { sha1, references, used_by } => Self {
                kind: "missing_blob",
                sentence: format!("the blob {sha1} is in no file at hand; {references} streams need it"),
                sha1: Some(sha1),
                used_by: users(used_by),
                ..Self::default()
            },
            Finding::MissingPart { part } => Self {
                kind: "missing_part",
                sentence: format!("part {part} of the split set is not at hand"),
                part: Some(*part),
                ..Self::default()
            },
            other => Self { kind: "other", sentence: format!("{other:?}"), ..Self::default() },
        }
    }
}
