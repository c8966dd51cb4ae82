//! The answer of `bench` for people: a line as soon as a setting is measured.

use super::super::exit::Failure;
use super::super::human::Human;
use super::super::printer::Out;
use super::Setting;
use super::measure::Measured;

pub(super) fn head() -> Result<(), Failure> {
    let mut out = Out::new();
    writeln!(out, "format     chunk  level    ratio  encode MB/s  decode MB/s      memory")?;
    out.finish()
}

pub(super) fn row(setting: Setting, measured: &Measured) -> Result<(), Failure> {
    let Setting { format, chunk_size, level } = setting;
    let decode = measured.decode_speed.map_or("–".to_owned(), |speed| format!("{:.1}", speed / 1e6));
    let mut out = Out::new();
    writeln!(
        out,
        "{:<6}  {:>8}  {:>5}  {:>5.2} %  {:>11.2}  {decode:>11}  {:>10}",
        format.name(),
        Human(chunk_size.into()),
        level.get(),
        100.0 * measured.compressed_bytes as f64 / measured.bytes as f64,
        measured.encode_speed / 1e6,
        Human(measured.encoder_memory)
    )?;
    out.finish()
}
