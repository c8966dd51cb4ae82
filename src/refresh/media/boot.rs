//! What firmware starts from media: boot managers, and the boot images that a disc's boot catalog leads to.

use std::path::PathBuf;
use std::str::FromStr;

use super::{Media, MediaError};
use crate::pe;

/// What BIOS firmware starts.
pub const BIOS_IMAGE: &str = "boot/etfsboot.com";

/// The authority that has signed what EFI firmware starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum Signer {
    /// Microsoft Windows Production PCA 2011, which all firmware knows, and newer one may have revoked.
    #[default]
    #[serde(rename = "2011")]
    Windows2011,
    /// Windows UEFI CA 2023, whose files have `_ex` in their names.
    #[serde(rename = "2023")]
    Windows2023,
}

impl FromStr for Signer {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "2011" => Ok(Self::Windows2011),
            "2023" => Ok(Self::Windows2023),
            _ => Err("expected 2011 or 2023"),
        }
    }
}

/// The boot managers of media, by their names in images.
pub const MANAGERS: [&str; 2] = ["bootmgfw.efi", "bootmgr.efi"];

/// Directories of an image with what else is signed by the authority of 2023, or belongs to it.
pub const DIRECTORIES_2023: [&str; 4] =
    ["Windows/Boot/FONTS_EX", "Windows/Boot/PCAT_EX", "Windows/Boot/DVD_EX/EFI/en-US", "Windows/Boot/EFI"];

/// Where media have the certificate trust list that boot managers read. Those of 2023 bring that of the image to media without one.
pub const TRUST_LIST: &str = "efi/microsoft/boot/boot.stl";
/// Where images have it: there is one for both authorities.
pub const TRUST_LIST_IN_IMAGE: &str = "Windows/Boot/EFI/boot.stl";

/// Where on media a file of the [`DIRECTORIES_2023`] goes: without the `_EX` of its name. `None`: nowhere.
pub fn place_2023(directory: &str, name: &str) -> Option<String> {
    let name = name.to_lowercase();
    let plain = name.replacen("_ex.", ".", 1);
    let plain = plain.strip_suffix("_ex").unwrap_or(&plain);
    match directory {
        _ if directory == DIRECTORIES_2023[0] => {
            Some(format!("efi/microsoft/boot/fonts/{plain}")).filter(|_| plain.ends_with(".ttf"))
        }
        _ if directory == DIRECTORIES_2023[1] => match plain {
            "bootmgr" => Some("bootmgr".into()),
            "memtest.exe" => Some("boot/memtest.exe".into()),
            _ => None,
        },
        // Both lie side by side on media.
        _ if directory == DIRECTORIES_2023[2] => {
            Some(format!("efi/microsoft/boot/{name}")).filter(|_| name.starts_with("efisys") && name.ends_with(".bin"))
        }
        _ => Some(TRUST_LIST.to_owned()).filter(|_| name == "boot.stl"),
    }
}

impl Signer {
    /// The authority that has signed a boot manager; `None` if it is not told.
    pub fn of(file: &[u8]) -> Option<Self> {
        let certificates = pe::certificates(file)?;
        let has = |name: &[u8]| certificates.windows(name.len()).any(|window| window == name);
        match () {
            () if has(b"Windows UEFI CA 2023") => Some(Self::Windows2023),
            () if has(b"Microsoft Windows Production PCA 2011") => Some(Self::Windows2011),
            () => None,
        }
    }

    /// Where an image has the boot manager `name` that is signed so.
    pub fn manager_path(self, name: &str) -> String {
        match (self, name.rsplit_once('.')) {
            (Self::Windows2023, Some((stem, extension))) => format!("Windows/Boot/EFI_EX/{stem}_EX.{extension}"),
            _ => format!("Windows/Boot/EFI/{name}"),
        }
    }
}

/// Which of the [`MANAGERS`] a boot manager on media is: by its name, whatever its directory.
pub fn manager_of(name: &str) -> Option<&'static str> {
    match &*name.to_lowercase() {
        "bootmgfw.efi" | "bootx64.efi" | "bootia32.efi" | "bootaa64.efi" | "bootarm.efi" => Some(MANAGERS[0]),
        "bootmgr.efi" => Some(MANAGERS[1]),
        _ => None,
    }
}

/// The boot images of media.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BootImages {
    /// For BIOS; media for Arm have none.
    pub bios: Option<PathBuf>,
    /// For EFI.
    pub efi: Option<PathBuf>,
}

/// Where media have what EFI firmware starts. Without `prompt` it does not wait for a key.
pub fn efi_image(signer: Signer, prompt: bool) -> &'static str {
    match (signer, prompt) {
        (Signer::Windows2011, true) => "efi/microsoft/boot/efisys.bin",
        (Signer::Windows2011, false) => "efi/microsoft/boot/efisys_noprompt.bin",
        (Signer::Windows2023, true) => "efi/microsoft/boot/efisys_ex.bin",
        (Signer::Windows2023, false) => "efi/microsoft/boot/efisys_noprompt_ex.bin",
    }
}

impl Media {
    /// The media's boot images.
    ///
    /// # Errors
    /// [`MediaError::NoBootImage`]: they do not have what EFI firmware is to start.
    pub fn boot_images(&self, signer: Signer, prompt: bool) -> Result<BootImages, MediaError> {
        let name = efi_image(signer, prompt);
        let Some(efi) = self.find(name) else {
            return Err(MediaError::NoBootImage { path: self.root().to_owned(), name });
        };
        Ok(BootImages { bios: self.find(BIOS_IMAGE), efi: Some(efi) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_2023_lose_their_mark() {
        let [fonts, bios, disc, managers] = DIRECTORIES_2023;
        for (directory, name, expected) in [
            (fonts, "segoe_slboot_EX.ttf", Some("efi/microsoft/boot/fonts/segoe_slboot.ttf")),
            (fonts, "readme.txt", None),
            (bios, "bootmgr_EX", Some("bootmgr")),
            (bios, "memtest_EX.exe", Some("boot/memtest.exe")),
            (bios, "bootvhd.dll", None),
            (disc, "efisys_EX.bin", Some("efi/microsoft/boot/efisys_ex.bin")),
            (disc, "efisys_noprompt_EX.bin", Some("efi/microsoft/boot/efisys_noprompt_ex.bin")),
            (disc, "other.bin", None),
            (managers, "Boot.stl", Some("efi/microsoft/boot/boot.stl")),
            (managers, "bootmgfw.efi", None),
        ] {
            assert_eq!(place_2023(directory, name).as_deref(), expected, "{name}");
        }
        assert_eq!(TRUST_LIST_IN_IMAGE, format!("{managers}/boot.stl"));
    }
}
