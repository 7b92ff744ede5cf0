//! What the header of a WAV file says. Only as much as decides whether a file is one, and how long it plays.

use std::time::Duration;

/// Bytes from the beginning of a file in which its header must end.
pub const HEADER_MAX: usize = 4_096;

/// Why a file is no recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotWav {
    /// It does not begin as a WAV file does.
    #[error("not a WAV file: it must begin with RIFF, a size, and WAVE")]
    NoRiff,
    /// No chunk says how the sound is coded.
    #[error("not a WAV file: no fmt chunk with a byte rate before the data chunk")]
    NoFormat,
    /// The sound does not begin early enough.
    #[error("not a WAV file: the data chunk must begin within the first {HEADER_MAX} bytes")]
    NoData,
}

/// How long a file plays, given its beginning (up to [`HEADER_MAX`] bytes) and its size.
///
/// The sizes in the header are not trusted: whoever writes a WAV file while the call lasts has no chance to set
/// them right. The sound is what follows the header of the data chunk, unless that chunk says it is less.
pub fn play_time(beginning: &[u8], size: u64) -> Result<Duration, NotWav> {
    if beginning.len() < 12 || &beginning[..4] != b"RIFF" || &beginning[8..12] != b"WAVE" {
        return Err(NotWav::NoRiff);
    }
    let mut at = 12_usize;
    let mut byte_rate = None;
    while let Some(header) = beginning.get(at..at + 8) {
        let length = u32_at(header, 4);
        let content = at + 8;
        if &header[..4] == b"data" {
            let rate = byte_rate.filter(|rate| *rate > 0).ok_or(NotWav::NoFormat)?;
            let there = size.saturating_sub(content as u64);
            let sound = if length == 0 { there } else { there.min(u64::from(length)) };
            let millis = u128::from(sound) * 1_000 / u128::from(rate);
            return Ok(Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)));
        }
        if &header[..4] == b"fmt " && length >= 16 {
            byte_rate = beginning.get(content..content + 12).map(|format| u32_at(format, 8));
        }
        // A chunk of odd length is followed by a byte that does not count.
        let next = u64::from(length) + u64::from(length % 2) + content as u64;
        match usize::try_from(next) {
            Ok(next) if next < HEADER_MAX => at = next,
            _ => break,
        }
    }
    Err(NotWav::NoData)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("the caller looked at the length"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chunk(name: [u8; 4], length: u32, content: &[u8]) -> Vec<u8> {
        [&name[..], &length.to_le_bytes(), content].concat()
    }

    /// A-law, 8 kHz, mono: 8,000 bytes a second.
    fn format() -> Vec<u8> {
        let rate = 8_000_u32.to_le_bytes();
        let content = [&[6, 0, 1, 0][..], &rate, &rate, &[1, 0, 8, 0]].concat();
        chunk(*b"fmt ", 16, &content)
    }

    fn wav(chunks: &[Vec<u8>]) -> Vec<u8> {
        [&b"RIFF\xff\xff\xff\xffWAVE"[..], &chunks.concat()].concat()
    }

    fn seconds(file: &[u8], size: u64) -> Result<f64, NotWav> {
        play_time(file, size).map(|time| time.as_secs_f64())
    }

    #[test]
    fn the_sound_is_as_long_as_the_file_whatever_the_header_says() {
        let header = |length| wav(&[format(), chunk(*b"data", length, &[])]);
        let begins = header(0).len() as u64;
        assert_eq!(seconds(&header(80_000), begins + 80_000), Ok(10.0));
        assert_eq!(seconds(&header(0), begins + 80_000), Ok(10.0), "not set while writing");
        assert_eq!(seconds(&header(u32::MAX), begins + 24_000), Ok(3.0), "not set while writing");
        assert_eq!(seconds(&header(80_000), begins + 8_000), Ok(1.0), "cut short");
        assert_eq!(seconds(&header(8_000), begins + 80_000), Ok(1.0), "something follows the sound");
        assert_eq!(seconds(&header(0), begins), Ok(0.0));
    }

    #[test]
    fn other_chunks_are_passed_over() {
        let odd = chunk(*b"LIST", 3, b"abc\0");
        let file = wav(&[odd.clone(), format(), odd, chunk(*b"data", 0, &[])]);
        assert_eq!(seconds(&file, file.len() as u64 + 8_000), Ok(1.0));
    }

    #[test]
    fn what_is_no_wav_file_is_told_why() {
        let silent = chunk(*b"fmt ", 16, &[0; 16]);
        for (file, expected) in [
            (Vec::new(), NotWav::NoRiff),
            (b"RIFF\0\0\0\0AVI LIST".to_vec(), NotWav::NoRiff),
            (b"<html><body>busy</body>".to_vec(), NotWav::NoRiff),
            (wav(&[]), NotWav::NoData),
            (wav(&[format()]), NotWav::NoData),
            (wav(&[chunk(*b"LIST", u32::MAX, &[]), chunk(*b"data", 9, &[])]), NotWav::NoData),
            (wav(&[chunk(*b"data", 0, &[])]), NotWav::NoFormat),
            (wav(&[silent, chunk(*b"data", 0, &[])]), NotWav::NoFormat),
        ] {
            assert_eq!(play_time(&file, 1 << 20), Err(expected), "{file:?}");
        }
    }

    proptest! {
        #[test]
        fn no_beginning_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), size: u64) {
            let _ = play_time(&bytes, size);
            let _ = play_time(&[b"RIFF\0\0\0\0WAVEfmt ", &bytes[..]].concat(), size);
        }
    }
}
