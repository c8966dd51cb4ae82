use super::*;

/// A manifest as those of updates are.
const UPDATE: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<assembly xmlns="urn:schemas-microsoft-com:asm.v3" description="Fix for KB5000001" creationTimeStamp="2024-09-12T21:27:54Z">
  <!-- a comment -->
  <assemblyIdentity name="Package_for_RollupFix" version="26100.1742.1.10" processorArchitecture="amd64" language="neutral" publicKeyToken="31bf3856ad364e35" />
  <package identifier="KB5000001" releaseType="Security Update" restart="possible">
    <mum2:customInformation xmlns:mum2="urn:schemas-microsoft-com:asm.v3" PackageFormat="PSFX" />
    <parent revisionCompare="GE" integrate="standalone" disposition="detect">
      <assemblyIdentity name="Microsoft-Windows-CoreEdition" version="10.0.26100.1" processorArchitecture="amd64" language="neutral" />
      <assemblyIdentity name="no version" />
    </parent>
    <update name="1"><package integrate="hidden">
      <assemblyIdentity name="Package_1_for_KB5000001" version="26100.1742.1.10" processorArchitecture="amd64" language="de-DE" publicKeyToken="31bf3856ad364e35" />
    </package></update>
    <update name="2"><component><assemblyIdentity name="a component" version="1.2.3.4" /></component></update>
    <update name="3"><driver inf="a.inf"><assemblyIdentity name="a.inf" version="1.2.3.4" /></driver></update>
  </package>
</assembly>"#;

#[test]
fn what_is_needed_is_read() {
    let mum = Mum::parse(UPDATE.as_bytes()).unwrap();
    assert_eq!(mum.identity.to_string(), "Package_for_RollupFix~31bf3856ad364e35~amd64~~26100.1742.1.10");
    assert_eq!(mum.kb(), Some(Kb(5_000_001)));
    assert_eq!(mum.identifier.as_deref(), Some("KB5000001"));
    assert_eq!(mum.release_type.as_deref(), Some("Security Update"));
    assert_eq!(mum.restart.as_deref(), Some("possible"));
    assert_eq!(mum.created.as_deref(), Some("2024-09-12T21:27:54Z"));
    assert_eq!(mum.format.as_deref(), Some("PSFX"));
    let [parent] = &mum.parents[..] else { panic!("{:?}", mum.parents) };
    assert_eq!(parent.identity.to_string(), "Microsoft-Windows-CoreEdition~~amd64~~10.0.26100.1");
    assert!(parent.or_higher_revision);
    let [part] = &mum.packages[..] else { panic!("{:?}", mum.packages) };
    assert_eq!(part.language, "de-DE");
    assert_eq!((mum.updates, mum.drivers), (3, 1));

    let utf16: Vec<u8> = format!("\u{feff}{UPDATE}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(Mum::parse(&utf16).unwrap(), mum);
}

#[test]
fn capabilities() {
    let text = r#"<assembly><assemblyIdentity name="X" version="1.0.0.0"/><package releaseType="OnDemand Pack">
        <declareCapability><capability><capabilityIdentity name="Language.Basic" language="de-DE" version="0.0.1.0"/></capability>
        <dependency><capabilityIdentity name="Other" version="0.0.1.0"/></dependency></declareCapability></package></assembly>"#;
    assert_eq!(Mum::parse(text.as_bytes()).unwrap().capabilities, ["Language.Basic~~~de-DE~0.0.1.0"]);
}

#[test]
fn what_is_no_manifest_is_refused() {
    let problem = |text: &str| Mum::parse(text.as_bytes()).unwrap_err();
    assert!(matches!(problem(""), MumError::Syntax { .. }));
    assert!(matches!(problem("<assembly>"), MumError::Syntax { .. }));
    assert!(matches!(problem("<assembly></package>"), MumError::Syntax { .. }));
    assert!(matches!(problem("<assembly/>"), MumError::Identity { .. }));
    assert_eq!(problem("<html/>"), MumError::Root { found: "html".into() });
    assert!(matches!(problem("<assembly/><assembly/>"), MumError::Root { .. }));
    assert_eq!(problem("<!DOCTYPE a [<!ENTITY b \"c\">]><assembly/>"), MumError::Doctype { offset: 0 });
    let identity = r#"<assembly><assemblyIdentity name="X" version="1.2.3"/></assembly>"#;
    assert_eq!(problem(identity), MumError::Identity { found: "\"X\" \"1.2.3\"".into() });
    let deep = "<assembly>".repeat(101);
    assert!(matches!(problem(&deep), MumError::TooDeep { limit: 100, .. }));
    assert!(matches!(Mum::parse(b"DCM\x01PA30"), Err(MumError::Text(_))));
}
