//! Mounting images: what is seen through the kernel agrees with what is extracted.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stderr, reason = "a skipped test must be seen")]

mod support;

use assert_cmd::cargo::cargo_bin;
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use support::scene::Scene;
use support::{Noise, arg, assert_same_tree, make_tree, run};
use wimkit::util::sha1::Sha1;
use wimkit::wim::blob_table::Entry;
use wimkit::wim::header::{HEADER_SIZE, Header, ResourceHeader, resource_flag};
use wimkit::wim::metadata::reparse::{Link, MOUNT_POINT};
use wimkit::wim::metadata::{Attributes, NewFile, NewStream, TreeBuilder};

fn wimkit(arguments: &[&str]) -> Output {
    let output = Command::new(cargo_bin("wimkit")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Whether images can be mounted here; says loudly if not.
fn can_mount() -> bool {
    let may = fs::OpenOptions::new().read(true).write(true).open("/dev/fuse").is_ok();
    let helped = rustix::process::geteuid().is_root() || Command::new("fusermount3").arg("-V").output().is_ok();
    if !(may && helped) {
        eprintln!("\n######## SKIPPED: FUSE is not available (/dev/fuse, and root or fusermount3) ########\n");
    }
    may && helped
}

/// The device of the topmost mount on a directory.
fn mounted_device(dir: &Path) -> Option<String> {
    let table = fs::read_to_string("/proc/self/mounts").unwrap();
    let on = |line: &&str| line.split(' ').nth(1) == dir.to_str();
    table.lines().rfind(on).map(|line| line.split(' ').next().unwrap().to_owned())
}

/// An image that is mounted until this is dropped.
struct Mounted {
    child: Child,
    dir: PathBuf,
    stderr: PathBuf,
}

impl Mounted {
    fn new(scene: &Path, arguments: &[&str]) -> Self {
        let (dir, stderr) = (scene.join("mounted"), scene.join("stderr"));
        fs::create_dir_all(&dir).unwrap();
        let mut command = Command::new(cargo_bin("wimkit"));
        command.arg("mount").args(arguments).arg(&dir).stdin(Stdio::null());
        let child = command.stderr(fs::File::create(&stderr).unwrap()).spawn().unwrap();
        let mut mounted = Self { child, dir, stderr };
        mounted.wait_until(|mounted| mounted_device(&mounted.dir).is_some());
        assert!(mounted_device(&mounted.dir).unwrap().starts_with("wimkit"));
        mounted
    }

    fn wait_until(&mut self, mut done: impl FnMut(&mut Self) -> bool) {
        let begun = Instant::now();
        while !done(self) {
            assert!(begun.elapsed() < Duration::from_secs(60), "{}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn kill(&self, signal: &str) {
        run("kill", &[signal, &self.child.id().to_string()]);
    }

    /// Waits for its end, which must be a clean one and leave nothing mounted.
    fn ended(mut self) -> String {
        self.wait_until(|mounted| mounted.child.try_wait().unwrap().is_some());
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{}", self.said());
        assert_eq!(mounted_device(&self.dir), None);
        self.said()
    }

    /// Peak and present of a line of the process's status, in KiB.
    fn anonymous_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Nothing to do after a clean end; after a failed assertion, leave no mount behind.
        if matches!(self.child.try_wait(), Ok(None)) {
            self.kill("-INT");
            let _ = self.child.wait();
        }
    }
}

impl Scene {
    fn mount(&self, arguments: &[&str]) -> Mounted {
        Mounted::new(self.root(), arguments)
    }

    /// A captured tree: where it is, and the file.
    fn captured(&self, options: &[&str]) -> (PathBuf, PathBuf) {
        let (tree, wim) = (self.path("tree"), self.path("a.wim"));
        if !tree.exists() {
            make_tree(&tree);
        }
        wimkit(&[&["capture", arg(&tree), arg(&wim), "--force"], options].concat());
        (tree, wim)
    }
}

#[test]
fn what_is_seen_is_what_is_extracted() {
    if !can_mount() {
        return;
    }
    let scene = Scene::new();
    let cases: [&[&str]; 5] = [
        &["--compress", "none"],
        &["--compress", "xpress"],
        &["--compress", "lzx"],
        &["--solid", "--solid-chunk-size", "1M"],
        // Chunks large enough for the file of decoded data.
        &["--solid", "--solid-chunk-size", "8M"],
    ];
    for options in cases {
        let (tree, wim) = scene.captured(options);
        let target = scene.path("extracted");
        wimkit(&["extract", arg(&wim), "1", "--to", arg(&target)]);
        let mounted = scene.mount(&[arg(&wim), "1"]);
        assert_same_tree(&target, &mounted.dir, &format!("{options:?}"));
        assert_same_tree(&tree, &mounted.dir, &format!("{options:?}"));
        let sums = |root: &Path| {
            let script = "cd \"$0\" && find . -type f -print0 | sort -z | xargs -0 sha1sum";
            run("sh", &["-c", script, arg(root)]).stdout
        };
        assert!(sums(&target) == sums(&mounted.dir), "{options:?}: find and sha1sum");
        mounted.kill("-INT");
        let said = mounted.ended();
        assert_eq!(said.lines().count(), 1, "{said}");
        fs::remove_dir_all(target).unwrap();
    }
}

#[test]
fn attributes_are_those_of_the_image() {
    if !can_mount() {
        return;
    }
    let scene = Scene::new();
    let (tree, wim) = scene.captured(&[]);
    let mounted = scene.mount(&[arg(&wim), "1", "--uid", "12", "--gid", "34"]);
    let (file, link) = (mounted.path("Windows/System32/mixed.dll"), mounted.path("hard link.dll"));
    let (file, link) = (file.metadata().unwrap(), link.metadata().unwrap());
    assert_eq!((file.ino(), file.nlink(), file.len()), (link.ino(), 2, 600_000));
    assert_eq!(file.permissions().mode() & 0o7777, 0o444);
    assert_eq!((file.uid(), file.gid()), (12, 34));
    let original = tree.join("Windows/System32/mixed.dll").metadata().unwrap();
    assert_eq!(file.mtime(), original.mtime());
    // Windows counts in ticks of 100 ns.
    assert_eq!(file.mtime_nsec() / 100, original.mtime_nsec() / 100);
    let directory = mounted.path("Windows").metadata().unwrap();
    assert_eq!((directory.permissions().mode() & 0o7777, directory.nlink()), (0o555, 6));
    assert_eq!(fs::metadata(mounted.path("WINDOWS/system32/Mixed.DLL")).unwrap().ino(), file.ino());
    assert_eq!(fs::read_link(mounted.path("symbolic link")).unwrap(), Path::new("Windows/System32/mixed.dll"));
    assert_eq!(fs::canonicalize(mounted.path("symbolic link")).unwrap(), mounted.path("Windows/System32/mixed.dll"));
    let refused = fs::write(mounted.path("new"), b"x").unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
    let stat = rustix::fs::statvfs(&mounted.dir).unwrap();
    assert!(stat.f_blocks * stat.f_frsize >= 3 * 2_500_000 && stat.f_bavail == 0);
    mounted.kill("-TERM");
    mounted.ended();
}

/// A WIM of one image, with its contents stored as they are: what no tree on Linux can be captured to.
fn stored_image(tree: &TreeBuilder, contents: &[&[u8]]) -> Vec<u8> {
    let mut file = vec![0; HEADER_SIZE];
    let mut table = Vec::new();
    let mut store = |bytes: &[u8], flags: u8, table: Option<&mut Vec<u8>>| {
        let size = bytes.len() as u64;
        let offset_in_wim = file.len() as u64;
        let resource = ResourceHeader { size_in_wim: size, flags, offset_in_wim, uncompressed_size: size };
        file.extend(bytes);
        if let Some(table) = table {
            let entry = Entry { resource, part_number: 1, reference_count: 1, sha1: Sha1::of(bytes) };
            table.extend(entry.encode());
        }
        resource
    };
    store(&tree.encode().unwrap(), resource_flag::METADATA, Some(&mut table));
    for content in contents {
        store(content, 0, Some(&mut table));
    }
    let mut header = Header::new(None, 0);
    header.image_count = 1;
    header.blob_table = store(&table, resource_flag::METADATA, None);
    let xml: Vec<u8> = "\u{feff}<WIM><IMAGE INDEX=\"1\"/></WIM>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    header.xml = store(&xml, resource_flag::METADATA, None);
    file[..HEADER_SIZE].copy_from_slice(&header.encode());
    file
}

#[test]
fn named_streams_are_attributes_and_files() {
    if !can_mount() {
        return;
    }
    let scene = Scene::new();
    let mut tree = TreeBuilder::new();
    let large = vec![7; 70_000];
    let file = NewFile::file("file.txt", Sha1::of(b"data")).with_attributes(Attributes::HIDDEN);
    let file = file.with_stream(NewStream::named("Zone.Identifier", Sha1::of(b"[ZoneTransfer]")));
    tree.add(TreeBuilder::ROOT, file.with_stream(NewStream::named("large", Sha1::of(&large))));
    let junction = Link::absolute("C:\\Users").encode(MOUNT_POINT).unwrap();
    let junction_to = NewFile::reparse_point("Documents and Settings", MOUNT_POINT, Sha1::of(&junction));
    tree.add(TreeBuilder::ROOT, junction_to.with_attributes(Attributes::DIRECTORY));
    tree.add(TreeBuilder::ROOT, NewFile::directory("Users"));
    let wim = scene.path("a.wim");
    fs::write(&wim, stored_image(&tree, &[b"data", b"[ZoneTransfer]", &large, &junction])).unwrap();

    let mounted = scene.mount(&[arg(&wim), "1"]);
    let file = mounted.path("file.txt");
    let attribute = |name: &str| {
        let mut value = vec![0; 1000];
        rustix::fs::getxattr(&file, name, &mut value[..]).map(|nbytes| value[..nbytes].to_vec())
    };
    assert_eq!(attribute("user.Zone.Identifier").unwrap(), b"[ZoneTransfer]");
    assert_eq!(attribute("user.none"), Err(rustix::io::Errno::NODATA));
    assert_eq!(attribute("user.large"), Err(rustix::io::Errno::TOOBIG));
    assert_eq!(attribute("system.ntfs_attrib").unwrap(), [2, 0, 0, 0]);
    let mut names = [0; 100];
    let nbytes = rustix::fs::listxattr(&file, &mut names[..]).unwrap();
    assert_eq!(names[..nbytes], b"user.Zone.Identifier\0user.large\0"[..]);
    assert!(fs::read(mounted.path("FILE.TXT:large")).unwrap() == large);
    assert_eq!(fs::read_link(mounted.path("Documents and Settings")).unwrap(), Path::new("Users"));
    assert!(mounted.path("Documents and Settings/").is_dir());
    mounted.kill("-INT");
    mounted.ended();
}

#[test]
fn twenty_readers_at_once_agree() {
    if !can_mount() {
        return;
    }
    let scene = Scene::new();
    for options in [&["--compress", "lzx"][..], &["--solid", "--solid-chunk-size", "4M"]] {
        let (tree, wim) = scene.captured(options);
        let expected = fs::read(tree.join("Windows/noise/2500000.bin")).unwrap();
        let text = fs::read(tree.join("Windows/text/2500000.txt")).unwrap();
        // A cache of one chunk, and no help of the kernel's: everything is decoded again and again.
        let mounted = scene.mount(&[arg(&wim), "1", "--cache", "0"]);
        std::thread::scope(|scope| {
            for reader in 0..20_u64 {
                let (mounted, expected, text) = (&mounted, &expected, &text);
                scope.spawn(move || {
                    let mut noise = Noise(0x9E37_79B9 + reader);
                    let file = fs::File::open(mounted.path("Windows/noise/2500000.bin")).unwrap();
                    for _ in 0..50 {
                        let at = noise.next() as usize % (expected.len() - 5000);
                        let mut part = vec![0; 5000];
                        file.read_exact_at(&mut part, at as u64).unwrap();
                        assert!(part == expected[at..at + 5000], "reader {reader} at {at}");
                    }
                    assert!(fs::read(mounted.path("Windows/text/2500000.txt")).unwrap() == *text, "reader {reader}");
                    assert_same_tree(&tree_of(mounted, "odd"), &mounted.path("odd"), "itself");
                });
            }
        });
        mounted.kill("-INT");
        mounted.ended();
    }
}

fn tree_of(mounted: &Mounted, name: &str) -> PathBuf {
    mounted.dir.parent().unwrap().join("tree").join(name)
}

#[test]
fn damage_is_an_error_of_input_and_is_told() {
    if !can_mount() {
        return;
    }
    let scene = Scene::new();
    let (tree, wim) = scene.captured(&["--compress", "none"]);
    // Contents are stored as they are: one bit of one of them.
    let mut bytes = fs::read(&wim).unwrap();
    let content = fs::read(tree.join("Windows/noise/300000.bin")).unwrap();
    let at = bytes.windows(64).position(|window| window == &content[1000..1064]).unwrap();
    bytes[at] ^= 1;
    fs::write(&wim, bytes).unwrap();
    let mounted = scene.mount(&[arg(&wim), "1"]);
    for _ in 0..2 {
        let error = fs::read(mounted.path("Windows/noise/300000.bin")).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::IO.raw_os_error()), "{error}");
    }
    assert_eq!(fs::read(mounted.path("Windows/noise/100000.bin")).unwrap().len(), 100_000);
    mounted.kill("-INT");
    let said = mounted.ended();
    let expected = String::from_utf8(run("sha1sum", &[arg(&tree.join("Windows/noise/300000.bin"))]).stdout).unwrap();
    let told = said.lines().find(|line| line.contains("!/1/Windows/noise/300000.bin")).expect(&said);
    assert!(told.contains(&expected[..40]) && told.contains("hashes to"), "{told}");
}

#[test]
fn images_in_images_are_directories() {
    if !can_mount() {
        return;
    }
    let scene = Scene::new();
    let (tree, inner) = scene.captured(&["--compress", "lzx"]);
    let (outer_tree, outer) = (scene.path("outer tree"), scene.path("outer.wim"));
    fs::create_dir_all(outer_tree.join("sources")).unwrap();
    fs::copy(&inner, outer_tree.join("sources/winre.wim")).unwrap();
    wimkit(&["capture", arg(&outer_tree), arg(&outer), "--solid", "--solid-chunk-size", "1M"]);
    let names = |path: PathBuf| {
        let mut names: Vec<_> =
            fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let mounted = scene.mount(&[arg(&outer), "1"]);
    assert_eq!(names(mounted.path("sources")), ["winre.wim"]);
    assert_eq!(names(mounted.path("sources/winre.wim!")), ["1"]);
    assert_same_tree(&tree, &mounted.path("sources/winre.wim!/1"), "nested");
    mounted.kill("-INT");
    mounted.ended();

    let mounted = scene.mount(&[arg(&outer), "all", "--nested"]);
    assert_eq!(names(mounted.path("1/sources")), ["winre.wim", "winre.wim!"]);
    let found = run("find", &[arg(&mounted.dir), "-name", "mixed.dll"]).stdout;
    assert!(String::from_utf8(found).unwrap().contains("1/sources/winre.wim!/1/Windows/System32/mixed.dll"));
    mounted.kill("-INT");
    mounted.ended();
}

#[test]
fn every_end_leaves_nothing_mounted() {
    if !can_mount() {
        return;
    }
    let scene = Scene::new();
    let (_, wim) = scene.captured(&[]);
    for signal in ["-INT", "-TERM", "-HUP"] {
        let mounted = scene.mount(&[arg(&wim), "1"]);
        mounted.kill(signal);
        mounted.ended();
    }
    let mounted = scene.mount(&[arg(&wim), "1"]);
    wimkit(&["unmount", arg(&mounted.dir)]);
    mounted.ended();

    // In use: `unmount` refuses, Ctrl-C takes it away all the same.
    let mounted = scene.mount(&[arg(&wim), "1"]);
    let mut file = fs::File::open(mounted.path("Windows/noise/300000.bin")).unwrap();
    let output = Command::new(cargo_bin("wimkit")).args(["unmount", arg(&mounted.dir)]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("it is in use"));
    file.seek(SeekFrom::Start(100)).unwrap();
    file.read_exact(&mut [0; 10]).unwrap();
    mounted.kill("-INT");
    assert!(mounted.ended().contains("was still in use"));
}

#[test]
fn a_mount_whose_program_was_killed_is_cleared_away() {
    if !can_mount() {
        return;
    }
    let scene = Scene::new();
    let (_, wim) = scene.captured(&[]);
    let mut mounted = scene.mount(&[arg(&wim), "1"]);
    mounted.kill("-KILL");
    mounted.child.wait().unwrap();
    assert!(fs::read_dir(&mounted.dir).is_err());
    wimkit(&["unmount", arg(&mounted.dir)]);
    assert_eq!(mounted_device(&mounted.dir), None);
}

#[test]
fn only_our_own_mounts_are_unmounted() {
    let scene = Scene::new();
    let output = Command::new(cargo_bin("wimkit")).args(["unmount", arg(scene.root())]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nothing that wimkit has mounted"));
}

#[test]
fn a_mount_point_that_is_none() {
    let scene = Scene::new();
    let (_, wim) = scene.captured(&["--compress", "none"]);
    let file = scene.path("file");
    fs::write(&file, b"").unwrap();
    for dir in [file, scene.path("nowhere")] {
        let output = Command::new(cargo_bin("wimkit")).args(["mount", arg(&wim), "1", arg(&dir)]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("cannot mount"));
    }
}

/// The bound that the guide states: the cache, a chunk for each thread, the tree, and 32 MiB for the rest.
#[test]
fn memory_is_bounded_by_the_cache() {
    if !can_mount() {
        return;
    }
    let scene = Scene::new();
    let tree = scene.path("tree");
    fs::create_dir_all(&tree).unwrap();
    let mut noise = Noise(7);
    for number in 0..24 {
        fs::write(tree.join(format!("{number}.bin")), noise.text(4 << 20)).unwrap();
    }
    let (_, wim) = scene.captured(&["--compress", "xpress"]);
    for (cache, limit) in [("4M", 40 << 10), ("64M", 100 << 10)] {
        let mounted = scene.mount(&[arg(&wim), "1", "--cache", cache, "--threads", "2"]);
        let mut most = 0;
        for number in 0..24 {
            assert_eq!(fs::read(mounted.path(&format!("{number}.bin"))).unwrap().len(), 4 << 20);
            most = most.max(mounted.anonymous_memory());
        }
        eprintln!("cache {cache}: {most} KiB of anonymous memory");
        assert!(most < limit, "cache {cache}: {most} KiB");
        mounted.kill("-INT");
        mounted.ended();
    }
}
