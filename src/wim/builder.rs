//! Images made in memory, from no directory on disk.

mod windows;

use crate::util::filetime::FileTime;
use crate::util::progress::Control;
use crate::util::read_at::{self, ReadAt};
use crate::util::sha1::Sha1;
use crate::wim::WimError;
use crate::wim::capture::report::Findings;
use crate::wim::capture::scan::{ContentSource, Rules, Scan};
use crate::wim::capture::tree::Tree;
use crate::wim::capture::{self, CaptureError, Material, Options, Outcome};
use crate::wim::metadata::reparse::{Link, MOUNT_POINT, ReparseError, SYMLINK};
use crate::wim::metadata::{
    Attributes, Metadata, NewFile, NewStream, NodeId, ParseOptions, PathError, StreamKind, TreeBuilder, TreeEditor,
};
use crate::wim::xml::ImageXml;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// What a file or a stream holds.
#[derive(Clone)]
#[non_exhaustive]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What can be read there when the image is written.
    Reader(Arc<dyn ReadAt>),
}

impl Content {
    /// The content of a file on disk, which stays open until the image is written and must not change before.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        Ok(Self::Reader(read_at::open(path, false)?.into()))
    }
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Reader(reader) => write!(f, "Reader({})", reader.size()),
        }
    }
}

impl From<&[u8]> for Content {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl<const N: usize> From<&[u8; N]> for Content {
    fn from(bytes: &[u8; N]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self::Bytes(text.as_bytes().to_vec())
    }
}

/// What an image cannot hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuilderError {
    /// A path at which nothing can be made.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A link that reparse data cannot hold.
    #[error("{path}: {error}")]
    Link {
        /// The path of the link.
        path: String,
        /// What is wrong with its target.
        error: ReparseError,
    },
}

/// An image in the making: directories, files with all that images say about them, links. It is written as
/// [`capture`](fn@capture::capture) writes a directory; equal contents are stored once, and the Windows is stated that it holds.
///
/// Paths take either separator, and letter case does not count; directories that lead to an entry are made.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use wimkit::util::progress::Control;
/// use wimkit::wim::capture::Options;
/// use wimkit::wim::metadata::Attributes;
/// use wimkit::wim::{ImageBuilder, ImageIndex, Wim};
///
/// let mut image = ImageBuilder::new();
/// let notes = image.file("Users/Public/notes.txt", "hello")?;
/// image.set_attributes(notes, Attributes::READONLY);
/// image.stream(notes, "Zone.Identifier", "[ZoneTransfer]\r\nZoneId=3\r\n")?;
/// image.hard_link("Windows/notes.txt", notes)?;
/// image.symlink("Documents", "Users\\Public", true)?;
///
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("new.wim");
/// let done = image.write(&path, &Options { name: "Small".into(), ..Options::default() }, Control::silent())?;
/// assert_eq!((done.files, done.hard_links, done.symlinks), (1, 1, 1));
/// let tree = Wim::open(&path, &Default::default())?.metadata(ImageIndex::FIRST)?;
/// assert_eq!(tree.lookup("windows/NOTES.txt").map(|entry| entry.link_count()), Some(2));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ImageBuilder {
    editor: TreeEditor,
    contents: Scan,
    /// Streams whose hashes are not known yet: file, place among its streams, content.
    pending: Vec<(NodeId, usize, u32)>,
    /// Further names, and the files they are names of. What they repeat is not known before all of it is said.
    links: Vec<(NodeId, NodeId)>,
    now: FileTime,
}

impl Default for ImageBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl ImageBuilder {
    /// The root directory.
    pub const ROOT: NodeId = TreeBuilder::ROOT;

    /// An image with nothing but a root directory. Names must be such that Windows can have them.
    pub fn new() -> Self {
        Self::with_editor(TreeEditor::new(TreeBuilder::new(), false))
    }

    /// The same, but takes names that Windows cannot have.
    pub fn with_any_names() -> Self {
        Self::with_editor(TreeEditor::new(TreeBuilder::new(), true))
    }

    fn with_editor(editor: TreeEditor) -> Self {
        let now = FileTime::now_reproducible();
        let mut image = Self { editor, contents: Scan::default(), pending: Vec::new(), links: Vec::new(), now };
        image.set_times(Self::ROOT, now, now, now);
        image
    }

    /// The directory at `path`, which is made unless it is there.
    ///
    /// # Errors
    /// Something else is there, or the name is impossible.
    pub fn directory(&mut self, path: &str) -> Result<NodeId, BuilderError> {
        let (place, _) = self.editor.prepare(path)?;
        let Some(place) = place else { return Ok(Self::ROOT) };
        match place.entry {
            Some(entry) if self.editor.tree().file(entry).is_directory() => Ok(entry),
            Some(_) => Err(PathError::NotADirectory { path: path.to_owned() }.into()),
            None => self.add(path, NewFile::directory(""), None),
        }
    }

    /// A file. Its times are now, until others are set.
    ///
    /// # Errors
    /// Something is there, or the name is impossible.
    pub fn file(&mut self, path: &str, content: impl Into<Content>) -> Result<NodeId, BuilderError> {
        self.add(path, NewFile::file("", Sha1::ZERO), Some(content.into()))
    }

    /// Another name for the file `of`: it has all that the file has, set before or afterwards.
    ///
    /// # Errors
    /// Something is there, or the name is impossible.
    pub fn hard_link(&mut self, path: &str, of: NodeId) -> Result<NodeId, BuilderError> {
        let id = self.add(path, NewFile::file("", Sha1::ZERO), None)?;
        let original = self.links.iter().find(|(link, _)| *link == of).map_or(of, |(_, original)| *original);
        self.links.push((id, original));
        Ok(id)
    }

    /// A symbolic link. A `target` with a drive is absolute, any other is relative to the link's directory.
    ///
    /// # Errors
    /// Something is there, the name is impossible, or the target too long.
    pub fn symlink(&mut self, path: &str, target: &str, to_directory: bool) -> Result<NodeId, BuilderError> {
        let is_absolute = matches!(target.as_bytes(), [drive, b':', ..] if drive.is_ascii_alphabetic());
        let link = if is_absolute { Link::absolute(target) } else { Link::relative(target) };
        self.link(path, &link, SYMLINK, to_directory)
    }

    /// A junction: a directory that leads to another one, on whatever drive.
    ///
    /// # Errors
    /// As [`Self::symlink`].
    pub fn junction(&mut self, path: &str, target: &str) -> Result<NodeId, BuilderError> {
        self.link(path, &Link::absolute(target), MOUNT_POINT, true)
    }

    fn link(&mut self, path: &str, link: &Link, tag: u32, to_directory: bool) -> Result<NodeId, BuilderError> {
        let data = link.encode(tag).map_err(|error| BuilderError::Link { path: path.to_owned(), error })?;
        self.reparse_point(path, tag, data, to_directory)
    }

    /// A reparse point with this tag and these data, which have no header.
    ///
    /// # Errors
    /// As [`Self::file`].
    pub fn reparse_point(
        &mut self,
        path: &str,
        tag: u32,
        data: impl Into<Content>,
        is_directory: bool,
    ) -> Result<NodeId, BuilderError> {
        let file = NewFile::reparse_point("", tag, Sha1::ZERO);
        let file = if is_directory { file.with_attributes(Attributes::DIRECTORY) } else { file };
        self.add(path, file, Some(data.into()))
    }

    /// A named stream of a file or directory.
    ///
    /// # Errors
    /// It has one of this name, or the name is impossible.
    pub fn stream(&mut self, of: NodeId, name: &str, content: impl Into<Content>) -> Result<(), BuilderError> {
        let stream = NewStream::named(name, Sha1::ZERO);
        let path = |image: &Self| format!("{}:{name}", image.editor.path_of(of));
        self.editor.check_name(&stream.name, || path(self))?;
        let file = self.editor.tree().file(of);
        let is_taken = |other: &NewStream| crate::util::utf16::eq_ignore_case(&other.name, &stream.name);
        if file.streams.iter().any(|other| other.kind == StreamKind::Named && is_taken(other)) {
            return Err(PathError::Exists { path: path(self) }.into());
        }
        let content = self.content(content.into(), name);
        let streams = &mut self.editor.tree_mut().file_mut(of).streams;
        self.pending.push((of, streams.len(), content));
        streams.push(stream);
        Ok(())
    }

    fn content(&mut self, content: Content, name: &str) -> u32 {
        match content {
            Content::Bytes(bytes) => self.contents.add_content(bytes.len() as u64, ContentSource::Bytes(bytes.into())),
            Content::Reader(reader) => {
                self.contents.add_content(reader.size(), ContentSource::Reader { reader, name: name.into() })
            }
        }
    }

    fn add(&mut self, path: &str, file: NewFile, content: Option<Content>) -> Result<NodeId, BuilderError> {
        let (place, _) = self.editor.prepare(path)?;
        let exists = || PathError::Exists { path: path.to_owned() };
        let place = place.ok_or_else(exists)?;
        if place.entry.is_some() {
            return Err(exists().into());
        }
        let mut file = file.with_times(self.now);
        file.name = place.name;
        let id = self.editor.add(place.directory, file);
        if let Some(content) = content {
            let content = self.content(content, path);
            self.pending.push((id, 0, content));
        }
        Ok(id)
    }

    /// Sets when a file was created, last read and last written.
    pub fn set_times(&mut self, id: NodeId, creation: FileTime, access: FileTime, write: FileTime) {
        let file = self.editor.tree_mut().file_mut(id);
        (file.creation_time, file.access_time, file.write_time) = (creation, access, write);
    }

    /// Sets the attributes, but for those that say what kind of file it is.
    pub fn set_attributes(&mut self, id: NodeId, attributes: Attributes) {
        const KIND: Attributes = Attributes(Attributes::DIRECTORY.0 | Attributes::REPARSE_POINT.0);
        let file = self.editor.tree_mut().file_mut(id);
        let attributes = (file.attributes & KIND) | (attributes & !KIND);
        file.attributes = if attributes == Attributes(0) { Attributes::NORMAL } else { attributes };
    }

    /// Sets the self-relative security descriptor.
    pub fn set_security_descriptor(&mut self, id: NodeId, descriptor: &[u8]) {
        let tree = self.editor.tree_mut();
        let number = tree.add_security_descriptor(descriptor);
        tree.file_mut(id).security_id = Some(number);
    }

    /// Sets the 8.3 name, which belongs to this name of the file alone.
    pub fn set_short_name(&mut self, id: NodeId, name: &str) {
        self.editor.tree_mut().file_mut(id).short_name = crate::util::utf16::from_str(name);
    }

    /// Adds a tagged item, such as an object id.
    ///
    /// # Panics
    /// If `data` has 4 GiB or more.
    pub fn add_tagged_item(&mut self, id: NodeId, tag: u32, data: &[u8]) {
        let file = self.editor.tree_mut().file_mut(id);
        *file = file.clone().with_tagged_item(tag, data);
    }

    /// Writes it as the only image of the new file `path`, which appears when it is complete. What `options` say about
    /// reading a directory has no meaning here.
    ///
    /// # Errors
    /// [`CaptureError`]; nothing is left of the new file then.
    pub fn write(self, path: &Path, options: &Options, control: Control<'_>) -> Result<Outcome, CaptureError> {
        capture::write_new(Named { image: self, path }, path, options, control)
    }

    /// Adds it to the existing file `path`. Unless everything is written, the file stays as it was.
    ///
    /// # Errors
    /// [`CaptureError`].
    pub fn append(self, path: &Path, options: &Options, control: Control<'_>) -> Result<Outcome, CaptureError> {
        capture::append_to(Named { image: self, path }, path, options, control)
    }

    /// The tree, with these hashes of its contents.
    fn into_tree(self, hashes: &[Option<Sha1>]) -> TreeBuilder {
        let mut tree = self.editor.into_tree();
        for (id, stream, content) in self.pending {
            tree.file_mut(id).streams[stream].sha1 = hashes[content as usize].unwrap_or_default();
        }
        for (link, of) in self.links {
            tree.make_hard_link(link, of);
        }
        tree
    }
}

/// An image, and the file that it goes to.
struct Named<'a> {
    image: ImageBuilder,
    path: &'a Path,
}

impl Material for Named<'_> {
    fn look(
        &mut self,
        _: &Rules<'_>,
        image: &mut ImageXml,
        findings: &mut Findings,
        control: Control<'_>,
    ) -> Result<Scan, CaptureError> {
        capture::state_windows(&self.image, self.path, image, findings, control)?;
        Ok(std::mem::take(&mut self.image.contents))
    }

    fn build(self, scan: Scan, hashes: &[Option<Sha1>]) -> Result<Tree, CaptureError> {
        let path = || self.path.to_owned();
        let encoded =
            self.image.into_tree(hashes).encode().map_err(|error| CaptureError::Tree { path: path(), error })?;
        // What the numbers are is known where trees are read.
        let metadata = Metadata::parse(encoded, &ParseOptions::default());
        let unreadable =
            |error| crate::wim::export::ExportError::Wim(WimError::Metadata { path: path(), image: 1, error });
        let metadata = metadata.map_err(unreadable)?;
        let known = hashes.iter().zip(&scan.contents).filter_map(|(hash, content)| Some(((*hash)?, content.size)));
        let sizes: HashMap<Sha1, u64> = known.collect();
        Ok(Tree {
            statistics: metadata.statistics(|sha1| sizes.get(sha1).copied().unwrap_or_default()),
            symlinks: metadata.entries().filter(|entry| entry.is_reparse_point()).count() as u64,
            hard_links: metadata.hard_links().map(|names| names.len() as u64 - 1).sum(),
            references: metadata.blob_references().map(|(_, stream)| stream.sha1).collect(),
            metadata: metadata.as_bytes().to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wim::metadata::tagged::OBJECT_ID;
    use crate::wim::verify::{self, verify};
    use crate::wim::{ImageIndex, OpenOptions, Wim};
    use std::io::Cursor;

    #[test]
    fn everything_that_is_said_is_in_the_image() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new.wim");
        let mut image = ImageBuilder::new();
        let reader = Content::Reader(Arc::new(Cursor::new(vec![3; 100_000])));
        let file = image.file("a/b/file.bin", reader.clone()).unwrap();
        let link = image.hard_link("two.bin", file).unwrap();
        image.hard_link("three.bin", link).unwrap();
        // Said after the links were made, it counts for them, too.
        image.stream(file, "stream", reader).unwrap();
        image.stream(file, "empty", "").unwrap();
        image.set_attributes(file, Attributes::HIDDEN | Attributes::DIRECTORY);
        image.set_security_descriptor(file, &[1; 20]);
        image.set_times(file, FileTime(1), FileTime(2), FileTime(3));
        image.set_short_name(file, "FILE~1.BIN");
        image.add_tagged_item(file, OBJECT_ID, &[5; 16]);
        image.junction("junction", "C:\\a").unwrap();
        image.symlink("a/link", "b/file.bin", false).unwrap();
        image.file("empty", "").unwrap();
        assert_eq!(image.directory("A\\B").unwrap(), image.directory("a/b/").unwrap());
        let done = image.write(&path, &Options::default(), Control::silent()).unwrap();
        assert_eq!((done.files, done.hard_links, done.symlinks, done.directories), (2, 2, 2, 3));
        assert_eq!(done.stored_blobs, 3, "the large content once, and two links' data");

        let wim = Wim::open(&path, &OpenOptions::default()).unwrap();
        let checked = verify(&wim, &verify::Options::default(), Control::silent()).unwrap();
        assert!(checked.is_good() && checked.warnings.is_empty(), "{checked:?}");
        let tree = wim.metadata(ImageIndex::FIRST).unwrap();
        for name in ["a/b/file.bin", "two.bin", "three.bin"] {
            let entry = tree.lookup(name).unwrap();
            assert_eq!((entry.link_count(), entry.streams().count()), (3, 3), "{name}");
            assert_eq!(entry.attributes(), Attributes::HIDDEN);
            assert_eq!(entry.security_descriptor(), Some(&[1; 20][..]));
            let times = [entry.creation_time(), entry.access_time(), entry.write_time()];
            assert_eq!(times, [1, 2, 3].map(FileTime));
            assert_eq!(entry.tagged_items().count(), 1);
            assert_eq!(entry.short_name().is_empty(), name != "a/b/file.bin");
        }
        assert_eq!(tree.lookup("junction").unwrap().reparse_tag(), Some(MOUNT_POINT));
        assert!(tree.lookup("junction").unwrap().is_directory() && !tree.lookup("a/link").unwrap().is_directory());
        assert_eq!(wim.xml().image(1).unwrap().statistics().unwrap().files, 6);
    }

    #[test]
    fn what_no_image_can_hold() {
        let mut image = ImageBuilder::new();
        let file = image.file("a/file", "x").unwrap();
        let exists = |path: &str| Err(BuilderError::Path(PathError::Exists { path: path.into() }));
        assert_eq!(image.file("A/FILE", "y"), exists("A/FILE"));
        assert_eq!(image.hard_link("a", file), exists("a"));
        image.stream(file, "s", "x").unwrap();
        assert_eq!(image.stream(file, "S", "x").map(|()| file), exists("/a/file:S"));
        assert!(matches!(image.directory("a/file"), Err(BuilderError::Path(PathError::NotADirectory { .. }))));
        assert!(matches!(image.file("a/file/x", ""), Err(BuilderError::Path(PathError::NotADirectory { .. }))));
        assert!(matches!(image.file("nul", ""), Err(BuilderError::Path(PathError::Name { .. }))));
        assert!(matches!(image.symlink("l", &"x".repeat(9000), false), Err(BuilderError::Link { .. })));
        assert!(ImageBuilder::with_any_names().file("nul", "").is_ok());
    }
}
