use super::*;

/// The class of a package with this name, release type, and members.
fn class_of(name: &str, release_type: &str, paths: &[&str]) -> Class {
    let text = format!(
        r#"<assembly><assemblyIdentity name="{name}" version="1.2.3.4"/><package releaseType="{release_type}"/></assembly>"#
    );
    let mum = Mum::parse(text.as_bytes()).unwrap();
    classify(&Evidence::new(Some(&mum), paths.iter().copied())).0
}

fn bare(paths: &[&str]) -> Class {
    classify(&Evidence::new(None, paths.iter().copied())).0
}

#[test]
fn by_identity() {
    for (name, class) in [
        ("Package_for_SafeOSDU", Class::SafeOsDu),
        ("Package_for_ServicingStack_1738", Class::ServicingStack),
        ("package_for_rollupfix", Class::Cumulative),
        ("Package_for_DotNetRollup_481", Class::DotNet),
        ("Package_for_RevisedFix", Class::Revised),
        ("Package_for_WindowsExperienceFeaturePack", Class::ExperiencePack),
        ("Package_for_KB4577586", Class::FlashRemoval),
        ("Package_for_KB2465285", Class::Update),
        ("Microsoft-Windows-WinPE-LanguagePack-Package", Class::PeLanguagePack),
        ("WinPE-FontSupport-JA-JP-Package", Class::PeFontSupport),
        ("WinPE-Speech-TTS-Package", Class::PeTextToSpeech),
        ("WinPE-Speech-TTS-ja-JP-Package", Class::PeTextToSpeech),
        ("WinPE-WMI-Package", Class::PeComponent),
        ("Microsoft-Windows-Client-LanguagePack-Package", Class::LanguagePack),
        ("Microsoft-Windows-Server-LanguagePack-Package", Class::LanguagePack),
        ("Microsoft-Windows-LanguageFeatures-OCR-ja-jp-Package", Class::FeatureOnDemand),
        ("Something-Package", Class::Other),
    ] {
        assert_eq!(class_of(name, "", &[]), class, "{name}");
    }
}

#[test]
fn by_release_type() {
    assert_eq!(class_of("X", "Language Pack", &[]), Class::LanguagePack);
    assert_eq!(class_of("X", "OnDemand Pack", &[]), Class::FeatureOnDemand);
    assert_eq!(class_of("X", "Security Update", &[]), Class::Update);
    assert_eq!(class_of("X", "Product", &[]), Class::Other);
    assert_eq!(class_of("WinPE-WMI-Package", "Language Pack", &[]), Class::PeComponent, "identities come first");
}

#[test]
fn by_members() {
    const STACK: &str = "amd64_microsoft-windows-servicingstack_31bf3856ad364e35_10.0.19041.1_none_0.manifest";
    const WINRE: &str = "amd64_Microsoft-Windows-WinRE-Tools_31bf3856ad364e35_6.1.7601.1_none_0.manifest";
    const ROLLUP: &str = "Package_for_RollupFix~31bf3856ad364e35~amd64~~19041.1.1.1.mum";
    let kb = |paths| class_of("Package_for_KB5000001", "", paths);
    assert_eq!(kb(&[STACK]), Class::ServicingStack);
    assert_eq!(kb(&[STACK, ROLLUP]), Class::Update);
    assert_eq!(kb(&[WINRE]), Class::SafeOsDu);
    assert_eq!(kb(&[WINRE, ROLLUP]), Class::Update);
    assert_eq!(class_of("Package_for_RollupFix", "", &[WINRE, STACK]), Class::Cumulative);
    assert_eq!(kb(&["a\\amd64_microsoft-windows-servicingstack_1.manifest"]), Class::Update, "only at the top");
    assert_eq!(
        kb(&["amd64_netfx4-clr_1.manifest", "x86_netfx4-wpf_2.manifest", "amd64_other_3.manifest"]),
        Class::DotNet
    );
    assert_eq!(kb(&["amd64_netfx4-clr_1.manifest", "amd64_other_3.manifest"]), Class::Update);
    let enablement = "microsoft-windows-product-data-23h2-enablement-package~31bf3856ad364e35~amd64~~10.0.1.1.mum";
    assert_eq!(kb(&[enablement]), Class::Enablement);
}

#[test]
fn without_a_manifest() {
    assert_eq!(bare(&["Setup.exe", "appraiserres.dll", "en-us\\setup.exe.mui"]), Class::SetupDu);
    assert_eq!(bare(&["setup.exe", "x\\setuphost.exe"]), Class::Unknown);
    assert_eq!(bare(&["driver\\net.inf", "driver\\net.sys", "driver\\net.cat"]), Class::Drivers);
    assert_eq!(bare(&["readme.txt"]), Class::Unknown);
    assert_eq!(bare(&[]), Class::Unknown);
}

#[test]
fn drivers_in_a_manifest() {
    let text = r#"<assembly><assemblyIdentity name="Some-Drivers-Package" version="1.2.3.4"/>
        <package releaseType="Update"><update><driver/></update><update><driver/></update><update><component/></update></package></assembly>"#;
    let mum = Mum::parse(text.as_bytes()).unwrap();
    assert_eq!(classify(&Evidence::new(Some(&mum), [].into_iter())).0, Class::Drivers);
}

#[test]
fn words_are_different() {
    let names: std::collections::BTreeSet<_> = Class::ALL.iter().map(|class| class.name()).collect();
    let titles: std::collections::BTreeSet<_> = Class::ALL.iter().map(|class| class.title()).collect();
    assert_eq!((names.len(), titles.len()), (Class::ALL.len(), Class::ALL.len()));
}
