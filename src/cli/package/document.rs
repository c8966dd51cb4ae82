//! The JSON document; its members are described in docs/json/package.md.

use super::File;
use serde::Serialize;
use wimkit::catalog::inspect::PackageInfo;
use wimkit::catalog::set::{self, Report};

/// The answer.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    schema: &'static str,
    files: Vec<FileDocument<'a>>,
    set: Option<SetDocument<'a>>,
    warnings: Vec<&'a str>,
}

#[derive(Serialize)]
struct FileDocument<'a> {
    path: &'a str,
    package: Option<PackageDocument<'a>>,
}

#[derive(Serialize)]
struct SetDocument<'a> {
    standing: &'static str,
    order: Vec<&'a str>,
    verdicts: Vec<Verdict<'a>>,
}

#[derive(Serialize)]
struct Verdict<'a> {
    path: &'a str,
    standing: &'static str,
    findings: Vec<FindingDocument>,
}

#[derive(Serialize)]
struct FindingDocument {
    kind: &'static str,
    standing: &'static str,
    message: String,
}

#[derive(Serialize)]
struct PackageDocument<'a> {
    name: &'a str,
    class: &'static str,
    title: &'static str,
    why: &'static str,
    kb: Option<String>,
    identity: Option<String>,
    version: Option<String>,
    release_type: Option<&'a str>,
    restart: Option<&'a str>,
    architecture: Option<&'static str>,
    language: Option<&'a str>,
    build: Option<String>,
    month: Option<String>,
    month_is_stated: Option<bool>,
    releases: Vec<&'static str>,
    builds: Vec<u16>,
    combined: bool,
    checkpoint: bool,
    needs_checkpoints: Vec<CheckpointDocument>,
    psf: bool,
    steps: &'static [u8],
    parents: Vec<ParentDocument>,
    capabilities: &'a [String],
    packages: Vec<PackageDocument<'a>>,
}

#[derive(Serialize)]
struct CheckpointDocument {
    build: String,
    kb: Option<String>,
}

#[derive(Serialize)]
struct ParentDocument {
    identity: String,
    or_higher_revision: bool,
}

impl<'a> Document<'a> {
    /// The answer about files, and about them as a set if they are one.
    pub(super) fn new(files: &'a [File], report: Option<&Report>) -> Self {
        let infos = || files.iter().filter_map(File::package);
        Self {
            schema: "wimkit.package/1",
            files: files
                .iter()
                .map(|file| FileDocument { path: file.name(), package: file.package().map(PackageDocument::new) })
                .collect(),
            set: report.map(|report| SetDocument::new(files, report)),
            warnings: infos().flat_map(|info| &info.problems).map(|problem| &**problem).collect(),
        }
    }
}

impl<'a> SetDocument<'a> {
    fn new(files: &'a [File], report: &Report) -> Self {
        let verdict = |(index, file): (usize, &'a File)| Verdict {
            path: file.name(),
            standing: report.standing(index).name(),
            findings: report.findings[index]
                .iter()
                .map(|finding| FindingDocument {
                    kind: finding.name(),
                    standing: finding.standing().name(),
                    message: finding.to_string(),
                })
                .collect(),
        };
        Self {
            standing: report.worst().name(),
            order: report.order.iter().map(|file| files[*file].name()).collect(),
            verdicts: files.iter().enumerate().map(verdict).collect(),
        }
    }
}

fn build((build, revision): (u16, u16)) -> String {
    format!("{build}.{revision}")
}

impl<'a> PackageDocument<'a> {
    fn new(info: &'a PackageInfo) -> Self {
        let needed = set::checkpoints(info).into_iter();
        let parents = info.parents.iter();
        Self {
            name: &info.name,
            class: info.class.name(),
            title: info.class.title(),
            why: info.why,
            kb: info.kb.map(|kb| kb.to_string()),
            identity: info.identity.as_ref().map(ToString::to_string),
            version: info.identity.as_ref().map(|identity| identity.version.to_string()),
            release_type: info.release_type.as_deref(),
            restart: info.restart.as_deref(),
            architecture: info.architecture.map(|architecture| architecture.name()),
            language: info.language.as_deref(),
            build: info.build.map(build),
            month: info.month.map(|month| month.month.to_string()),
            month_is_stated: info.month.map(|month| month.is_stated),
            releases: info.families.iter().flat_map(|family| family.releases).copied().collect(),
            builds: info.families.iter().flat_map(|family| family.builds).copied().collect(),
            combined: info.is_combined(),
            checkpoint: info.is_known_checkpoint(),
            needs_checkpoints: needed
                .map(|needed| CheckpointDocument { build: build(needed.build), kb: needed.kb.map(|kb| kb.to_string()) })
                .collect(),
            psf: info.has_psf,
            steps: set::steps(info),
            parents: parents
                .map(|parent| ParentDocument {
                    identity: parent.identity.to_string(),
                    or_higher_revision: parent.or_higher_revision,
                })
                .collect(),
            capabilities: &info.capabilities,
            packages: info.packages.iter().map(PackageDocument::new).collect(),
        }
    }
}
