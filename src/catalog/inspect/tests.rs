use super::*;

/// A container in memory.
#[derive(Default)]
struct Fake {
    files: Vec<(&'static str, Content)>,
}

enum Content {
    File(Vec<u8>),
    Container(Fake),
    Damaged,
}

impl Fake {
    fn with(mut self, path: &'static str, content: Content) -> Self {
        self.files.push((path, content));
        self
    }

    fn file(self, path: &'static str, content: impl AsRef<[u8]>) -> Self {
        self.with(path, Content::File(content.as_ref().to_vec()))
    }

    fn container(self, path: &'static str, container: Fake) -> Self {
        self.with(path, Content::Container(container))
    }

    fn damaged(self, path: &'static str) -> Self {
        self.with(path, Content::Damaged)
    }
}

impl Members for &Fake {
    fn paths(&self) -> Vec<&str> {
        self.files.iter().map(|(path, _)| *path).collect()
    }

    fn size(&self, member: usize) -> u64 {
        match &self.files[member].1 {
            Content::File(bytes) => bytes.len() as u64,
            Content::Container(_) => 1000,
            Content::Damaged => u64::MAX >> 32,
        }
    }

    fn read(&self, member: usize, limit: usize) -> Result<Vec<u8>, String> {
        match &self.files[member].1 {
            Content::File(bytes) if bytes.len() <= limit => Ok(bytes.clone()),
            _ => Err("it is damaged".into()),
        }
    }

    fn open(&self, members: &[usize], receive: &mut Receive<'_>) {
        members.iter().for_each(|member| match &self.files[*member].1 {
            Content::Container(container) => receive(*member, Ok(Box::new(container))),
            _ => receive(*member, Err("this is no container".into())),
        });
    }
}

/// What these members are.
fn inspect(fake: &Fake, name: &str) -> Result<PackageInfo, InspectError> {
    inspect_members(&fake, name)
}

fn package(identity: &str, inside: &str) -> Fake {
    let identity: Identity = identity.parse().unwrap();
    let mum = format!(
        r#"<assembly creationTimeStamp="2024-08-30T00:00:00Z"><assemblyIdentity name="{}" version="{}"
        processorArchitecture="{}" language="{}" publicKeyToken="{}"/>{inside}</assembly>"#,
        identity.name, identity.version, identity.architecture, identity.language, identity.token
    );
    Fake::default().file("update.mum", mum).file("update.cat", "")
}

const LCU: &str = "Package_for_RollupFix~31bf3856ad364e35~amd64~~26100.1742.1.10";
const SSU: &str = "Package_for_ServicingStack_1738~31bf3856ad364e35~amd64~~26100.1738.1.0";

fn family_names(info: &PackageInfo) -> Vec<&str> {
    info.families.iter().flat_map(|family| family.releases).copied().collect()
}

#[test]
fn a_single_package() {
    let inside = r#"<package identifier="KB5000001" releaseType="Security Update" restart="possible"/>"#;
    let info = inspect(&package(LCU, inside), "anything.cab").unwrap();
    assert_eq!((info.class, info.kb), (Class::Cumulative, Some(Kb(5_000_001))));
    assert_eq!(info.identity.as_ref().unwrap().to_string(), LCU);
    assert_eq!((info.architecture, info.language.as_deref()), (Some(Architecture::X64), None));
    assert_eq!(info.build, Some((26100, 1742)));
    assert!(info.is_known_checkpoint() && !info.is_combined());
    assert_eq!(family_names(&info), ["Windows 11 24H2", "Windows 11 25H2", "Windows Server 2025"]);
    let month = Month { year: 2024, month: 8 };
    assert_eq!(info.month, Some(ReleaseMonth { month, is_stated: false }));
    assert_eq!((info.release_type.as_deref(), info.restart.as_deref()), (Some("Security Update"), Some("possible")));
}

#[test]
fn names_are_hints() {
    let info = inspect(&package("X~~~~1.0.0.0", ""), "2024-09 windows11.0-kb5043080-arm64.msu").unwrap();
    assert_eq!((info.kb, info.architecture), (Some(Kb(5_043_080)), Some(Architecture::Arm64)));
    assert_eq!(info.month, Some(ReleaseMonth { month: Month { year: 2024, month: 9 }, is_stated: true }));
    let info = inspect(&package(LCU, r#"<package identifier="KB5000001"/>"#), "KB5043080-x86.cab").unwrap();
    assert_eq!((info.kb, info.architecture), (Some(Kb(5_000_001)), Some(Architecture::X64)), "content comes first");
}

#[test]
fn an_msu_is_what_is_in_it() {
    let msu = || {
        Fake::default()
            .damaged("WSUSSCAN.cab")
            .damaged("DesktopDeployment_x86.cab")
            .container("SSU-26100.1738-x64.cab", package(SSU, ""))
            .container("Windows11.0-KB5043080-x64.wim", package(LCU, "").file("express.psf.cix.xml", ""))
            .file("Windows11.0-KB5043080-x64.psf", "")
    };
    let info = inspect(&msu(), "a.msu").unwrap();
    assert_eq!((info.class, &*info.name), (Class::Cumulative, "a.msu"));
    assert!(info.is_combined() && info.has_psf && info.problems.is_empty());
    let classes: Vec<Class> = info.packages.iter().map(|inner| inner.class).collect();
    assert_eq!(classes, [Class::ServicingStack, Class::Cumulative]);
    assert_eq!(info.packages[1].kb, Some(Kb(5_043_080)), "by the name of the member");

    let with_database = |name| msu().container("onepackage.AggregatedMetadata.cab", Fake::default().file(name, ""));
    let class = |fake: Fake| inspect(&fake, "a.msu").unwrap().class;
    assert_eq!(class(with_database("LCUCompDB_KB1.xml.cab")), Class::Cumulative);
    assert_eq!(class(with_database("HotpatchCompDB_KB1.xml.cab")), Class::Hotpatch);
}

#[test]
fn properties_fill_in_what_the_package_lacks() {
    let properties =
        "Build Date=\"2012/11/03\"\r\nKB Article Number=\"2780124\"\r\nProcessor Architecture=\"amd64\"\r\n";
    let bare = r#"<assembly><assemblyIdentity name="X" version="1.0.0.0"/></assembly>"#;
    let msu = Fake::default()
        .container("Windows6.1-x.cab", Fake::default().file("update.mum", bare))
        .file("Windows6.1-x-pkgProperties.txt", properties);
    let info = inspect(&msu, "x.msu").unwrap();
    assert_eq!((info.kb, info.architecture), (Some(Kb(2_780_124)), Some(Architecture::X64)));
    assert_eq!(info.month.unwrap().month.to_string(), "2012-11");
}

#[test]
fn a_damaged_member_is_told_and_the_rest_is_read() {
    let msu = Fake::default().container("a.cab", package(LCU, "")).damaged("b.cab");
    let info = inspect(&msu, "x.msu").unwrap();
    assert_eq!(info.class, Class::Cumulative);
    assert_eq!(info.problems, ["x.msu: b.cab: this is no container"]);
    let error = inspect(&Fake::default().damaged("b.cab"), "x.msu").unwrap_err();
    assert!(matches!(error, InspectError::Inner { .. }), "{error}");
    let error = inspect(&Fake::default().file("update.mum", "DCM\x01PA30"), "x.cab").unwrap_err();
    assert!(error.hint().is_some(), "{error}");
}

#[test]
fn containers_without_end() {
    let mut inner = package(LCU, "");
    for _ in 0..MAX_DEPTH - 1 {
        inner = Fake::default().container("x.msu", inner);
    }
    assert_eq!(inspect(&inner, "x.msu").unwrap().class, Class::Cumulative);
    let error = inspect(&Fake::default().container("x.msu", inner), "x.msu").unwrap_err();
    assert!(matches!(error, InspectError::Inner { .. }), "{error}");
    assert!(error.to_string().contains("more than 4 deep"), "{error}");
}

#[test]
fn containers_without_number() {
    let many = (0..70).fold(Fake::default(), |msu, _| msu.container("x.cab", package(LCU, "")));
    let info = inspect(&many, "x.msu").unwrap();
    assert_eq!((info.packages.len(), info.problems.len()), (64, 1));
    assert_eq!(info.problems[0], "x.msu: x.cab: too much is in containers; not looked into, nor are 5 more");
}

#[test]
fn a_package_in_several_cabinets() {
    let stack = "amd64_microsoft-windows-servicingstack_31bf3856ad364e35_1.manifest";
    let divided = Fake::default()
        .file("cablist.ini", "")
        .container("Cab_1_for_KB5000001.cab", package("Package_for_KB5000001~~x86~~10.0.1.0", ""))
        .container("Cab_2_for_KB5000001.cab", Fake::default().file(stack, ""));
    let info = inspect(&divided, "x.cab").unwrap();
    assert_eq!((info.class, info.kb), (Class::ServicingStack, Some(Kb(5_000_001))));
    assert!(info.packages.is_empty());
}

#[test]
fn what_a_package_is_for() {
    let parent = |version: &str| {
        format!(
            r#"<package><parent revisionCompare="GE"><assemblyIdentity name="E" version="{version}"/></parent></package>"#
        )
    };
    let dotnet = "Package_for_DotNetRollup_481~~amd64~~10.0.9347.1";
    let windows_7 = vec!["Windows 7 SP1", "Windows Server 2008 R2 SP1"];
    for (identity, inside, releases) in [
        (dotnet, String::new(), vec![]),
        (dotnet, parent("10.0.22631.1"), vec!["Windows 11 22H2", "Windows 11 23H2"]),
        ("Package_for_KB2780124~~x86~~6.1.1.0", parent("6.1.7601.17514"), windows_7),
        ("Package_for_SafeOSDU~~amd64~~22000.9.1.0", String::new(), vec!["Windows 11 21H2"]),
    ] {
        let info = inspect(&package(identity, &inside), "x.cab").unwrap();
        assert_eq!(family_names(&info), releases, "{identity}");
    }
    let later = LCU.replace("1742", "4000");
    let baseline = |version| inspect(&package(&later, &parent(version)), "x").unwrap().baseline();
    assert_eq!(baseline("10.0.26100.1742"), Some((26100, 1742)));
    assert_eq!(baseline("10.0.26100.1"), None);
}

#[test]
fn nothing_that_is_known() {
    let info = inspect(&Fake::default().file("readme.txt", ""), "x.cab").unwrap();
    assert_eq!((info.class, info.kb), (Class::Unknown, None));
}

#[test]
fn images_in_images() {
    use crate::util::read_at::ReadAt;
    use crate::wim::metadata::TreeBuilder;
    use crate::wim::test_image::Sample;
    use std::path::Path;

    let image = |files: &[(&str, &[u8])]| {
        let mut sample = Sample::default();
        files.iter().for_each(|(name, content)| _ = sample.file(TreeBuilder::ROOT, name, content));
        sample.bytes()
    };
    let manifest = |identity: &str| {
        let Content::File(bytes) = package(identity, "").files.remove(0).1 else { panic!() };
        image(&[("update.mum", &bytes)])
    };
    let msu = image(&[
        ("SSU-26100.1738-x64.cab", &manifest(SSU)),
        ("Windows11.0-KB5043080-x64.wim", &manifest(LCU)),
        ("WSUSSCAN.cab", b"damaged"),
    ]);
    let source: Box<dyn ReadAt> = Box::new(std::io::Cursor::new(msu));
    let options = ContainerOptions::default();
    let container = Container::from_source(source, Path::new("dir/a.msu"), &options).unwrap();
    let info = super::inspect(container, &options, None).unwrap();
    assert_eq!((&*info.name, info.class, info.is_combined()), ("a.msu", Class::Cumulative, true));
    assert_eq!((info.build, info.problems.len()), (Some((26100, 1742)), 0));
}

#[test]
fn compressed_manifests() {
    use crate::codec::delta::test_encoder::{Fields, Item, delta, null_delta};
    let Content::File(manifest) = package(LCU, "").files.remove(0).1 else { panic!() };
    let dcn = [b"DCN\x01".to_vec(), null_delta(&manifest, 0, &[])].concat();
    assert_eq!(inspect(&Fake::default().file("update.mum", dcn), "x.cab").unwrap().class, Class::Cumulative);
    let fields = Fields { size: manifest.len() as u64, ..Fields::default() };
    let whole = Item::InFront { in_front: 0, length: manifest.len() as u64 };
    let dcm = [b"DCM\x01".to_vec(), delta(&fields, &[whole])].concat();
    let package = Fake::default().file("update.mum", dcm);
    let with_base = |base| inspect_at(&&package, "x.cab", 1, &Inspection::new(base));
    assert_eq!(with_base(Some(&manifest)).unwrap().class, Class::Cumulative);
    let error = with_base(None).unwrap_err();
    assert!(error.to_string().contains("DCM needs the base manifest"), "{error}");
    assert!(error.hint().unwrap().contains("--base"));
}
