//! Which package is for what: by the settings, and by what is wrong with it.

use super::facts::{Concern, Facts, Fault, PackageFacts};
use super::{PlanError, Reason};
use crate::catalog::class::Class;
use crate::refresh::settings::{Settings, StackMode};

/// The packages by what they are for.
#[derive(Default)]
pub(super) struct Packages<'a> {
    pub(super) stack: Option<&'a PackageFacts>,
    pub(super) cumulative: Option<&'a PackageFacts>,
    /// Lower cumulative updates, upon which that one builds; the lowest first.
    pub(super) checkpoints: Vec<&'a PackageFacts>,
    pub(super) safe_os: Option<&'a PackageFacts>,
    pub(super) setup: Option<&'a PackageFacts>,
    pub(super) dotnet: Vec<&'a PackageFacts>,
    /// Those that no step adds, as something is wrong with them.
    pub(super) faulty: Vec<(&'a PackageFacts, &'a Fault)>,
}

impl<'a> Packages<'a> {
    pub(super) fn choose(settings: &Settings, facts: &'a Facts) -> Result<Self, PlanError> {
        let mut packages = Self::default();
        let expected = facts.architecture();
        for package in &facts.packages {
            let path = || package.path.clone();
            if let Some(fault) = &package.fault {
                let is_of_all = fault.concern == Concern::Steps && package.class == Class::Cumulative;
                if is_of_all || fault.concern == Concern::Set {
                    return Err(PlanError::Package { path: path(), problem: fault.problem.clone() });
                }
                packages.faulty.push((package, fault));
                continue;
            }
            if let (Some(found), Some(expected)) = (package.architecture, expected)
                && expected.name() != Some(found)
            {
                return Err(PlanError::Architecture { path: path(), found: found.into(), expected });
            }
            let slot = match package.class {
                Class::ServicingStack => &mut packages.stack,
                Class::SafeOsDu => &mut packages.safe_os,
                Class::SetupDu => &mut packages.setup,
                Class::Cumulative => {
                    packages.checkpoints.push(package);
                    continue;
                }
                Class::DotNet => {
                    packages.dotnet.push(package);
                    continue;
                }
                _ => continue,
            };
            if let Some(first) = slot.replace(package) {
                return Err(PlanError::TwoPackages { first: first.path.clone(), second: path() });
            }
        }
        packages.checkpoints.sort_by_key(|package| package.version);
        packages.cumulative = packages.checkpoints.pop();
        let mode = match settings.servicing_stack {
            StackMode::Combined => return Ok(packages),
            StackMode::SeparateFirst => "separate-first",
            StackMode::SeparateOnly => "separate-only",
        };
        if let Some((package, fault)) =
            packages.faulty.iter().find(|(package, _)| package.class == Class::ServicingStack)
        {
            return Err(PlanError::Package { path: package.path.clone(), problem: fault.problem.clone() });
        }
        if packages.stack.is_none() { Err(PlanError::NoStack { mode }) } else { Ok(packages) }
    }
}

impl Packages<'_> {
    /// Why there is no package of a class.
    pub(super) fn missing(&self, class: Class) -> Reason {
        let is_meant =
            |(package, fault): &&(&PackageFacts, &Fault)| package.class == class && fault.concern == Concern::Steps;
        match self.faulty.iter().find(is_meant) {
            Some((package, fault)) => Reason::BadPackage { path: package.path.clone(), problem: fault.problem.clone() },
            None => Reason::NoPackage(class),
        }
    }
}
