//! The XML document: names and properties of the images.
//!
//! A document is kept as it stands, element by element, so that whatever Microsoft's tools put there survives a rewrite;
//! what we understand of it is read through accessors. The images' numbers come from the INDEX attributes; the order of
//! the elements means nothing.

mod element;
mod error;
mod image;
mod parse;
#[cfg(test)]
mod tests;
mod windows;

pub use element::{Element, Node};
pub use error::XmlError;
pub use image::ImageXml;
pub(in crate::wim) use windows::is_possible;
pub use windows::{Architecture, FallbackLanguage, WindowsInfo, WindowsVersion};

use element::Attribute;

/// An archive's XML document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WimXml {
    attributes: Vec<Attribute>,
    parts: Vec<Part>,
    /// Where in `parts` image 1, 2, … is.
    images: Vec<usize>,
}

/// Something inside the root element.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Image(ImageXml),
    Other(Node),
}

impl WimXml {
    /// A document without images.
    pub fn new() -> Self {
        Self::default()
    }

    /// The document to go on with where the stored one is damaged: nothing but the number of each image.
    pub fn fallback(image_count: u32) -> Self {
        let mut xml = Self::new();
        for _ in 0..image_count {
            xml.add_image(ImageXml::default());
        }
        xml
    }

    /// Parses a stored document. Images that it does not mention get an element with nothing but their number.
    ///
    /// # Errors
    /// If it is not well-formed UTF-16LE XML within the limits, its root is not `WIM`, or the numbers of its images are
    /// not different ones from 1 to `image_count`.
    pub fn parse(bytes: &[u8], image_count: u32) -> Result<Self, XmlError> {
        let root = parse::parse(bytes)?;
        if root.name != "WIM" {
            return Err(XmlError::Root { found: root.name });
        }
        let mut positions = vec![None; image_count as usize];
        let mut parts = Vec::with_capacity(root.children.len());
        for node in root.children {
            parts.push(match node {
                Node::Element(element) if element.name == "IMAGE" => {
                    let image = ImageXml::from_element(element);
                    let found = image.index_attribute().unwrap_or_default();
                    let slot =
                        found.trim().parse::<usize>().ok().and_then(|index| positions.get_mut(index.checked_sub(1)?));
                    match slot {
                        Some(slot @ None) => *slot = Some(parts.len()),
                        _ => return Err(XmlError::ImageIndex { found: found.to_owned(), count: image_count }),
                    }
                    Part::Image(image)
                }
                node => Part::Other(node),
            });
        }
        for (slot, index) in positions.iter_mut().zip(1..) {
            if slot.is_none() {
                let mut image = ImageXml::default();
                image.set_index(index);
                *slot = Some(parts.len());
                parts.push(Part::Image(image));
            }
        }
        Ok(Self { attributes: root.attributes, parts, images: positions.into_iter().flatten().collect() })
    }

    /// The document to be stored: UTF-16LE with a byte order mark.
    ///
    /// # Errors
    /// If a character in it is none of XML's, or it is larger than a reader accepts.
    pub fn encode(&self) -> Result<Vec<u8>, XmlError> {
        const ROOT: &str = "WIM";
        let mut text = String::new();
        element::write_start(ROOT, &self.attributes, &mut text)?;
        for part in &self.parts {
            match part {
                Part::Image(image) => image.element().write(&mut text)?,
                Part::Other(Node::Element(element)) => element.write(&mut text)?,
                Part::Other(Node::Text(white_space)) => element::write_text(white_space, ROOT, &mut text)?,
            }
        }
        element::write_end(ROOT, &mut text);
        let mut bytes = Vec::with_capacity(2 + 2 * text.len());
        bytes.extend(parse::BOM);
        bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        if bytes.len() as u64 > parse::MAX_NBYTES {
            return Err(XmlError::TooLarge { size: bytes.len() as u64, limit: parse::MAX_NBYTES });
        }
        Ok(bytes)
    }

    /// How many images there are.
    pub fn image_count(&self) -> u32 {
        // `parse` was given the count as a u32, and images are added one at a time.
        self.images.len() as u32
    }

    /// Image `index`, counted from 1.
    pub fn image(&self, index: u32) -> Option<&ImageXml> {
        let position = *self.images.get((index as usize).checked_sub(1)?)?;
        match &self.parts[position] {
            Part::Image(image) => Some(image),
            Part::Other(_) => None,
        }
    }

    /// Image `index`, counted from 1, to be changed.
    pub fn image_mut(&mut self, index: u32) -> Option<&mut ImageXml> {
        let position = *self.images.get((index as usize).checked_sub(1)?)?;
        match &mut self.parts[position] {
            Part::Image(image) => Some(image),
            Part::Other(_) => None,
        }
    }

    /// The images in the order of their numbers.
    pub fn images(&self) -> impl Iterator<Item = &ImageXml> {
        (1..=self.image_count()).filter_map(|index| self.image(index))
    }

    /// The number of the image that has this name, letter case included. The empty name is nobody's.
    pub fn image_by_name(&self, name: &str) -> Option<u32> {
        (1..=self.image_count()).find(|index| {
            let found = self.image(*index).and_then(ImageXml::name);
            found.is_some_and(|found| found == name)
        })
    }

    /// Adds an image behind the last one; answers its number. To copy an image from another archive, give its element.
    pub fn add_image(&mut self, mut image: ImageXml) -> u32 {
        let index = self.image_count() + 1;
        image.set_index(index);
        self.images.push(self.parts.len());
        self.parts.push(Part::Image(image));
        index
    }

    /// Takes image `index` out and renumbers those behind it.
    pub fn remove_image(&mut self, index: u32) -> Option<ImageXml> {
        let slot = (index as usize).checked_sub(1).filter(|slot| *slot < self.images.len())?;
        let position = self.images.remove(slot);
        let removed = self.parts.remove(position);
        for later in &mut self.images {
            *later -= usize::from(*later > position);
        }
        for index in index..=self.image_count() {
            if let Some(image) = self.image_mut(index) {
                image.set_index(index);
            }
        }
        match removed {
            Part::Image(image) => Some(image),
            Part::Other(_) => None,
        }
    }

    fn others(&self) -> impl Iterator<Item = &Element> {
        self.parts.iter().filter_map(|part| match part {
            Part::Other(Node::Element(element)) => Some(element),
            _ => None,
        })
    }

    /// The size that the document states for the archive without itself and the integrity table, in bytes.
    pub fn total_bytes(&self) -> Option<u64> {
        self.others().find(|element| element.name == "TOTALBYTES")?.text().parse().ok()
    }

    /// States the size of the archive without the document and the integrity table: the offset at which the document
    /// will begin.
    pub fn set_total_bytes(&mut self, total: u64) {
        let new = Part::Other(Node::Element(Element::with_text("TOTALBYTES", total.to_string())));
        let is_old = |part: &Part| matches!(part, Part::Other(Node::Element(element)) if element.name == "TOTALBYTES");
        match self.parts.iter_mut().find(|part| is_old(part)) {
            Some(old) => *old = new,
            None => {
                self.parts.insert(0, new);
                self.images.iter_mut().for_each(|position| *position += 1);
            }
        }
    }

    /// Whether the document marks the archive as an encrypted ESD, whose resources are unreadable without its key.
    pub fn is_encrypted(&self) -> bool {
        self.others().any(|element| element.name == "ESD" && element.child("ENCRYPTED").is_some())
    }
}
