//! Refreshing installation media: last month's media and this month's packages become new media.

pub mod check;
pub mod commands;
pub mod history;
pub mod media;
pub mod plan;
pub mod report;
pub mod run;
pub mod sample;
pub mod settings;
pub mod step;
