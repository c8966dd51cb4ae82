//! All that NTFS keeps of files: captured, applied and captured again, through the program.
//!
//! What the system lacks is found out by trying, and said loudly. On Windows itself, only what depends on privileges or
//! settings may be lacking.
#![cfg(windows)]
#![allow(clippy::print_stderr, reason = "what is not checked must be seen")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::windows::fs::MetadataExt;
use std::path::Path;
use support::scene::Scene;
use support::{arg, expect, json, stderr};
use wimkit::util::filetime::FileTime;
use wimkit::util::os::{self, CompactFormat, Dir, ReparsePoint, Restore, Times};
use wimkit::util::progress::Control;
use wimkit::util::utf16;
use wimkit::wim::capture::Options;
use wimkit::wim::metadata::reparse::{Link, MOUNT_POINT, SYMLINK};
use wimkit::wim::metadata::tagged::{EXTENDED_ATTRIBUTES, OBJECT_ID};
use wimkit::wim::metadata::{Attributes, Metadata, StreamKind};
use wimkit::wim::{ImageBuilder, ImageIndex, OpenOptions, Wim};

/// 2020-01-01, and a tick.
const TIME: FileTime = FileTime(132_223_104_000_000_001);
/// Some ticks later. Wine takes the last write for the creation.
const WRITTEN: FileTime = FileTime(TIME.0 + 30);
const OWN_OBJECT_ID: [u8; 64] = [7; 64];
/// The attribute USER with the value 1, 2, 3.
const OWN_ATTRIBUTES: [u8; 12] = [3, 0, 4, 0, b'U', b'S', b'E', b'R', 0, 1, 2, 3];
const COMMAND: &str = "\\??\\C:\\Windows\\System32\\cmd.exe";

/// What of a file comes back when it was set by the system's calls.
#[derive(Debug)]
struct System {
    hidden: bool,
    creation_times: bool,
    streams: bool,
    junctions: bool,
    symlinks: bool,
    descriptors: bool,
    short_names: bool,
    object_ids: bool,
    extended_attributes: bool,
    sparse: bool,
}

/// Says what is lacking, and insists on it if every Windows has it.
fn has(feature: &str, is_everywhere: bool, is_there: bool) -> bool {
    if !is_there {
        let is_wine = std::env::var_os("WINEPREFIX").is_some();
        assert!(is_wine || !is_everywhere, "Windows has {feature}: trying it out failed");
        eprintln!("\n######## SKIPPED: this system has no {feature} ########\n");
    }
    is_there
}

impl System {
    fn probe() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a file with a long name");
        fs::write(&file, "content").unwrap();
        let open = Dir::open(directory.path()).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap();
        let look = || os::look(&file).unwrap();
        let facts = || look().windows.expect("this is Windows");
        let restore = |what: &Restore<'_>| open.restore(Some(name), what).unwrap();

        let times = Times { creation: TIME, access: TIME, write: WRITTEN };
        restore(&Restore { attributes: Attributes::HIDDEN.0, times, ..Restore::default() });
        let hidden = facts().attributes & Attributes::HIDDEN.0 != 0;
        let creation_times = look().metadata.created().is_ok_and(|time| FileTime::from(time) == TIME);
        let descriptor = facts().security_descriptor.unwrap_or_default();
        let set = restore(&Restore { security_descriptor: Some(&descriptor), ..Restore::default() });
        let streams = open.create_stream(Some(name), "probe").is_ok() && facts().streams.len() == 1;
        let short_name = utf16::from_str("PROBE~1");
        let short_names = open.set_short_name(name, &short_name).is_ok() && facts().short_name == short_name;
        let junction = point(MOUNT_POINT, &Link::absolute("C:\\"));
        let junctions = open.create_reparse_point("junction", &junction, true).is_ok();
        let symlink = point(SYMLINK, &Link::relative("target"));
        let symlinks = open.create_reparse_point("symlink", &symlink, false).is_ok();
        restore(&Restore { object_id: Some(&OWN_OBJECT_ID), ..Restore::default() });
        let object_ids = facts().object_id == Some(OWN_OBJECT_ID);
        restore(&Restore { extended_attributes: Some(&OWN_ATTRIBUTES), ..Restore::default() });
        let extended_attributes = facts().extended_attributes == OWN_ATTRIBUTES;
        let is_sparse = os::make_sparse(&fs::File::options().write(true).open(&file).unwrap());
        let system = Self {
            hidden: has("attributes such as HIDDEN", true, hidden),
            creation_times: has("times of creation that can be set", true, creation_times),
            streams: has("named streams", true, streams),
            junctions: has("junctions", true, junctions),
            symlinks: has("symbolic links, or no privilege to make them", false, symlinks),
            descriptors: has(
                "security descriptors that can be set whole",
                true,
                !descriptor.is_empty() && !set.security_descriptor && facts().security_descriptor == Some(descriptor),
            ),
            short_names: has("short names, or no privilege to set them", false, short_names),
            object_ids: has("object ids, or no privilege to set them", false, object_ids),
            extended_attributes: has("extended attributes", true, extended_attributes),
            sparse: has("sparse files", true, is_sparse && facts().attributes & Attributes::SPARSE_FILE.0 != 0),
        };
        eprintln!("{system:?}");
        system
    }
}

fn point(tag: u32, link: &Link) -> ReparsePoint {
    ReparsePoint { tag, reserved: 0, data: link.encode(tag).unwrap() }
}

fn tree_of(wim: &Path) -> Metadata {
    Wim::open(wim, &OpenOptions::default()).unwrap().metadata(ImageIndex::FIRST).unwrap()
}

/// Everything that an image says about its entries, but for the numbers that writers give.
fn description(wim: &Path, system: &System) -> BTreeMap<String, String> {
    let tree = tree_of(wim);
    let describe = |entry: wimkit::wim::metadata::Entry<'_>| {
        let links: BTreeSet<String> =
            entry.links().into_iter().flatten().map(|link| tree.entry(*link).path()).collect();
        let streams: BTreeSet<String> = entry
            .streams()
            .map(|stream| format!("{:?} {:?} {}", stream.kind, stream.name.to_string(), stream.sha1))
            .collect();
        let is_kept = |tag| tag != OBJECT_ID || system.object_ids;
        let items = entry.tagged_items().filter(|item| is_kept(item.tag));
        let items: Vec<String> = items.map(|item| format!("{item:?}")).collect();
        // Looking at what is in a directory is an access.
        let access = (!entry.is_directory()).then(|| entry.access_time());
        let creation = system.creation_times.then(|| entry.creation_time());
        // The target of an image is a directory of its own.
        let is_root = entry.id() == wimkit::wim::metadata::DentryId::ROOT;
        let descriptor = entry.security_descriptor().filter(|_| !is_root && system.descriptors);
        format!(
            "{:?} {creation:?} {access:?} {:?} short {:?} links {links:?} streams {streams:?} {:?} items {items:?} {descriptor:?}",
            entry.attributes(),
            entry.write_time(),
            entry.short_name().to_string(),
            entry.reparse_tag(),
        )
    };
    tree.entries().map(|entry| (entry.path(), describe(entry))).collect()
}

#[track_caller]
fn assert_same_images(a: &Path, b: &Path, system: &System) {
    let (a, b) = (description(a, system), description(b, system));
    for (path, description) in &a {
        assert_eq!(Some(description), b.get(path), "{path}");
    }
    assert_eq!(a.len(), b.len());
}

/// A tree with whatever the system can hold.
fn make_tree(root: &Path, system: &System) {
    fs::create_dir_all(root.join("directory/below")).unwrap();
    fs::write(root.join("directory/file with a name.txt"), "content").unwrap();
    fs::write(root.join("directory/empty"), "").unwrap();
    fs::write(root.join("read only"), "content that stays").unwrap();
    fs::hard_link(root.join("directory/file with a name.txt"), root.join("link")).unwrap();
    fs::hard_link(root.join("directory/file with a name.txt"), root.join("directory/below/link")).unwrap();
    let sparse = fs::File::create_new(root.join("sparse")).unwrap();
    os::make_sparse(&sparse);
    sparse.set_len(1 << 20).unwrap();
    drop(sparse);
    if system.streams {
        for (name, content) in
            [("link:one", "first"), ("link:two", ""), ("directory:of it", "third"), ("read only:x", "first")]
        {
            fs::write(root.join(name), content).unwrap();
        }
        fs::write(root.join("read only:large"), vec![b'x'; 3 << 20]).unwrap();
    }
    let open = Dir::open(root).unwrap();
    if system.junctions {
        let inside = format!("{}\\directory", open.link_target().unwrap());
        open.create_reparse_point("junction", &point(MOUNT_POINT, &Link::absolute(&inside)), true).unwrap();
        open.create_reparse_point("outside", &point(MOUNT_POINT, &Link::absolute("C:\\Windows")), true).unwrap();
        // A tag of nobody's, with its GUID.
        let foreign = ReparsePoint { tag: 0x0000_0042, reserved: 0, data: (0..40).collect() };
        open.create_reparse_point("foreign", &foreign, false).unwrap();
    }
    if system.symlinks {
        open.create_reparse_point("symlink", &point(SYMLINK, &Link::relative("directory\\empty")), false).unwrap();
    }
    if system.short_names {
        open.set_short_name("link", &utf16::from_str("LINK~9")).ok();
    }
    let times = Times { creation: TIME, access: FileTime(TIME.0 + 20), write: WRITTEN };
    let attributes = Attributes::READONLY.0 | Attributes::HIDDEN.0 | Attributes::SYSTEM.0;
    let what = Restore {
        attributes,
        times,
        object_id: Some(&OWN_OBJECT_ID),
        extended_attributes: Some(&OWN_ATTRIBUTES),
        ..Restore::default()
    };
    open.restore(Some("read only"), &what).unwrap();
    let what = Restore { attributes: Attributes::HIDDEN.0 | Attributes::DIRECTORY.0, times, ..Restore::default() };
    open.restore(Some("directory"), &what).unwrap();
}

/// Object ids are the volume's: two files cannot have the same.
fn forget_object_id(root: &Path) {
    let path = root.join("read only");
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    #[expect(clippy::permissions_set_readonly_false, reason = "this is Windows")]
    permissions.set_readonly(false);
    fs::set_permissions(&path, permissions).unwrap();
    fs::remove_file(path).unwrap();
}

#[test]
fn a_tree_goes_round() {
    let system = System::probe();
    let scene = Scene::new();
    let (tree, target) = (scene.path("tree"), scene.path("target"));
    make_tree(&tree, &system);
    let (first, second) = (scene.path("first.wim"), scene.path("second.wim"));
    let captured = json(&["capture", arg(&tree), arg(&first)]);
    assert_eq!(captured["hard_links"], 2, "{captured}");
    let read_only = tree_of(&first);
    let read_only = read_only.lookup("read only").unwrap();
    assert!(read_only.attributes().contains(Attributes::READONLY));
    assert_eq!(read_only.attributes().contains(Attributes::HIDDEN), system.hidden);
    assert_eq!(read_only.write_time(), WRITTEN);
    let streams = read_only.streams().filter(|stream| stream.kind == StreamKind::Named).count();
    assert_eq!(streams, if system.streams { 2 } else { 0 });
    let has_item = |tag| read_only.tagged_items().any(|item| item.tag == tag);
    // Wine makes up one for every file.
    assert!(has_item(OBJECT_ID) || !system.object_ids);
    assert_eq!(has_item(EXTENDED_ATTRIBUTES), system.extended_attributes);
    assert_eq!(tree_of(&first).lookup("link").unwrap().link_count(), 3);
    let is_marked = tree_of(&first).lookup("sparse").unwrap().attributes().contains(Attributes::SPARSE_FILE);
    assert_eq!(is_marked, system.sparse);

    // Nothing is lost that the system has: what it lacks is not in the image.
    forget_object_id(&tree);
    let applied = json(&["apply", arg(&first), "1", arg(&target)]);
    let keeps_items = system.object_ids.then_some("tagged_items");
    for member in ["named_streams", "reparse_points", "attributes", "short_names"].into_iter().chain(keeps_items) {
        assert_eq!(applied[format!("omitted_{member}")], 0, "{member}: {applied}");
    }
    if system.descriptors {
        assert_eq!(applied["omitted_security_descriptors"], 0, "{applied}");
    }
    // Before anything else is read there: that is an access.
    expect(0, &["capture", arg(&target), arg(&second)]);
    assert_same_images(&first, &second, &system);
    let attributes = fs::metadata(target.join("read only")).unwrap().file_attributes();
    assert!(attributes & Attributes::READONLY.0 != 0);
    assert_eq!(fs::read(target.join("directory/below/link")).unwrap(), b"content");
    assert_eq!(fs::read(target.join("sparse")).unwrap(), vec![0; 1 << 20]);
    if system.streams {
        assert_eq!(fs::read(target.join("link:one")).unwrap(), b"first");
        assert_eq!(fs::read(target.join("directory:of it")).unwrap(), b"third");
        assert_eq!(fs::read(target.join("read only:large")).unwrap().len(), 3 << 20);
    }
    if system.junctions {
        let inside = fs::canonicalize(target.join("junction")).unwrap();
        assert_eq!(inside, fs::canonicalize(target.join("directory")).unwrap(), "it moved with the tree");
        assert_eq!(fs::read_link(target.join("outside")).unwrap(), Path::new("C:\\Windows"));
    }

    // Over what is there, READONLY or not.
    expect(0, &["apply", arg(&first), "1", arg(&target), "--overwrite", "--no-security"]);
}

/// An image with everything, be the system able to hold it or not.
fn everything() -> ImageBuilder {
    let mut image = ImageBuilder::new();
    let file = image.file("directory/file", "content").unwrap();
    image.set_attributes(file, Attributes::HIDDEN | Attributes::ARCHIVE);
    image.stream(file, "stream", "of the file").unwrap();
    image.set_short_name(file, "FILE~7");
    image.add_tagged_item(file, EXTENDED_ATTRIBUTES, &OWN_ATTRIBUTES);
    image.set_times(file, TIME, TIME, WRITTEN);
    image.reparse_point("app.exe", 0x8000_001B, utf16::from_str(COMMAND), false).unwrap();
    image.junction("junction", "C:\\directory").unwrap();
    image
}

#[test]
fn what_the_system_lacks_is_told() {
    let system = System::probe();
    let scene = Scene::new();
    let (wim, target) = (scene.path("a.wim"), scene.path("target"));
    everything().write(&wim, &Options::default(), Control::silent()).unwrap();
    let output = support::wimkit(&["apply", arg(&wim), "1", arg(&target), "--json"]);
    let applied: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let lacking = |has: bool| u64::from(!has);
    assert_eq!(applied["omitted_named_streams"], lacking(system.streams), "{applied}");
    assert_eq!(applied["omitted_attributes"], lacking(system.hidden), "{applied}");
    assert_eq!(applied["omitted_short_names"], lacking(system.short_names), "{applied}");
    assert_eq!(applied["omitted_tagged_items"], lacking(system.extended_attributes), "{applied}");
    let refused = applied["refused"].as_array().unwrap().len() as u64;
    let omitted = applied["omitted_reparse_points"].as_u64().unwrap();
    assert_eq!(refused + omitted, 2 * lacking(system.junctions), "{applied}");
    assert_eq!(output.status.code(), Some(i32::from(refused > 0)), "{}", stderr(&output));
    let metadata = fs::metadata(target.join("directory/file")).unwrap();
    assert_eq!(FileTime(metadata.last_write_time()), WRITTEN);
    assert_eq!(FileTime(metadata.creation_time()) == TIME, system.creation_times);
}

#[test]
fn compacting_works_or_is_refused() {
    let scene = Scene::new();
    let (wim, target) = (scene.path("a.wim"), scene.path("target"));
    let mut image = ImageBuilder::new();
    image.file("file", vec![b'x'; 1 << 20]).unwrap();
    image.write(&wim, &Options::default(), Control::silent()).unwrap();
    let open = Dir::open(scene.root()).unwrap();
    let can = open.check_compact(CompactFormat::Xpress4k).is_ok();
    let apply = ["apply", arg(&wim), "1", arg(&target), "--compact=lzx"];
    if has("Windows Overlay Filter", false, can) {
        let applied = json(&apply);
        assert_eq!(applied["not_compacted"], 0, "{applied}");
        assert_eq!(fs::read(target.join("file")).unwrap(), vec![b'x'; 1 << 20]);
    } else {
        let output = expect(2, &apply);
        assert!(stderr(&output).contains("cannot be compacted here"), "{}", stderr(&output));
        assert!(!target.exists());
    }
}

#[test]
fn a_file_that_is_added_brings_what_it_has() {
    let system = System::probe();
    let scene = Scene::new();
    let (wim, tree, file) = (scene.path("a.wim"), scene.path("tree"), scene.path("added"));
    fs::create_dir(&tree).unwrap();
    fs::write(&file, "content").unwrap();
    if system.streams {
        fs::write(scene.path("added:stream"), "of it").unwrap();
    }
    let times = Times { creation: TIME, access: TIME, write: TIME };
    let what = Restore { attributes: Attributes::HIDDEN.0, times, ..Restore::default() };
    Dir::open(scene.root()).unwrap().restore(Some("added"), &what).unwrap();
    expect(0, &["capture", arg(&tree), arg(&wim)]);
    let command = format!("add \"{}\" /new/file", arg(&file));
    expect(0, &["update", arg(&wim), "1", "--command", &command]);
    let tree = tree_of(&wim);
    let entry = tree.lookup("new/file").unwrap();
    assert_eq!((entry.write_time(), entry.attributes().contains(Attributes::HIDDEN)), (TIME, system.hidden));
    assert_eq!(entry.streams().filter(|stream| stream.kind == StreamKind::Named).count(), usize::from(system.streams));
    assert!(entry.security_descriptor().is_some());
}

#[test]
fn a_revision_takes_what_ntfs_holds_from_the_directory() {
    let system = System::probe();
    let scene = Scene::new();
    let [old, new, target] = ["old.wim", "new.wim", "target"].map(|name| scene.path(name));
    let mut image = everything();
    image.set_security_descriptor(ImageBuilder::ROOT, b"that of the root");
    image.write(&old, &Options { name: "Old".into(), ..Options::default() }, Control::silent()).unwrap();
    support::wimkit(&["apply", arg(&old), "1", arg(&target)]);
    fs::write(target.join("directory/new"), "new").unwrap();
    if system.streams {
        fs::write(target.join("directory/file:stream"), "another").unwrap();
    }
    // The time of the last write is that of the whole file.
    let open = Dir::open(&target.join("directory")).unwrap();
    let times = Times { creation: TIME, access: TIME, write: WRITTEN };
    open.restore(Some("file"), &Restore { attributes: Attributes::READONLY.0, times, ..Restore::default() }).unwrap();
    let address = format!("{}!/1", arg(&old));
    let done = json(&["capture", arg(&target), arg(&new), "--update-of", &address, "--revise"]);
    assert_eq!(done["reused_files"], 1, "{done}");
    expect(0, &["verify", arg(&new)]);
    let tree = tree_of(&new);
    assert_eq!(tree.root().security_descriptor(), Some(&b"that of the root"[..]));
    let file = tree.lookup("directory/file").unwrap();
    assert!(file.attributes().contains(Attributes::READONLY), "{:?}", file.attributes());
    assert_eq!(file.write_time(), WRITTEN);
    assert_eq!(file.short_name().to_string(), "FILE~7", "also where the volume has no such names");
    if system.streams {
        let stream = file.streams().find(|stream| stream.kind == StreamKind::Named).unwrap();
        assert_eq!(stream.sha1, wimkit::util::sha1::Sha1::of(b"another"));
    }
    if system.descriptors {
        assert!(tree.lookup("directory/new").unwrap().security_descriptor().is_some());
    }
    let wim = Wim::open(&new, &OpenOptions::default()).unwrap();
    assert_eq!(wim.xml().image(1).unwrap().name().as_deref(), Some("Old"));
}
