//! Looking into made-up images.

use super::*;
use crate::util::sha1::Sha1;
use crate::wim::metadata::{Attributes as Bits, NewFile, NewStream, NodeId, TreeBuilder};
use crate::wim::test_image::Sample;

const ROOT: NodeId = TreeBuilder::ROOT;

impl Sample {
    fn browser(&self) -> Browser {
        self.browser_with(Options::default())
    }

    fn browser_with(&self, options: Options) -> Browser {
        Browser::image(Arc::new(self.wim()), ImageIndex::FIRST, options).unwrap()
    }

    fn reparse_point(&mut self, parent: NodeId, name: &str, tag: u32, link: &Link) {
        let data = link.encode(tag).unwrap();
        let sha1 = self.content(&data);
        self.tree.add(parent, NewFile::reparse_point(name, tag, sha1));
    }
}

impl Browser {
    fn at(&mut self, path: &str) -> Result<Inode, BrowseError> {
        path.split('/').filter(|name| !name.is_empty()).try_fold(Inode::ROOT, |at, name| self.lookup(at, name))
    }

    fn read(&mut self, path: &str) -> Result<Vec<u8>, BrowseError> {
        let inode = self.at(path)?;
        self.open(inode)?.read_all(1 << 30)
    }

    fn names(&mut self, path: &str) -> Vec<String> {
        let (inode, mut names) = (self.at(path).unwrap(), Vec::new());
        // One line at a time, so that each place in the listing is come back to.
        let mut from = Some(0);
        while let Some(place) = from.take() {
            let one = &mut |line: Line<'_>| {
                names.push(line.name.to_owned());
                from = Some(line.next);
                false
            };
            self.list(inode, place, one).unwrap();
        }
        let mut at_once = Vec::new();
        let all = &mut |line: Line<'_>| {
            at_once.push(line.name.to_owned());
            true
        };
        self.list(inode, 0, all).unwrap();
        assert_eq!(names, at_once);
        assert_eq!(names[..2], [".", ".."]);
        names.split_off(2)
    }
}

#[test]
fn names_contents_and_attributes() {
    let mut sample = Sample::default();
    let directory = sample.directory(ROOT, "Windows");
    sample.directory(directory, "System32");
    let file = sample.file(directory, "größe.txt", b"content");
    sample.tree.add_hard_link(ROOT, "same", file);
    sample.file(ROOT, "empty", b"");
    sample.file(ROOT, "Case", b"upper");
    sample.file(ROOT, "case", b"lower");
    sample.file(ROOT, "a\\b", b"refused");
    let mut browser = sample.browser();

    assert_eq!(browser.names(""), ["Case", "case", "empty", "same", "Windows"]);
    assert_eq!(browser.unseen(), 1);
    assert!(matches!(browser.at("a\\b"), Err(BrowseError::NotFound)));
    assert_eq!(
        browser.read("windows/GRÖSSE.TXT").map_err(|error| error.to_string()),
        Err("there is nothing of this name".into())
    );
    assert_eq!(browser.read("windows/GRÖßE.TXT").unwrap(), b"content");
    assert_eq!((browser.read("Case").unwrap(), browser.read("case").unwrap()), (b"upper".into(), b"lower".into()));
    assert_eq!(browser.read("empty").unwrap(), b"");
    assert!(matches!(browser.read("Windows"), Err(BrowseError::IsADirectory { .. })));
    assert!(matches!(browser.at("same/x"), Err(BrowseError::NotADirectory { .. })));

    let mut attributes = |path: &str| {
        let inode = browser.at(path).unwrap();
        browser.attributes(inode).unwrap()
    };
    assert_eq!(attributes("same"), attributes("Windows/größe.txt"));
    assert_eq!((attributes("same").links, attributes("same").size), (2, 7));
    assert_eq!((attributes("").links, attributes("Windows").links, attributes("").kind), (3, 3, Kind::Directory));
    assert_eq!(browser.totals().entries, 9);
}

#[test]
fn links_lead_where_extracted_ones_do() {
    let mut sample = Sample::default();
    let directory = sample.directory(ROOT, "Windows");
    sample.reparse_point(directory, "relative", reparse::SYMLINK, &Link::relative("..\\same"));
    sample.reparse_point(directory, "absolute", reparse::SYMLINK, &Link::absolute("C:\\Users\\all"));
    sample.reparse_point(directory, "junction", reparse::MOUNT_POINT, &Link::absolute("C:\\Users"));
    sample.reparse_point(directory, "share", reparse::SYMLINK, &Link::absolute("UNC\\server\\share"));
    let mut browser = sample.browser();
    let mut target = |path: &str| {
        let inode = browser.at(path).unwrap();
        let target = browser.read_link(inode);
        let attributes = browser.attributes(inode).unwrap();
        assert_eq!(
            (attributes.kind, attributes.size),
            (Kind::Link, target.as_ref().map_or(0, |target| target.len() as u64))
        );
        target
    };
    assert_eq!(target("Windows/relative").unwrap(), "../same");
    assert_eq!(target("Windows/absolute").unwrap(), "../Users/all");
    assert_eq!(target("Windows/junction").unwrap(), "../Users");
    let refused = target("Windows/share").unwrap_err();
    assert!(refused.is_damage() && refused.to_string().starts_with("sample.wim!/1/Windows/share: "), "{refused}");
    assert!(matches!(browser.read_link(Inode::ROOT), Err(BrowseError::NotALink { .. })));
}

#[test]
fn streams_are_found_by_name_and_as_attributes() {
    let mut sample = Sample::default();
    let descriptor = sample.tree.add_security_descriptor(&[1; 20]);
    let (one, large) = (sample.content(b"one"), sample.content(&vec![7; 70_000]));
    let data = sample.content(b"data");
    let file = NewFile::file("file", data)
        .with_attributes(Bits::HIDDEN)
        .with_short_name("FILE~1")
        .with_security_id(descriptor);
    let file = file.with_stream(NewStream::named("one", one)).with_stream(NewStream::named("large", large));
    sample.tree.add(ROOT, file);
    let mut browser = sample.browser();

    assert_eq!(browser.read("file").unwrap(), b"data");
    assert_eq!(browser.read("FILE:One").unwrap(), b"one");
    assert_eq!(browser.read("file:large").unwrap().len(), 70_000);
    assert!(matches!(browser.at("file:two"), Err(BrowseError::NotFound)));
    let (inode, stream) = (browser.at("file").unwrap(), browser.at("file:one").unwrap());
    assert_eq!(browser.attributes(stream).unwrap().size, 3);
    assert_eq!(browser.xattr_names(stream).unwrap(), [""; 0]);
    assert_eq!(browser.xattr_names(inode).unwrap(), ["user.one", "user.large"]);
    let mut value = |name: &str| browser.xattr(inode, name);
    assert_eq!(value("user.one").unwrap().unwrap(), b"one");
    assert!(matches!(value("user.large"), Err(BrowseError::TooLarge { size: 70_000, .. })));
    assert_eq!(value("user.two").unwrap(), None);
    assert_eq!(value("system.ntfs_attrib").unwrap().unwrap(), [0x02, 0, 0, 0]);
    assert_eq!(value("system.ntfs_acl").unwrap().unwrap(), [1; 20]);
    assert_eq!(value("system.ntfs_dos_name").unwrap().unwrap(), b"FILE~1");
    assert_eq!(value("system.ntfs_times").unwrap().unwrap().len(), 32);
    assert_eq!(value("system.ntfs_reparse_data").unwrap(), None);
    assert_eq!(value("security.capability").unwrap(), None);
}

#[test]
fn damage_is_found_at_the_end_and_not_forgotten() {
    let mut sample = Sample::default();
    sample.file(ROOT, "good", b"good content");
    sample.file(ROOT, "bad", b"bad content");
    sample.tree.add(ROOT, NewFile::file("missing", Sha1::of(b"nowhere")));
    sample.damaged.push(Sha1::of(b"bad content"));
    let mut browser = sample.browser();

    assert_eq!(browser.read("good").unwrap(), b"good content");
    let inode = browser.at("bad").unwrap();
    let file = browser.open(inode).unwrap();
    // A part alone says nothing.
    assert_eq!(file.read(4, 100).unwrap(), b"content");
    let error = file.read(0, 4).unwrap_err();
    let expected = Sha1::of(b"bad content").to_string();
    assert!(matches!(error, BrowseError::Hash { .. }) && error.to_string().contains(&expected), "{error}");
    assert!(error.to_string().starts_with("sample.wim!/1/bad: "), "{error}");
    assert!(browser.open(inode).unwrap().read(4, 2).is_err());
    assert!(matches!(browser.read("missing"), Err(BrowseError::MissingBlob { .. })));
}

#[test]
fn images_in_images() {
    let mut innermost = Sample::default();
    innermost.file(ROOT, "deep.txt", b"deep");
    innermost.reparse_point(ROOT, "link", reparse::SYMLINK, &Link::absolute("C:\\deep.txt"));
    let mut inner = Sample::default();
    let recovery = inner.directory(ROOT, "Recovery");
    inner.file(recovery, "winre.wim", &innermost.bytes());
    let mut outer = Sample::default();
    outer.file(ROOT, "Install.ESD", &inner.bytes());
    outer.file(ROOT, "other.bin", &inner.bytes());
    outer.file(ROOT, "text.wim", b"no WIM at all");
    let mut damaged = inner.bytes();
    damaged.truncate(300);
    outer.file(ROOT, "cut.wim", &damaged);

    let mut browser = outer.browser();
    assert_eq!(browser.names(""), ["cut.wim", "Install.ESD", "other.bin", "text.wim"]);
    assert_eq!(browser.read("install.esd!/1/Recovery/winre.wim!/1/deep.txt").unwrap(), b"deep");
    assert_eq!(browser.read("other.bin!/1/Recovery/winre.wim").unwrap(), innermost.bytes());
    for nothing in ["text.wim!", "install.esd!/2", "install.esd!/01", "install.esd!/0", "nothing!"] {
        assert!(matches!(browser.at(nothing), Err(BrowseError::NotFound)), "{nothing}");
    }
    let inside = browser.at("cut.wim!").unwrap();
    assert!(matches!(browser.attributes(inside), Err(BrowseError::Wim(_))));
    let link = browser.at("install.esd!/1/Recovery/winre.wim!/1/link").unwrap();
    assert_eq!(browser.read_link(link).unwrap(), "deep.txt");
    for (directory, parent) in [
        ("install.esd!/1/Recovery/winre.wim!/1", "install.esd!/1/Recovery/winre.wim!"),
        ("install.esd!/1", "install.esd!"),
        ("install.esd!", ""),
    ] {
        let (directory, parent) = (browser.at(directory).unwrap(), browser.at(parent).unwrap());
        assert_eq!(browser.parent(directory).unwrap(), parent);
        assert_eq!(browser.attributes(directory).unwrap().inode, directory);
    }

    let mut browser = outer.browser_with(Options { nested: true, ..Options::default() });
    assert_eq!(browser.names(""), ["cut.wim", "cut.wim!", "Install.ESD", "Install.ESD!", "other.bin", "text.wim"]);
    assert_eq!(browser.names("Install.ESD!"), ["1"]);
    assert_eq!(browser.names("Install.ESD!/1/Recovery"), ["winre.wim", "winre.wim!"]);

    let mut browser = Browser::all_images(Arc::new(outer.wim()), Options::default()).unwrap();
    assert_eq!(browser.names(""), ["1"]);
    assert_eq!(browser.read("1/install.esd!/1/Recovery/winre.wim!/1/deep.txt").unwrap(), b"deep");
    assert_eq!(browser.attributes(Inode::ROOT).unwrap().links, 3);
}

#[test]
fn wims_that_lie_too_deep_or_fill_the_memory() {
    let mut bytes = Sample::default().bytes();
    for _ in 0..6 {
        let mut sample = Sample::default();
        sample.file(ROOT, "a.wim", &bytes);
        bytes = sample.bytes();
    }
    let wim = || Arc::new(Wim::from_source(Box::new(std::io::Cursor::new(bytes.clone())), "a.wim").unwrap());
    let mut browser = Browser::image(wim(), ImageIndex::FIRST, Options::default()).unwrap();
    assert!(browser.at(&"a.wim!/1/".repeat(4)).is_ok());
    assert!(matches!(browser.at(&"a.wim!/1/".repeat(5)), Err(BrowseError::NotFound)));

    let mut browser = Browser::image(wim(), ImageIndex::FIRST, Options::default()).unwrap();
    browser.tree_memory = 300; // enough for one tree
    assert!(matches!(browser.at("a.wim!/1/a.wim!/1/a.wim"), Err(BrowseError::TooMany { .. })));
}

#[test]
fn numbers_that_are_nobodys() {
    let mut sample = Sample::default();
    sample.file(ROOT, "file", b"content");
    let mut browser = sample.browser();
    for number in [3, 1000, 1 << 33 | 2, 2 << 33 | 2, 1 << 50 | 2, 9 << 50 | 1, u64::MAX >> 1] {
        let Some(inode) = Inode::from_u64(number) else { continue };
        assert!(browser.attributes(inode).is_err() && browser.open(inode).is_err(), "{number:#x}");
        assert!(browser.xattr(inode, "user.a").is_err() || inode.facet != Facet::Itself, "{number:#x}");
        assert!(browser.list(inode, 0, &mut |_| true).is_err() || browser.lookup(inode, "x").is_err(), "{number:#x}");
    }
}
