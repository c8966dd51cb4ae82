//! The IMAGE element.

use std::borrow::Cow;

use super::element::Element;
use super::error::XmlError;
use super::windows::WindowsInfo;
use crate::util::filetime::FileTime;
use crate::wim::metadata::Statistics;

/// What the XML document says about one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageXml {
    element: Element,
}

impl Default for ImageXml {
    fn default() -> Self {
        Self { element: Element::new("IMAGE") }
    }
}

impl ImageXml {
    pub(super) fn from_element(element: Element) -> Self {
        Self { element }
    }

    /// The element as it stands, unknown parts included.
    pub fn element(&self) -> &Element {
        &self.element
    }

    pub(super) fn index_attribute(&self) -> Option<&str> {
        self.element.attribute("INDEX")
    }

    pub(super) fn set_index(&mut self, index: u32) {
        match self.element.attributes.iter_mut().find(|(name, _)| name == "INDEX") {
            Some((_, value)) => *value = index.to_string(),
            None => self.element.attributes.insert(0, ("INDEX".to_owned(), index.to_string())),
        }
    }

    /// The text at a path such as `WINDOWS/VERSION/SPBUILD`.
    ///
    /// # Errors
    /// If `path` is no such path.
    pub fn get(&self, path: &str) -> Result<Option<Cow<'_, str>>, XmlError> {
        Ok(self.element.descendant(path)?.map(Element::text))
    }

    /// Sets the text at `path`; elements are made as needed.
    ///
    /// # Errors
    /// If `path` is no such path, or holds elements, or `text` has characters that XML does not have.
    pub fn set(&mut self, path: &str, text: &str) -> Result<(), XmlError> {
        self.element.set(path, text)
    }

    /// Takes the element at `path` out. Answers whether it was there.
    ///
    /// # Errors
    /// If `path` is no such path.
    pub fn remove(&mut self, path: &str) -> Result<bool, XmlError> {
        self.element.remove(path)
    }

    fn text_of(&self, child: &str) -> Option<Cow<'_, str>> {
        self.element.child(child).map(Element::text).filter(|text| !text.is_empty())
    }

    /// Its name; `None` if it is absent or empty, which any number of images may be.
    pub fn name(&self) -> Option<Cow<'_, str>> {
        self.text_of("NAME")
    }

    /// Its description.
    pub fn description(&self) -> Option<Cow<'_, str>> {
        self.text_of("DESCRIPTION")
    }

    /// Its edition id, or 9 and 2 in a boot.wim.
    pub fn flags(&self) -> Option<Cow<'_, str>> {
        self.text_of("FLAGS")
    }

    /// The name that Setup shows.
    pub fn display_name(&self) -> Option<Cow<'_, str>> {
        self.text_of("DISPLAYNAME")
    }

    /// The description that Setup shows.
    pub fn display_description(&self) -> Option<Cow<'_, str>> {
        self.text_of("DISPLAYDESCRIPTION")
    }

    /// Whether it is meant to be used in place by WIMBoot.
    pub fn is_wimboot(&self) -> bool {
        self.text_of("WIMBOOT").is_some_and(|text| text == "1")
    }

    /// When it was made.
    pub fn creation_time(&self) -> Option<FileTime> {
        self.time("CREATIONTIME")
    }

    /// When it was last changed.
    pub fn modification_time(&self) -> Option<FileTime> {
        self.time("LASTMODIFICATIONTIME")
    }

    fn time(&self, child: &str) -> Option<FileTime> {
        let time = self.element.child(child)?;
        let part = |name| {
            let text = time.child(name)?.text();
            let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(&text);
            u32::from_str_radix(digits, 16).ok()
        };
        Some(FileTime(u64::from(part("HIGHPART")?) << 32 | u64::from(part("LOWPART")?)))
    }

    /// Says when it was made.
    pub fn set_creation_time(&mut self, time: FileTime) {
        self.set_time("CREATIONTIME", time);
    }

    /// Says when it was last changed. No image should be without: Windows Setup fails to commit to one that is.
    pub fn set_modification_time(&mut self, time: FileTime) {
        self.set_time("LASTMODIFICATIONTIME", time);
    }

    fn set_time(&mut self, child: &str, time: FileTime) {
        for (part, value) in [("HIGHPART", time.0 >> 32), ("LOWPART", time.0 & 0xFFFF_FFFF)] {
            self.set_own(&format!("{child}/{part}"), &format!("0x{value:08X}"));
        }
    }

    /// Sets what this type itself has spelt. Where foreign elements stand in the way, they make room.
    fn set_own(&mut self, path: &str, text: &str) {
        self.element.replace(path, text).expect("the path and the text are our own");
    }

    /// The counts of the image, as far as all of them are stated.
    pub fn statistics(&self) -> Option<Statistics> {
        let number = |child| self.text_of(child)?.parse().ok();
        Some(Statistics {
            directories: number("DIRCOUNT")?,
            files: number("FILECOUNT")?,
            total_bytes: number("TOTALBYTES")?,
            hard_link_bytes: number("HARDLINKBYTES")?,
        })
    }

    /// States the counts of the image.
    pub fn set_statistics(&mut self, statistics: &Statistics) {
        let Statistics { directories, files, total_bytes, hard_link_bytes } = *statistics;
        let numbers = [
            ("DIRCOUNT", directories),
            ("FILECOUNT", files),
            ("TOTALBYTES", total_bytes),
            ("HARDLINKBYTES", hard_link_bytes),
        ];
        for (child, number) in numbers {
            self.set_own(child, &number.to_string());
        }
    }

    /// What is said about the Windows in the image, if there is one.
    pub fn windows(&self) -> Option<WindowsInfo> {
        self.element.child("WINDOWS").map(WindowsInfo::from_element)
    }

    /// States what is known about the Windows in the image. What the element says besides stays as it is.
    ///
    /// # Errors
    /// A text in `info` has characters that XML does not have.
    pub fn set_windows(&mut self, info: &WindowsInfo) -> Result<(), XmlError> {
        let mut windows = self.element.child("WINDOWS").cloned().unwrap_or_else(|| Element::new("WINDOWS"));
        info.write(&mut windows)?;
        match self.element.child_mut("WINDOWS") {
            Some(element) => *element = windows,
            None => self.element.insert(windows),
        }
        Ok(())
    }
}
