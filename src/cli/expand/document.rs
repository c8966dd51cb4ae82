//! The JSON documents; their members are described in docs/json/expand.md.

use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use wimkit::address::container::Container;
use wimkit::catalog::package::Package;
use wimkit::catalog::package::extract::{Outcome, PayloadCounts};
use wimkit::catalog::payload::Payload;
use wimkit::catalog::role::Role;

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
    role: Option<&'static str>,
}

impl Listing {
    pub(super) fn new(package: &Package, chosen: &[usize]) -> Self {
        let mut containers: Vec<&Path> = package.containers().flat_map(Container::paths).collect();
        // The payload of a cabinet is in the same file.
        containers.extend(
            package.payloads().map(Payload::path).filter(|path| !containers.contains(path)).collect::<Vec<_>>(),
        );
        let containers = containers.into_iter().map(|path| path.display().to_string());
        let files = chosen.iter().map(|index| &package.files()[*index]).map(|file| {
            let member = package.member(file);
            Listed {
                path: file.path.clone(),
                size: member.size,
                modified: (!member.time.is_zero()).then(|| member.time.to_string()),
                attributes: member.attributes,
                compression: member.compression.to_string(),
                role: Role::of(&file.path).map(Role::name),
            }
        });
        let (containers, files) = (containers.collect(), files.collect());
        Self { schema: "wimkit.expand-list/1", containers, files, warnings: package.warnings().to_vec() }
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
    payload: Option<Counts>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Counts {
    decoded: u64,
    refused: BTreeMap<String, u64>,
    failed: u64,
}

#[derive(Serialize)]
struct Missing {
    path: String,
    problem: String,
}

impl Extracted {
    pub(super) fn new(target: &Path, complete: bool, done: Outcome, warnings: Vec<String>) -> Self {
        let missing = done.missing.into_iter().map(|(path, problem)| Missing { path, problem });
        Self {
            schema: "wimkit.expand/1",
            target: target.display().to_string(),
            complete,
            files: done.files,
            bytes: done.bytes,
            missing: missing.collect(),
            payload: done.payload.map(|counts| {
                let PayloadCounts { decoded, refused, failed } = counts;
                Counts { decoded, refused, failed }
            }),
            warnings,
        }
    }
}

/// The answer for a delta or a compressed manifest.
#[derive(Serialize)]
pub(super) struct Decoded {
    schema: &'static str,
    path: String,
    size: u64,
    kind: String,
}

impl Decoded {
    pub(super) fn new(path: &str, size: u64, kind: String) -> Self {
        Self { schema: "wimkit.expand-delta/1", path: path.to_owned(), size, kind }
    }
}
