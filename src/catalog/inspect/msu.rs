//! Looking through an MSU, and through packages that are divided into several cabinets.

use super::super::class::{Class, Evidence, classify, comparable};
use super::super::identity::{Architecture, Kb};
use super::super::mum::Mum;
use super::super::release::Month;
use super::super::role::Role;
use super::super::text;
use super::{InspectError, Inspection, Members, PackageInfo, ReleaseMonth, inspect_at, of_package, read_mum};

/// What an MSU is; `None` if these are not the members of one.
pub(super) fn inspect(
    members: &dyn Members,
    name: &str,
    depth: usize,
    inspection: &Inspection<'_>,
) -> Result<Option<PackageInfo>, InspectError> {
    let paths: Vec<String> = members.paths().into_iter().map(comparable).collect();
    let chosen = |is_meant: fn(&str) -> bool| -> Vec<usize> {
        (0..paths.len()).filter(|index| is_meant(&paths[*index])).collect()
    };
    let parts = chosen(is_part);
    if !parts.is_empty() && paths.iter().any(|path| path == "cablist.ini") {
        return divided(members, &parts, name, inspection).map(Some);
    }
    let packages = chosen(is_package);
    // A Setup Dynamic Update has cabinets among its files, too.
    if packages.is_empty() || classify(&Evidence::new(None, paths.iter().map(|path| &**path))).0 != Class::Unknown {
        return Ok(None);
    }
    let mut found = Vec::new();
    let mut problems = Vec::new();
    let packages = affordable(members, packages, name, inspection, &mut problems);
    members.open(&packages, &mut |index, opened| {
        let inner = members.paths()[index].to_owned();
        match opened.map(|opened| inspect_at(&*opened, &inner, depth + 1, inspection)) {
            Ok(Ok(info)) if info.class == Class::Unknown => {
                problems.push(format!("{name}: {inner}: this is no package that is known"));
            }
            Ok(Ok(info)) => found.push(info),
            Ok(Err(error)) => problems.push(format!("{name}: {error}")),
            Err(problem) => problems.push(format!("{name}: {inner}: {problem}")),
        }
    });
    let is_hotpatch =
        has_hotpatch_database(members, &affordable(members, chosen(is_composition), name, inspection, &mut problems));
    let mut info = summary(found, is_hotpatch).ok_or_else(|| InspectError::Inner {
        package: name.to_owned(),
        problem: problems.first().cloned().unwrap_or_else(|| "they are no packages".into()),
    })?;
    name.clone_into(&mut info.name);
    info.problems.append(&mut problems);
    if let Some(properties) = chosen(is_properties).first() {
        info.take_properties(&members.read(*properties, text::MAX_SIZE).unwrap_or_default());
    }
    Ok(Some(info))
}

fn file_name(path: &str) -> &str {
    path.rsplit('\\').next().unwrap_or(path)
}

/// One of the cabinets into which a large package is divided.
fn is_part(path: &str) -> bool {
    path.starts_with("cab_") && path.ends_with(".cab")
}

fn is_composition(path: &str) -> bool {
    Role::of(path) == Some(Role::CompositionDatabases)
}

fn is_properties(path: &str) -> bool {
    Role::of(path) == Some(Role::Properties)
}

/// A package in an MSU, by the name: not what is for the update agent, the tools or the databases.
fn is_package(path: &str) -> bool {
    let is_other = matches!(Role::of(path), Some(Role::Applicability | Role::Tools | Role::CompositionDatabases));
    [".cab", ".wim", ".msu"].iter().any(|end| path.ends_with(end)) && !is_other
}

/// Those containers that may still be opened.
fn affordable(
    members: &dyn Members,
    mut containers: Vec<usize>,
    name: &str,
    inspection: &Inspection<'_>,
    problems: &mut Vec<String>,
) -> Vec<usize> {
    let left_out: Vec<usize> = containers.extract_if(.., |member| !inspection.take(members.size(*member))).collect();
    if let [first, more @ ..] = &*left_out {
        let more = if more.is_empty() { String::new() } else { format!(", nor are {} more", more.len()) };
        let first = members.paths()[*first];
        problems.push(format!("{name}: {first}: too much is in containers; not looked into{more}"));
    }
    containers
}

/// A package whose manifests and files are in several cabinets.
fn divided(
    members: &dyn Members,
    parts: &[usize],
    name: &str,
    inspection: &Inspection<'_>,
) -> Result<PackageInfo, InspectError> {
    let mut paths: Vec<String> = members.paths().into_iter().map(str::to_owned).collect();
    let mut mum: Option<Result<Mum, InspectError>> = None;
    let mut problems = Vec::new();
    let parts = affordable(members, parts.to_vec(), name, inspection, &mut problems);
    members.open(&parts, &mut |index, opened| match opened {
        Ok(part) => {
            let own = part.paths();
            if let Some(manifest) = own.iter().position(|path| comparable(path) == "update.mum") {
                mum = Some(read_mum(&*part, manifest, name, inspection));
            }
            paths.extend(own.into_iter().map(str::to_owned));
        }
        Err(problem) => problems.push(format!("{name}: {}: {problem}", members.paths()[index])),
    });
    let mum = mum.transpose()?;
    let mut info = of_package(mum.as_ref(), &paths.iter().map(|path| &**path).collect::<Vec<_>>(), name);
    info.problems = problems;
    Ok(info)
}

/// Whether the databases of an MSU tell that it is a hotpatch.
fn has_hotpatch_database(members: &dyn Members, databases: &[usize]) -> bool {
    let mut found = false;
    members.open(databases, &mut |_, opened| {
        let is_hotpatch = |path: &str| file_name(&comparable(path)).starts_with("hotpatchcompdb");
        found |= opened.is_ok_and(|database| database.paths().into_iter().any(is_hotpatch));
    });
    found
}

/// What an MSU of these packages is: what the foremost of them is.
fn summary(packages: Vec<PackageInfo>, is_hotpatch: bool) -> Option<PackageInfo> {
    // The servicing stack is there for the sake of the other.
    let rank = |info: &PackageInfo| match info.class {
        Class::Cumulative => 0,
        Class::ServicingStack => 2,
        Class::Other => 3,
        _ => 1,
    };
    let foremost = packages.iter().min_by_key(|info| rank(info))?;
    let mut info = PackageInfo { packages: Vec::new(), problems: Vec::new(), ..foremost.clone() };
    if is_hotpatch {
        (info.class, info.why) = (Class::Hotpatch, "a composition database of hotpatches");
    }
    info.has_psf = packages.iter().any(|inner| inner.has_psf);
    info.problems = packages.iter().flat_map(|inner| inner.problems.clone()).collect();
    info.packages = packages;
    Some(info)
}

impl PackageInfo {
    /// Takes from the lines `Key="Value"` beside a package what the package itself does not tell.
    fn take_properties(&mut self, bytes: &[u8]) {
        let Ok(text) = text::plain(bytes) else { return };
        let value = |key: &str| {
            let mut pairs = text.lines().filter_map(|line| line.split_once('='));
            let (_, value) = pairs.find(|(found, _)| found.trim().eq_ignore_ascii_case(key))?;
            Some(value.trim().trim_matches('"'))
        };
        let number = || value("KB Article Number")?.parse().ok().map(Kb);
        self.kb = self.kb.or_else(number);
        self.architecture =
            self.architecture.or_else(|| value("Processor Architecture").and_then(Architecture::from_word));
        let built = || Month::at_start(value("Build Date")?).map(|month| ReleaseMonth { month, is_stated: false });
        self.month = self.month.or_else(built);
    }
}
