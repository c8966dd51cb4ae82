use std::io;

use super::*;
use crate::codec::Format;
use crate::util::progress::Control;
use crate::util::sha1::Sha1;
use crate::wim::export::{Compression, Options, Selection, export};
use crate::wim::metadata::{NewFile, TreeBuilder};
use crate::wim::test_image::Sample;

const ROOT: crate::wim::metadata::NodeId = TreeBuilder::ROOT;

/// Content that is not the same in any two chunks.
fn content(size: usize) -> Vec<u8> {
    (0..).flat_map(|line: u32| format!("line {line}\r\n").into_bytes()).take(size).collect()
}

/// An image in an image in an image, the outermost compressed as told, in a directory whose name leads astray.
fn nest(compression: Compression) -> (tempfile::TempDir, PathBuf) {
    let mut inner = Sample::default();
    inner.file(ROOT, "file.txt", &content(300_000));
    let mut middle = Sample::default();
    let directory = middle.directory(ROOT, "Odd!");
    middle.file(directory, "inner.wim", &inner.bytes());
    let mut outer = Sample::default();
    outer.file(ROOT, "before", &content(100_000));
    let windows = outer.directory(ROOT, "Windows");
    outer.file(windows, "middle.wim", &middle.bytes());
    outer.tree.add(windows, NewFile::file("empty", Sha1::ZERO));

    let scene = tempfile::tempdir().unwrap();
    let directory = scene.path().join("images!");
    std::fs::create_dir(&directory).unwrap();
    let path = directory.join("outer.wim");
    let wim = outer.wim();
    let options = Options { compression: Some(compression), ..Options::default() };
    let selection = Selection { wim: &wim, images: wim.images().collect() };
    export(&[selection], &path, &options, Control::silent()).unwrap();
    (scene, path)
}

fn address(path: &Path, rest: &str) -> PathBuf {
    PathBuf::from(format!("{}{rest}", path.display()))
}

#[test]
fn files_in_images_in_images() {
    let expected = content(300_000);
    let solid = Compression { solid: true, ..Compression::new(Some(Format::Lzms)) };
    let plain = [None, Some(Format::Xpress), Some(Format::Lzx)].map(Compression::new);
    for compression in plain.into_iter().chain([solid]) {
        let (_scene, path) = nest(compression);
        for rest in [
            "!/1/Windows/middle.wim!/1/Odd!/inner.wim!/1/file.txt",
            "!/1/windows/MIDDLE.WIM!/1/odd!/inner.wim!/1/FILE.txt",
            "!\\1\\Windows\\middle.wim!\\1\\Odd!\\inner.wim!\\1\\file.txt",
        ] {
            let source = open(&address(&path, rest), &OpenOptions::default()).unwrap();
            assert_eq!(source.size(), expected.len() as u64);
            // To and fro, across the ends of chunks.
            for (offset, length) in [(0, 300_000), (299_999, 1), (32_760, 20), (0, 0), (65_000, 70_000), (32_768, 1)] {
                let mut bytes = vec![0; length];
                source.read_exact_at(&mut bytes, offset as u64).unwrap();
                assert!(bytes == expected[offset..offset + length], "{rest} {offset}");
            }
            for (offset, length) in [(299_999, 2), (300_000, 1), (u64::MAX, 1)] {
                let error = source.read_exact_at(&mut vec![0; length], offset).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
            }
        }
    }
}

#[test]
fn an_image_in_an_image_is_verified_by_several_threads() {
    let (_scene, path) = nest(Compression::new(Some(Format::Lzx)));
    let options = OpenOptions { opener: open_wim, ..OpenOptions::default() };
    let wim = Wim::open(&address(&path, "!/1/Windows/middle.wim"), &options).unwrap();
    let verify = || crate::wim::verify::verify(&wim, &Default::default(), Control::silent()).unwrap();
    let outcome = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap().install(verify);
    assert_eq!((outcome.findings.len(), outcome.blobs), (0, 1));
}

#[test]
fn a_path_that_exists_is_a_plain_file() {
    let scene = tempfile::tempdir().unwrap();
    let directory = scene.path().join("a.wim!");
    std::fs::create_dir(&directory).unwrap();
    std::fs::write(directory.join("1"), b"plain").unwrap();
    assert_eq!(open(&directory.join("1"), &OpenOptions::default()).unwrap().size(), 5);
}

#[test]
fn what_leads_nowhere_is_told_by_its_place() {
    let (_scene, path) = nest(Compression::new(None));
    for (rest, problem) in [
        ("!/1/Windows/nothing", "1/Windows/nothing: there is no such file"),
        ("!/1/Windows", "1/Windows: this is a directory"),
        ("!/1", "1: this is a directory"),
        ("!/1/Windows!/1/x", "1/Windows!/1/x: there is no such file"),
        ("!/1/Windows/empty", "1/Windows/empty: this file is empty"),
        ("!/2/Windows", "there is no image \"2\""),
        ("!/1/before!/1/x", "!/1/before: "),
        ("!/1/Windows/middle.wim!/1/gone", "middle.wim: 1/gone: there is no such file"),
    ] {
        let Err(error) = open(&address(&path, rest), &OpenOptions::default()) else { panic!("{rest} opens") };
        let message = error.to_string();
        assert!(message.contains("outer.wim") && message.contains(problem), "{rest}: {message}");
    }
    let gone = open(&address(&path, "x!/1/file"), &OpenOptions::default()).err().unwrap().to_string();
    assert!(gone.contains("outer.wimx!/1/file: "), "{gone}");

    let little = OpenOptions { memory: 1000, ..OpenOptions::default() };
    let error = open(&address(&path, "!/1/Windows/middle.wim"), &little).err().unwrap();
    assert!(matches!(error, AddressError::Wim(WimError::Memory { limit: 1000, .. })), "{error}");
}

#[test]
fn files_in_iso_images() {
    let (scene, wim) = nest(Compression::new(None));
    let tree = scene.path().join("tree");
    std::fs::create_dir_all(tree.join("sources")).unwrap();
    std::fs::rename(wim, tree.join("sources/install.wim")).unwrap();
    std::fs::write(tree.join("setup.exe"), "setup").unwrap();
    let image = scene.path().join("media.iso");
    let options = crate::iso::create::Options { label: "MEDIA".into(), bios: None, efi: None, share: true };
    crate::iso::create::create(&tree, &image, &options, Control::silent()).unwrap();

    let file = address(&image, "!/Sources/INSTALL.wim!/1/Windows/middle.wim!/1/Odd!/inner.wim!/1/file.txt");
    let source = open(&file, &OpenOptions::default()).unwrap();
    assert!(*crate::util::read_at::bytes_at(&*source, 0, 300_000).unwrap() == content(300_000)[..]);
    let problem = |rest: &str| open(&address(&image, rest), &OpenOptions::default()).err().unwrap().to_string();
    assert!(problem("!/sources").contains("this is a directory"));
    assert!(problem("!/sources/boot.wim").contains("there is no such file"));
}
