//! Plans as JSON documents.

use serde::Serialize;
use std::path::Path;
use wimkit::refresh::commands::commands;
use wimkit::refresh::plan::{Native, Plan, Step, Work};
use wimkit::refresh::settings::Settings;
use wimkit::servicing::request::Request;

/// The JSON document; its members are described in docs/json/refresh.md.
#[derive(Serialize)]
pub(super) struct Document {
    schema: &'static str,
    media: String,
    new_media: String,
    work: String,
    architecture: Option<String>,
    /// How images are presented to DISM.
    images: &'static str,
    applied_bytes: Option<u64>,
    steps: Vec<StepDocument>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct StepDocument {
    number: Option<u8>,
    task: &'static str,
    target: &'static str,
    image: Option<u32>,
    name: Option<String>,
    /// What a servicer is asked for.
    requests: Vec<RequestDocument>,
    /// What wimkit does itself.
    native: Option<&'static str>,
    /// Files, packages or images that it is done with.
    with: Vec<String>,
    commands: Vec<String>,
    left_out: Option<String>,
}

#[derive(Serialize)]
struct RequestDocument {
    kind: &'static str,
    what: String,
}

impl Document {
    pub(super) fn new(settings: &Settings, plan: &Plan) -> Self {
        let text = |path: &Path| path.display().to_string();
        Self {
            schema: "wimkit.refresh-plan/1",
            media: text(&settings.media),
            new_media: text(&settings.new_media),
            work: text(&settings.work),
            architecture: plan.architecture.map(|architecture| architecture.to_string()),
            images: settings.images.name(),
            applied_bytes: plan.applied_bytes,
            steps: plan.steps.iter().map(|step| StepDocument::new(step, settings)).collect(),
            warnings: plan.warnings.clone(),
        }
    }
}

impl StepDocument {
    fn new(step: &Step, settings: &Settings) -> Self {
        let requests = match &step.work {
            Work::Service(requests) => requests.iter().map(request).collect(),
            _ => Vec::new(),
        };
        let (native, with) = match &step.work {
            Work::Native(native) => {
                let (kind, with) = describe(native);
                (Some(kind), with)
            }
            _ => (None, Vec::new()),
        };
        let left_out = match &step.work {
            Work::LeftOut(reason) => Some(reason.to_string()),
            _ => None,
        };
        Self {
            number: step.number,
            task: step.task.name(),
            target: step.target.name(),
            image: step.image.as_ref().map(|image| image.index),
            name: step.image.as_ref().map(|image| image.name.clone()),
            requests,
            native,
            with,
            commands: commands(step, settings),
            left_out,
        }
    }
}

fn request(request: &Request) -> RequestDocument {
    let (kind, what) = match request {
        Request::AddPackage { path } => ("add-package", path.display().to_string()),
        Request::AddCapability { name, .. } => ("add-capability", name.clone()),
        Request::EnableFeature { name, .. } => ("enable-feature", name.clone()),
        Request::CleanUp { .. } => ("clean-up", request.title()),
        Request::GenLangIni => ("gen-lang-ini", request.title()),
        _ => ("other", request.title()),
    };
    RequestDocument { kind, what }
}

fn describe(native: &Native) -> (&'static str, Vec<String>) {
    let numbers = |images: &[u32]| images.iter().map(ToString::to_string).collect();
    match native {
        Native::CopyMedia => ("copy-media", Vec::new()),
        Native::ExpandFeatures { iso, .. } => ("expand-features", vec![iso.display().to_string()]),
        Native::TakeWinre { index } => ("take-winre", numbers(&[*index])),
        Native::Export { images, .. } => ("export", numbers(images)),
        Native::PutWinre => ("put-winre", Vec::new()),
        Native::SaveFiles { paths, .. } => ("save-files", paths.clone()),
        Native::ExpandSetupDu { package } => ("expand", vec![package.display().to_string()]),
        Native::PlaceSetup { names } => ("place-setup", names.clone()),
        Native::PlaceBootManagers => ("place-boot-managers", Vec::new()),
        Native::LangIni => ("lang-ini", Vec::new()),
        Native::PlaceLangIni => ("place-lang-ini", Vec::new()),
        Native::CheckMedia => ("check-media", Vec::new()),
        Native::WriteIso(iso) => ("write-iso", vec![iso.path.display().to_string()]),
        _ => ("other", Vec::new()),
    }
}
