//! Streams made up for tests.

use super::*;
use crate::util::progress::Control;
use crate::wim::header::{HEADER_SIZE, Header, resource_flag};
use crate::wim::metadata::{NewFile, NewStream, StreamKind, TreeBuilder, reparse};

/// A stream of resources that are not compressed.
struct Pipe(Vec<u8>);

impl Pipe {
    fn new(header: &Header) -> Self {
        Self(header.encode().to_vec())
    }

    fn resource(&mut self, content: &[u8], sha1: Sha1, flags: u8) {
        self.0.extend(0x2B9B_9BA2_443D_B9D8_u64.to_le_bytes());
        self.0.extend((content.len() as u64).to_le_bytes());
        self.0.extend(sha1.0);
        self.0.extend(u32::from(flags).to_le_bytes());
        self.0.extend(content);
    }

    fn content(&mut self, content: &[u8]) {
        self.resource(content, Sha1::of(content), 0);
    }
}

fn header() -> Header {
    Header { pipable: true, image_count: 1, ..Header::new(None, 0) }
}

/// Everything up to the blobs.
fn begin(tree: &TreeBuilder) -> Pipe {
    let mut pipe = Pipe::new(&header());
    pipe.resource(b"\xFF\xFE<\0", Sha1::ZERO, resource_flag::METADATA);
    let metadata = tree.encode().unwrap();
    pipe.resource(&metadata, Sha1::of(&metadata), resource_flag::METADATA);
    pipe
}

fn apply(pipe: &[u8], target: &Path) -> Result<Outcome, ApplyError> {
    let wim = PipedWim::open(pipe, "pipe", 1 << 20)?;
    let done = wim.apply(ImageIndex::FIRST, target, &extract::Options::default(), Control::silent());
    done.map(|(_, outcome, _)| outcome)
}

#[test]
fn blobs_in_any_order_and_some_that_do_not_come() {
    let mut tree = TreeBuilder::new();
    let large: Vec<u8> = (0..9_000_000_u32).map(|n| (n % 251) as u8).collect();
    tree.add(TreeBuilder::ROOT, NewFile::file("large", Sha1::of(&large)));
    tree.add(TreeBuilder::ROOT, NewFile::file("small", Sha1::of(b"small")));
    tree.add(TreeBuilder::ROOT, NewFile::file("twin", Sha1::of(b"small")));
    tree.add(TreeBuilder::ROOT, NewFile::file("empty", Sha1::ZERO));
    tree.add(TreeBuilder::ROOT, NewFile::file("missing", Sha1::of(b"missing")));
    tree.add(TreeBuilder::ROOT, NewFile::file("damaged", Sha1::of(b"damaged")));
    let link = reparse::Link::relative("small").encode(reparse::SYMLINK).unwrap();
    tree.add(TreeBuilder::ROOT, NewFile::reparse_point("link", reparse::SYMLINK, Sha1::of(&link)));
    let no_link = NewStream::unnamed(StreamKind::Reparse, Sha1::of(&large));
    let mut too_large = NewFile::reparse_point("too large", reparse::SYMLINK, Sha1::ZERO);
    too_large.streams = vec![no_link];
    tree.add(TreeBuilder::ROOT, too_large);
    let mut pipe = begin(&tree);
    pipe.content(b"nobody wants this");
    pipe.content(&link);
    pipe.content(&large);
    pipe.resource(b"DAMAGED", Sha1::of(b"damaged"), 0);
    pipe.content(b"small");
    pipe.content(b"small");
    pipe.resource(b"the blob table", Sha1::ZERO, resource_flag::METADATA);
    pipe.0.extend(b"XML and header");

    let directory = tempfile::tempdir().unwrap();
    let outcome = apply(&pipe.0, directory.path()).unwrap();
    let read = |name: &str| std::fs::read(directory.path().join(name));
    assert!(read("large").unwrap() == large);
    assert_eq!((read("small").unwrap(), read("twin").unwrap()), (b"small".to_vec(), b"small".to_vec()));
    assert_eq!(read("empty").unwrap(), b"");
    assert_eq!(std::fs::read_link(directory.path().join("link")).unwrap(), Path::new("small"));
    assert!(read("missing").is_err() && read("damaged").is_err());
    let problems: Vec<String> = outcome.refused.iter().map(|refused| refused.problem.to_string()).collect();
    assert_eq!(problems.len(), 3, "{problems:?}");
    for expected in ["is damaged: it hashes to", "is in no file at hand", "its reparse data has 9000000 bytes"] {
        assert!(problems.iter().any(|problem| problem.contains(expected)), "{problems:?}");
    }
    assert_eq!((outcome.files, outcome.symlinks, outcome.bytes), (4, 1, 9_000_010));
}

#[test]
fn streams_that_end_anywhere() {
    let mut tree = TreeBuilder::new();
    tree.add(TreeBuilder::ROOT, NewFile::file("file", Sha1::of(b"content")));
    let mut pipe = begin(&tree);
    pipe.content(b"content");
    pipe.resource(b"the blob table", Sha1::ZERO, resource_flag::METADATA);
    // The end of the blob table is nobody's concern any more.
    let needed = pipe.0.len() - b"the blob table".len();
    let directory = tempfile::tempdir().unwrap();
    for length in 0..needed {
        let target = directory.path().join(length.to_string());
        let error = apply(&pipe.0[..length], &target).unwrap_err();
        assert!(matches!(error, ApplyError::Piped(PipedError::Io { .. })), "{length}: {error}");
        assert!(!target.join("file").exists() || length >= needed - 40, "{length}");
    }
    assert!(apply(&pipe.0[..needed], &directory.path().join("whole")).unwrap().is_complete());
}

#[test]
fn what_is_no_pipable_wim() {
    let ordinary = Header::new(None, 0);
    assert!(matches!(
        apply(&ordinary.encode(), Path::new("none")),
        Err(ApplyError::Piped(PipedError::NotPipable { .. }))
    ));
    let part = Header { total_parts: 2, ..header() };
    assert!(matches!(apply(&part.encode(), Path::new("none")), Err(ApplyError::Piped(PipedError::Split { .. }))));
    let text = [b'x'; HEADER_SIZE];
    assert!(matches!(apply(&text, Path::new("none")), Err(ApplyError::Piped(PipedError::Header { .. }))));
    let mut no_magic = Pipe::new(&header());
    no_magic.0.extend([0; 40]);
    let error = apply(&no_magic.0, Path::new("none")).unwrap_err();
    assert!(matches!(error, ApplyError::Piped(PipedError::Magic { offset: 208, .. })), "{error}");
    // A size that lies is not believed: nothing is allocated by it.
    let mut endless = Pipe::new(&header());
    endless.resource(b"", Sha1::ZERO, resource_flag::METADATA);
    endless.resource(b"abc", Sha1::ZERO, resource_flag::METADATA);
    let at = HEADER_SIZE + 40 + 8;
    endless.0[at..at + 8].copy_from_slice(&(1_u64 << 30).to_le_bytes());
    assert!(matches!(apply(&endless.0, Path::new("none")), Err(ApplyError::Piped(PipedError::Io { .. }))));
    endless.0[at..at + 8].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(matches!(apply(&endless.0, Path::new("none")), Err(ApplyError::Piped(PipedError::Resource { .. }))));
}
