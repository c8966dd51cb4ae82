//! A package as people read it.

use super::super::exit::Failure;
use super::super::printer::{Out, visible};
use wimkit::catalog::inspect::PackageInfo;

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
    line("build", info.build.map(|(build, revision)| format!("{build}.{revision}")))?;
    line("checkpoint", info.is_known_checkpoint().then(|| "the first of its builds".to_owned()))?;
    line("builds upon", info.baseline().map(|(build, revision)| format!("{build}.{revision} or later")))?;
    line(
        "month",
        info.month.map(|month| {
            let kind = if month.is_stated { "as its name says" } else { "built then" };
            format!("{}, {kind}", month.month)
        }),
    )?;
    let builds = info.families.iter().flat_map(|family| family.builds).map(ToString::to_string);
    let builds: Vec<String> = builds.collect();
    let releases: Vec<&str> = info.families.iter().flat_map(|family| family.releases).copied().collect();
    line("for", (!releases.is_empty()).then(|| format!("{} ({})", releases.join(", "), builds.join(", "))))?;
    line("files", info.has_psf.then(|| "in a PSF".to_owned()))?;
    line("restart", info.restart.clone())?;
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
