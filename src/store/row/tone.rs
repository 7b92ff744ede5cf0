//! The rows of tone files, without their sound.

use std::borrow::Cow;

use super::{RowError, columns};
use crate::domain::id::AppNo;
use crate::domain::time::Timestamp;
use crate::domain::tone::{Tone, ToneName, ToneState};

columns! {
    /// A tone file.
    ToneColumns of "tone" {
        app: AppNo,
        name: Cow<'r, str>,
        state: Cow<'r, str>,
        bytes: u32,
        sha256: Cow<'r, [u8]>,
        uploaded_at: Timestamp,
        decided_at: Option<Timestamp>,
    }
}

impl<'r> From<&'r Tone> for ToneColumns<'r> {
    fn from(tone: &'r Tone) -> Self {
        Self {
            app: tone.app,
            name: tone.name.as_str().into(),
            state: tone.state.as_str().into(),
            bytes: tone.bytes,
            sha256: Cow::Borrowed(&tone.sha256),
            uploaded_at: tone.uploaded_at,
            decided_at: tone.decided_at,
        }
    }
}

impl ToneColumns<'_> {
    /// The tone file that the row tells of.
    pub(crate) fn into_tone(self) -> Result<Tone, RowError> {
        Ok(Tone {
            app: self.app,
            name: ToneName::new(&self.name).ok_or(RowError::Unreadable("tone.name"))?,
            state: ToneState::from_word(&self.state).ok_or(RowError::Unreadable("tone.state"))?,
            bytes: self.bytes,
            sha256: (&*self.sha256).try_into().map_err(|_| RowError::Unreadable("tone.sha256"))?,
            uploaded_at: self.uploaded_at,
            decided_at: self.decided_at,
        })
    }
}
