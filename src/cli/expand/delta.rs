//! A delta or a compressed manifest that stands alone.

use super::super::Context;
use super::super::exit::{Failure, Outcome};
use super::super::human::Human;
use super::super::printer;
use super::super::source::{open_address, whole};
use super::Expand;
use super::document::Decoded;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wimkit::codec::delta::dcm::{self, Kind};
use wimkit::codec::delta::{DeltaError, pa30};
use wimkit::util::new_file::NewFile;
use wimkit::util::os::{Dir, Times};
use wimkit::util::read_at::{ReadAt, bytes_at};

/// What stands alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum DeltaFile {
    Delta,
    Compressed(Kind),
}

impl DeltaFile {
    /// What a file is, if it is of these; told by its first bytes.
    pub(super) fn of(source: &dyn ReadAt) -> Option<Self> {
        let start = bytes_at(source, 0, 4).ok()?;
        match &*start {
            b"PA30" | b"PA31" | b"PA19" => Some(Self::Delta),
            start => Kind::of(start).map(Self::Compressed),
        }
    }

    fn name(self) -> String {
        match self {
            Self::Delta => "PA30".to_owned(),
            Self::Compressed(kind) => kind.to_string(),
        }
    }
}

impl Expand {
    /// Expands a single file into one of the same name; a delta's own extension is left out.
    pub(super) fn expand_delta(
        &self,
        kind: DeltaFile,
        source: &dyn ReadAt,
        context: &Context,
    ) -> Result<Outcome, Failure> {
        let content = whole(source, &self.pkg, context.memory())?;
        let left = context.memory() - content.len() as u64;
        let given = match (&self.base, &self.source) {
            (Some(path), _) | (None, Some(path)) => Some(whole(&*open_address(path, context)?, path, left)?),
            (None, None) => None,
        };
        // An executable is copied before it is prepared for a delta.
        let left = left.saturating_sub(2 * given.as_ref().map_or(0, |given| given.len() as u64));
        let limit = self.max_size.map_or(left, |size| size.0.min(left));
        let decoded = match kind {
            DeltaFile::Delta => pa30::apply(given.as_deref().unwrap_or_default(), &content, limit),
            DeltaFile::Compressed(_) => dcm::decode(&content, given.as_deref(), limit),
        };
        let decoded = decoded.map_err(|error| {
            let option = if limit < left { "--max-size" } else { "--memory" };
            failure(&self.pkg, kind, given.is_some(), error, option)
        })?;
        let name = self.output_name(kind);
        if self.list {
            if context.global.json {
                printer::json(&Decoded::new(&name, decoded.len() as u64, kind.name()))?;
            } else {
                let mut out = printer::Out::new();
                writeln!(out, "{:>12}  {:<20}  {}", decoded.len(), kind.name(), printer::visible(&name))?;
                out.finish()?;
            }
            return Ok(Outcome::Done);
        }
        let path = self.write(&name, &decoded)?;
        if context.global.json {
            printer::json(&Decoded::new(&path.display().to_string(), decoded.len() as u64, kind.name()))?;
        } else {
            context.say(format_args!("{}: {}", path.display(), Human(decoded.len() as u64)));
        }
        Ok(Outcome::Done)
    }

    fn output_name(&self, kind: DeltaFile) -> String {
        // The last part of an address.
        let address = self.pkg.to_string_lossy();
        let name = address.rsplit(['/', '\\', '!']).next().unwrap_or_default().to_owned();
        let lower = name.to_ascii_lowercase();
        match kind {
            DeltaFile::Delta if lower.ends_with(".pa30") && lower.len() > 5 => name[..name.len() - 5].to_owned(),
            _ => name,
        }
    }

    /// Writes the file of this name into the target directory, where nothing follows a link.
    fn write(&self, name: &str, content: &[u8]) -> Result<PathBuf, Failure> {
        let path = self.target().join(name);
        if is_same(&path, &self.pkg) {
            let message = format!("{}: this would replace the file itself", path.display());
            return Err(Failure::message(message).with_hint("choose another directory with --to"));
        }
        let write = || {
            fs::create_dir_all(self.target())?;
            let directory = Arc::new(Dir::open(self.target())?);
            let mut file = NewFile::create(directory, name, !self.no_overwrite)?;
            file.file.write_all(content)?;
            file.finish(&Times::default())
        };
        write().map_err(|error: io::Error| Failure::message(format!("{}: {error}", path.display())))?;
        Ok(path)
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    let resolved = |path: &Path| fs::canonicalize(path).ok();
    resolved(one).is_some_and(|one| resolved(other) == Some(one))
}

/// `limited_by` is the option that has set the limit of what is made.
fn failure(path: &Path, kind: DeltaFile, has_source: bool, error: DeltaError, limited_by: &str) -> Failure {
    let of_limit = format!("{limited_by} sets the limit");
    let hint = match (&error, kind) {
        (DeltaError::NoSource { kind: Kind::Dcm }, _) => error.hint(),
        (DeltaError::NoSource { .. }, _) => Some("give the file that the delta is against with --source"),
        (DeltaError::TooLarge { .. }, _) => Some(&*of_limit),
        (DeltaError::Hash { .. } | DeltaError::Malformed { .. }, DeltaFile::Delta) if !has_source => {
            Some("a delta that is not against nothing needs its source: --source FILE")
        }
        (DeltaError::Hash { .. }, _) => Some("the source is another file than the one that the delta was made for"),
        _ => None,
    };
    let failure = Failure::message(format!("{}: {error}", path.display()));
    match hint {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}
