//! From text to a manifest.

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::super::identity::Identity;
use super::{Mum, MumError, Parent};

/// How deep elements may nest: those of manifests go about ten deep.
const MAX_DEPTH: usize = 100;

/// An element that is open, as far as it matters what stands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Assembly,
    /// `assembly/package`.
    Package,
    Parent {
        or_higher_revision: bool,
    },
    Update,
    /// `package` in an update.
    Part,
    Declare,
    Capability,
    Other,
}

/// What is known before the end of the document.
#[derive(Default)]
struct Found {
    has_root: bool,
    identity: Option<Identity>,
    description: Option<String>,
    created: Option<String>,
    identifier: Option<String>,
    release_type: Option<String>,
    restart: Option<String>,
    format: Option<String>,
    parents: Vec<Parent>,
    packages: Vec<Identity>,
    capabilities: Vec<String>,
    updates: usize,
    drivers: usize,
}

pub(super) fn parse(text: &str) -> Result<Mum, MumError> {
    let mut reader = Reader::from_str(text);
    let mut found = Found::default();
    let mut open: Vec<Open> = Vec::new();
    loop {
        let offset = reader.buffer_position();
        let event = reader.read_event();
        let event = event.map_err(|error| syntax(reader.error_position(), error))?;
        match event {
            Event::Start(_) if open.len() == MAX_DEPTH => return Err(MumError::TooDeep { offset, limit: MAX_DEPTH }),
            Event::Start(tag) => {
                let kind = found.element(&open, &Attributes::read(&tag, offset)?)?;
                open.push(kind);
            }
            Event::Empty(tag) => {
                found.element(&open, &Attributes::read(&tag, offset)?)?;
            }
            // The tokenizer has compared the names.
            Event::End(_) => _ = open.pop(),
            Event::DocType(_) => return Err(MumError::Doctype { offset }),
            Event::Eof if !open.is_empty() => return Err(syntax(offset, "the document ends inside of an element")),
            Event::Eof => return found.finish(offset),
            _ => {}
        }
    }
}

fn syntax(offset: u64, problem: impl ToString) -> MumError {
    MumError::Syntax { offset, problem: problem.to_string() }
}

/// An element's local name and its attributes by theirs.
struct Attributes {
    name: String,
    values: Vec<(String, String)>,
}

impl Attributes {
    fn read(tag: &BytesStart<'_>, offset: u64) -> Result<Self, MumError> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut values = Vec::new();
        // Comparing each name with all before it would take the square of their number.
        for attribute in tag.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| syntax(offset, error))?;
            let value = attribute.unescape_value().map_err(|error| syntax(offset, error))?;
            values.push((text(attribute.key.local_name().as_ref()), value.into_owned()));
        }
        Ok(Self { name: text(tag.local_name().as_ref()), values })
    }

    fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.values.iter().find(|(found, _)| found == name)?;
        Some(value.trim()).filter(|value| !value.is_empty())
    }

    fn own(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// The identity, if there is a name and a version that can be understood.
    fn identity(&self) -> Option<Identity> {
        let language = self.get("language").filter(|language| !language.eq_ignore_ascii_case("neutral"));
        Some(Identity {
            name: self.own("name")?,
            token: self.own("publicKeyToken").unwrap_or_default(),
            architecture: self.own("processorArchitecture").unwrap_or_default(),
            language: language.unwrap_or_default().to_owned(),
            version: self.get("version")?.parse().ok()?,
        })
    }

    /// `Name~~~Language~Version`.
    fn capability(&self) -> Option<String> {
        let (name, language) = (self.get("name")?, self.get("language").unwrap_or_default());
        Some(format!("{name}~~~{language}~{}", self.get("version").unwrap_or_default()))
    }
}

impl Found {
    /// Takes in an element; answers what it is.
    fn element(&mut self, open: &[Open], element: &Attributes) -> Result<Open, MumError> {
        let parent = open.last().copied();
        Ok(match (parent, &*element.name) {
            (None, "assembly") if !self.has_root => {
                self.has_root = true;
                self.description = element.own("description");
                self.created = element.own("creationTimeStamp");
                Open::Assembly
            }
            (None, found) => return Err(MumError::Root { found: found.to_owned() }),
            (Some(Open::Assembly), "assemblyIdentity") if self.identity.is_none() => {
                let found = || MumError::Identity {
                    found: format!(
                        "{:?} {:?}",
                        element.get("name").unwrap_or(""),
                        element.get("version").unwrap_or("")
                    ),
                };
                self.identity = Some(element.identity().ok_or_else(found)?);
                Open::Other
            }
            (Some(Open::Assembly), "package") => {
                self.identifier = element.own("identifier");
                self.release_type = element.own("releaseType");
                self.restart = element.own("restart");
                Open::Package
            }
            (Some(Open::Package), "parent") => {
                let compare = element.get("revisionCompare").unwrap_or_default();
                Open::Parent { or_higher_revision: compare.eq_ignore_ascii_case("GE") }
            }
            (Some(Open::Parent { or_higher_revision }), "assemblyIdentity") => {
                let parent = element.identity().map(|identity| Parent { identity, or_higher_revision });
                self.parents.extend(parent);
                Open::Other
            }
            (Some(Open::Package), "update") => {
                self.updates += 1;
                Open::Update
            }
            (Some(Open::Update), "package") => Open::Part,
            (Some(Open::Part), "assemblyIdentity") => {
                self.packages.extend(element.identity());
                Open::Other
            }
            (Some(Open::Update), "driver") => {
                self.drivers += 1;
                Open::Other
            }
            (_, "customInformation") => {
                self.format = self.format.take().or_else(|| element.own("PackageFormat"));
                Open::Other
            }
            (_, "declareCapability") => Open::Declare,
            (Some(Open::Declare), "capability") => Open::Capability,
            (Some(Open::Declare | Open::Capability), "capabilityIdentity") => {
                self.capabilities.extend(element.capability());
                Open::Other
            }
            _ => Open::Other,
        })
    }

    fn finish(self, offset: u64) -> Result<Mum, MumError> {
        if !self.has_root {
            return Err(syntax(offset, "there is no element"));
        }
        Ok(Mum {
            identity: self.identity.ok_or_else(|| MumError::Identity { found: "none".into() })?,
            description: self.description,
            created: self.created,
            identifier: self.identifier,
            release_type: self.release_type,
            restart: self.restart,
            format: self.format,
            parents: self.parents,
            packages: self.packages,
            capabilities: self.capabilities,
            updates: self.updates,
            drivers: self.drivers,
        })
    }
}
