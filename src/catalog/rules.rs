//! What an update is by the words that the Microsoft Update Catalog has for it.
//!
//! Of recent releases the title tells everything. Of some the same title stands for a Safe OS and a Setup Dynamic Update, and
//! product and description tell which. The table is that of Microsoft's guide to refreshing media with Dynamic Update.

mod title;

pub use title::{System, Title};

use std::fmt;

use super::class::Class;

/// An update as a page of the catalog lists it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Listing<'a> {
    /// Its title.
    pub title: &'a str,
    /// Its products, with commas between them.
    pub product: Option<&'a str>,
    /// Its description, from the page of details.
    pub description: Option<&'a str>,
}

/// A field that is needed besides the title.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The products.
    Product,
    /// The description.
    Description,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Product => "product",
            Self::Description => "description",
        })
    }
}

/// What the rules say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is this.
    Class(Class),
    /// It is one of these, if any; these fields would tell.
    Undecided {
        /// What it may be.
        candidates: Vec<Class>,
        /// What is missing.
        missing: Vec<Field>,
    },
    /// No rule is about it.
    Unknown,
}

/// Which releases a rule is for.
#[derive(Clone, Copy)]
enum Releases {
    Any,
    /// Those whose Dynamic Updates have the same title: Windows 11 21H2, Windows 10, Windows Server 2022, Azure Stack HCI.
    SameTitle,
}

struct Rule {
    releases: Releases,
    /// The words before ` for `.
    kind: &'static str,
    /// What the words between that and the release begin with, if there are to be any.
    subject: Option<&'static str>,
    product: Option<&'static str>,
    description: Option<&'static str>,
    class: Class,
}

const fn rule(kind: &'static str, subject: Option<&'static str>, class: Class) -> Rule {
    Rule { releases: Releases::Any, kind, subject, product: None, description: None, class }
}

const fn fields_rule(product: &'static str, description: &'static str, class: Class) -> Rule {
    let (releases, kind) = (Releases::SameTitle, "Dynamic Update");
    Rule { releases, kind, subject: None, product: Some(product), description: Some(description), class }
}

const RULES: [Rule; 8] = [
    rule("Safe OS Dynamic Update", None, Class::SafeOsDu),
    rule("Setup Dynamic Update", None, Class::SetupDu),
    fields_rule("Windows Safe OS Dynamic Update", "ComponentUpdate", Class::SafeOsDu),
    fields_rule("Windows 10 and later Dynamic Update", "SetupUpdate", Class::SetupDu),
    rule("Cumulative Update", None, Class::Cumulative),
    rule("Servicing Stack Update", None, Class::ServicingStack),
    rule("Cumulative Update", Some(".NET Framework"), Class::DotNet),
    rule("Update", Some("Removal of Adobe Flash Player"), Class::FlashRemoval),
];

impl Releases {
    fn include(self, title: &Title) -> bool {
        match (self, title.system) {
            (Self::Any, _) | (Self::SameTitle, System::Windows10 | System::AzureStackHci | System::WindowsServer) => {
                true
            }
            (Self::SameTitle, System::Windows11) => title.half_year().is_none_or(|half_year| half_year < (22, 2)),
            (Self::SameTitle, System::ServerOperatingSystem) => {
                title.half_year().is_none_or(|half_year| half_year < (23, 2))
            }
        }
    }
}

impl Rule {
    /// What is missing to say that the rule holds; `None` if it does not.
    fn missing(&self, title: &Title, listing: &Listing<'_>) -> Option<Vec<Field>> {
        let is_subject = match self.subject {
            None => title.subject.is_empty(),
            Some(subject) => super::identity::starts_with(&title.subject, subject),
        };
        if !title.kind.eq_ignore_ascii_case(self.kind) || !is_subject || !self.releases.include(title) {
            return None;
        }
        let is_product =
            |wanted: &str, found: &str| found.split(',').any(|product| product.trim().eq_ignore_ascii_case(wanted));
        let is_description = |wanted: &str, found: &str| {
            found.split(|c: char| !c.is_alphanumeric()).any(|word| word.eq_ignore_ascii_case(wanted))
        };
        let mut missing = Vec::new();
        for (field, wanted, found, is_so) in [
            (Field::Product, self.product, listing.product, &is_product as &dyn Fn(&str, &str) -> bool),
            (Field::Description, self.description, listing.description, &is_description),
        ] {
            match (wanted, found) {
                (Some(_), None) => missing.push(field),
                (Some(wanted), Some(found)) if !is_so(wanted, found) => return None,
                _ => {}
            }
        }
        Some(missing)
    }
}

/// Says what an update is by its title, and by product and description where the title alone does not tell.
pub fn recognize(listing: &Listing<'_>) -> Answer {
    let Some(title) = Title::parse(listing.title) else { return Answer::Unknown };
    let mut candidates = Vec::new();
    let mut needed = Vec::new();
    for rule in &RULES {
        match rule.missing(&title, listing) {
            None => {}
            Some(missing) if missing.is_empty() => return Answer::Class(rule.class),
            Some(missing) => {
                candidates.push(rule.class);
                needed.extend(missing.into_iter().filter(|field| !needed.contains(field)).collect::<Vec<_>>());
            }
        }
    }
    if candidates.is_empty() { Answer::Unknown } else { Answer::Undecided { candidates, missing: needed } }
}

#[cfg(test)]
mod tests;
