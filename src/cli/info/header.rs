//! `info --header`: all fields of the header of each part, as they stand in the file.

use super::super::exit::Failure;
use super::super::printer::Out;
use super::document::guid;
use wimkit::wim::Wim;
use wimkit::wim::header::{ResourceHeader, flag};

const FLAGS: [(u32, &str); 10] = [
    (flag::COMPRESSION, "COMPRESSION"),
    (flag::READONLY, "READONLY"),
    (flag::SPANNED, "SPANNED"),
    (flag::WRITE_IN_PROGRESS, "WRITE_IN_PROGRESS"),
    (flag::RP_FIX, "RP_FIX"),
    (flag::COMPRESS_XPRESS, "COMPRESS_XPRESS"),
    (flag::COMPRESS_LZX, "COMPRESS_LZX"),
    (flag::COMPRESS_LZMS, "COMPRESS_LZMS"),
    (flag::COMPRESS_XPRESS_2, "COMPRESS_XPRESS_2"),
    (0x10, "METADATA_ONLY"),
];

pub(super) fn print(wim: &Wim, out: &mut Out) -> Result<(), Failure> {
    for file in wim.own_files() {
        let header = &file.header;
        writeln!(out, "{}", file.path.display())?;
        let mut row = |name: &str, value: std::fmt::Arguments<'_>| writeln!(out, "  {name:<15} {value}");
        row("magic", format_args!("{}", if header.pipable { "WLPWM" } else { "MSWIM" }))?;
        row("version", format_args!("{:#x}", header.version.number()))?;
        let names: Vec<_> = FLAGS.iter().filter(|(bit, _)| header.has(*bit)).map(|(_, name)| *name).collect();
        row("flags", format_args!("{:#010x} {}", header.flags, names.join(" ")))?;
        row("chunk size", format_args!("{}", header.chunk_size))?;
        row("GUID", format_args!("{}", guid(&header.guid)))?;
        row("part", format_args!("{} of {}", header.part_number, header.total_parts))?;
        row("images", format_args!("{}", header.image_count))?;
        row("boot index", format_args!("{}", header.boot_index))?;
        let resources = [
            ("blob table", &header.blob_table),
            ("XML document", &header.xml),
            ("boot metadata", &header.boot_metadata),
            ("integrity table", &header.integrity),
        ];
        for (name, resource) in resources {
            row(name, format_args!("{}", Place(resource)))?;
        }
    }
    Ok(())
}

struct Place<'a>(&'a ResourceHeader);

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let resource = self.0;
        if resource.is_absent() {
            return f.write_str("none");
        }
        write!(f, "at {:#x}, {} bytes", resource.offset_in_wim, resource.size_in_wim)?;
        write!(f, ", uncompressed {}, flags {:#04x}", resource.uncompressed_size, resource.flags)
    }
}
