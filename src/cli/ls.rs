//! `wimkit ls`: what an image holds.

use super::Context;
use super::args::ImageWord;
use super::exit::{Failure, Outcome};
use super::human::Seconds;
use super::printer::{Out, visible};
use super::source::{Source, find_entry, find_image, read_tree};
use clap::Args;
use serde::ser::{Serialize, SerializeSeq, Serializer};
use wimkit::util::filetime::FileTime;
use wimkit::util::sha1::Sha1;
use wimkit::wim::ImageIndex;
use wimkit::wim::metadata::{Attributes, Entry, Metadata, StreamKind, reparse};
use wimkit::wim::reader::Contents;

/// List files and directories of an image
#[derive(Args, Debug)]
pub(crate) struct Ls {
    #[command(flatten)]
    source: Source,
    /// The image: a number from 1, or a name
    image: ImageWord,
    /// A file or directory in the image
    #[arg(default_value = "/")]
    path: String,
    /// Show attributes, sizes, times and named streams as well
    #[arg(short, long)]
    long: bool,
    /// List directories and everything below them, with whole paths
    #[arg(short = 'R', long)]
    recursive: bool,
}

impl Ls {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        let wim = self.source.open(context)?;
        let image = find_image(&wim, &self.image)?;
        let tree = read_tree(&wim, image)?;
        let start = find_entry(&tree, &self.path)?;
        let listing = Listing { blobs: wim.contents()?, image, tree: &tree, start, recursive: self.recursive };
        let mut out = Out::new();
        if context.global.json {
            out.json_line(&listing)?;
        } else {
            listing.print(self.long, &mut out)?;
        }
        out.finish()?;
        Ok(Outcome::Done)
    }
}

/// What is to be listed.
struct Listing<'a> {
    blobs: &'a Contents,
    image: ImageIndex,
    tree: &'a Metadata,
    start: Entry<'a>,
    recursive: bool,
}

impl Listing<'_> {
    /// Calls `visit` with each entry to list, and its path. One buffer serves all paths.
    fn each<E>(&self, mut visit: impl FnMut(&str, Entry<'_>) -> Result<(), E>) -> Result<(), E> {
        if self.recursive || !self.start.is_directory() {
            return self.tree.walk(self.start.id(), visit);
        }
        let mut path = self.start.path();
        if !path.ends_with('/') {
            path.push('/');
        }
        let directory_nbytes = path.len();
        for child in self.start.children() {
            path.truncate(directory_nbytes);
            wimkit::util::utf16::push(&mut path, child.name().as_utf16le());
            visit(&path, child)?;
        }
        Ok(())
    }

    fn print(&self, long: bool, out: &mut Out) -> Result<(), Failure> {
        self.each(|path, entry| {
            // A whole path where entries of several directories stand together, else the name.
            let shown = if self.recursive { path } else { path.rsplit_once('/').map_or(path, |(_, name)| name) };
            if long { self.print_long(shown, &entry, out) } else { writeln!(out, "{}", visible(shown)) }
        })
    }

    fn print_long(&self, shown: &str, entry: &Entry<'_>, out: &mut Out) -> Result<(), Failure> {
        let mode = mode(entry.attributes());
        let time = Seconds(entry.write_time());
        match entry.stream(StreamKind::Data) {
            Some(data) => write!(out, "{mode}  {:>14}  {time}  {}", self.size(&data.sha1), visible(shown))?,
            None => write!(out, "{mode}  {:>14}  {time}  {}", "", visible(shown))?,
        }
        match entry.reparse_tag() {
            Some(tag) => match reparse::tag_name(tag) {
                Some(name) => writeln!(out, "  [{name}]")?,
                None => writeln!(out, "  [reparse {tag:#010x}]")?,
            },
            None => out.write_all(b"\n")?,
        }
        for stream in entry.streams().filter(|stream| stream.kind == StreamKind::Named) {
            let size = self.size(&stream.sha1);
            let name = stream.name.to_string();
            writeln!(out, "{:7}  {size:>14}  {:20}  {}:{}", "", "", visible(shown), visible(&name))?;
        }
        Ok(())
    }

    /// The size of a blob; 0 for the empty one, and for one that is missing (`verify` tells of it).
    fn size(&self, sha1: &Sha1) -> u64 {
        self.blobs.find(sha1).map_or(0, |blob| blob.size)
    }
}

/// PowerShell's letters for attributes, in its order: directory, archive, read-only, hidden, system, link, and `c` for
/// compressed.
fn mode(attributes: Attributes) -> Mode {
    const LETTERS: [(Attributes, u8); 7] = [
        (Attributes::DIRECTORY, b'd'),
        (Attributes::ARCHIVE, b'a'),
        (Attributes::READONLY, b'r'),
        (Attributes::HIDDEN, b'h'),
        (Attributes::SYSTEM, b's'),
        (Attributes::REPARSE_POINT, b'l'),
        (Attributes::COMPRESSED, b'c'),
    ];
    Mode(LETTERS.map(|(attribute, letter)| if attributes.contains(attribute) { letter } else { b'-' }))
}

struct Mode([u8; 7]);

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).expect("letters"))
    }
}

/// The JSON document. Entries are written as they are met, so that a listing of any length takes no memory.
impl Serialize for Listing<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Document<'a> {
            schema: &'static str,
            image: u32,
            path: String,
            entries: Entries<'a>,
        }
        Document { schema: "wimkit.ls/1", image: self.image.get(), path: self.start.path(), entries: Entries(self) }
            .serialize(serializer)
    }
}

struct Entries<'a>(&'a Listing<'a>);

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        self.0.each(|path, entry| list.serialize_element(&JsonEntry::new(self.0, path, &entry)))?;
        list.end()
    }
}

/// One entry of `entries`; the members are described in docs/json/ls.md.
#[derive(serde::Serialize)]
struct JsonEntry<'a> {
    path: &'a str,
    name: String,
    kind: &'static str,
    size: Option<u64>,
    sha1: Option<Sha1>,
    attributes: u32,
    attribute_names: Vec<&'static str>,
    creation_time: FileTime,
    access_time: FileTime,
    write_time: FileTime,
    short_name: Option<String>,
    link_count: usize,
    link_group: Option<u64>,
    security_id: Option<u32>,
    reparse_tag: Option<u32>,
    reparse_kind: Option<&'static str>,
    extractable: bool,
    streams: Vec<JsonStream>,
}

#[derive(serde::Serialize)]
struct JsonStream {
    kind: &'static str,
    name: Option<String>,
    size: Option<u64>,
    sha1: Option<Sha1>,
}

impl<'a> JsonEntry<'a> {
    fn new(listing: &Listing<'_>, path: &'a str, entry: &Entry<'_>) -> Self {
        let known = |sha1: Sha1| (!sha1.is_zero()).then_some(sha1);
        let size = |sha1: Sha1| if sha1.is_zero() { Some(0) } else { listing.blobs.find(&sha1).map(|blob| blob.size) };
        let data = entry.data_hash();
        Self {
            path,
            name: entry.name().to_string(),
            kind: match (entry.is_reparse_point(), entry.is_directory()) {
                (true, _) => "reparse_point",
                (false, true) => "directory",
                (false, false) => "file",
            },
            size: data.and_then(size),
            sha1: data.and_then(known),
            attributes: entry.attributes().0,
            attribute_names: entry.attributes().names().collect(),
            creation_time: entry.creation_time(),
            access_time: entry.access_time(),
            write_time: entry.write_time(),
            short_name: Some(entry.short_name()).filter(|name| !name.is_empty()).map(|name| name.to_string()),
            link_count: entry.link_count(),
            link_group: Some(entry.hard_link_group()).filter(|group| *group != 0),
            security_id: entry.security_id(),
            reparse_tag: entry.reparse_tag(),
            reparse_kind: entry.reparse_tag().and_then(reparse::tag_name),
            extractable: entry.is_name_safe() || entry.id() == listing.tree.root().id(),
            streams: entry
                .streams()
                .map(|stream| JsonStream {
                    kind: stream_kind(stream.kind),
                    name: Some(stream.name).filter(|name| !name.is_empty()).map(|name| name.to_string()),
                    size: size(stream.sha1),
                    sha1: known(stream.sha1),
                })
                .collect(),
        }
    }
}

fn stream_kind(kind: StreamKind) -> &'static str {
    match kind {
        StreamKind::Data => "data",
        StreamKind::Named => "named",
        StreamKind::Reparse => "reparse",
        StreamKind::EfsRaw => "efs_raw",
        StreamKind::Unknown => "unknown",
    }
}
