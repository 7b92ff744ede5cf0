//! Tone files: what customers' bindings name and switches play. An operator uploads them under a name, and they
//! count once they are approved (customer-api 1, 12).

use std::borrow::Borrow;
use std::fmt;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::id::AppNo;
use super::time::Timestamp;

/// Longest name of a tone file (customer-api 1).
pub const TONE_NAME_CHARS_MAX: usize = 128;
/// Largest tone file (customer-api 12): 2 MiB, at 8,000 bytes a second more than four minutes.
pub const TONE_BYTES_MAX: usize = 2 * 1_048_576;
/// Most tone files of one app. With the limit of their size it bounds what they take in the store.
pub const TONES_PER_APP_MAX: usize = 200;

/// The name of a tone file: 1 to 128 letters, digits and `-_.@` (customer-api 1).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ToneName(Box<str>);

impl ToneName {
    /// `None` unless `text` can be such a name.
    pub fn new(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
        let fits = (1..=TONE_NAME_CHARS_MAX).contains(&text.len()) && text.bytes().all(plain);
        fits.then(|| Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ToneName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ToneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How far a tone file has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToneState {
    /// Uploaded; nobody has listened to it yet.
    Pending,
    /// May be played.
    Approved,
    /// May not be played.
    Rejected,
}

impl ToneState {
    /// The word in the store and the operator API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }

    /// Inverse of [`ToneState::as_str`].
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Pending, Self::Approved, Self::Rejected].into_iter().find(|state| state.as_str() == word)
    }
}

/// One tone file, without its sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tone {
    /// Whose.
    pub app: AppNo,
    /// Under which name.
    pub name: ToneName,
    /// How far it has come.
    pub state: ToneState,
    /// Length of the file in bytes.
    pub bytes: u32,
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    /// When it was uploaded.
    pub uploaded_at: Timestamp,
    /// When it was approved or rejected.
    pub decided_at: Option<Timestamp>,
}

impl Tone {
    /// A file that was just uploaded. [`check_wav`] has looked at it.
    pub fn uploaded(app: AppNo, name: ToneName, content: &[u8], now: Timestamp) -> Self {
        Self {
            app,
            name,
            state: ToneState::Pending,
            bytes: u32::try_from(content.len()).expect("a tone file has at most 2 MiB"),
            sha256: Sha256::digest(content).into(),
            uploaded_at: now,
            decided_at: None,
        }
    }

    /// The same file after somebody decided about it; `None` when that was decided already.
    pub fn decided(&self, approved: bool, now: Timestamp) -> Option<Self> {
        let state = if approved { ToneState::Approved } else { ToneState::Rejected };
        (state != self.state).then(|| Self { state, decided_at: Some(now), ..self.clone() })
    }
}

/// What is wrong with a file that should be a tone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WavFault {
    /// It does not begin as a WAV file does.
    #[error("is not a WAV file")]
    NotWav,
    /// A chunk says that it is longer than the file.
    #[error("is cut short, or says a wrong length at byte {0}")]
    CutShort(usize),
    /// There is no whole `fmt ` chunk before the sound.
    #[error("has no fmt chunk before its sound")]
    NoFormat,
    /// Its encoding is not A-law.
    #[error("must be G.711 A-law (WAV format 6), not format {0}")]
    Encoding(u16),
    /// It has not one channel.
    #[error("must be mono, not {0} channels")]
    Channels(u16),
    /// It has not 8,000 samples a second.
    #[error("must have 8000 samples a second, not {0}")]
    Rate(u32),
    /// A sample has not eight bits.
    #[error("must have 8 bits a sample, not {0}")]
    Bits(u16),
    /// There is nothing to hear.
    #[error("has no sound in it")]
    NoSound,
}

/// Looks whether a file is what switches can play: WAV, A-law, 8 kHz, mono (customer-api 12). Answers how long
/// it plays. Only the headers are looked at; in A-law every byte is a sound.
pub fn check_wav(file: &[u8]) -> Result<Duration, WavFault> {
    const A_LAW: u16 = 6;
    const SAMPLES_PER_SEC: u32 = 8_000;
    if file.get(..4) != Some(b"RIFF") || file.get(8..12) != Some(b"WAVE") {
        return Err(WavFault::NotWav);
    }
    let mut format_seen = false;
    let mut at = 12;
    while let Some(header) = file.get(at..at + 8) {
        let length = u32_at(header, 4) as usize;
        let body = at + 8;
        let chunk = body.checked_add(length).and_then(|end| file.get(body..end));
        let chunk = chunk.ok_or(WavFault::CutShort(at))?;
        match &header[..4] {
            b"fmt " if chunk.len() < 16 => return Err(WavFault::NoFormat),
            b"fmt " => {
                let (encoding, channels, bits) = (u16_at(chunk, 0), u16_at(chunk, 2), u16_at(chunk, 14));
                match (encoding, channels, u32_at(chunk, 4), bits) {
                    (A_LAW, 1, SAMPLES_PER_SEC, 8) => format_seen = true,
                    (A_LAW, 1, SAMPLES_PER_SEC, bits) => return Err(WavFault::Bits(bits)),
                    (A_LAW, 1, rate, _) => return Err(WavFault::Rate(rate)),
                    (A_LAW, channels, ..) => return Err(WavFault::Channels(channels)),
                    (encoding, ..) => return Err(WavFault::Encoding(encoding)),
                }
            }
            b"data" if !format_seen => return Err(WavFault::NoFormat),
            b"data" if chunk.is_empty() => return Err(WavFault::NoSound),
            // One byte is one sample, an eighth of a millisecond.
            b"data" => return Ok(Duration::from_millis(chunk.len() as u64 / 8)),
            _ => {}
        }
        // A chunk of odd length is followed by a byte that counts for nothing.
        at = body + length + length % 2;
    }
    Err(if format_seen { WavFault::NoSound } else { WavFault::NoFormat })
}

/// The little-endian number there; the caller knows that it is.
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(id: &str, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len()).unwrap();
        let padding = vec![0; body.len() % 2];
        [id.as_bytes(), &length.to_le_bytes(), body, &padding].concat()
    }

    fn format(encoding: u16, channels: u16, rate: u32, bits: u16) -> Vec<u8> {
        let frame = channels * bits / 8;
        let mut body = Vec::new();
        body.extend(encoding.to_le_bytes());
        body.extend(channels.to_le_bytes());
        body.extend(rate.to_le_bytes());
        body.extend((rate * u32::from(frame)).to_le_bytes());
        body.extend(frame.to_le_bytes());
        body.extend(bits.to_le_bytes());
        chunk("fmt ", &body)
    }

    fn wav(chunks: &[Vec<u8>]) -> Vec<u8> {
        let body = [b"WAVE".as_slice(), &chunks.concat()].concat();
        chunk("RIFF", &body)
    }

    fn a_law() -> Vec<u8> {
        format(6, 1, 8_000, 8)
    }

    #[test]
    fn an_a_law_file_plays_one_second_for_every_8000_bytes() {
        let second = chunk("data", &[0xd5; 8_000]);
        assert_eq!(check_wav(&wav(&[a_law(), second.clone()])), Ok(Duration::from_secs(1)));
        // As many programs write it: a longer fmt chunk, then chunks that say other things, one of odd length.
        let mut long = a_law();
        long.extend([0, 0]);
        long[4] = 18;
        let others = [long, chunk("fact", &[0; 4]), chunk("LIST", b"odd"), second];
        assert_eq!(check_wav(&wav(&others)), Ok(Duration::from_secs(1)));
    }

    #[test]
    fn what_a_switch_could_not_play_is_refused_for_its_reason() {
        let sound = chunk("data", &[0xd5; 8]);
        let with = |format: Vec<u8>| wav(&[format, sound.clone()]);
        for (file, fault) in [
            (Vec::new(), WavFault::NotWav),
            (b"RIFF".to_vec(), WavFault::NotWav),
            (b"ID3\x04 an mp3 file".to_vec(), WavFault::NotWav),
            (with(format(1, 1, 8_000, 16)), WavFault::Encoding(1)),
            (with(format(7, 1, 8_000, 8)), WavFault::Encoding(7)),
            (with(format(6, 2, 8_000, 8)), WavFault::Channels(2)),
            (with(format(6, 1, 16_000, 8)), WavFault::Rate(16_000)),
            (with(format(6, 1, 8_000, 16)), WavFault::Bits(16)),
            (with(chunk("fmt ", &[6, 0, 1, 0])), WavFault::NoFormat),
            (wav(&[sound.clone(), a_law()]), WavFault::NoFormat),
            (wav(&[]), WavFault::NoFormat),
            (wav(&[a_law()]), WavFault::NoSound),
            (wav(&[a_law(), chunk("data", &[])]), WavFault::NoSound),
        ] {
            assert_eq!(check_wav(&file), Err(fault), "{file:?}");
        }
    }

    #[test]
    fn a_file_that_is_cut_anywhere_is_refused_and_never_read_beyond_its_end() {
        let whole = wav(&[a_law(), chunk("data", &[0xd5; 64])]);
        for length in 0..whole.len() {
            assert!(check_wav(&whole[..length]).is_err(), "{length}");
        }
        let mut boasting = whole;
        boasting[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(check_wav(&boasting), Err(WavFault::CutShort(36)));
    }

    #[test]
    fn a_name_has_only_the_documented_characters() {
        for good in ["a", "hint-Tone_1@x.wav", &"x".repeat(128)] {
            assert_eq!(ToneName::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a/b", "\u{e9}.wav", "a\n", &"x".repeat(129)] {
            assert_eq!(ToneName::new(bad), None, "{bad}");
        }
    }

    #[test]
    fn deciding_what_is_decided_changes_nothing_and_minds_can_be_changed() {
        let now = Timestamp::from_secs(1_790_000_000);
        let tone = Tone::uploaded(AppNo(1), ToneName::new("a.wav").unwrap(), b"sound", now);
        assert_eq!((tone.state, tone.bytes, tone.decided_at), (ToneState::Pending, 5, None));
        let approved = tone.decided(true, now).unwrap();
        assert_eq!((approved.state, approved.decided_at), (ToneState::Approved, Some(now)));
        assert_eq!(approved.decided(true, now), None);
        assert_eq!(approved.decided(false, now).unwrap().state, ToneState::Rejected);
    }
}
