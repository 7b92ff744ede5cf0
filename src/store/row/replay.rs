//! The rows of replays.

use std::borrow::Cow;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::column::Json;
use super::{RowError, columns};
use crate::domain::delivery::{NoticeKind, State};
use crate::domain::id::{AppNo, RowKey};
use crate::domain::replay::{Phase, Replay, Selection, Track};
use crate::domain::time::Timestamp;

/// Bytes of one key in [`packed`].
const KEY_BYTES: usize = 8;

/// What is under way, and how much each track selects and how many of those were taken.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Progress {
    /// As it is written.
    OnTracks { under_way: Vec<u64>, tracks: Vec<(u32, u32)> },
    /// As it was written before there were tracks: what is under way, and everything in one order.
    InOneOrder(Vec<u64>),
}

columns! {
    /// A replay.
    ReplayColumns of "replay" {
        id: RowKey,
        app: Option<AppNo>,
        kind: Option<NoticeKind>,
        state: Option<State>,
        session: Option<Cow<'r, str>>,
        from_at: Option<Timestamp>,
        to_at: Option<Timestamp>,
        per_second: u32,
        total: u32,
        taken: u32,
        gone: u32,
        under_way: Json<Progress>,
        phase: Phase,
        ended_at: Option<Timestamp>,
    }
}

impl<'r> From<&'r Replay> for ReplayColumns<'r> {
    fn from(replay: &'r Replay) -> Self {
        let selection = &replay.selection;
        Self {
            id: replay.id,
            app: selection.app,
            kind: selection.kind,
            state: selection.state,
            session: selection.session.as_deref().map(Cow::Borrowed),
            from_at: selection.from,
            to_at: selection.to,
            per_second: replay.per_second.get(),
            total: replay.total,
            taken: replay.taken,
            gone: replay.gone,
            under_way: Json(Progress::OnTracks {
                under_way: replay.under_way.iter().map(|id| id.get()).collect(),
                tracks: replay.tracks.iter().map(|track| (track.total, track.taken)).collect(),
            }),
            phase: replay.phase,
            ended_at: replay.ended_at,
        }
    }
}

impl ReplayColumns<'_> {
    /// The replay that the row tells of.
    pub(crate) fn into_replay(self) -> Result<Replay, RowError> {
        let (total, taken) = (self.total, self.taken);
        let (under_way, tracks) = match self.under_way.0 {
            Progress::OnTracks { under_way, tracks } => (under_way, tracks),
            Progress::InOneOrder(under_way) => (under_way, vec![(total, taken)]),
        };
        let under_way: Option<Vec<_>> = under_way.into_iter().map(RowKey::from_stored).collect();
        let tracks = tracks.into_iter().map(|(total, taken)| Track { total, taken }).collect();
        Ok(Replay {
            id: self.id,
            selection: Selection {
                app: self.app,
                kind: self.kind,
                state: self.state,
                session: self.session.map(|session| Box::from(&*session)),
                from: self.from_at,
                to: self.to_at,
            },
            per_second: NonZeroU32::new(self.per_second).ok_or(RowError::Unreadable("replay.per_second"))?,
            total,
            taken,
            tracks,
            under_way: under_way.ok_or(RowError::Unreadable("replay.under_way"))?,
            gone: self.gone,
            phase: self.phase,
            ended_at: self.ended_at,
        })
    }
}

/// Keys one behind the other, eight bytes each, highest byte first.
pub(crate) fn packed(keys: &[RowKey]) -> Vec<u8> {
    keys.iter().flat_map(|key| key.get().to_be_bytes()).collect()
}

/// Inverse of [`packed`].
pub(crate) fn unpacked(bytes: &[u8]) -> Result<Vec<RowKey>, RowError> {
    let (keys, rest) = bytes.as_chunks::<KEY_BYTES>();
    let keys: Option<Vec<_>> = keys.iter().map(|key| RowKey::from_stored(u64::from_be_bytes(*key))).collect();
    keys.filter(|_| rest.is_empty()).ok_or(RowError::Unreadable("selected.deliveries"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_of_before_there_were_tracks_is_read_as_one_track() {
        let before = Progress::read_from("[3,4]");
        assert!(matches!(before, Progress::InOneOrder(under_way) if under_way == [3, 4]));
        let now = Progress::OnTracks { under_way: vec![3], tracks: vec![(4, 1), (5, 0)] };
        let written = serde_json::to_string(&now).unwrap();
        assert_eq!(written, r#"{"under_way":[3],"tracks":[[4,1],[5,0]]}"#);
        assert!(
            matches!(Progress::read_from(&written), Progress::OnTracks { tracks, .. } if tracks.len() == 2)
        );
    }

    impl Progress {
        fn read_from(text: &str) -> Self {
            serde_json::from_str(text).unwrap()
        }
    }
}
