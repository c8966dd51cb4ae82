//! The answer of `bench` for programs.

use super::super::human::Human;
use super::Setting;
use super::measure::{Effort, Measured};
use super::sample::Sample;
use serde::Serialize;
use std::path::PathBuf;

/// The JSON document; its members are described in docs/json/bench.md.
#[derive(Serialize)]
pub(super) struct Document {
    schema: &'static str,
    files: Vec<String>,
    pub(super) bytes: u64,
    total_bytes: u64,
    clock: &'static str,
    threads: usize,
    runs: u32,
    results: Vec<JsonResult>,
    pub(super) warnings: Vec<String>,
}

#[derive(Serialize)]
struct JsonResult {
    format: &'static str,
    chunk_size: u32,
    level: u8,
    compressed_bytes: u64,
    ratio: f64,
    encode_mb_per_second: f64,
    decode_mb_per_second: Option<f64>,
    encoder_memory: u64,
}

impl Document {
    pub(super) fn new(files: &[PathBuf], sample: &Sample, effort: Effort) -> Self {
        let bytes = sample.data.len() as u64;
        let mut warnings = Vec::new();
        if bytes < sample.total {
            let (taken, total) = (Human(bytes), Human(sample.total));
            warnings.push(format!("{taken} of {total} are measured, in pieces from all over; --limit takes more"));
        }
        Self {
            schema: "wimkit.bench/1",
            files: files.iter().map(|path| path.display().to_string()).collect(),
            bytes,
            total_bytes: sample.total,
            clock: effort.clock.name(),
            threads: effort.threads,
            runs: effort.runs,
            results: Vec::new(),
            warnings,
        }
    }

    pub(super) fn add(&mut self, setting: Setting, measured: &Measured) {
        self.results.push(JsonResult {
            format: setting.format.name(),
            chunk_size: setting.chunk_size,
            level: setting.level.get(),
            compressed_bytes: measured.compressed_bytes,
            ratio: measured.compressed_bytes as f64 / measured.bytes as f64,
            encode_mb_per_second: measured.encode_speed / 1e6,
            decode_mb_per_second: measured.decode_speed.map(|speed| speed / 1e6),
            encoder_memory: measured.encoder_memory,
        });
    }
}
