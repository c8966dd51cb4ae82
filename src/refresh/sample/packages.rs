//! Pretend update packages: a cumulative update with its checkpoint, Safe OS, Setup and .NET updates.

use std::path::Path;

use super::executable::executable;
use super::{Maker, NEW, OLD, SampleError, TOKEN};
use crate::cab::create::{self, Input};
use crate::codec::cabinet::Method;

/// The month of the packages, as manifests tell when they were built.
const BUILT: &str = "2025-05-10T00:00:00Z";
/// The same of the checkpoint.
const CHECKPOINT_BUILT: &str = "2024-09-08T00:00:00Z";

/// Writes all packages below `directory`.
pub(super) fn write(maker: &Maker<'_>, directory: &Path) -> Result<(), SampleError> {
    let cumulative = directory.join("CU");
    let other = directory.join("Other");
    let checkpoint = Combined { build: "26100.1742", kb: "KB5043080", built: CHECKPOINT_BUILT };
    checkpoint.write(maker, &cumulative.join("windows11.0-kb5043080-x64.msu"))?;
    let update = Combined { build: "26100.4061", kb: "KB5058411", built: BUILT };
    update.write(maker, &cumulative.join("windows11.0-kb5058411-x64.msu"))?;

    let safe_os = manifest("Package_for_SafeOSDU", "26100.4060.1.1", "KB5057781", BUILT);
    maker.cabinet(&other.join("SafeOS_DU-KB5057781-x64.cab"), &[("update.mum", safe_os.into_bytes())])?;
    let dotnet = manifest("Package_for_DotNetRollup_481", "10.0.9310.3", "KB5054979", BUILT);
    maker.cabinet(&other.join("DotNet_CU-KB5054979-x64.cab"), &[("update.mum", dotnet.into_bytes())])?;
    // As real ones: newer files, one that the media have newer, one that is new, one in a directory, one without version.
    let setup = [
        ("appraiserres.dll", executable("appraiserres.dll", NEW)),
        ("setup.exe", executable("setup.exe", NEW)),
        ("setuphost.exe", executable("setuphost.exe", NEW)),
        ("setupcore.dll", executable("setupcore.dll", OLD)),
        ("servicingcommon.dll", executable("servicingcommon.dll", NEW)),
        ("replacementmanifests\\sample-replacement.man", b"<assembly/>\r\n".to_vec()),
        ("idwbinfo.txt", b"[BUILDINFO]\r\nBuildArch=amd64\r\nBuildBranch=ge_release_svc_prod\r\n".to_vec()),
    ];
    maker.cabinet(&other.join("Setup_DU-KB5059442-x64.cab"), &setup)
}

/// A cumulative update with its servicing stack, as the catalog has them: two packages in an MSU.
struct Combined {
    build: &'static str,
    kb: &'static str,
    built: &'static str,
}

impl Combined {
    fn write(&self, maker: &Maker<'_>, target: &Path) -> Result<(), SampleError> {
        let Self { build, kb, built } = self;
        let stack = manifest("Package_for_ServicingStack", &format!("{build}.1.0"), kb, built);
        let rollup = manifest("Package_for_RollupFix", &format!("{build}.1.1"), kb, built);
        let stack = maker.cabinet_bytes(&[("update.mum", stack.into_bytes())])?;
        let rollup = maker.cabinet_bytes(&[("update.mum", rollup.into_bytes())])?;
        let members = [(format!("SSU-{build}-x64.cab"), stack), (format!("Windows11.0-{kb}-x64.cab"), rollup)];
        maker.cabinet(target, &members.each_ref().map(|(name, content)| (name.as_str(), content.clone())))
    }
}

fn manifest(name: &str, version: &str, kb: &str, built: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?>
<assembly xmlns="urn:schemas-microsoft-com:asm.v3" manifestVersion="1.0" creationTimeStamp="{built}">
  <assemblyIdentity name="{name}" version="{version}" processorArchitecture="amd64" language="neutral" publicKeyToken="{TOKEN}"/>
  <package identifier="{kb}" releaseType="Update"/>
</assembly>
"#
    )
}

impl Maker<'_> {
    /// Writes a cabinet with these files.
    fn cabinet(&self, target: &Path, files: &[(&str, Vec<u8>)]) -> Result<(), SampleError> {
        let place = self.temporary()?;
        let mut inputs = Vec::with_capacity(files.len());
        for (number, (name, content)) in files.iter().enumerate() {
            let path = place.path().join(number.to_string());
            self.put(&path, content)?;
            let size = content.len() as u64;
            inputs.push(Input { name: (*name).into(), path, size, time: self.time, attributes: 0x20 });
        }
        if let Some(parent) = target.parent() {
            self.directory(parent)?;
        }
        let options = create::Options { method: Some(Method::Mszip), ..create::Options::default() };
        create::create(&inputs, target, &options, self.control).map(drop).map_err(|error| match error {
            create::CreateError::Interrupted => SampleError::Interrupted,
            error => error.into(),
        })
    }

    /// A cabinet with these files, to stand in another.
    fn cabinet_bytes(&self, files: &[(&str, Vec<u8>)]) -> Result<Vec<u8>, SampleError> {
        let place = self.temporary()?;
        let path = place.path().join("inner.cab");
        self.cabinet(&path, files)?;
        std::fs::read(&path).map_err(|source| SampleError::Io { path, source })
    }
}
