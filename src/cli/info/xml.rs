//! `info --xml`: the XML document as it stands, in UTF-8.

use super::super::exit::Failure;
use super::super::printer::Out;
use serde::Serialize;
use wimkit::util::utf16;
use wimkit::wim::Wim;

/// Described in docs/json/xml.md.
#[derive(Serialize)]
struct Document {
    schema: &'static str,
    path: String,
    xml: String,
}

pub(super) fn print(wim: &Wim, out: &mut Out, json: bool) -> Result<(), Failure> {
    const BOM: &[u8] = &[0xFF, 0xFE];
    let bytes = wim.xml_bytes()?;
    let xml = utf16::to_string_lossy(bytes.strip_prefix(BOM).unwrap_or(&bytes));
    if json {
        return out.json(&Document { schema: "wimkit.xml/1", path: wim.path().display().to_string(), xml });
    }
    out.write_all(xml.as_bytes())?;
    out.write_all(b"\n")
}
