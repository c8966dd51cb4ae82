//! The answer of `info` for people.

use super::super::exit::Failure;
use super::super::human::{Human, Seconds};
use super::super::printer::{Out, visible};
use super::document::{Document, Image};
use wimkit::wim::xml::WindowsInfo;

pub(super) fn print(document: &Document, out: &mut Out) -> Result<(), Failure> {
    let header = &document.header;
    writeln!(out, "{}", visible(&document.path))?;
    let mut row = |name: &str, value: &str| writeln!(out, "  {name:<12} {}", visible(value));
    row("Size", &Human(document.file_size).to_string())?;
    let mut format = match header.compression {
        "none" => "uncompressed".to_owned(),
        compression => format!("{}, chunks of {}", compression.to_uppercase(), Human(header.chunk_size.into())),
    };
    let kinds = [
        (header.solid_version, "may hold solid resources"),
        (header.pipable, "pipable"),
        (header.readonly, "read-only"),
        (header.write_in_progress, "unfinished"),
    ];
    for (_, kind) in kinds.into_iter().filter(|(is, _)| *is) {
        format = format!("{format}, {kind}");
    }
    row("Format", &format)?;
    row("GUID", &header.guid)?;
    if header.total_parts > 1 {
        row("Parts", &header.total_parts.to_string())?;
    }
    row("Images", &header.image_count.to_string())?;
    row("Boot image", &header.boot_index.map_or("none".to_owned(), |index| index.to_string()))?;
    row("Integrity", if header.integrity_table { "table present" } else { "no table" })?;
    for image in &document.images {
        print_image(image, out)?;
    }
    Ok(())
}

fn print_image(image: &Image, out: &mut Out) -> Result<(), Failure> {
    let name = image.name.as_deref().unwrap_or("(no name)");
    let boot = if image.bootable { "  [boot]" } else { "" };
    writeln!(out, "\nImage {}: {}{boot}", image.index, visible(name))?;
    let mut row = |name: &str, value: &str| match value {
        "" => Ok(()),
        value => writeln!(out, "  {name:<12} {}", visible(value)),
    };
    let or_empty = |text: &Option<String>| text.clone().unwrap_or_default();
    row("Description", &or_empty(&image.description))?;
    if image.display_name != image.name {
        row("Shown as", &or_empty(&image.display_name))?;
    }
    if let Some(windows) = &image.windows {
        row("Windows", &windows_version(windows))?;
        row("Product", &or_empty(&windows.product_name))?;
        row("Languages", &languages(windows))?;
    }
    row("Flags", &or_empty(&image.flags))?;
    if let Some(statistics) = &image.statistics {
        let mut contents = format!(
            "{} files, {} directories, {}",
            statistics.files,
            statistics.directories,
            Human(statistics.total_bytes)
        );
        if statistics.hard_link_bytes > 0 {
            contents = format!("{contents} ({} of it again by hard links)", Human(statistics.hard_link_bytes));
        }
        row("Contents", &contents)?;
    }
    for (name, time) in [("Created", image.creation_time), ("Changed", image.modification_time)] {
        row(name, &time.map_or(String::new(), |time| Seconds(time).to_string()))?;
    }
    Ok(())
}

fn windows_version(windows: &WindowsInfo) -> String {
    let version = windows.version.map(|version| version.to_string());
    let architecture = windows.architecture.map(|architecture| architecture.to_string());
    let parts = [version, architecture, windows.edition_id.clone(), windows.installation_type.clone()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn languages(windows: &WindowsInfo) -> String {
    let list = windows.languages.join(", ");
    match &windows.default_language {
        Some(default) if windows.languages.len() > 1 => format!("{list} (default {default})"),
        _ => list,
    }
}
