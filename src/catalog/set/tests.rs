use super::super::identity::{Identity, Kb};
use super::super::inspect::{Members, Receive, inspect_members};
use super::*;

/// A package with nothing in it but a manifest.
struct Manifest(String);

impl Members for Manifest {
    fn paths(&self) -> Vec<&str> {
        vec!["update.mum"]
    }

    fn size(&self, _: usize) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, _: usize, _: usize) -> Result<Vec<u8>, String> {
        Ok(self.0.clone().into_bytes())
    }

    fn open(&self, _: &[usize], _: &mut Receive<'_>) {}
}

/// A package of this identity, built in this month, that builds upon this version.
fn package_upon(identity: &str, month: &str, parent: &str) -> PackageInfo {
    let identity: Identity = identity.parse().unwrap();
    let text = format!(
        r#"<assembly creationTimeStamp="{month}-05"><assemblyIdentity name="{}" version="{}" processorArchitecture="{}"
        language="{}"/><package><parent revisionCompare="GE"><assemblyIdentity name="E" version="{parent}"/></parent>
        </package></assembly>"#,
        identity.name, identity.version, identity.architecture, identity.language
    );
    inspect_members(&Manifest(text), "").unwrap()
}

fn package(identity: &str, month: &str) -> PackageInfo {
    package_upon(identity, month, "")
}

fn cumulative(version: &str, month: &str) -> PackageInfo {
    package(&format!("Package_for_RollupFix~~amd64~~{version}"), month)
}

/// Checks packages that are called `0`, `1`, … and lie in no directory.
fn check_all(packages: &[PackageInfo]) -> (Vec<Vec<&'static str>>, Vec<usize>) {
    let names: Vec<String> = (0..packages.len()).map(|index| index.to_string()).collect();
    let entry = |(info, name)| Entry { name, directory: None, content: Content::Package(info) };
    let entries: Vec<Entry<'_>> = packages.iter().zip(names.iter().map(|name| &**name)).map(entry).collect();
    let report = check(&entries);
    let words = report.findings.iter().map(|findings| findings.iter().map(Finding::name).collect());
    (words.collect(), report.order)
}

const SSU: &str = "Package_for_ServicingStack_1~~amd64~~22621.1.1.0";
const NONE: Vec<&str> = Vec::new();

#[test]
fn a_set_in_order() {
    let packages = [
        package("Package_for_DotNetRollup_481~~amd64~~10.0.9256.1", "2024-09"),
        cumulative("22621.4169.1.1", "2024-09"),
        package("Microsoft-Windows-LanguageFeatures-Basic-ja-jp-Package~~amd64~ja-JP~10.0.22621.1", "2022-05"),
        package("Package_for_SafeOSDU~~amd64~~22621.4160.1.1", "2024-08"),
        package("WinPE-Speech-TTS-ja-JP-Package~~amd64~ja-JP~10.0.22621.1", "2022-05"),
        package("WinPE-Speech-TTS-Package~~amd64~~10.0.22621.1", "2022-05"),
        package("WinPE-FontSupport-JA-JP-Package~~amd64~~10.0.22621.1", "2022-05"),
        package("Microsoft-Windows-WinPE-LanguagePack-Package~~amd64~ja-JP~10.0.22621.1", "2022-05"),
        package("WinPE-WMI-Package~~amd64~ja-JP~10.0.22621.1", "2022-05"),
        package("Microsoft-Windows-Client-LanguagePack-Package~~amd64~ja-JP~10.0.22621.1", "2022-05"),
        package(SSU, "2024-09"),
    ];
    let (findings, order) = check_all(&packages);
    assert_eq!(findings, vec![NONE; 11]);
    assert_eq!(order, [10, 7, 9, 8, 6, 5, 4, 2, 3, 1, 0]);
}

#[test]
fn wrong_architecture_and_release() {
    let packages = [
        cumulative("22621.4169.1.1", "2024-09"),
        package(SSU, "2024-09"),
        package("Package_for_SafeOSDU~~arm64~~22621.4160.1.1", "2024-09"),
        package("Package_for_SafeOSDU~~amd64~~26100.1.1.1", "2024-09"),
    ];
    let (findings, order) = check_all(&packages);
    assert_eq!(findings, [NONE, NONE, vec!["wrong-architecture"], vec!["wrong-release"]]);
    assert_eq!(order, [1, 0]);
    // Without a cumulative update the majority counts.
    let (findings, _) = check_all(&packages[1..3]);
    assert_eq!(findings, [NONE, vec!["wrong-architecture"]]);
}

#[test]
fn mixed_months() {
    let with = |month| {
        let safe_os = package("Package_for_SafeOSDU~~amd64~~22621.4160.1.1", month);
        check_all(&[cumulative("22621.4169.1.1", "2024-09"), package(SSU, "2024-09"), safe_os]).0.remove(2)
    };
    assert_eq!(with("2024-12"), ["newer"]);
    assert_eq!(with("2024-10"), NONE, "months of building");
    assert_eq!(with("2024-08"), NONE);
    assert_eq!(with("2024-05"), ["older"]);
    // Where both are stated there is no doubt.
    let stated = |info: PackageInfo| PackageInfo {
        month: info.month.map(|month| ReleaseMonth { is_stated: true, ..month }),
        ..info
    };
    let safe_os = package("Package_for_SafeOSDU~~amd64~~22621.4160.1.1", "2024-10");
    let packages = [cumulative("22621.4169.1.1", "2024-09"), package(SSU, "2024-09"), safe_os].map(stated);
    assert_eq!(check_all(&packages).0[2], ["newer"]);
}

#[test]
fn checkpoints() {
    let stack_of = |month| package("Package_for_ServicingStack_1~~amd64~~26100.1.1.0", month);
    let stack = || stack_of("2025-01");
    let first = || cumulative("26100.1742.1.10", "2024-09");
    let upon = |version: &str, parent: &str| {
        package_upon(&format!("Package_for_RollupFix~~amd64~~{version}"), "2025-01", parent)
    };
    let last = || upon("26100.4000.1.1", "10.0.26100.3000");
    let second = || upon("26100.3000.1.1", "10.0.26100.1742");

    let (findings, order) = check_all(&[last(), second(), stack(), first()]);
    assert_eq!(findings, vec![NONE; 4]);
    assert_eq!(order, [2, 3, 1, 0]);

    let (findings, _) = check_all(&[last(), stack()]);
    assert_eq!(findings, [vec!["missing-checkpoint", "missing-checkpoint"], NONE]);
    let (findings, _) = check_all(&[second(), stack()]);
    assert_eq!(findings, [vec!["missing-checkpoint"], NONE]);
    let (findings, _) = check_all(&[first(), stack_of("2024-09")]);
    assert_eq!(findings, [NONE, NONE], "the first one alone");

    let stray = cumulative("26100.2033.1.1", "2024-10");
    let (findings, order) = check_all(&[last(), second(), stack(), first(), stray.clone()]);
    assert_eq!(findings[4], ["no-checkpoint"]);
    assert_eq!(order, [2, 3, 1, 0]);
    let undeclared = cumulative("26100.4000.1.1", "2025-01");
    let (findings, _) = check_all(&[undeclared, first(), stack(), stray]);
    assert_eq!(findings, [NONE, NONE, NONE, vec!["perhaps-no-checkpoint"]]);
}

#[test]
fn the_missing_checkpoint_is_named() {
    let last = cumulative("26100.2033.1.1", "2024-10");
    let report = check(&[Entry { name: "x", directory: None, content: Content::Package(&last) }]);
    let missing = Finding::MissingCheckpoint { build: (26100, 1742), kb: Some(Kb(5_043_080)) };
    assert_eq!(report.findings[0], [missing.clone(), Finding::NoStackInside]);
    assert!(missing.to_string().contains("KB5043080, 26100.1742"), "{missing}");
    assert_eq!((report.standing(0), report.worst()), (Standing::Bad, Standing::Bad));
}

#[test]
fn nothing_else_lies_beside_checkpoints() {
    let packages =
        [cumulative("26100.1742.1.10", "2024-09"), package("Package_for_SafeOSDU~~amd64~~26100.1.1.1", "2024-09")];
    let (here, there) = (Path::new("here"), Path::new("there"));
    let names = |directory| {
        let entry = |info, directory| Entry { name: "x", directory: Some(directory), content: Content::Package(info) };
        let report = check(&[entry(&packages[0], here), entry(&packages[1], directory)]);
        report.findings[1].iter().map(Finding::name).collect::<Vec<_>>()
    };
    assert_eq!(names(here), ["beside-checkpoints"]);
    assert_eq!(names(there), NONE);
}

#[test]
fn superseded_and_twice() {
    let packages = [
        cumulative("22621.3880.1.1", "2024-07"),
        cumulative("22621.4169.1.1", "2024-09"),
        cumulative("22621.4169.1.1", "2024-09"),
        package(SSU, "2024-09"),
    ];
    let (findings, order) = check_all(&packages);
    assert_eq!(findings, [vec!["superseded"], NONE, vec!["duplicate"], NONE]);
    assert_eq!(order, [3, 1]);
}

#[test]
fn a_servicing_stack_is_needed() {
    let missing = "missing-servicing-stack";
    let standing = |version: &str, month| {
        let info = cumulative(version, month);
        let report = check(&[Entry { name: "x", directory: None, content: Content::Package(&info) }]);
        assert_eq!(report.findings[0].iter().map(Finding::name).collect::<Vec<_>>(), [missing]);
        report.worst()
    };
    assert_eq!(standing("22621.4169.1.1", "2024-09"), Standing::Bad);
    assert_eq!(standing("19041.800.1.1", "2021-01"), Standing::Doubtful);
    assert_eq!(standing("19041.900.1.1", "2021-03"), Standing::Bad);
    assert_eq!(check_all(&[cumulative("22621.4169.1.1", "2024-09"), package(SSU, "2024-09")]).0, [NONE, NONE]);
}

#[test]
fn files_that_are_no_packages() {
    let entry = |content| Entry { name: "x", directory: None, content };
    let report = check(&[entry(Content::Stray), entry(Content::Damaged("why"))]);
    assert_eq!((report.standing(0), report.standing(1)), (Standing::Doubtful, Standing::Bad));
    assert_eq!(report.findings[1][0].to_string(), "why");
    assert!(report.order.is_empty());
    assert_eq!(check(&[]).worst(), Standing::Good);
}

#[test]
fn where_packages_go() {
    let of = |identity: &str| steps(&package(identity, "2024-09"));
    assert_eq!(of(SSU), [1, 9, 17]);
    assert_eq!(of("Package_for_RollupFix~~amd64~~22621.4169.1.1"), [12, 23]);
    let mut combined = cumulative("22621.4169.1.1", "2024-09");
    combined.packages.push(package(SSU, "2024-09"));
    assert_eq!(steps(&combined), [1, 9, 12, 17, 23]);
    assert_eq!(of("Package_for_KB4577586~~amd64~~10.0.1.0"), [0_u8; 0]);
}
