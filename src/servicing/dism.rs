//! The command lines of DISM.

use std::path::Path;

use super::request::{CleanUp, Request};

/// Where a call does its work.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The root of the image: the directory it is mounted to.
    pub image: &'a Path,
    /// A directory with room, on NTFS.
    pub scratch: &'a Path,
    /// The log of this call.
    pub log: &'a Path,
}

/// What every call has: English, so that the output can be understood, and a log and a scratch directory of its own.
fn common(scratch: &Path, log: &Path) -> Vec<String> {
    vec!["/English".into(), option("LogPath", log), option("ScratchDir", scratch)]
}

fn option(name: &str, value: &Path) -> String {
    format!("/{name}:{}", value.display())
}

/// The arguments of the calls that do what is asked for: usually one, none for a cleanup that is off.
pub fn arguments(request: &Request, place: &Place<'_>) -> Vec<Vec<String>> {
    let call = |tail: &[String]| {
        let mut arguments = common(place.scratch, place.log);
        arguments.push(option("Image", place.image));
        arguments.extend_from_slice(tail);
        arguments
    };
    let words = |tail: &[&str]| call(&tail.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
    match request {
        Request::AddPackage { path } => vec![call(&["/Add-Package".into(), option("PackagePath", path)])],
        Request::AddCapability { name, source } => {
            let tail = ["/Add-Capability".into(), format!("/CapabilityName:{name}"), option("Source", source)];
            vec![call(&tail)]
        }
        Request::EnableFeature { name, source } => {
            let mut tail = vec!["/Enable-Feature".into(), format!("/FeatureName:{name}"), "/All".into()];
            if let Some(source) = source {
                tail.extend([option("Source", source), "/LimitAccess".into()]);
            }
            vec![call(&tail)]
        }
        Request::CleanUp { how } => {
            const PLAIN: [&str; 2] = ["/Cleanup-Image", "/StartComponentCleanup"];
            match how {
                CleanUp::Off => Vec::new(),
                CleanUp::Plain => vec![words(&PLAIN)],
                CleanUp::ResetBase => vec![words(&[&PLAIN[..], &["/ResetBase"]].concat())],
                CleanUp::ResetBaseDefer => vec![words(&[&PLAIN[..], &["/ResetBase", "/Defer"]].concat())],
                CleanUp::Superseded => vec![words(&["/Cleanup-Image", "/SPSuperseded"]), words(&PLAIN)],
            }
        }
        Request::GenLangIni => vec![call(&["/Gen-LangINI".into(), option("Distribution", place.image)])],
    }
}

/// The arguments of the call that mounts an image.
pub fn mount(wim: &Path, index: u32, place: &Place<'_>) -> Vec<String> {
    let mut arguments = common(place.scratch, place.log);
    arguments.extend(["/Mount-Image".into(), option("ImageFile", wim), format!("/Index:{index}")]);
    arguments.push(option("MountDir", place.image));
    arguments
}

/// The arguments of the call that unmounts it, with its changes or without.
pub fn unmount(commit: bool, place: &Place<'_>) -> Vec<String> {
    let mut arguments = common(place.scratch, place.log);
    arguments.extend(["/Unmount-Image".into(), option("MountDir", place.image)]);
    arguments.push(if commit { "/Commit" } else { "/Discard" }.into());
    arguments
}

/// The arguments of the call that lists what is mounted.
pub fn mounted(scratch: &Path, log: &Path) -> Vec<String> {
    everywhere("/Get-MountedImageInfo", scratch, log)
}

/// The arguments of the call that gives up mounts that are broken. Others stay.
pub fn cleanup_mounts(scratch: &Path, log: &Path) -> Vec<String> {
    everywhere("/Cleanup-Mountpoints", scratch, log)
}

fn everywhere(what: &str, scratch: &Path, log: &Path) -> Vec<String> {
    let mut arguments = common(scratch, log);
    arguments.push(what.into());
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_lines_of_the_document() {
        let place = Place { image: Path::new("T"), scratch: Path::new("S"), log: Path::new("L.log") };
        let tails = |request: &Request| -> Vec<String> {
            let calls = arguments(request, &place);
            let tail = |call: &Vec<String>| {
                assert_eq!(call[..4], ["/English", "/LogPath:L.log", "/ScratchDir:S", "/Image:T"]);
                call[4..].join(" ")
            };
            calls.iter().map(tail).collect()
        };
        let clean_up = |how| tails(&Request::CleanUp { how });
        assert_eq!(tails(&Request::AddPackage { path: "a b.msu".into() }), ["/Add-Package /PackagePath:a b.msu"]);
        assert_eq!(
            tails(&Request::AddCapability { name: "NetFX3~~~~".into(), source: "F".into() }),
            ["/Add-Capability /CapabilityName:NetFX3~~~~ /Source:F"]
        );
        let feature = |source| Request::EnableFeature { name: "MediaPlayback".into(), source };
        assert_eq!(tails(&feature(None)), ["/Enable-Feature /FeatureName:MediaPlayback /All"]);
        assert_eq!(
            tails(&feature(Some("F".into()))),
            ["/Enable-Feature /FeatureName:MediaPlayback /All /Source:F /LimitAccess"]
        );
        assert_eq!(clean_up(CleanUp::Off), [""; 0]);
        assert_eq!(clean_up(CleanUp::Plain), ["/Cleanup-Image /StartComponentCleanup"]);
        assert_eq!(clean_up(CleanUp::ResetBase), ["/Cleanup-Image /StartComponentCleanup /ResetBase"]);
        assert_eq!(clean_up(CleanUp::ResetBaseDefer), ["/Cleanup-Image /StartComponentCleanup /ResetBase /Defer"]);
        assert_eq!(
            clean_up(CleanUp::Superseded),
            ["/Cleanup-Image /SPSuperseded", "/Cleanup-Image /StartComponentCleanup"]
        );
        assert_eq!(tails(&Request::GenLangIni), ["/Gen-LangINI /Distribution:T"]);
        assert_eq!(
            mount(Path::new("boot.wim"), 2, &place)[3..].join(" "),
            "/Mount-Image /ImageFile:boot.wim /Index:2 /MountDir:T"
        );
        assert_eq!(mounted(place.scratch, place.log)[3..], ["/Get-MountedImageInfo"]);
        assert_eq!(cleanup_mounts(place.scratch, place.log)[3..], ["/Cleanup-Mountpoints"]);
        assert_eq!(unmount(true, &place)[3..].join(" "), "/Unmount-Image /MountDir:T /Commit");
        assert_eq!(unmount(false, &place)[3..].join(" "), "/Unmount-Image /MountDir:T /Discard");
    }
}
