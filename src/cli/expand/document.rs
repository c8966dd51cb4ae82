//! The JSON documents; their members are described in docs/json/expand.md.

use super::package::{Done, Member};
use serde::Serialize;
use std::path::Path;

/// The answer of a list.
#[derive(Serialize)]
pub(super) struct Listing {
    schema: &'static str,
    containers: Vec<String>,
    files: Vec<Listed>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Listed {
    path: String,
    size: u64,
    modified: Option<String>,
    attributes: u32,
    compression: String,
}

impl Listing {
    pub(super) fn new(containers: Vec<String>, members: impl Iterator<Item = Member>, warnings: Vec<String>) -> Self {
        let files = members.map(|member| Listed {
            path: member.path,
            size: member.size,
            modified: (!member.time.is_zero()).then(|| member.time.to_string()),
            attributes: member.attributes,
            compression: member.compression,
        });
        Self { schema: "wimkit.expand-list/1", containers, files: files.collect(), warnings }
    }
}

/// The answer of an extraction.
#[derive(Serialize)]
pub(super) struct Extracted {
    schema: &'static str,
    target: String,
    complete: bool,
    files: u64,
    bytes: u64,
    missing: Vec<Missing>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Missing {
    path: String,
    problem: String,
}

impl Extracted {
    pub(super) fn new(target: &Path, done: Done, warnings: Vec<String>) -> Self {
        let complete = done.missing.is_empty() && warnings.is_empty();
        let missing = done.missing.into_iter().map(|(path, problem)| Missing { path, problem });
        Self {
            schema: "wimkit.expand/1",
            target: target.display().to_string(),
            complete,
            files: done.files,
            bytes: done.bytes,
            missing: missing.collect(),
            warnings,
        }
    }
}
