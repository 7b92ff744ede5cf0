//! Tone files as operators see them.

use std::fmt::Write as _;

use serde::Serialize;

use super::time;
use crate::domain::tone::Tone;
use crate::wire::time_text::format_rfc3339_millis;

/// One tone file, without its sound.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ToneAnswer {
    name: String,
    state: &'static str,
    bytes: u32,
    sha256: String,
    uploaded_at: String,
    decided_at: Option<String>,
}

impl ToneAnswer {
    /// For a tone file.
    pub fn of(tone: &Tone) -> Self {
        Self {
            name: tone.name.to_string(),
            state: tone.state.as_str(),
            bytes: tone.bytes,
            sha256: hex(&tone.sha256),
            uploaded_at: format_rfc3339_millis(tone.uploaded_at),
            decided_at: time(tone.decided_at),
        }
    }
}

/// A digest as text, as `sha256sum` prints it.
pub fn hex(digest: &[u8; 32]) -> String {
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes every text");
        text
    })
}
