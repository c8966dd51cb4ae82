//! Elements as they stand in the document, so that what we do not know is written back as it was.

use std::borrow::Cow;

use super::error::XmlError;

/// An attribute: name and value.
pub(super) type Attribute = (String, String);

/// An element with all it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// Its name.
    pub name: String,
    /// Its attributes in order: name and value.
    pub attributes: Vec<(String, String)>,
    /// Elements and texts in order. Comments and processing instructions are not kept.
    pub children: Vec<Node>,
}

/// Something inside an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// An element.
    Element(Element),
    /// Text, with references resolved.
    Text(String),
}

impl Element {
    /// An element with nothing in it.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// An element with a text.
    pub fn with_text(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { children: vec![Node::Text(text.into())], ..Self::new(name) }
    }

    /// The elements in it.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    fn elements_mut(&mut self) -> impl Iterator<Item = &mut Element> {
        self.children.iter_mut().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The first element of this name in it.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.elements().find(|element| element.name == name)
    }

    /// The same, to be changed.
    pub(super) fn child_mut(&mut self, name: &str) -> Option<&mut Element> {
        self.elements_mut().find(|element| element.name == name)
    }

    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        attribute(&self.attributes, name)
    }

    /// Its text, without the white space around it.
    pub fn text(&self) -> Cow<'_, str> {
        match self.children.as_slice() {
            [] => Cow::Borrowed(""),
            [Node::Text(text)] => Cow::Borrowed(text.trim()),
            nodes => {
                let texts = nodes.iter().filter_map(|node| match node {
                    Node::Text(text) => Some(text.as_str()),
                    Node::Element(_) => None,
                });
                Cow::Owned(texts.collect::<String>().trim().to_owned())
            }
        }
    }

    /// The element at a path such as `WINDOWS/VERSION` or `WINDOWS/LANGUAGES/LANGUAGE[2]`.
    ///
    /// # Errors
    /// If `path` is no such path.
    pub fn descendant(&self, path: &str) -> Result<Option<&Element>, XmlError> {
        let mut element = Some(self);
        for step in steps(path) {
            let Step { name, nth } = step?;
            element = element.and_then(|parent| parent.elements().filter(|child| child.name == name).nth(nth));
        }
        Ok(element)
    }

    /// Sets the text of the element at `path`, which is made if it is not there.
    ///
    /// # Errors
    /// If `path` is no such path, skips a number (`A[3]` where there is one `A`), holds elements, or `text` has characters
    /// that XML does not have.
    pub fn set(&mut self, path: &str, text: &str) -> Result<(), XmlError> {
        check_characters(text, || path.to_owned())?;
        // The whole path first: a refused change must change nothing.
        steps(path).try_for_each(|step| step.map(drop))?;
        let target = self.descendant(path)?;
        if target.is_some_and(|target| target.elements().next().is_some()) {
            return Err(XmlError::HasElements { path: path.to_owned() });
        }
        let mut element = self;
        for step in steps(path) {
            let Step { name, nth } = step?;
            let count = element.elements().filter(|child| child.name == name).count();
            if nth > count {
                return Err(XmlError::Path { path: path.to_owned() });
            }
            if nth == count {
                element.insert(Element::new(name));
            }
            let mut same = element.elements_mut().filter(|child| child.name == name);
            element = same.nth(nth).expect("there are more than nth by now");
        }
        element.children = vec![Node::Text(text.to_owned())];
        Ok(())
    }

    /// As [`Self::set`], and elements at `path` make room.
    ///
    /// # Errors
    /// If `path` is no such path, or `text` has characters that XML does not have.
    pub(super) fn replace(&mut self, path: &str, text: &str) -> Result<(), XmlError> {
        match self.set(path, text) {
            Err(XmlError::HasElements { .. }) => {
                self.remove(path)?;
                self.set(path, text)
            }
            result => result,
        }
    }

    /// Puts an element where Microsoft's tools have it: behind those that come before it and those of its own name. One that
    /// they do not have comes last.
    pub(super) fn insert(&mut self, new: Element) {
        let order = order_in(&self.name);
        let rank = |name: &str| order.iter().position(|known| *known == name);
        let is_later = |node: &Node| matches!(node, Node::Element(other) if rank(&other.name) > rank(&new.name));
        let place = rank(&new.name).and_then(|_| self.children.iter().position(is_later));
        self.children.insert(place.unwrap_or(self.children.len()), Node::Element(new));
    }

    /// Takes the element at `path` out, with all it holds. Answers whether it was there.
    ///
    /// # Errors
    /// If `path` is no such path.
    pub fn remove(&mut self, path: &str) -> Result<bool, XmlError> {
        let (parent, last) = path.rsplit_once('/').unwrap_or(("", path));
        let Step { name, nth } = Step::parse(last, path)?;
        let mut element = self;
        for step in steps(parent).filter(|_| !parent.is_empty()) {
            let Step { name, nth } = step?;
            match element.elements_mut().filter(|child| child.name == name).nth(nth) {
                Some(child) => element = child,
                None => return Ok(false),
            }
        }
        let is_same = |node: &Node| matches!(node, Node::Element(child) if child.name == name);
        let position = element.children.iter().enumerate().filter(|(_, node)| is_same(node)).nth(nth);
        let position = position.map(|(position, _)| position);
        position.map(|position| element.children.remove(position));
        Ok(position.is_some())
    }

    /// Appends the element as XML.
    ///
    /// # Errors
    /// If a character in it is none of XML's.
    pub(super) fn write(&self, out: &mut String) -> Result<(), XmlError> {
        write_start(&self.name, &self.attributes, out)?;
        for node in &self.children {
            match node {
                Node::Element(element) => element.write(out)?,
                Node::Text(text) => write_text(text, &self.name, out)?,
            }
        }
        write_end(&self.name, out);
        Ok(())
    }
}

/// The elements that Microsoft's tools put into one of this name, in their order.
fn order_in(parent: &str) -> &'static [&'static str] {
    match parent {
        "IMAGE" => &[
            "DIRCOUNT",
            "FILECOUNT",
            "TOTALBYTES",
            "HARDLINKBYTES",
            "CREATIONTIME",
            "LASTMODIFICATIONTIME",
            "WIMBOOT",
            "WINDOWS",
            "NAME",
            "DESCRIPTION",
            "FLAGS",
            "DISPLAYNAME",
            "DISPLAYDESCRIPTION",
        ],
        "WINDOWS" => &[
            "ARCH",
            "PRODUCTNAME",
            "EDITIONID",
            "INSTALLATIONTYPE",
            "SERVICINGDATA",
            "HAL",
            "PRODUCTTYPE",
            "PRODUCTSUITE",
            "LANGUAGES",
            "VERSION",
            "SYSTEMROOT",
        ],
        "LANGUAGES" => &["LANGUAGE", "FALLBACK", "DEFAULT"],
        "VERSION" => &["MAJOR", "MINOR", "BUILD", "SPBUILD", "SPLEVEL", "BRANCH"],
        _ => &[],
    }
}

/// The value of an attribute.
pub(super) fn attribute<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a str> {
    attributes.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

pub(super) fn write_start(name: &str, attributes: &[Attribute], out: &mut String) -> Result<(), XmlError> {
    out.push('<');
    out.push_str(name);
    for (attribute, value) in attributes {
        check_characters(value, || format!("{name} {attribute}"))?;
        out.push(' ');
        out.push_str(attribute);
        out.push_str("=\"");
        escape(value, true, out);
        out.push('"');
    }
    out.push('>');
    Ok(())
}

pub(super) fn write_end(name: &str, out: &mut String) {
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

pub(super) fn write_text(text: &str, element: &str, out: &mut String) -> Result<(), XmlError> {
    check_characters(text, || element.to_owned())?;
    escape(text, false, out);
    Ok(())
}

fn escape(text: &str, in_attribute: bool, out: &mut String) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if in_attribute => out.push_str("&quot;"),
            // A reader turns a line end inside an attribute into a blank unless it is a reference.
            '\n' if in_attribute => out.push_str("&#10;"),
            '\r' if in_attribute => out.push_str("&#13;"),
            '\t' if in_attribute => out.push_str("&#9;"),
            character => out.push(character),
        }
    }
}

/// Refuses characters that XML 1.0 does not have, in whatever form.
pub(super) fn check_characters(text: &str, place: impl FnOnce() -> String) -> Result<(), XmlError> {
    let refused = |character: &char| matches!(character, '\0'..='\x08' | '\x0B' | '\x0C' | '\x0E'..='\x1F' | '\u{FFFE}' | '\u{FFFF}');
    match text.chars().find(refused) {
        Some(character) => Err(XmlError::Character { character, place: place() }),
        None => Ok(()),
    }
}

/// One step of a path.
struct Step<'a> {
    name: &'a str,
    /// Which of the elements of this name, counted from 0.
    nth: usize,
}

impl<'a> Step<'a> {
    fn parse(step: &'a str, path: &str) -> Result<Self, XmlError> {
        let refused = || XmlError::Path { path: path.to_owned() };
        let (name, nth) = match step.strip_suffix(']').and_then(|step| step.split_once('[')) {
            Some((name, number)) => {
                (name, number.parse::<usize>().ok().and_then(|n| n.checked_sub(1)).ok_or_else(refused)?)
            }
            None => (step, 0),
        };
        let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        let is_name = starts_well && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
        if is_name { Ok(Self { name, nth }) } else { Err(refused()) }
    }
}

fn steps(path: &str) -> impl Iterator<Item = Result<Step<'_>, XmlError>> {
    path.split('/').map(move |step| Step::parse(step, path))
}
