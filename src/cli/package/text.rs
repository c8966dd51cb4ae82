//! Packages and sets of them as people read them.

use super::super::exit::Failure;
use super::super::printer::{Out, visible};
use super::File;
use wimkit::catalog::inspect::PackageInfo;
use wimkit::catalog::set::{self, Report};

/// How much of a list is shown before it is cut.
const SHOWN: usize = 6;

/// Writes a block about a package: what it is on the first line, and a line for each thing that is known.
pub(super) fn write(info: &PackageInfo, out: &mut Out) -> Result<(), Failure> {
    let combined = if info.is_combined() { " with its servicing stack" } else { "" };
    writeln!(out, "{}: {}{combined}", visible(&info.name), info.class.title())?;
    let mut line = |key: &str, value: Option<String>| match value {
        Some(value) => writeln!(out, "  {key:<14}{}", visible(&value)),
        None => Ok(()),
    };
    line("class", Some(format!("{}, told by: {}", info.class, info.why)))?;
    line("article", info.kb.map(|kb| kb.to_string()))?;
    line("identity", info.identity.as_ref().map(ToString::to_string))?;
    line("release type", info.release_type.clone())?;
    line("architecture", info.architecture.map(|architecture| architecture.to_string()))?;
    line("language", info.language.clone())?;
    line("build", info.build.map(build))?;
    line("checkpoint", info.is_known_checkpoint().then(|| "the first of its builds".to_owned()))?;
    let needed = set::checkpoints(info).into_iter();
    let needed: Vec<String> = needed
        .map(|checkpoint| {
            let kb = checkpoint.kb.map(|kb| format!("{kb}, ")).unwrap_or_default();
            format!("{kb}{}", build(checkpoint.build))
        })
        .collect();
    line("builds upon", (!needed.is_empty()).then(|| needed.join("; ")))?;
    let month = info.month.map(|month| {
        let source = if month.is_stated { "as its name says" } else { "built then" };
        format!("{}, {source}", month.month)
    });
    line("month", month)?;
    let builds: Vec<String> = info.families.iter().flat_map(|family| family.builds).map(ToString::to_string).collect();
    let releases: Vec<&str> = info.families.iter().flat_map(|family| family.releases).copied().collect();
    line("for", (!releases.is_empty()).then(|| format!("{} ({})", releases.join(", "), builds.join(", "))))?;
    line("files", info.has_psf.then(|| "in a PSF".to_owned()))?;
    line("restart", info.restart.clone())?;
    line("media refresh", Some(steps(info)).filter(|steps| !steps.is_empty()).map(|steps| format!("steps {steps}")))?;
    let parents = info.parents.iter().map(|parent| {
        let mark = if parent.or_higher_revision { " or a higher revision" } else { "" };
        format!("{}{mark}", parent.identity)
    });
    list("one of", parents.collect(), out)?;
    list("capabilities", info.capabilities.clone(), out)?;
    let packages = info.packages.iter().map(|inner| {
        let identity = inner.identity.as_ref().map(|identity| format!(", {identity}")).unwrap_or_default();
        format!("{}: {}{identity}", inner.name, inner.class.title())
    });
    list("packages", packages.collect(), out)
}

fn build((build, revision): (u16, u16)) -> String {
    format!("{build}.{revision}")
}

fn steps(info: &PackageInfo) -> String {
    let steps: Vec<String> = set::steps(info).iter().map(ToString::to_string).collect();
    steps.join(", ")
}

/// Writes the items of a list below each other, the first beside its name.
fn list(key: &str, items: Vec<String>, out: &mut Out) -> Result<(), Failure> {
    for (index, item) in items.iter().take(SHOWN).enumerate() {
        writeln!(out, "  {:<14}{}", if index == 0 { key } else { "" }, visible(item))?;
    }
    if items.len() > SHOWN {
        writeln!(out, "  {:<14}and {} more", "", items.len() - SHOWN)?;
    }
    Ok(())
}

/// Writes a table of the files: those that are applied in their order, then the others, and below each what is said about it.
pub(super) fn write_set(files: &[File], report: &Report, out: &mut Out) -> Result<(), Failure> {
    writeln!(out, "{:>3}  {:<20}  {:<9}  {:<5}  {:<11}  {:<7}  file", "", "class", "article", "for", "build", "month")?;
    let others = (0..files.len()).filter(|file| !report.order.contains(file));
    for (place, file) in report.order.iter().copied().chain(others).enumerate() {
        let place = if place < report.order.len() { (place + 1).to_string() } else { "-".into() };
        let info = files[file].package();
        let class = info.map_or("-", |info| info.class.name());
        let article = info.and_then(|info| info.kb).map_or(String::new(), |kb| kb.to_string());
        let architecture = info.and_then(|info| info.architecture).map_or("", |architecture| architecture.name());
        let build = info.and_then(|info| info.build).map_or(String::new(), build);
        let month = info.and_then(|info| info.month).map_or(String::new(), |month| month.month.to_string());
        let path = visible(files[file].name());
        writeln!(out, "{place:>3}  {class:<20}  {article:<9}  {architecture:<5}  {build:<11}  {month:<7}  {path}")?;
        for finding in &report.findings[file] {
            writeln!(out, "     {}: {}", finding.standing(), visible(&finding.to_string()))?;
        }
    }
    Ok(())
}
